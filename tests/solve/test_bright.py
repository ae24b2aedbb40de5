# SPDX-License-Identifier: Apache-2.0
"""Lights that the plate clips come back as bright as they were."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pullfocus.plate.colour import linear_to_display
from pullfocus.solve import bright
from pullfocus.solve.bright import as_far_as_plates_go, with_longer_steps
from pullfocus.solve.settings import QUALITIES
from pullfocus.solve.solver import Solver
from solve import drawn


def test_steps_are_longer_for_what_is_brighter_than_the_plate_can_show() -> None:
    texels = torch.tensor([[[0.2, 0.94, 0.96, 5.0], [2.0, -1.0, 0.0, 0.0]]], requires_grad=True)

    def step() -> None:
        with torch.no_grad():
            texels.add_(0.01)

    before = texels.detach().clone()
    with_longer_steps([texels], 1.0, step)
    moved = (texels.detach() - before)[0] / 0.01
    times = bright._TIMES
    # from .949 on, colours alone; twice as bright in root is four times the light
    expected = torch.tensor([[1, 1, times, 1], [4 * times, 1, 1, 1]])
    torch.testing.assert_close(moved, expected, rtol=1e-3, atol=1e-3)


def test_what_a_plate_cannot_show_counts_a_tenth() -> None:
    shown = torch.tensor([0.2, 0.9, 1.0, 1.4, 3.0], requires_grad=True)
    within = as_far_as_plates_go(shown, 0.9)
    torch.testing.assert_close(within, torch.tensor([0.2, 0.9, 0.91, 0.95, 1.11]))
    within.sum().backward()
    assert shown.grad is not None
    torch.testing.assert_close(shown.grad, torch.tensor([1.0, 1.0, 0.1, 0.1, 0.1]))


def test_a_disc_out_of_place_hardly_asks_for_a_dimmer_lamp() -> None:
    """A clipped disc .8 px aside: what a lamp costs that is as bright as it was."""
    x = torch.arange(41.0) - 20

    def disc(strength: float, middle: float) -> torch.Tensor:
        cover = (6.5 - (x - middle).abs()).clamp(0, 1)  # its edge takes a pixel
        return torch.from_numpy(linear_to_display((0.05 + strength * cover).numpy()))

    plate = disc(14.0, 0.0).clamp(max=1)
    clipped = plate >= 0.997

    def misfit(strength: float, *, plain: bool) -> float:
        total = 0.0
        for aside in (-0.8, 0.8):
            shown = disc(strength, aside)
            shown = shown if plain else as_far_as_plates_go(shown, 1.0)
            total += float(torch.where(clipped & (shown > plate), 0.0, (shown - plate).abs()).sum())
        return total

    plain, within = (misfit(14.0, plain=p) - misfit(4.0, plain=p) for p in (True, False))
    assert plain > 0.5
    assert abs(within) < plain / 5


@pytest.mark.slow
def test_a_draft_gives_more_of_its_lamps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    lamps = [(30, 42), (52, 70), (60, 100)]
    plain = drawn.picture

    def with_lamps(seed: int) -> np.ndarray:
        light = 0.3 * plain(seed)
        for y, x in lamps:
            light[y : y + 2, x : x + 2] = 6.0
        return light

    monkeypatch.setattr(drawn, "picture", with_lamps)
    monkeypatch.setattr(drawn, "linear_to_display", lambda x: linear_to_display(x.clip(0, 1)))
    observed = replace(drawn.shot([], [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]], coc=True), ceiling=1.0)
    recovered = []
    for times, most in ((1.0, 1.0), (bright._TIMES, bright._MOST)):
        monkeypatch.setattr(bright, "_TIMES", times)
        monkeypatch.setattr(bright, "_MOST", most)
        solver = Solver(observed, QUALITIES["draft"])
        while not solver.finished:
            solver.step()
        with torch.no_grad():
            found = solver.model.sharp(0)
        own = [found[:, y - 23 : y - 14, x - 33 : x - 24] for y, x in lamps]
        recovered.append(float(sum((one - 0.15).sum() for one in own)) / (3 * 4 * 3 * 5.85))
    assert recovered[1] > 1.5 * recovered[0]
