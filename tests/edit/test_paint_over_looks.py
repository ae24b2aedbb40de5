# SPDX-License-Identifier: Apache-2.0
"""Paint on a layer that has several pictures over time is seen as it is, in all of them."""

import numpy as np
import torch
from pullfocus.edit.edit import Painting, repainted
from pullfocus.edit.paint import Paint
from pullfocus.model.looks import Looks
from pullfocus.model.settings import ModelSettings
from pullfocus.model.shot_model import build_model

from tests.solve import drawn


@torch.no_grad()
def test_paint_follows_and_what_lies_beside_it_goes_on_changing() -> None:
    model = build_model(drawn.shot([], [[0.0] * 6]), ModelSettings())
    wall = model.layers[0]
    height, width = wall.texture.size
    wall.texture.texels[..., :3] = 0.5
    wall.coc.lattice.fill_(-9.0)
    wall.looks = Looks(torch.arange(6), torch.tensor([0.0, 5.0]), height, width)
    random = torch.Generator().manual_seed(2)
    wall.looks.offsets[..., :3] = 0.1 * torch.randn(2, height, width, 3, generator=random)

    cover = np.zeros((height, width), np.float32)
    cover[:, : width // 2] = 1
    green = cover[..., None] * np.array([0.1, 0.8, 0.1], np.float32)
    held = repainted(model, "lin_rec709_srgb", [Painting("bg", Paint(green, cover))])
    assert held.atlases[0].shape[2] == 5
    for t in (0, 3, 5):
        frame = model.frame(t, overscan=False, atlases=held.atlases)[0]
        plain = model.frame(t, overscan=False)[0]
        x = frame.texel[0]
        painted, free = x < width // 2 - 3, x > width // 2 + 3
        expected = torch.tensor([0.1, 0.8, 0.1])[:, None]
        assert (frame.colour[:, painted] - expected).abs().max() < 1e-5
        assert torch.equal(frame.colour[:, free], plain.colour[:, free])
    first, last = (model.frame(t, overscan=False)[0].colour for t in (0, 5))
    assert (first - last)[:, free].std() > 0.05
