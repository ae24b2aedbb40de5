# SPDX-License-Identifier: Apache-2.0
"""The floor in a bake: the plate stays where the solve does not explain it."""

import numpy as np
import torch
from pullfocus.bake.frame import frame_planes
from pullfocus.model.floor import Floor
from pullfocus.model.shot_model import build_model
from pullfocus.passes.contract import pass_table
from pullfocus.plate.colour import display_to_linear
from pullfocus.solve.settings import SolveSettings

from tests.solve import drawn

BOX = slice(16, 48), slice(30, 66)


def planes(**options):
    observed = drawn.shot([BOX], [[3.0] * 6, [0.0] * 6])
    torch.manual_seed(0)
    model = build_model(observed, SolveSettings().model)
    with torch.no_grad():
        for layer in model.layers:  # noise: a solve that explains nothing
            layer.texture.texels[..., :3] = torch.rand(layer.texture.texels[..., :3].shape)
            layer.coc.lattice.fill_(3.0)
    plate = display_to_linear(observed.plate[2].astype(np.float32))
    atlases = model.linear_atlases()
    table = pass_table(model.layer_names, coc_signed=False)
    floor = Floor(model, atlases) if options.pop("floored") else None
    shown = frame_planes(
        model,
        2,
        table,
        plate=plate if options.pop("keep", True) else None,
        atlases=atlases,
        floor=floor,
    )
    return plate, {plane.name: plane.data for plane in shown}


def test_what_is_not_explained_stays_the_plate_to_the_bit_and_is_doubted():
    plate, shown = planes(floored=True)
    _, alone = planes(floored=True, keep=False)
    beauty, solve = shown["beauty"][..., :3], alone["beauty"][..., :3]
    assert np.abs(beauty - plate).mean() < 0.25 * np.abs(solve - plate).mean()
    assert shown["confidence"].mean() < 0.2
    left = shown["confidence"] == 0
    assert left.mean() > 0.1
    # a share that confidence rounds away may still move a value by its last bit
    np.testing.assert_allclose(beauty[left], plate[left], rtol=0, atol=1e-7)
    assert (beauty[left] == plate[left]).mean() > 0.99


def test_without_a_floor_or_a_plate_the_solve_shows_alone():
    plate, alone = planes(floored=True, keep=False)
    assert np.abs(alone["beauty"][..., :3] - plate).mean() > 0.1
    assert alone["confidence"].mean() < 0.2
    _, unfloored = planes(floored=False)
    assert (unfloored["confidence"] == 1).all()


def test_a_frame_that_tells_nothing_is_left_as_shot(monkeypatch):
    observed = drawn.shot([BOX], [[3.0] * 6, [0.0] * 6])
    model = build_model(observed, SolveSettings().model)
    floor = Floor(model, model.linear_atlases())
    monkeypatch.setattr("pullfocus.model.floor.share_kept", lambda e: np.ones_like(e.misfit))
    object.__setattr__(observed, "untold", np.arange(6) == 2)
    assert floor.frame(1).kept.min() == 1
    assert (floor.frame(2).kept == 0).all()
    assert observed.told == [0, 1, 3, 4, 5]
