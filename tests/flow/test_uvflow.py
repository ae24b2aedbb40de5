# SPDX-License-Identifier: Apache-2.0
"""A card that moves one way before a wall that moves the other: flow known in closed form."""

import copy
import struct

import numpy as np
import pytest
import torch
from pullfocus.flow.uv import shot_flow, write_flo
from pullfocus.model.shot_model import ModelSettings, ShotModel, build_model
from pullfocus.observe.observed import Observed

COUNT, HEIGHT, WIDTH = 10, 64, 96
WALL, CARD = -2.0, 3.0  # px a frame


@pytest.fixture(scope="module")
def model() -> ShotModel:
    mattes = np.zeros((1, COUNT, HEIGHT, WIDTH), np.uint8)
    motion = np.tile(np.eye(3), (2, COUNT, 1, 1))
    for t in range(COUNT):
        left = 10 + int(CARD) * t
        mattes[0, t, 20:44, left : left + 24] = 255
        motion[0, t, 0, 2] = -CARD * t
        motion[1, t, 0, 2] = -WALL * t
    return build_model(
        Observed(
            frames=tuple(range(COUNT)),
            layer_names=("card", "bg"),
            width=WIDTH,
            height=HEIGHT,
            colorspace="lin_rec709_srgb",
            plate=np.zeros((COUNT, HEIGHT, WIDTH, 3), np.float16),
            mattes=mattes,
            coc=None,
            motion=motion,
            residual=np.zeros((2, COUNT, 8, 12, 2), np.float32),
        ),
        ModelSettings(),
    )


@pytest.mark.parametrize("interpolated", [False, True])
@pytest.mark.parametrize("to", [1, 4, 9])
def test_flow_over_any_interval_and_what_it_hides(
    model: ShotModel, to: int, interpolated: bool
) -> None:
    flow = shot_flow(model, 0, to, interpolated=interpolated)
    card = np.zeros((HEIGHT, WIDTH), bool)
    card[21:43, 11:33] = True
    wall = np.ones_like(card)
    wall[19:45, 9:35] = False
    np.testing.assert_allclose(flow.px[card], np.tile([CARD * to, 0], (card.sum(), 1)), atol=0.02)
    np.testing.assert_allclose(flow.px[wall], np.tile([WALL * to, 0], (wall.sum(), 1)), atol=0.02)
    assert not flow.hidden[card].any()
    x = np.arange(WIDTH)
    leaves = x + WALL * to < -0.5
    assert flow.hidden[50, leaves].all()
    assert not flow.hidden[50, x + WALL * to > 0.5].any()
    # the card comes to lie over a part of the wall that was free
    lands = x + WALL * to
    covered = (lands > 11 + CARD * to) & (lands < 33 + CARD * to) & wall[30]
    assert flow.hidden[30, covered].all()


def test_there_and_back_again(model: ShotModel) -> None:
    there, back = shot_flow(model, 2, 7), shot_flow(model, 7, 2)
    np.testing.assert_allclose(there.px[30, 24], -back.px[30, 24 + 15], atol=0.03)
    assert np.abs(shot_flow(model, 3, 3).px).max() < 1e-3


# texels; pictures are looked up to 1/32 px, and the bend here is far above any solve's
@pytest.mark.parametrize(("interpolated", "off"), [(False, 0.08), (True, 0.25)])
def test_a_pixel_lands_on_its_own_texel_where_the_mapping_bends(
    model: ShotModel, interpolated: bool, off: float
) -> None:
    bent = copy.deepcopy(model)
    random = torch.Generator().manual_seed(4)
    mapping = bent.layers[1].mapping
    with torch.no_grad():
        mapping.lattice += torch.randn(mapping.lattice.shape, generator=random)
        moved = shot_flow(bent, 2, 6, interpolated=interpolated).px
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        landed = torch.from_numpy(np.stack([x + moved[..., 0], y + moved[..., 1]], -1))
        texel = mapping.texels_at(6, landed.reshape(-1, 2).float()).T.reshape(2, HEIGHT, WIDTH)
        own = mapping(2, bent.frame_box())
    wall = np.ones((HEIGHT, WIDTH), bool)
    wall[18:46, 14:44] = False
    wall[:, :12] = False  # leaves the frame
    error = (texel - own).norm(dim=0).numpy()[wall]
    assert np.abs(moved - shot_flow(model, 2, 6).px)[wall].max() > 1
    assert np.percentile(error, 99) < off


def test_flo_files_are_middleburys(tmp_path) -> None:
    flow = np.random.default_rng(0).standard_normal((5, 7, 2)).astype(np.float32)
    write_flo(tmp_path / "a.flo", flow)
    data = (tmp_path / "a.flo").read_bytes()
    assert data[:4] == b"PIEH"
    assert struct.unpack("<ii", data[4:12]) == (7, 5)
    np.testing.assert_array_equal(np.frombuffer(data[12:], "<f4").reshape(5, 7, 2), flow)
