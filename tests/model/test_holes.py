# SPDX-License-Identifier: Apache-2.0
import torch
from hypothesis import given
from hypothesis import strategies as st
from pullfocus.model.holes import fill_holes


def test_what_is_trusted_stays_and_holes_are_filled_from_their_neighbours() -> None:
    picture = torch.linspace(0, 1, 48).expand(3, 40, 48).clone()
    weight = torch.ones(1, 40, 48)
    weight[:, 10:22, 12:30] = 0
    damaged = torch.where(weight > 0, picture, torch.full_like(picture, 50.0))
    filled = fill_holes(damaged, weight)
    torch.testing.assert_close(filled[:, weight[0] > 0], picture[:, weight[0] > 0])
    hole = filled[:, weight[0] == 0]
    assert (hole - picture[:, weight[0] == 0]).abs().max() < 0.2
    assert hole.min() >= picture.min()
    assert hole.max() <= picture.max()


@given(st.integers(1, 37), st.integers(1, 37), st.integers(0, 10**6))
def test_an_even_colour_fills_any_hole_of_any_size(height: int, width: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    weight = (torch.rand(1, height, width, generator=random) > 0.8).float()
    weight[0, 0, 0] = 1
    atlas = torch.where(weight > 0, 0.3, -7.0).expand(3, height, width)
    filled = fill_holes(atlas, weight)
    torch.testing.assert_close(filled, torch.full_like(filled, 0.3), rtol=0, atol=2e-3)


def test_nothing_seen_fills_with_something_finite() -> None:
    assert fill_holes(torch.zeros(3, 9, 14), torch.zeros(1, 9, 14)).isfinite().all()
