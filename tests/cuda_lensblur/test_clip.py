# SPDX-License-Identifier: Apache-2.0
"""Discs that conics cut: the compiled kernel against the definition, and both gradients."""

import functools
import math

import pytest
import torch

from cuda_lensblur import Aperture, Clip, LensBlurError, native, scatter_blur
from cuda_lensblur.kernel import disc_kernel
from cuda_lensblur.specs import KernelLike, spec_of

HEIGHT, WIDTH = 9, 35


def scene(top: float = 4.0) -> tuple[torch.Tensor, torch.Tensor, Clip]:
    """Noise, radii from 0, a disc that moves over the frame and a slanted soft line; float64."""
    random = torch.Generator().manual_seed(0)
    image = torch.rand(3, HEIGHT, WIDTH, generator=random, dtype=torch.float64)
    image[:, :, ::5] = 0
    radius = torch.rand(HEIGHT, WIDTH, generator=random, dtype=torch.float64) * top
    x = torch.linspace(-1, 1, WIDTH, dtype=torch.float64).expand(HEIGHT, WIDTH)
    y = torch.linspace(-0.5, 0.5, HEIGHT, dtype=torch.float64)[:, None].expand(HEIGHT, WIDTH)
    none, a = torch.zeros_like(x), 0.8
    disc = [0.5 * (1 - a * a * (x * x + y * y)), a * x, a * y, none - 0.5, none, none - 0.5]
    line = [none + 0.6, none + 1, 0.3 * y, none, none, none]
    planes = torch.stack([torch.stack(disc), torch.stack(line)])
    return image, radius, Clip(planes, (0.0, 0.4))


@pytest.mark.parametrize(
    ("kernel", "near", "slope"),
    [
        ("soap_bubble", 2e-3, 0.04),
        (Aperture(blades=5, rotation_deg=10), 2e-2, 0.2),  # shapes have nodes 1/8 px apart
    ],
    ids=["soap", "blades"],
)
def test_native_agrees_with_the_definition(kernel: KernelLike, near: float, slope: float) -> None:
    image, radius, clip = scene(2.5)
    cotangent = torch.randn(image.shape, generator=torch.Generator().manual_seed(1)).double()
    found = []
    for dtype in (torch.float64, torch.float32):
        i, r = (t.to(dtype).clone().requires_grad_() for t in (image, radius))
        out = scatter_blur(i, r, kernel=kernel, clip=clip)
        (out * cotangent.to(dtype)).sum().backward()
        found.append([t.double() for t in (out.detach(), i.grad, r.grad)])
    (out, by_image, by_radius), (native_out, native_image, native_radius) = found
    torch.testing.assert_close(native_out, out, rtol=0, atol=near)
    torch.testing.assert_close(native_image, by_image, rtol=0, atol=2 * near)
    assert (native_radius - by_radius).norm() < slope * by_radius.norm()


def test_gradients_by_central_differences() -> None:
    image, radius, clip = scene(2.5)
    i = image[None, :1, :3, 1:5].clone().requires_grad_()
    r = (radius[None, :3, 1:5] * 0.6 + 0.3).requires_grad_()
    conics = clip.conics[None, :, :, :3, 1:5].contiguous()
    for kernel in ("soap_bubble", Aperture(blades=6)):
        spec = spec_of(kernel, beta=2.0, calibrated=False)
        scatter = functools.partial(torch.ops.lensblur.scatter, conics=conics, kernel=spec)
        assert torch.autograd.gradcheck(
            functools.partial(scatter, softness=list(clip.softness)), (i, r), atol=1e-5
        )


def test_instruction_sets_agree() -> None:
    library = native.native_library()
    if library is None:
        pytest.skip("no C++ compiler: the native kernel cannot be built")
    image, radius, clip = scene(9.0)
    i, r = image[None].float(), radius[None].float()
    conics = clip.fitting(i), list(clip.softness)
    soap = disc_kernel("soap_bubble")
    grad = torch.randn(i.shape, generator=torch.Generator().manual_seed(5))
    best = ("generic", "avx2", "avx512").index(native.native_isa())
    outs, backs = [], []
    for isa in range(best + 1):
        outs.append(native.native_forward(library, i, r, soap, isa, conics))
        backs.append(native.native_backward(library, grad, i, r, soap, isa, conics))
    for out, back in zip(outs[1:], backs[1:], strict=True):
        torch.testing.assert_close(out, outs[0], rtol=1e-5, atol=1e-6)
        for found, expected in zip(back, backs[0], strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_the_operator_is_registered_well() -> None:
    image, radius, clip = scene(2.0)
    i, r = (t.float()[None].requires_grad_() for t in (image, radius))
    spec = spec_of("soap_bubble", beta=2.0, calibrated=True)
    conics = clip.fitting(i)
    torch.library.opcheck(torch.ops.lensblur.scatter.default, (i, r, spec, conics, [0.0, 0.4]))


@pytest.mark.parametrize("radius", [0.0, 0.4, 1.0, 7.3, 45.0])
def test_light_is_kept_and_no_radius_is_the_identity(radius: float) -> None:
    size = 2 * math.ceil(radius) + 9
    spot = torch.zeros(1, size, size)
    spot[0, size // 2, size // 2] = 3.0
    none = torch.zeros(size, size)
    line = torch.stack([none + 0.1, none + 1, none, none, none, none])[None]
    out = scatter_blur(spot, none + radius, clip=Clip(line, (0.0,)))
    assert float(out.sum()) == pytest.approx(3.0, rel=1e-4)
    if radius == 0:
        assert torch.equal(out, spot)


@pytest.mark.parametrize(
    ("planes", "softness", "message"),
    [
        (torch.zeros(1, 6, 5, 4), (0.0,), "to fit the image"),
        (torch.zeros(1, 6, 5, 5), (-1.0,), "softness >= 0"),
        (torch.full((1, 6, 5, 5), math.nan), (0.0,), "finite conics"),
        (torch.zeros(9, 6, 5, 5), (0.0,) * 9, "1 to 8 conics"),
    ],
)
def test_clips_that_cannot_be(
    planes: torch.Tensor, softness: tuple[float, ...], message: str
) -> None:
    with pytest.raises(LensBlurError, match=message):
        scatter_blur(torch.ones(1, 5, 5), torch.ones(5, 5), clip=Clip(planes, softness))
