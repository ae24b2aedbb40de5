# SPDX-License-Identifier: Apache-2.0
"""The real solver on small shots whose blur shares none of its code."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from pullfocus.errors import SolveError
from pullfocus.model.grid import Box
from pullfocus.observe.observed import Observed
from pullfocus.plate.colour import linear_to_display
from pullfocus.solve.settings import SolveSettings
from pullfocus.solve.solver import Solver
from solve.drawn import COUNT, HEIGHT, WIDTH, picture, shot


def psnr(solver: Solver, t: int, sharp: np.ndarray) -> float:
    with torch.no_grad():
        found = solver.model.sharp(t).permute(1, 2, 0).numpy()
    error = linear_to_display(found.clip(0)) - linear_to_display(sharp)
    return -10 * math.log10(float(np.square(error).mean()))


def plate_psnr(observed: Observed, t: int, sharp: np.ndarray) -> float:
    error = observed.plate_display(t) - linear_to_display(sharp)
    return -10 * math.log10(float(np.square(error).mean()))


def solved(observed: Observed, **settings: Any) -> Solver:
    solver = Solver(observed, SolveSettings(**({"steps": 150} | settings)))
    while not solver.finished:
        solver.step()
    return solver


def middle(solver: Solver, layer: int, t: int, at: tuple[int, int]) -> float:
    with torch.no_grad():
        return float(solver.model.radius(layer, t, solver.model.frame_box())[at])


def test_without_a_matte_the_whole_frame_is_pulled_into_focus() -> None:
    pull = [0.0, 0.5, 1.0, 2.0, 3.0, 4.0]
    observed = shot([], [pull])
    solver = solved(observed)
    sharp = picture(0)[20 : 20 + HEIGHT, 30 : 30 + WIDTH]
    assert psnr(solver, 5, sharp) > plate_psnr(observed, 5, sharp) + 5
    for t in (3, 4, 5):
        assert middle(solver, 0, t, (32, 48)) == pytest.approx(pull[t], abs=0.4)


def test_three_layers_find_their_own_focus() -> None:
    boxes = [(slice(8, 40), slice(8, 40)), (slice(20, 56), slice(50, 88))]
    radii = [[0, 1, 2, 3, 3, 3], [3, 2, 1, 0, 1, 2], [3, 3, 3, 2, 1, 0]]
    solver = solved(shot(boxes, [[float(r) for r in row] for row in radii]), steps=240)
    assert [layer.name for layer in solver.model.layers] == ["layer0", "layer1", "bg"]
    for layer, at in ((0, (24, 24)), (1, (38, 69)), (2, (10, 70))):
        found = [middle(solver, layer, t, at) for t in range(COUNT)]
        error = np.sqrt(np.mean(np.square(np.subtract(found, radii[layer]))))
        assert error < 0.6, (layer, found)


def test_a_layer_that_is_never_in_focus_is_found_from_above() -> None:
    """From below the solve makes do with a blurred atlas: about 1 px where 6 are true."""
    radii = [[6.0, 5.5, 5.0, 4.5, 4.5, 5.0], [0.0, 0.5, 1.0, 1.0, 0.5, 0.0]]
    observed = shot([(slice(14, 50), slice(24, 72))], radii)
    above = dataclasses.replace(SolveSettings().model, coc_start_px=8 * 512 / WIDTH)
    solver = solved(observed, steps=500, model=above)
    with torch.no_grad():
        found = [float(solver.model.radius(0, t, Box(24, 14, 48, 36)).mean()) for t in range(COUNT)]
    assert found == pytest.approx(radii[0], abs=0.25)


def test_a_given_coc_is_used_as_it_is_and_wins() -> None:
    pull = [1.0, 1.5, 2.0, 2.0, 2.5, 3.0]  # sharp nowhere: blind has nothing to hold on to
    sharp = picture(0)[20 : 20 + HEIGHT, 30 : 30 + WIDTH]
    blind = solved(shot([], [pull]))
    told = solved(shot([], [pull], coc=True))
    assert middle(told, 0, 4, (32, 48)) == 2.5
    assert psnr(told, 3, sharp) > psnr(blind, 3, sharp) + 1


def test_a_gradient_that_is_not_a_number_leaves_the_parameters_alone(monkeypatch) -> None:
    solver = Solver(shot([], [[0.0] * COUNT]), SolveSettings(steps=10))
    before = {name: value.clone() for name, value in solver.model.state_dict().items()}
    texels = solver.model.layers[0].texture.texels
    texels.register_hook(lambda grad: torch.full_like(grad, math.nan))
    with pytest.raises(SolveError, match="finite loss and gradient"):
        solver.step()
    for name, value in solver.model.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_broken_lattice_is_one_clear_error(broken: float) -> None:
    solver = Solver(shot([], [[0.0] * COUNT]), SolveSettings(steps=10))
    with torch.no_grad():
        solver.model.layers[0].coc.lattice.fill_(broken)
    with pytest.raises(SolveError, match="diverged at step 0"):
        solver.step()


@pytest.mark.parametrize("size", [(1, 40), (40, 1), (1, 1), (16, 24)])
def test_frames_too_small_for_the_structure_term_are_solved_without(size: tuple[int, int]) -> None:
    height, width = size
    observed = Observed(
        frames=(1, 2),
        layer_names=("bg",),
        width=width,
        height=height,
        colorspace="lin_rec709_srgb",
        plate=np.full((2, height, width, 3), 0.4, np.float16),
        mattes=np.zeros((0, 2, height, width), np.uint8),
        coc=None,
        motion=np.tile(np.eye(3), (1, 2, 1, 1)),
        residual=np.zeros((1, 2, 1, 1, 2), np.float32),
    )
    solver = Solver(observed, SolveSettings(steps=6))
    while not solver.finished:
        solver.step()
    with torch.no_grad():
        assert float((solver.model.sharp(1) - 0.133).abs().max()) < 0.02


def test_highlights_above_one_survive() -> None:
    observed = shot([], [[0.0] * COUNT])
    observed.plate[:, 30:34, 40:44] = linear_to_display(np.full(3, 8.0, np.float32))
    solver = solved(observed)
    with torch.no_grad():
        assert float(solver.model.sharp(2)[:, 31:33, 41:43].min()) > 5


def test_nan_on_every_frame_says_where_and_leaves_the_parameters_alone() -> None:
    observed = shot([], [[0.0] * COUNT])
    observed.plate[:] = np.nan
    solver = Solver(shot([], [[0.0] * COUNT]), SolveSettings(steps=10))
    before = {name: value.clone() for name, value in solver.model.state_dict().items()}
    solver.observed = observed
    with pytest.raises(SolveError, match="diverged at step 0"):
        solver.step()
    for name, value in solver.model.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize(("steps", "share"), [(6, 1.0), (12, 1.0), (48, 0.5)])
def test_texels_take_shorter_steps_where_there_are_more_and_motion_does_not(
    steps: int, share: float
) -> None:
    settings = SolveSettings(steps=steps, texture_steps=12, warmup_steps=1, ends_early=False)
    solver = Solver(shot([], [[0.0] * COUNT]), settings)
    solver.step()
    rates = {id(p): g["lr"] / g["base"] for g in solver.optimiser.param_groups for p in g["params"]}
    layer = solver.model.layers[0]
    assert rates[id(layer.texture.texels)] == pytest.approx(share)
    assert rates[id(layer.mapping.lattice)] == pytest.approx(1.0)
