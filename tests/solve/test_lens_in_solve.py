# SPDX-License-Identifier: Apache-2.0
"""A solve that looks through the plate's own lens."""

import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from pullfocus.model.plate_lens import PlateLens
from pullfocus.plate.colour import linear_to_display
from pullfocus.solve import solver as solver_module
from pullfocus.solve.settings import SolveSettings, settings_from_record
from pullfocus.solve.solver import Solver
from solve import drawn

PULL = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
FIVE = PlateLens(blades=5, rotation_deg=20.0, cats_eye=0.6)
SHORT = SolveSettings(steps=12, warmup_steps=2)


def solved(settings: SolveSettings, steps: int | None = None) -> Solver:
    solver = Solver(drawn.shot([], [PULL]), settings)
    while solver.step_index < (settings.steps if steps is None else steps):
        solver.step()
    return solver


def parameters(solver: Solver) -> dict[str, torch.Tensor]:
    return dict(solver.model.state_dict())


def test_a_given_lens_is_looked_through_and_said_once() -> None:
    solver = solved(replace(SHORT, lens=FIVE.text()))
    assert solver.model.lens is not None
    assert solver.model.lens.plate == replace(FIVE, solved=True)
    assert solver.notes.count(FIVE.words()) == 1
    with torch.no_grad():
        seen = solver.model.reblur(5)
        solver.model.lens = None
        assert (seen - solver.model.reblur(5)).abs().max() > 0.01


def test_a_round_lens_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(
        solver_module, "find_plate_lens", lambda *_: looked.append(1) or PlateLens()
    )
    plain, asked = solved(SHORT), solved(replace(SHORT, lens="auto"))
    assert len(looked) == 1
    assert asked.model.lens is None
    assert asked.notes == plain.notes
    for name, value in parameters(plain).items():
        assert torch.equal(parameters(asked)[name], value), name


@pytest.mark.parametrize("stopped", [3, 8])
def test_a_solve_goes_on_to_the_bit_before_and_after_it_has_a_lens(stopped: int) -> None:
    settings = replace(SHORT, lens=FIVE.text())
    through = solved(settings)
    state = {name: value.clone() for name, value in solved(settings, stopped).state().items()}
    again = Solver(drawn.shot([], [PULL]), settings)
    again.load_state(state)
    assert (again.model.lens is None) == (stopped < 5)
    while not again.finished:
        again.step()
    for name, value in parameters(through).items():
        assert torch.equal(parameters(again)[name], value), name


def test_settings_of_earlier_versions_know_a_round_lens_alone() -> None:
    record = asdict(replace(SHORT, lens="auto"))
    assert settings_from_record(record).lens == "auto"
    del record["lens"]
    assert settings_from_record(record).lens == "round"


@pytest.mark.slow
def test_through_its_own_lens_a_shot_comes_out_sharper(monkeypatch: pytest.MonkeyPatch) -> None:
    def ellipse(radius: float) -> np.ndarray:
        """Area-sampled, half as wide as it is high."""
        reach, fine, stretch = math.ceil(1.5 * radius) + 1, 16, math.sqrt(2)
        steps = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
        inside = np.hypot(steps * stretch, steps[:, None] / stretch) <= radius
        size = 2 * reach + 1
        kernel = inside.astype(float).reshape(size, fine, size, fine).mean((1, 3))
        return kernel / kernel.sum()

    monkeypatch.setattr(drawn, "disc", ellipse)
    true = drawn.picture(0)[20 : 20 + drawn.HEIGHT, 30 : 30 + drawn.WIDTH]
    # never quite in focus: what is sharp has to come from the blur
    observed = drawn.shot([], [[2.0, 2.5, 3.0, 3.5, 4.0, 4.5]])
    won = []
    for lens in ("round", PlateLens(squeeze=2.0).text()):
        solver = Solver(observed, SolveSettings(steps=200, lens=lens))
        while not solver.finished:
            solver.step()
        with torch.no_grad():
            found = solver.model.sharp(0).permute(1, 2, 0).numpy()
        error = linear_to_display(found.clip(0)) - linear_to_display(true)
        won.append(-10 * math.log10(float(np.square(error).mean())))
    assert won[1] > won[0] + 0.5
