# SPDX-License-Identifier: Apache-2.0
"""Atlases as they leave a solve: what no frame shows is filled from what some frame does.

Texels past the frames' edges are tied down only by the light that blur brings in: left as they are
they shimmer along the edge of a refocused frame, and startle whoever paints the atlas.
"""

import cv2
import numpy as np
import torch

from pullfocus.model.shot_model import ShotModel
from pullfocus.solve.initial import fill_holes

__all__ = ["finished_atlases", "used_texels"]

_SEEN = 0.25  # of a matte; fainter edges take the colour within
_SUPPORT_TEXELS = 2  # kept beside: what a bicubic lookup reaches


@torch.no_grad()
def used_texels(model: ShotModel, index: int) -> np.ndarray:
    """Return which texels of a layer some frame shows, (height, width) uint8, 0 or 1."""
    height, width = model.layers[index].texture.size
    used, level = np.zeros((height, width), np.uint8), model.smooth_level
    atlases = model.linear_atlases()
    for t in range(len(model.observed.frames)):
        layer = model.frame(t, level=level, overscan=False, atlases=atlases)[index]
        x, y = layer.texel.cpu().numpy()[:, (layer.alpha[0] > _SEEN).cpu().numpy()].round()
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        used[y[inside].astype(int), x[inside].astype(int)] = 1
    # fewer pixels leave gaps
    reach = 2**level * int(np.ceil(model.settings.texels_per_px))
    wide = np.pad(used, reach)
    brush = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return cv2.morphologyEx(wide, cv2.MORPH_CLOSE, brush)[reach:-reach, reach:-reach]


@torch.no_grad()
def finished_atlases(model: ShotModel) -> list[torch.Tensor]:
    """Return each layer's atlas (height, width, 4): scene-linear colour, matte offset.

    Texels that a frame shows are the solve's to the bit.
    """
    atlases = model.linear_atlases()
    for index, atlas in enumerate(atlases):
        used = used_texels(model, index)
        if not used.any():
            continue
        size = 2 * _SUPPORT_TEXELS + 1
        kept = torch.from_numpy(cv2.dilate(used, np.ones((size, size), np.uint8)) > 0)
        known = torch.from_numpy(used).to(atlas.device, atlas.dtype)
        filled = fill_holes(atlas[..., :3].permute(2, 0, 1), known[None]).permute(1, 2, 0)
        colour = torch.where(kept[..., None].to(atlas.device), atlas[..., :3], filled)
        atlases[index] = torch.cat([colour, atlas[..., 3:]], -1)
    return atlases
