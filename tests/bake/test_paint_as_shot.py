# SPDX-License-Identifier: Apache-2.0
"""Paint on a shot whose light and look change: it follows them, and the rest stays to the bit."""

from dataclasses import replace

import numpy as np
import torch
from pullfocus.bake.frame import Repainted, frame_planes
from pullfocus.model.shot_model import build_model
from pullfocus.passes.contract import pass_table
from pullfocus.plate.colour import display_to_linear
from pullfocus.solve.settings import SolveSettings

from tests.solve import drawn

BOX = slice(16, 48), slice(30, 66)
T = 2


def test_paint_takes_the_light_and_the_look_of_its_frame_and_nothing_else_moves():
    observed = drawn.shot([BOX], [[3.0] * 6, [0.0] * 6])
    model = build_model(observed, replace(SolveSettings().model, change=True))
    with torch.no_grad():
        for layer in model.layers:
            layer.texture.texels[..., :3] = 0.5
            layer.exposure.log_gain[T] = 0.2
            layer.exposure.offset[T] = 0.5
            assert layer.change is not None
            layer.change.awake.fill_(True)
            layer.change.lattice[T] = 0.05
    plate = display_to_linear(observed.plate[T].astype(np.float32))
    atlases = model.linear_atlases()
    painted = [atlas.clone() for atlas in atlases]
    covers = [torch.cat([torch.zeros_like(a[..., :3]), a[..., 3:]], -1) for a in atlases]
    height = painted[1].shape[0]
    spot = slice(height // 2, height // 2 + 24), slice(8, 32)
    painted[1][..., 1][spot] = 0.8
    covers[1][..., :3][spot] = 1.0

    def beauty(repainted: Repainted | None) -> np.ndarray:
        planes = frame_planes(
            model,
            T,
            pass_table(model.layer_names, coc_signed=False),
            plate=plate,
            atlases=atlases,
            repainted=repainted,
        )
        return {plane.name: plane.data for plane in planes}["beauty"][..., :3]

    before, after = beauty(None), beauty(Repainted(painted, covers))
    moved = (after != before).any(-1)
    assert 200 < moved.sum() < 900
    lit = 0.8 * np.exp(0.2) + 0.005
    look = lit + 0.05 * (2 * np.sqrt(lit) + 0.05)
    assert np.isclose(np.median(after[..., 1][moved]), look, rtol=1e-3)
