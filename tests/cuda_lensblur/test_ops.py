# SPDX-License-Identifier: Apache-2.0
"""The lens blur against its float64 definition, and the laws a lens obeys."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cuda_lensblur import LensBlurError, native, reference, scatter_blur, tables
from cuda_lensblur.kernel import disc_kernel
from cuda_lensblur.specs import kernel_of, spec_of

SOAP = disc_kernel("soap_bubble")


def scene(seed: int, height: int, width: int, top: float) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    image = torch.rand(5, height, width, generator=random, dtype=torch.float64)
    radius = torch.rand(height, width, generator=random, dtype=torch.float64) * top
    radius[height // 2, width // 2] = 0
    return image, radius


@pytest.mark.parametrize(("height", "width"), [(37, 53), (5, 70), (16, 3)])
def test_native_kernel_agrees_with_the_definition(height: int, width: int) -> None:
    image, radius = scene(0, height, width, 6.0)
    grad = torch.randn(image.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    exact = reference.forward(image[None], radius[None], SOAP)[0]
    exact_image, exact_radius = reference.backward(grad[None], image[None], radius[None], SOAP)

    x, r = image.float().requires_grad_(), radius.float().requires_grad_()
    out = scatter_blur(x, r)
    (out * grad.float()).sum().backward()
    # weights are interpolated between radii 1/32 px apart: 3e-4 of a disc's peak
    torch.testing.assert_close(out.double(), exact, rtol=0, atol=2e-3)
    torch.testing.assert_close(x.grad.double(), exact_image[0], rtol=0, atol=5e-3)
    # the slope is that of the interpolant: constant over 1/32 px
    assert (r.grad.double() - exact_radius[0]).norm() < 0.03 * exact_radius.norm()


@pytest.mark.parametrize("top", [9.0, 70.0])
def test_instruction_sets_agree(top: float) -> None:
    """Forward and backward, tap by tap and with flat interiors."""
    library = native.native_library()
    if library is None:
        pytest.skip("no C++ compiler: the native kernel cannot be built")
    image, radius = (t.float()[None] for t in scene(2, 21, 45, top))
    grad = torch.randn(image.shape, generator=torch.Generator().manual_seed(5))
    names = ("generic", "avx2", "avx512")
    best = names.index(native.native_isa())
    outs = [native.native_forward(library, image, radius, SOAP, isa) for isa in range(best + 1)]
    for out in outs[1:]:
        torch.testing.assert_close(out, outs[0], rtol=1e-5, atol=1e-6)
    backs = [
        native.native_backward(library, grad, image, radius, SOAP, isa) for isa in range(best + 1)
    ]
    for back in backs[1:]:
        for found, expected in zip(back, backs[0], strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_table_grows_once_and_serves_smaller_radii() -> None:
    if native.native_library() is None:
        pytest.skip("no C++ compiler: the native kernel cannot be built")
    image, held = torch.rand(1, 8, 8), []
    spec = spec_of("soap_bubble", beta=1.9, calibrated=True)
    for radius in (18.0, 3.0, 12.0, 5.0, 18.0):
        scatter_blur(image, torch.full((8, 8), radius), beta=1.9)
        held.append(tables._tables[kernel_of(spec), True])
    assert all(table is held[0] for table in held)


def test_the_slope_is_alive_where_the_identity_ends() -> None:
    image = torch.zeros(1, 9, 9, dtype=torch.float64)
    image[0, 4, 4] = 1
    for dtype in (torch.float64, torch.float32):
        radius = torch.ones(9, 9, dtype=dtype, requires_grad=True)
        scatter_blur(image.to(dtype), radius)[0, 4, 4].backward()
        assert radius.grad is not None
        assert float(radius.grad[4, 4]) < -0.1


def test_gradients_by_central_differences() -> None:
    image, radius = scene(3, 6, 7, 2.5)
    radius = radius.clamp(min=0.2)
    spec = spec_of("soap_bubble", beta=2.0, calibrated=False)
    inputs = image[:2, None].transpose(0, 1).requires_grad_(), radius[None].requires_grad_()
    assert torch.autograd.gradcheck(
        lambda i, r: torch.ops.lensblur.scatter(i, r, spec), inputs, atol=1e-5
    )


def test_the_operator_is_registered_well() -> None:
    image, radius = (t.float()[None].requires_grad_() for t in scene(4, 8, 9, 2.0))
    spec = spec_of("soap_bubble", beta=2.0, calibrated=True)
    torch.library.opcheck(torch.ops.lensblur.scatter.default, (image, radius, spec))


def test_no_radius_is_the_identity_to_the_bit() -> None:
    image, radius = scene(5, 9, 33, 0.0)
    assert torch.equal(scatter_blur(image.float(), radius.float()), image.float())


def test_the_slope_is_alive_at_radius_zero() -> None:
    image = torch.zeros(1, 9, 9)
    image[0, 4, 4] = 1
    radius = torch.zeros(9, 9, requires_grad=True)
    scatter_blur(image, radius)[0, 4, 4].backward()
    assert radius.grad[4, 4] < -1e-3


@settings(max_examples=15, deadline=None)
@given(radius=st.floats(0, 12), seed=st.integers(0, 99))
def test_energy_is_kept(radius: float, seed: int) -> None:
    image = torch.zeros(3, 64, 64)
    image[:, 30:34, 30:34] = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(seed))
    out = scatter_blur(image, torch.full((64, 64), radius))
    torch.testing.assert_close(out.sum((1, 2)), image.sum((1, 2)), rtol=1e-4, atol=0)


@settings(max_examples=10, deadline=None)
@given(radius=st.floats(0, 6), value=st.floats(0, 100))
def test_a_constant_stays_constant(radius: float, value: float) -> None:
    out = scatter_blur(torch.full((1, 40, 40), value), torch.full((40, 40), radius))
    inner = out[0, 12:-12, 12:-12]
    torch.testing.assert_close(inner, torch.full_like(inner, value), rtol=1e-4, atol=1e-6)


def test_linear_in_the_image() -> None:
    image, radius = (t.float() for t in scene(6, 20, 30, 5.0))
    a, b = image[:2], image[2:4]
    both = scatter_blur(2 * a - 3 * b, radius)
    parts = 2 * scatter_blur(a, radius) - 3 * scatter_blur(b, radius)
    torch.testing.assert_close(both, parts, rtol=1e-4, atol=1e-5)


def test_quarter_turns_commute() -> None:
    image, radius = (t.float() for t in scene(7, 24, 31, 5.0))
    turned = scatter_blur(image.rot90(1, (1, 2)).contiguous(), radius.rot90().contiguous())
    torch.testing.assert_close(
        turned.rot90(-1, (1, 2)), scatter_blur(image, radius), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("image", "radius", "message"),
    [
        (torch.ones(3, 8, 8), torch.full((8, 8), -1.0), r"radii >= 0, got -1"),
        (torch.ones(3, 8, 8), torch.full((8, 8), math.nan), r"finite radii"),
        (torch.ones(3, 8, 8), torch.ones(8, 9), r"expected shape \(8, 8\)"),
        (torch.ones(8, 8), torch.ones(8, 8), r"expected \(C, H, W\)"),
        (torch.ones(3, 8, 8, dtype=torch.int32), torch.ones(8, 8), r"float tensors"),
    ],
    ids=["negative", "nan", "shape", "dimensions", "type"],
)
def test_what_cannot_be_is_refused_by_name(
    image: torch.Tensor, radius: torch.Tensor, message: str
) -> None:
    with pytest.raises(LensBlurError, match=message):
        scatter_blur(image, radius)


def test_without_a_compiler_the_reference_runs_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from cuda_lensblur import build

    image, radius = (t.float() for t in scene(8, 12, 13, 3.0))
    compiled = scatter_blur(image, radius)
    for cache in (native.native_library, native._opened, build.build_library):
        cache.cache_clear()
    monkeypatch.setattr(build, "find_compiler", lambda: None)
    try:
        for _ in range(2):
            plain = scatter_blur(image, radius)
        said = [r for r in caplog.records if "plain-torch reference" in r.message]
        assert len(said) == 1
    finally:
        for cache in (native.native_library, native._opened, build.build_library):
            cache.cache_clear()
    torch.testing.assert_close(plain, compiled, rtol=0, atol=2e-3)  # see above
