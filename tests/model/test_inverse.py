# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from pullfocus.model.grid import Box
from pullfocus.model.inverse import places_of
from pullfocus.model.mapping import LatticeMapping
from pullfocus.observe.scale import Scale

WIDTH, HEIGHT = 160, 90


def mapping(bend_px, scale=None):
    turn = np.deg2rad(4)
    matrix = np.array(
        [
            [1.3 * np.cos(turn), -1.2 * np.sin(turn), 20.0],
            [1.3 * np.sin(turn), 1.2 * np.cos(turn), -7.0],
            [1e-4, -5e-5, 1.0],
        ]
    )
    made = LatticeMapping(
        torch.from_numpy(np.stack([np.eye(3), matrix])),
        width=WIDTH,
        height=HEIGHT,
        cells=(6, 10),
        frames_per_knot=2.0,
        overscan_px=8.0,
        scale=scale or Scale(),
    )
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        made.lattice.copy_(bend_px * torch.randn(made.lattice.shape, generator=random))
    return made


@pytest.mark.parametrize("scale", [Scale(), Scale(3.0, 3.0), Scale(2.5, 2.4)], ids=str)
def test_a_place_looked_up_and_back_is_the_same(scale):
    bent = mapping(1.0, scale)
    width, height = round(WIDTH * scale.x), round(HEIGHT * scale.y)
    box = Box(0, 0, width, height)
    with torch.no_grad():
        texels = bent(1, box).numpy()
    found = places_of(bent, 1, texels)
    there = np.stack(np.meshgrid(np.arange(width), np.arange(height)))
    assert np.isfinite(found).all()
    assert np.abs(found - there).max() < 0.05 * scale.x


def test_what_folds_over_is_nobodys():
    folded = mapping(30.0)
    with torch.no_grad():
        texels = folded(1, Box(0, 0, WIDTH, HEIGHT)).numpy()
    found = places_of(folded, 1, texels)
    assert np.isnan(found).any()
    held = np.isfinite(found[0])
    back = folded.texels_at(1, torch.from_numpy(found[:, held].T)).detach().numpy().T
    assert np.quantile(np.abs(back - texels[:, held]), 0.9) < 2.0
