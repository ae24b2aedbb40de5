# SPDX-License-Identifier: Apache-2.0
"""How weights are normalised, and the laws that any lens obeys."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cuda_lensblur import LensBlur, LensBlurError, scatter_blur
from cuda_lensblur.kernel import disc_kernel


def edge() -> tuple[torch.Tensor, torch.Tensor]:
    """A bright sharp half beside a dark one far out of focus."""
    image = torch.full((1, 48, 64), 0.2)
    image[..., :32] = 1
    radius = torch.zeros(48, 64)
    radius[:, 32:] = 8
    return image, radius


def test_target_keeps_an_even_picture_even_up_to_the_border() -> None:
    image, radius = torch.full((2, 30, 40), 0.6), torch.full((30, 40), 5.0)
    out = scatter_blur(image, radius, normalize="target")
    torch.testing.assert_close(out, image, rtol=1e-5, atol=0)
    assert scatter_blur(image, radius)[0, 0, 0] < 0.3


def test_the_literal_kernel_drowns_the_sharp_side_and_the_others_do_not() -> None:
    image, radius = edge()
    sharp = {
        name: float(scatter_blur(image, radius, normalize=name, calibrated=False)[0, 24, 31])
        for name in ("source", "target", "literal")
    }
    assert sharp["source"] > 1
    assert sharp["target"] > 0.7
    assert sharp["literal"] < 0.3


def test_literal_is_the_sum_of_the_paper() -> None:
    random = torch.Generator().manual_seed(2)
    image = torch.rand(1, 12, 14, generator=random)
    radius = 1 + 3 * torch.rand(12, 14, generator=random)
    out = scatter_blur(image, radius, normalize="literal", calibrated=False)[0]
    kernel = disc_kernel("soap_bubble", 2.0, False)
    y, x = (t.double() for t in torch.meshgrid(torch.arange(12), torch.arange(14), indexing="ij"))
    for py, px in ((0, 0), (5, 6), (11, 3)):
        k = kernel.weight(radius.double(), px - x, py - y)
        expected = float((k * image[0].double()).sum() / k.sum())
        assert float(out[py, px]) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("normalize", ["target", "literal"])
def test_other_normalisations_have_both_gradients(normalize: str) -> None:
    random = torch.Generator().manual_seed(4)
    image = torch.rand(1, 5, 6, generator=random, dtype=torch.float64).requires_grad_()
    radius = (1.02 + torch.rand(5, 6, generator=random, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda i, r: scatter_blur(i, r, normalize=normalize, calibrated=False),
        (image, radius),
        atol=1e-5,
    )


@settings(max_examples=15, deadline=None)
@given(dx=st.integers(-6, 6), dy=st.integers(-6, 6), seed=st.integers(0, 99))
def test_moving_the_picture_moves_the_result(dx: int, dy: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    image, radius = torch.zeros(2, 44, 44), torch.zeros(44, 44)
    image[:, 16:28, 16:28] = torch.rand(2, 12, 12, generator=random)
    radius[16:28, 16:28] = 6 * torch.rand(12, 12, generator=random)
    here = scatter_blur(image, radius)
    there = scatter_blur(image.roll((dy, dx), (1, 2)), radius.roll((dy, dx), (0, 1)))
    torch.testing.assert_close(there, here.roll((dy, dx), (1, 2)), rtol=1e-5, atol=1e-7)


@settings(max_examples=10, deadline=None)
@given(a=st.floats(-4, 4), b=st.floats(-4, 4), seed=st.integers(0, 99))
def test_linear_in_the_image(a: float, b: float, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    x, y = (torch.rand(3, 20, 24, generator=random) for _ in "xy")
    radius = 7 * torch.rand(20, 24, generator=random)
    both = scatter_blur(a * x + b * y, radius)
    parts = a * scatter_blur(x, radius) + b * scatter_blur(y, radius)
    torch.testing.assert_close(both, parts, rtol=1e-4, atol=1e-5)


def test_strided_batched_and_half_precision_input() -> None:
    random = torch.Generator().manual_seed(5)
    image, radius = torch.rand(2, 3, 20, 26, generator=random), torch.rand(2, 20, 26) * 4
    whole = scatter_blur(image, radius)
    for i in (0, 1):
        torch.testing.assert_close(whole[i], scatter_blur(image[i], radius[i]))
    strided = image.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert torch.equal(scatter_blur(strided, radius), whole)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(scatter_blur(image, radius), whole)
    half = scatter_blur(image.half(), radius.half())
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.float(), whole, rtol=0, atol=2e-2)


def test_radii_above_the_limit_are_read_as_the_limit() -> None:
    image = torch.rand(1, 20, 20)
    limited = scatter_blur(image, torch.full((20, 20), 9.0), max_radius_px=3)
    assert torch.equal(limited, scatter_blur(image, torch.full((20, 20), 3.0)))
    with pytest.raises(LensBlurError, match="max_radius_px: expected >= 0, got -1"):
        scatter_blur(image, torch.ones(20, 20), max_radius_px=-1)


def test_radii_that_no_table_is_kept_for_are_refused() -> None:
    image = torch.rand(1, 6, 6)
    with pytest.raises(LensBlurError, match="at most 160 px, got 400"):
        scatter_blur(image, torch.full((6, 6), 400.0))
    assert scatter_blur(image, torch.full((6, 6), 1e30), max_radius_px=4).isfinite().all()


def test_a_radius_of_128_px_is_exact_where_it_is_flat() -> None:
    size = 321
    image = torch.zeros(1, size, size)
    image[0, 160, 160] = 1
    out = scatter_blur(image, torch.full((size, size), 128.0))[0].numpy()
    y, x = np.mgrid[-160:161, -160:161]
    t = np.hypot(x, y)
    inside = out[t < 115] * np.pi * 128**2
    np.testing.assert_allclose(inside, 1, atol=5e-3)
    assert np.ptp(inside) < 1e-4
    assert out[t > 134].max() == 0
    assert out.sum() == pytest.approx(1, abs=1e-5)


def test_a_module_refuses_what_cannot_be_when_it_is_made() -> None:
    assert LensBlur(kernel="tanh")(torch.rand(1, 5, 5), torch.ones(5, 5)).shape == (1, 5, 5)
    with pytest.raises(LensBlurError, match="kernel"):
        LensBlur(kernel="nothing")
    with pytest.raises(LensBlurError, match="normalize: expected one of source, target, literal"):
        scatter_blur(torch.rand(1, 5, 5), torch.ones(5, 5), normalize="mean")
