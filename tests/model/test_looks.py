# SPDX-License-Identifier: Apache-2.0
"""Several pictures of a layer over time: faded, put back, hidden by paint, kept in a checkpoint."""

import numpy as np
import pytest
import torch
from pullfocus.model.looks import Looks, looks_from
from pullfocus.model.settings import ModelSettings
from pullfocus.model.shot_model import ShotModel, build_model
from pullfocus.observe.proxy import proxied
from pullfocus.solve.fine import FineSolver
from pullfocus.solve.lifted import lift, load_model, model_state
from pullfocus.solve.settings import SolveSettings

from tests.solve import drawn

BOX = (slice(16, 48), slice(30, 66))


def looks(frames: int = 33, knots: int = 3) -> Looks:
    made = Looks(torch.arange(frames), torch.linspace(0, frames - 1, knots), 12, 16)
    random = torch.Generator().manual_seed(4)
    with torch.no_grad():
        made.offsets[..., :3] = 0.2 * torch.randn(knots, 12, 16, 3, generator=random)
    return made


def with_looks() -> ShotModel:
    model = build_model(drawn.shot([BOX], [[0.0] * 6, [0.0] * 6]), ModelSettings())
    with torch.no_grad():
        for index, layer in enumerate(model.layers):
            layer.texture.texels[..., :3] = 0.4 + 0.2 * index
            layer.coc.lattice.fill_(-9.0)
        front = model.layers[0]
        front.looks = Looks(torch.arange(6), torch.tensor([0.0, 5.0]), *front.texture.size)
        front.looks.offsets[0, ..., 0] = 0.1
        front.looks.offsets[1, ..., 0] = -0.1
    return model


@torch.no_grad()
def test_every_frame_is_the_mean_of_two_knots_weighed_by_time() -> None:
    made = looks()
    x, y = torch.arange(16.0), torch.arange(12.0)
    texel = torch.stack(torch.meshgrid(x, y, indexing="xy"))
    times = np.linspace(0, 32, 3)
    for t in (0, 5, 16, 23, 32):
        held = made.offsets[..., :3].numpy().reshape(3, -1)
        expected = [np.interp(t, times, column) for column in held.T]
        found = made(t, texel).permute(1, 2, 0).numpy().ravel()
        np.testing.assert_allclose(found, expected, atol=1e-5)


@torch.no_grad()
def test_nothing_pops_no_frame_changes_by_more_than_its_share_of_the_way() -> None:
    made = looks()
    texel = torch.rand(2, 9, 11, generator=torch.Generator().manual_seed(1)) * 10
    shown = torch.stack([made(t, texel) for t in range(33)])
    whole = torch.stack([made(t, texel) for t in (0, 16, 32)]).diff(dim=0).abs().amax()
    assert shown.diff(dim=0).abs().amax() <= whole / 16 + 1e-6


def test_a_repeated_frame_has_the_look_of_the_one_it_repeats() -> None:
    made = Looks(torch.tensor([0, 1, 1, 3]), torch.tensor([0.0, 3.0]), 4, 4)
    assert (
        made.shares(2) == made.shares(1) == [(0, pytest.approx(2 / 3)), (1, pytest.approx(1 / 3))]
    )


@torch.no_grad()
def test_a_frame_goes_to_the_atlas_and_back() -> None:
    model = with_looks()
    layer = model.layers[0]
    for t in (0, 2, 5):
        frame = model.layer_frame(0, t, model.frame_box())
        atlas = layer.as_in_atlas(t, frame.box, frame.colour)
        torch.testing.assert_close(atlas, torch.full_like(atlas, 0.16), atol=1e-3, rtol=0)
    red = [model.layer_frame(0, t, model.frame_box()).colour[0].mean().item() for t in range(6)]
    assert red[0] == pytest.approx(0.25, abs=1e-3)  # (.4 + .1)^2
    assert all(np.diff(red) < 0)


@torch.no_grad()
def test_paint_hides_how_the_layer_looked() -> None:
    model = with_looks()
    atlas = model.linear_atlases()[0]
    half = torch.zeros(*atlas.shape[:2], 1)
    half[: atlas.shape[0] // 2] = 1
    painted = torch.cat([atlas, half], -1)
    for t in (0, 5):
        frame = model.layer_frame(0, t, model.frame_box(), painted)
        plain = model.layer_frame(0, t, model.frame_box(), atlas)
        rows = frame.texel[1]
        hidden, free = rows < atlas.shape[0] / 2 - 3, rows > atlas.shape[0] / 2 + 3
        torch.testing.assert_close(frame.colour[0][hidden], torch.full_like(rows, 0.16)[hidden])
        assert torch.equal(frame.colour[0][free], plain.colour[0][free])


@torch.no_grad()
def test_a_checkpoint_brings_them_back_and_a_lifted_model_has_them(tmp_path) -> None:
    observed = drawn.shot([BOX], [[0.0] * 6, [0.0] * 6])
    small = proxied(type(observed)(**{**vars(observed), "folder": tmp_path}), 48)
    model = build_model(small, ModelSettings())
    for layer in model.layers:
        layer.texture.texels[..., :3] = 0.5
        layer.coc.lattice.fill_(-9.0)
    front = model.layers[0]
    front.looks = Looks(torch.arange(6), torch.tensor([0.0, 5.0]), *front.texture.size)
    width = front.texture.size[1]
    front.looks.offsets[1, ..., :3] = torch.linspace(-0.2, 0.2, width)[None, :, None]
    held = {**model_state(model), "atlas_level": torch.tensor(0)}

    again = build_model(small, ModelSettings())
    load_model(again, held)
    assert again.layers[1].looks is None
    assert torch.equal(again.layers[0].looks.offsets, front.looks.offsets)

    large = lift(observed, ModelSettings(), 48, held)
    for t in (0, 3, 5):
        fine = large.layer_frame(0, t, large.frame_box()).colour
        coarse = model.layer_frame(0, t, model.frame_box()).colour
        shrunk = torch.nn.functional.avg_pool2d(fine[None], 2)[0]
        inner = (..., slice(10, 22), slice(17, 31))
        torch.testing.assert_close(shrunk[inner], coarse[inner], atol=5e-3, rtol=0)

    kept, atlas = (large.layers[0].looks.offsets, large.layers[0].texture.texels)
    before, drawn_before = kept.clone(), atlas.clone()
    with torch.enable_grad():
        FineSolver(large, SolveSettings(proxy=48, fine_looks=1)).step()
    assert torch.equal(kept, before)
    assert not torch.equal(atlas, drawn_before)


def test_a_state_without_them_has_none() -> None:
    assert looks_from({"stack.0.texture.texels": torch.zeros(2, 2, 4)}, "stack.0.looks.") is None
