# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from pullfocus.flow.motion import layer_motion
from pullfocus.model.grid import Box
from pullfocus.model.mapping import LatticeMapping


@pytest.mark.parametrize("width", [512, 900, 1920], ids="{} wide".format)
def test_pixels_land_on_the_same_texel_whatever_the_size(width):
    height = width * 9 // 16
    wide = width / 512
    turn = np.deg2rad(1.5)
    rotated = np.array(
        [[np.cos(turn), -np.sin(turn), 6 * wide], [np.sin(turn), np.cos(turn), 0], [1e-5, 0, 1]]
    )
    mapping = LatticeMapping(
        torch.from_numpy(np.stack([np.eye(3), rotated])),
        width=width,
        height=height,
        cells=(18, 32),
        frames_per_knot=2.0,
        overscan_px=24 * wide,
    )
    with torch.no_grad():
        random = torch.Generator().manual_seed(5)
        mapping.lattice.copy_(0.5 * wide * torch.randn(mapping.lattice.shape, generator=random))
    frame = Box(0, 0, width, height)
    motion = layer_motion(mapping, 0, 1, frame, 32)
    assert motion.shape == (height, width, 2)
    y, x = np.mgrid[0:height:7, 0:width:7]
    landed = np.stack([x, y], -1) + motion[::7, ::7]
    inside = ((landed > 0) & (landed < [width - 1, height - 1])).all(-1)
    places = torch.from_numpy(np.stack([x, y], -1)[inside]).float()
    with torch.no_grad():
        there = mapping.texels_at(1, torch.from_numpy(landed[inside]).float())
        miss = (there - mapping.texels_at(0, places)).abs()
    assert float(miss.max()) < 0.05 * wide
    assert float(miss.mean()) < 0.01 * wide
