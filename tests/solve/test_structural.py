# SPDX-License-Identifier: Apache-2.0
import pytest
import pytorch_msssim
import torch
from pullfocus.solve import structural
from pullfocus.solve.structural import ms_ssim


def pair(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    x = torch.rand(3, height, width, generator=random)
    return x, (x + 0.3 * torch.rand(3, height, width, generator=random)).clamp(0, 1)


def test_value_and_gradient_are_those_of_pytorch_msssim() -> None:
    x, y = pair(180, 203)
    x.requires_grad_()
    ours = ms_ssim(x, y)
    theirs = pytorch_msssim.ms_ssim(x[None], y[None], data_range=1)
    # theirs divides by weights that sum to 1.0001
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-4)
    (a,), (b,) = torch.autograd.grad(ours, x), torch.autograd.grad(theirs, x)
    assert (a - b).norm() < 1e-3 * b.norm()


@pytest.mark.parametrize("size", [(11, 11), (23, 31), (40, 57), (97, 64), (161, 171), (180, 203)])
def test_the_kernel_agrees_with_its_torch_form_in_float64(size: tuple[int, int]) -> None:
    x, y = pair(*size)
    native = x.clone().requires_grad_()
    plain = x.double().requires_grad_()
    ours, theirs = ms_ssim(native, y), structural._ms_ssim_torch(plain, y.double())
    assert ours.item() == pytest.approx(theirs.item(), abs=5e-6)
    (a,), (b,) = torch.autograd.grad(3 * ours, native), torch.autograd.grad(3 * theirs, plain)
    assert (a - b).norm() < 1e-4 * b.norm()
    torch.set_num_threads(1)
    try:
        again = x.clone().requires_grad_()
        (alone,) = torch.autograd.grad(3 * ms_ssim(again, y), again)
    finally:
        torch.set_num_threads(2)
    assert torch.equal(alone, a)  # however many threads


@pytest.mark.parametrize("size", [(12, 90), (40, 40), (161, 170)])
def test_short_frames_use_fewer_scales(size: tuple[int, int]) -> None:
    x, y = pair(*size)
    assert ms_ssim(x, x).item() == pytest.approx(1, abs=1e-5)
    assert 0 < ms_ssim(x, y).item() < 1


def test_without_a_kernel_the_library_serves_and_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = pair(180, 203)
    x.requires_grad_()
    ours = ms_ssim(x, y)
    asked = []
    library = pytorch_msssim.ms_ssim
    monkeypatch.setattr(structural, "_has_kernel", lambda x: False)
    monkeypatch.setattr(
        pytorch_msssim, "ms_ssim", lambda *a, **k: asked.append(1) or library(*a, **k)
    )
    theirs = ms_ssim(x, y)
    assert asked
    assert theirs.item() == pytest.approx(ours.item(), abs=1e-5)
    (a,), (b,) = torch.autograd.grad(ours, x), torch.autograd.grad(theirs, x)
    assert (a - b).norm() < 1e-3 * b.norm()


def test_a_channel_that_disagrees_has_a_gradient_without_a_kernel_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The library's own is not a number there."""
    x, y = pair(180, 203)
    x = (1 - y).requires_grad_()
    monkeypatch.setattr(structural, "_has_kernel", lambda x: False)
    (grad,) = torch.autograd.grad(ms_ssim(x, y), x)
    assert grad.isfinite().all()
