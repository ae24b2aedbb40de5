# SPDX-License-Identifier: Apache-2.0
"""Lights that the plate clips come back as bright as they were."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pullfocus.plate.colour import linear_to_display
from pullfocus.solve import bright
from pullfocus.solve.bright import with_longer_steps
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
    expected = torch.tensor([[1, 1, times, 1], [times, 1, 1, 1]])  # from .949 on, colours alone
    torch.testing.assert_close(moved, expected, rtol=1e-3, atol=1e-3)


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
    for times in (1.0, bright._TIMES):
        monkeypatch.setattr(bright, "_TIMES", times)
        solver = Solver(observed, QUALITIES["draft"])
        while not solver.finished:
            solver.step()
        with torch.no_grad():
            found = solver.model.sharp(0)
        own = [found[:, y - 23 : y - 14, x - 33 : x - 24] for y, x in lamps]
        recovered.append(float(sum((one - 0.15).sum() for one in own)) / (3 * 4 * 3 * 5.85))
    assert recovered[1] > 1.5 * recovered[0]
