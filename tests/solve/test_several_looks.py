# SPDX-License-Identifier: Apache-2.0
"""Layers get several pictures where frames that show them sharp contradict each other."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pullfocus.model.looks import Looks
from pullfocus.model.settings import ModelSettings
from pullfocus.model.shot_model import ShotModel, build_model
from pullfocus.observe.observe import observe
from pullfocus.plate.colour import display_to_linear
from pullfocus.solve import several_looks
from pullfocus.solve.initial import fuse, sharp_by_radius
from pullfocus.solve.inputs import ShotInputs
from pullfocus.solve.settings import QUALITIES, SolveSettings
from pullfocus.solve.several_looks import wake_looks
from pullfocus.solve.solver import Solver

from tests.pretended_device import NAME, pretended_device
from tests.solve import drawn

BOX = slice(12, 52), slice(24, 72)
INNER = slice(20, 44), slice(34, 62)


def shown(look: list[int], radius: float = 0.0, slip: float = 0.0) -> tuple[ShotModel, np.ndarray]:
    """A model whose subject has these pictures in its frames.

    The later three are so blurred, and lie so far from where the mapping takes them, px.
    """
    blurs = [0.0, 0.0, 0.0, radius, radius, radius]
    shots = [drawn.shot([BOX], [blurs, [0.0] * 6]) for _ in (0, 1)]
    plate = shots[0].plate.astype(np.float32)
    grain = [
        np.random.default_rng(kind).normal(0.5, 0.35, plate[0].shape).clip(0, 1) for kind in (0, 1)
    ]
    for t, kind in enumerate(look):
        picture = cv2.GaussianBlur(grain[kind], (0, 0), 0.6)
        if slip:  # coarse enough to be followed
            picture = 0.5 + 4 * (cv2.GaussianBlur(grain[kind], (0, 0), 1.2) - 0.5)
        if t >= 3:
            moved = np.float32([[1, 0, slip], [0, 1, 0]])
            picture = cv2.warpAffine(picture, moved, picture.shape[1::-1], flags=cv2.INTER_CUBIC)
        plate[t][BOX] = picture[BOX]
    observed = replace(shots[0], plate=plate.astype(np.float16))
    model = build_model(observed, ModelSettings())
    with torch.no_grad():
        for layer in model.layers:
            layer.coc.lattice.fill_(-9.0)
        for t in (3, 4, 5):
            model.layers[0].coc.lattice[t] = radius or -9.0
    sharpness = sharp_by_radius(model)
    for index, layer in enumerate(model.layers):
        layer.texture.set_linear(fuse(model, index, sharpness))
    return model, plate


def detail_error(model: ShotModel, plate: np.ndarray, t: int) -> float:
    with torch.no_grad():
        frame = model.sharp(t).permute(1, 2, 0).numpy()
    return float(np.sqrt(np.square(frame - display_to_linear(plate[t]))[INNER].mean()))


def test_a_layer_whose_detail_changes_gets_pictures_that_show_it() -> None:
    model, plate = shown([0, 0, 0, 1, 1, 1])
    before = [detail_error(model, plate, t) for t in (0, 5)]
    assert wake_looks(model, sharp_by_radius(model)) == ["layer0"]
    assert model.layers[1].looks is None
    after = [detail_error(model, plate, t) for t in (0, 5)]
    assert after[0] < 0.6 * before[0]
    assert after[1] < 0.6 * before[1]
    assert wake_looks(model, sharp_by_radius(model)) == []


@pytest.mark.parametrize(
    ("look", "radius"), [([0] * 6, 0.0), ([0, 0, 0, 1, 1, 1], 5.0)], ids=["steady", "sharp once"]
)
def test_one_that_nothing_contradicts_keeps_its_atlas(look: list[int], radius: float) -> None:
    model, _ = shown(look, radius)
    assert wake_looks(model, sharp_by_radius(model)) == []


def test_a_small_part_that_differs_is_no_change_of_look() -> None:
    model, _ = shown([0, 0, 0, 1, 1, 1])
    look = Looks(torch.arange(6), torch.tensor([0.0, 5.0]), *model.layers[0].texture.size)
    pictures, trusted = several_looks._pictures(
        model, 0, sharp_by_radius(model), look, points_per_px=1
    )
    atlas = model.layers[0].texture.texels.detach()[..., :3]
    assert several_looks._apart(atlas, pictures, trusted, sigma=1.5) > 0.038
    rows = trusted.shape[1] // 2 - 3
    trusted[0, :rows], trusted[1, rows + 6 :] = 0, 0  # a strip in the middle is compared
    assert several_looks._apart(atlas, pictures, trusted, sigma=1.5) == 0


def test_what_a_mapping_takes_a_little_elsewhere_is_no_change_of_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, _ = shown([0] * 6, slip=1.2)
    look = Looks(torch.arange(6), torch.tensor([0.0, 5.0]), *model.layers[0].texture.size)
    pictures, trusted = several_looks._pictures(
        model, 0, sharp_by_radius(model), look, points_per_px=1
    )
    atlas = model.layers[0].texture.texels.detach()[..., :3]
    with monkeypatch.context() as as_it_lies:
        as_it_lies.setattr(several_looks, "_aligned", lambda here, there, both, sigma: there)
        assert several_looks._apart(atlas, pictures, trusted, sigma=1.5) > 0.045
    assert wake_looks(model, sharp_by_radius(model)) == []


def test_pictures_live_on_the_models_device() -> None:
    expected, _ = shown([0, 0, 0, 1, 1, 1])
    wake_looks(expected, sharp_by_radius(expected))
    model, _ = shown([0, 0, 0, 1, 1, 1])
    with pretended_device():
        model = model.to(NAME)
        assert wake_looks(model, sharp_by_radius(model)) == ["layer0"]
        found = model.reblur(4)
        found.sum().backward()
        assert float(model.layers[0].looks.offsets.grad.abs().sum()) > 0
        torch.testing.assert_close(
            found.detach().cpu(), expected.reblur(4).detach(), atol=2e-3, rtol=0
        )


def test_a_solve_with_pictures_goes_on_exactly() -> None:
    observed = shown([0, 0, 0, 1, 1, 1])[0].observed
    settings = SolveSettings(steps=8, coarse_share=0.5)
    one = Solver(observed, settings)
    for _ in range(6):
        one.step()
    assert "layer0: its detail changes in time: it has several pictures" in one.notes
    state = {name: held.clone() for name, held in one.state().items()}
    other = Solver(observed, settings)
    other.load_state(state)
    for _ in range(2):
        one.step()
        other.step()
    first, second = (solver.model.layers[0].looks.offsets for solver in (one, other))
    assert not torch.equal(first, state["model.stack.0.looks.offsets"])
    torch.testing.assert_close(second, first, rtol=0, atol=1e-6)


def test_it_can_be_switched_off() -> None:
    model, _ = shown([0, 0, 0, 1, 1, 1])
    model.settings = replace(model.settings, looks=False)
    assert wake_looks(model, sharp_by_radius(model)) == []


@pytest.mark.slow
def test_market_keeps_its_atlases(tmp_path) -> None:
    market = Path(__file__).parents[1] / "clips" / "market"
    mattes = (("fg", str(market / "alpha.####.png")),)
    shot = ShotInputs(plate=str(market / "plate.####.png"), mattes=mattes).open()
    settings = replace(QUALITIES["draft"], steps=240)
    solver = Solver(observe(shot, tmp_path, settings.observe), settings)
    while not solver.finished:
        solver.step()
    assert solver.model.atlas_level == 0
    assert all(layer.looks is None for layer in solver.model.layers)
