# SPDX-License-Identifier: Apache-2.0
"""The kernels of Fig. 4 against closed forms, central differences and each other."""

import math

import numpy as np
import pytest
import torch

from cuda_lensblur import LensBlurError, reference, scatter_blur
from cuda_lensblur.kernel import DISCS, disc_kernel

SMOOTH = [name for name in DISCS if name != "disc"]


def profile(name: str, radius: float, t: np.ndarray, *, calibrated: bool = True) -> np.ndarray:
    """Weights, not normalised, at distances t from the centre."""
    kernel = disc_kernel(name, calibrated=calibrated)
    rho, _ = kernel.size(torch.tensor(radius, dtype=torch.float64))
    return kernel.weight(rho, torch.from_numpy(t), torch.zeros(1, dtype=torch.float64)).numpy()


def test_closed_forms() -> None:
    t = np.array([0.0, 2.0, 4.5, 5.0, 5.25, 6.0, 7.0, 20.0])
    d = 5.0 - t
    for name, expected in {
        "soap_bubble": np.where(d > -3, np.exp(2 * d) / (np.exp(2 * d) - d), 0),
        "gaussian": np.where(t <= 17.5, np.exp(-(t**2) / 50), 0),
        "disc": (d >= 0).astype(float),
        "tanh": np.where(d > -1.5, 0.5 + 0.5 * np.tanh(4 * d), 0),
        "extended_box": np.clip(d + 0.5, 0, 1),
    }.items():
        np.testing.assert_allclose(
            profile(name, 5.0, t, calibrated=False), expected, rtol=1e-12, err_msg=name
        )


@pytest.mark.parametrize("radius", [1.0, 2.5, 8.0, 30.0, 90.0])
@pytest.mark.parametrize("name", ["soap_bubble", "disc", "tanh", "extended_box"])
def test_a_calibrated_radius_is_that_of_the_equal_area_disc(name: str, radius: float) -> None:
    t = np.linspace(0, radius + 8, 400001)
    area = np.trapezoid(2 * np.pi * t * profile(name, radius, t), t)
    # soft edges of discs near 1 px bulge outwards by a few hundredths of a pixel
    assert math.sqrt(area / math.pi) == pytest.approx(radius, abs=5e-3 + 0.04 / radius)


def test_a_calibrated_gaussian_has_the_variance_of_the_disc() -> None:
    t = np.linspace(0, 40, 400001)
    k = profile("gaussian", 8.0, t)
    variance = np.trapezoid(t**3 * k, t) / np.trapezoid(t * k, t)
    assert variance == pytest.approx(8.0**2 / 2, rel=0.02)  # the tail is cut at 3.5 sigma


@pytest.mark.parametrize("name", SMOOTH)
def test_slopes_by_central_differences(name: str) -> None:
    kernel = disc_kernel(name, beta=1.7)
    rho = torch.linspace(1, 9, 57, dtype=torch.float64)
    dx, dy, h = torch.tensor(3.1), torch.tensor(-2.3), 1e-6
    found = kernel.slope(rho, dx.double(), dy.double())
    expected = (
        kernel.weight(rho + h, dx.double(), dy.double())
        - kernel.weight(rho - h, dx.double(), dy.double())
    ) / (2 * h)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "top"),
    [*((name, 5.0) for name in SMOOTH), ("soap_bubble", 56.0), ("extended_box", 56.0)],
)
def test_native_agrees_with_the_definition(name: str, top: float) -> None:
    """Small discs tap by tap; large ones with their flat interior filled in along rows."""
    random = torch.Generator().manual_seed(3)
    height, width = (23, 41) if top < 10 else (9, 90)
    image = torch.rand(3, height, width, generator=random, dtype=torch.float64)
    radius = top * (1 - 0.2 * torch.rand(height, width, generator=random, dtype=torch.float64))
    radius[::5] = 1.37
    image[:, :, ::4] = 0  # dark sources give nothing and must not break a block
    grad = torch.randn(image.shape, generator=random, dtype=torch.float64)
    kernel = disc_kernel(name)
    exact = reference.forward(image[None], radius[None], kernel)[0]
    by_image, by_radius = reference.backward(grad[None], image[None], radius[None], kernel)
    x, r = image.float().requires_grad_(), radius.float().requires_grad_()
    out = scatter_blur(x, r, kernel=name)
    (out * grad.float()).sum().backward()
    peak = 1 / (math.pi * 1.5**2) if top < 10 else 0.02
    torch.testing.assert_close(out.double(), exact, rtol=0, atol=0.02 * peak)
    torch.testing.assert_close(x.grad.double(), by_image[0], rtol=0, atol=0.06 * peak)
    # the slope is that of the interpolant between nodes; a tanh edge bends quickest
    assert (r.grad.double() - by_radius[0]).norm() < 0.15 * by_radius.norm()


