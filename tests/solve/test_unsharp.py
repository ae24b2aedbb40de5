# SPDX-License-Identifier: Apache-2.0
"""What no frame shows sharp is found, moves on by itself, and a solve goes on with it exactly."""

import importlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pullfocus.model.shot_model import ShotModel
from pullfocus.observe.observe import observe
from pullfocus.plate.colour import linear_to_display
from pullfocus.plate.footage import open_shot
from pullfocus.solve.convergence import Convergence
from pullfocus.solve.settings import QUALITIES, SolveSettings
from pullfocus.solve.solver import Solver
from pullfocus.solve.unsharp import never_sharp, with_longer_steps_of

from tests.solve import drawn

EXAMPLES = Path(__file__).parents[2] / "examples"
BOX = slice(12, 54), slice(24, 74)
SOFT = [[3.0, 3.4, 3.8, 3.8, 3.4, 3.0], [0.0, 0.3, 0.6, 0.6, 0.3, 0.0]]


def asked(steps: int, **more: float) -> SolveSettings:
    return replace(QUALITIES["standard"], steps=steps, lens="round", **more)  # type: ignore[arg-type]


def told(model: ShotModel, radii: list[list[float]] = SOFT) -> ShotModel:
    """A model that knows its radii."""
    with torch.no_grad():
        for layer, own in zip(model.layers, radii, strict=True):
            known = torch.tensor(own)[:, None, None].clamp(min=0.02)
            layer.coc.lattice.copy_(torch.log(torch.expm1(known)).expand_as(layer.coc.lattice))
    return model


def test_a_layer_that_is_never_in_focus_is_meant_and_nothing_else() -> None:
    solver = Solver(drawn.shot([BOX], SOFT), asked(4))
    solver.model.hold_atlases_at(0)
    weights = never_sharp(told(solver.model))
    assert weights is not None
    subject, wall = (weight.numpy() for weight in weights)
    assert subject.shape == (*solver.model.layers[0].texture.size, 1)
    assert subject.mean() > 0.3  # an atlas has texels around what is shown, too
    assert subject.max() == 1
    assert wall.max() < 0.05
    with torch.no_grad():
        solver.model.layers[0].coc.lattice.fill_(-3.0)
    assert never_sharp(solver.model) is None


def test_steps_are_longer_where_the_weight_says() -> None:
    rng = np.random.default_rng(4)
    texels = torch.from_numpy(rng.random((5, 6, 4), np.float32))
    change = torch.from_numpy(rng.standard_normal((5, 6, 4)).astype(np.float32)) * 0.01
    weight = torch.zeros(5, 6, 1)
    weight[2:], weight[4:] = 0.5, 1.0
    before = texels.clone()
    with_longer_steps_of([texels], [weight], 8.0, lambda: texels.add_(change))
    moved = (texels - before).numpy()
    for rows, times in ((slice(0, 2), 1.0), (slice(2, 4), 4.5), (slice(4, 5), 8.0)):
        np.testing.assert_allclose(moved[rows, :, :3], times * change[rows, :, :3], atol=1e-6)
    np.testing.assert_allclose(moved[..., 3], change[..., 3], atol=1e-7)  # of the matte


def test_a_solve_goes_on_with_it_exactly() -> None:
    observed = drawn.shot([BOX], SOFT)

    def at(step: int) -> Solver:
        solver = Solver(observed, asked(21, coarse_share=0.3))
        while solver.step_index < step:
            solver.step()
        return solver

    straight, stopped = at(21), at(18)
    assert stopped.unsharp is not None
    assert stopped.unsettled
    again = Solver(observed, asked(21, coarse_share=0.3))
    again.load_state({name: tensor.clone() for name, tensor in stopped.state().items()})
    while not again.finished:
        again.step()
    for layer, other in zip(straight.model.layers, again.model.layers, strict=True):
        assert torch.equal(layer.texture.texels, other.texture.texels)


@pytest.mark.parametrize(("radii", "never"), [(SOFT, True), ([[0.0] * 6, SOFT[1]], False)])
def test_no_solve_ends_before_it_is_known(radii: list[list[float]], never: bool) -> None:
    """However late that begins: an early end waits for it, and goes on where it is not needed."""
    solver = Solver(drawn.shot([BOX], radii), asked(30, coarse_share=0.1, unsharp_share=0.2))
    told(solver.model, radii)
    while solver.step_index < 24:
        assert solver.unsettled
        solver.step()
    told(solver.model, radii)
    solver.step()
    assert solver.unsettled == never
    assert not Solver(solver.observed, asked(30, unsharp_rate=0.0)).unsettled
    assert not Solver(solver.observed, asked(15)).unsettled  # too short


@pytest.mark.parametrize("quality", ["standard", "high"])
def test_a_solve_that_gains_nothing_goes_on_until_then(quality: str) -> None:
    """By the shares of a quality: convergence is looked at later than texels start anew."""
    steps, watch = QUALITIES[quality].steps, Convergence(16)
    for step in range(1, steps + 1):
        watch.follow(30.0)
        if watch.reached(step, steps, steps // 2):
            break
    assert (1 - QUALITIES[quality].unsharp_share) * steps < step < steps


@pytest.mark.slow
def test_a_layer_that_is_never_in_focus_comes_back_sharper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    make_clip = importlib.import_module("make_clip").make_clip
    make_clip(tmp_path, width=192, height=108, frames=8, max_radius=4.0, pull=(0.0, 0.35))
    mattes = [("fg", str(tmp_path / "alpha.####.png"))]
    shot = open_shot(str(tmp_path / "plate.####.png"), mattes=mattes)
    observed = observe(shot, tmp_path / "observe")
    truth = cv2.imread(str(tmp_path / "sharp.0005.png")).astype(np.float32)[..., ::-1] / 255
    inside = cv2.imread(str(tmp_path / "alpha.0005.png"), 0) > 127

    def gained(rate: float) -> float:
        solver = Solver(observed, asked(400, unsharp_rate=rate))
        while not solver.finished:
            solver.step()
        with torch.no_grad():
            shown = linear_to_display(solver.model.sharp(4).permute(1, 2, 0).numpy())
        return -10 * np.log10(float(np.square(shown - truth)[inside].mean()))

    assert gained(0.02) > gained(0.0) + 1.0
