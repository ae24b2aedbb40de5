# SPDX-License-Identifier: Apache-2.0
import torch
from pullfocus.model.sampling import _sample_torch, sample_atlas, sample_parts
from pullfocus.model.spline import spline_basis


def test_native_lookup_is_grid_sample_with_both_gradients() -> None:
    random = torch.Generator().manual_seed(0)
    atlas = torch.rand(40, 60, 4, generator=random)
    xy = torch.rand(2, 17, 23, generator=random) * torch.tensor([64.0, 44.0])[:, None, None] - 2
    grad = torch.randn(4, 17, 23, generator=random)
    results = []
    for sample in (sample_atlas, _sample_torch):
        a, p = atlas.clone().requires_grad_(), xy.clone().requires_grad_()
        out = sample(a, p)
        (out * grad).sum().backward()
        results.append((out.detach(), a.grad, p.grad))
    for native, plain in zip(*results, strict=True):
        # grid_sample works in -1..1 coordinates and loses a few bits there
        torch.testing.assert_close(native, plain, rtol=1e-3, atol=2e-3)


def test_parts_are_the_lookup_and_gradients_may_come_by_one_of_them() -> None:
    random = torch.Generator().manual_seed(1)
    atlas = torch.rand(5, 3, 4, generator=random)  # smaller than the window: every tap is clamped
    xy = torch.rand(2, 9, 31, generator=random) * 8 - 2
    colour, last = sample_parts(atlas, xy)
    assert torch.equal(torch.cat([colour, last[None]]), sample_atlas(atlas, xy))
    for part in (0, 1):
        grads = []
        for native in (True, False):
            a, p = atlas.clone().requires_grad_(), xy.clone().requires_grad_()
            whole = _sample_torch(a, p)
            out = sample_parts(a, p)[part] if native else (whole[:3], whole[3])[part]
            (out * torch.linspace(-1, 1, out.numel()).view(out.shape)).sum().backward()
            grads.append((a.grad, p.grad))
        for ours, theirs in zip(*grads, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=2e-3)


def test_spline_weights_sum_to_one_and_reproduce_a_line() -> None:
    positions = torch.linspace(0, 10, 41)
    basis = spline_basis(positions, 0, 10, 5)
    torch.testing.assert_close(basis.sum(1), torch.ones(41))
    controls = (torch.arange(8, dtype=torch.float32) - 1) * 2
    torch.testing.assert_close(basis @ controls, positions, rtol=0, atol=1e-4)


def test_spline_goes_on_past_its_ends() -> None:
    basis = spline_basis(torch.tensor([-3.0, 0.0, 10.0, 99.0]), 0, 10, 4)
    torch.testing.assert_close(basis[0], basis[1])
    torch.testing.assert_close(basis[2], basis[3])