def test_the_hard_disc_is_a_disc() -> None:
    image = torch.zeros(1, 91, 91)
    image[0, 45, 45] = 1
    for radius in (3.3, 12.0, 40.0):
        out = scatter_blur(image, torch.full((91, 91), radius), kernel="disc")[0].numpy()
        y, x = np.mgrid[-45:46, -45:46]
        inside = np.hypot(x, y) <= radius
        np.testing.assert_allclose(out, inside / inside.sum(), atol=1e-7 + 1e-4 / radius**2)


def test_the_hard_disc_has_no_derivative_and_says_so() -> None:
    image, radius = torch.rand(1, 9, 9), torch.ones(9, 9, requires_grad=True)
    with pytest.raises(LensBlurError, match="'disc' has no derivative"):
        scatter_blur(image, radius, kernel="disc")
    image.requires_grad_()
    scatter_blur(image, radius.detach(), kernel="disc").sum().backward()
    assert image.grad is not None
    assert image.grad[0, 4, 4] == pytest.approx(1)


@pytest.mark.parametrize("name", DISCS)
def test_every_kernel_is_the_identity_at_no_radius_and_keeps_energy(name: str) -> None:
    image = torch.rand(2, 15, 17, generator=torch.Generator().manual_seed(1))
    assert torch.equal(scatter_blur(image, torch.zeros(15, 17), kernel=name), image)
    spot = torch.zeros(1, 151, 151)
    spot[0, 75, 75] = 3.0
    for radius in (0.4, 1.0, 5.7, 33.0):
        out = scatter_blur(spot, torch.full((151, 151), radius), kernel=name)
        assert float(out.sum()) == pytest.approx(3.0, rel=1e-4)


@pytest.mark.parametrize("name", SMOOTH)
def test_light_spreads_further_the_larger_the_radius(name: str) -> None:
    y, x = torch.meshgrid(torch.arange(-40.0, 41), torch.arange(-40.0, 41), indexing="ij")
    spot = torch.zeros(1, 81, 81)
    spot[0, 40, 40] = 1
    radii = [0, 0.3, 0.7, 1, 1.4, 2, 3, 5, 8, 11]
    spread = [
        float(
            (
                scatter_blur(spot, torch.full((81, 81), float(r)), kernel=name)[0] * (x**2 + y**2)
            ).sum()
        )
        for r in radii
    ]
    assert spread == sorted(spread)
    assert spread[0] == 0


def test_names_and_betas_that_cannot_be() -> None:
    image, radius = torch.rand(1, 5, 5), torch.ones(5, 5)
    with pytest.raises(LensBlurError, match="soap_bubble, gaussian, disc, tanh, extended_box"):
        scatter_blur(image, radius, kernel="bokeh")
    with pytest.raises(LensBlurError, match=r"> 1/e, where Eq\. 2 stays positive, got 0\.3"):
        scatter_blur(image, radius, beta=0.3)
    with pytest.raises(LensBlurError, match="a name, an Aperture or a picture"):
        scatter_blur(image, radius, kernel=3)


def test_thin_rims_of_other_betas() -> None:
    """A larger beta is a thinner, brighter-edged rim only up to its peak 1 / (1 - 1 / (beta e))."""
    t = np.linspace(0, 20, 20001)
    for beta in (0.5, 1.0, 2.0, 8.0):
        kernel = disc_kernel("soap_bubble", beta, False)
        k = kernel.weight(
            torch.tensor(12.0), torch.from_numpy(t), torch.zeros(1, dtype=torch.float64)
        ).numpy()
        assert k.max() == pytest.approx(1 / (1 - 1 / (beta * math.e)), rel=1e-4)
        assert t[k.argmax()] == pytest.approx(12 - 1 / beta, abs=0.01)
