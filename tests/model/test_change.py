# SPDX-License-Identifier: Apache-2.0
"""A layer's look from frame to frame."""

import numpy as np
import torch
from pullfocus.model.change import Change
from pullfocus.model.grid import Box

BOX = Box(-3, 2, 20, 12, 0)


def change_of(frames: int = 3) -> Change:
    return Change(frames=frames, width=64, height=48, cells=(3, 4), overscan_px=6)


def test_nothing_changes_before_anything_is_known():
    colour = torch.rand(3, 12, 20)
    assert torch.equal(change_of()(1, BOX, colour), colour)


def test_an_even_offset_is_one_of_the_root_and_finds_its_way_back():
    change = change_of()
    with torch.no_grad():
        change.lattice[1] = 0.1
        change.lattice[2] = -0.1
    colour = torch.full((3, 12, 20), 0.25)
    assert torch.allclose(change(1, BOX, colour), torch.tensor(0.6**2), atol=1e-6)
    assert torch.allclose(change(2, BOX, colour), torch.tensor(0.25 - 0.1 * 1.1), atol=1e-6)
    assert torch.equal(change(0, BOX, colour), colour)


def test_what_is_undone_comes_back():
    torch.manual_seed(0)
    change = change_of()
    with torch.no_grad():
        change.lattice.copy_(0.05 * torch.randn(change.lattice.shape))
    colour = 0.2 + torch.rand(3, 12, 20)
    for t in range(3):
        shown = change(t, BOX, colour)
        assert torch.allclose(change.undone(t, BOX, shown), colour, atol=1e-5)


def test_black_takes_light_and_gradients_stay_finite():
    change = change_of()
    colour = torch.zeros(3, 12, 20, requires_grad=True)
    change(0, BOX, colour).sum().backward()
    assert torch.isfinite(colour.grad).all()
    assert (change.lattice.grad[0] > 0).any()
    assert not change.lattice.grad[1:].any()


def test_gradient_agrees_with_finite_differences():
    change = change_of().double()
    with torch.no_grad():
        change.lattice.copy_(0.1 * torch.randn(change.lattice.shape, dtype=torch.float64))
    colour = torch.rand(3, 12, 20, dtype=torch.float64)

    def shown(lattice: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            before = change.lattice.clone()
            change.lattice.copy_(lattice)
            value = change(1, BOX, colour).square().mean()
            change.lattice.copy_(before)
        return value

    change(1, BOX, colour).square().mean().backward()
    direction = torch.randn_like(change.lattice)
    step = 1e-5
    slope = (
        shown(change.lattice + step * direction) - shown(change.lattice - step * direction)
    ) / (2 * step)
    assert np.isclose(slope.item(), (change.lattice.grad * direction).sum().item(), rtol=1e-4)


def test_what_flickers_costs_more_than_what_stays():
    steady, flickering = change_of(6), change_of(6)
    with torch.no_grad():
        steady.lattice.fill_(0.1)
        flickering.lattice[::2] = 0.1
    assert steady.roughness() == 0
    assert flickering.roughness() > 0.09
    assert change_of(1).roughness() == 0
