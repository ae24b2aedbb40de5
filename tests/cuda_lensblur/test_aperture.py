# SPDX-License-Identifier: Apache-2.0
"""Shapes of the iris, seen as what a single highlight turns into."""

import math

import numpy as np
import pytest
import torch

from cuda_lensblur import Aperture, LensBlurError, scatter_blur
from cuda_lensblur.aperture import aperture_kernel
from cuda_lensblur.specs import KernelLike

SIZE = 121
MIDDLE = SIZE // 2


def bokeh(kernel: KernelLike, radius: float = 24.0, *, calibrated: bool = True) -> np.ndarray:
    """One highlight's disc, its mean weight 1 inside."""
    image = torch.zeros(1, SIZE, SIZE)
    image[0, MIDDLE, MIDDLE] = 1
    blurred = scatter_blur(
        image, torch.full((SIZE, SIZE), radius), kernel=kernel, calibrated=calibrated
    )
    return blurred[0].numpy() * math.pi * radius**2


def offsets() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[-MIDDLE : MIDDLE + 1, -MIDDLE : MIDDLE + 1]
    return x, -y  # y up


def test_a_round_iris_is_the_antialiased_disc() -> None:
    difference = np.abs(bokeh(Aperture()) - bokeh("extended_box"))
    assert difference.max() < 0.02


@pytest.mark.parametrize("blades", [3, 5, 6, 9])
def test_blades_make_a_polygon_of_the_same_area(blades: int) -> None:
    seen = bokeh(Aperture(blades=blades))
    assert (seen > 0.5).sum() == pytest.approx(math.pi * 24**2, rel=0.02)
    x, y = offsets()
    angles = np.arctan2(y, x)
    far = np.where(seen > 0.5, np.hypot(x, y), 0)
    # as many corners as blades, the first to the right
    corner = max(far[np.abs(angles) < 0.03])
    flat = max(far[np.abs(angles - math.pi / blades) < 0.05])
    assert flat / corner == pytest.approx(math.cos(math.pi / blades), abs=0.06)


def test_rotation_is_anticlockwise() -> None:
    x, y = offsets()
    seen = bokeh(Aperture(blades=3, rotation_deg=90))  # a corner at the top
    width = (seen > 0.5).sum(1)
    rows = np.flatnonzero(width)
    assert width[rows[1]] < 8
    assert width[rows[-2]] > 40
    turned = bokeh(Aperture(blades=3))
    assert x[turned > 0.5].max() > -x[turned > 0.5].min() + 8
    assert y[seen > 0.5].max() > -y[seen > 0.5].min() + 8


def test_full_roundness_is_a_circle() -> None:
    assert np.abs(bokeh(Aperture(blades=5, roundness=1.0)) - bokeh(Aperture())).max() < 1e-3


def test_an_anamorphic_squeeze_keeps_the_area() -> None:
    seen = bokeh(Aperture(squeeze=2.0))
    tall, wide = (np.flatnonzero((seen > 0.5).any(axis)).size for axis in (1, 0))
    assert tall / wide == pytest.approx(2.0, rel=0.06)
    assert (seen > 0.5).sum() == pytest.approx(math.pi * 24**2, rel=0.02)


def test_a_ring_is_dark_inside() -> None:
    seen = bokeh(Aperture(inner_radius=0.5))
    assert seen[MIDDLE, MIDDLE] < 1e-6
    assert seen[MIDDLE, MIDDLE + 18] == pytest.approx(1 / (1 - 0.25), rel=0.03)
    assert seen.sum() == pytest.approx(math.pi * 24**2, rel=1e-3)


def test_a_rim_is_brighter_than_the_middle() -> None:
    seen = bokeh(Aperture(rim_beta=1.0))
    assert seen[MIDDLE, MIDDLE + 10 : MIDDLE + 28].max() > 1.3 * seen[MIDDLE, MIDDLE]


def test_circumscribed_radius_where_not_calibrated() -> None:
    x, y = offsets()
    seen = bokeh(Aperture(blades=4), calibrated=False)
    assert np.hypot(x, y)[seen > seen.max() / 2].max() == pytest.approx(24, abs=1)


def test_a_picture_is_its_own_kernel() -> None:
    """A comma's light lands as drawn: not mirrored, not turned."""
    picture = torch.zeros(16, 16)
    picture[:8, 8:] = 1  # top right quarter
    seen = bokeh(picture)
    x, y = offsets()
    assert seen[(x > 2) & (y > 2) & (x < 22) & (y < 22)].min() > 1
    assert seen[(x < -2) | (y < -2)].max() < 1e-6
    assert seen.sum() == pytest.approx(math.pi * 24**2, rel=1e-3)


@pytest.mark.parametrize("kernel", [torch.ones(16, 16), Aperture(blades=4, squeeze=1.5)])
def test_native_agrees_with_the_definition(kernel: KernelLike) -> None:
    """Corners and all: float64 runs the reference."""
    image = torch.zeros(1, 45, 45)
    image[0, 22, 22] = 1
    radius = torch.full((45, 45), 8.0)
    native = scatter_blur(image, radius, kernel=kernel)
    exact = scatter_blur(image.double(), radius.double(), kernel=kernel)
    torch.testing.assert_close(native.double(), exact, rtol=0, atol=1e-3 * float(exact.max()))
    assert float(exact.sum()) == pytest.approx(1)


def test_the_slope_of_a_shape_by_central_differences() -> None:
    shape = Aperture(
        blades=5, rotation_deg=20, squeeze=1.3, rim_beta=1.5, spherical=-0.4, noise=0.5
    )
    kernel, step = aperture_kernel(shape, calibrated=True), 1e-6
    assert kernel.slope is not None
    rho = torch.linspace(4, 9, 57, dtype=torch.float64)
    dx, dy = torch.tensor(3.1).double(), torch.tensor(-2.3).double()
    found = kernel.slope(rho, dx, dy)
    rise = kernel.weight(rho + step, dx, dy) - kernel.weight(rho - step, dx, dy)
    torch.testing.assert_close(found, rise / (2 * step), rtol=1e-5, atol=1e-6)


def test_the_image_has_a_gradient_through_any_shape() -> None:
    """The backward pass is the transposed forward pass."""
    random = torch.Generator().manual_seed(0)
    shape = Aperture(blades=5, rotation_deg=20, squeeze=1.4)
    radius = torch.rand(30, 37, generator=random) * 6
    a, b = (torch.rand(2, 30, 37, generator=random) for _ in "ab")
    a.requires_grad_()
    (scatter_blur(a, radius, kernel=shape) * b).sum().backward()
    assert a.grad is not None
    forth = (scatter_blur(a.detach(), radius, kernel=shape) * b).sum()
    assert float((a.grad * a.detach()).sum()) == pytest.approx(float(forth), rel=1e-4)
    with pytest.raises(LensBlurError, match="no derivative"):
        scatter_blur(a, radius.requires_grad_(), kernel=torch.ones(8, 8))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("blades", 2, "0 or at least 3, got 2"),
        ("roundness", 1.5, r"0\.\.1, got 1.5"),
        ("squeeze", 0, r"0.1\.\.10, got 0"),
        ("inner_radius", 1.0, r"0\.\.0.95, got 1"),
        ("rotation_deg", math.nan, "an angle"),
        ("rim_beta", 0.1, "1/e"),
        ("spherical", 1.2, r"-1\.\.1, got 1.2"),
        ("noise", 2, r"0\.\.1, got 2"),
        ("noise_size", 0, r"0.02\.\.2, got 0"),
    ],
)
def test_irises_that_cannot_be(field: str, value: float, message: str) -> None:
    with pytest.raises(LensBlurError, match=message):
        Aperture(**{field: value})


@pytest.mark.parametrize(
    "picture",
    [
        torch.zeros(4, 4),
        torch.full((4, 4), -1.0),
        torch.ones(3, 4, 4),
        torch.full((4, 4), math.nan),
    ],
    ids=["dark", "negative", "colour", "nan"],
)
def test_pictures_that_cannot_be_kernels(picture: torch.Tensor) -> None:
    with pytest.raises(LensBlurError, match="kernel: expected"):
        bokeh(picture)
