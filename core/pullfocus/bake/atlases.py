# SPDX-License-Identifier: Apache-2.0
"""Atlases as they leave a solve: what no frame shows is filled from what some frame does.

Texels past the frames' edges are tied down only by the light that blur brings in: left as they are
they shimmer along the edge of a refocused frame, and startle whoever paints the atlas.
"""

import cv2
import numpy as np
import torch

from pullfocus.kept import Keep
from pullfocus.model.holes import fill_holes
from pullfocus.model.shot_model import ShotModel

__all__ = ["finished_atlases", "used_texels"]

_KEPT = "used_texels.safetensors"
_SEEN = 0.25  # of a matte; fainter edges take the colour within
_SUPPORT_TEXELS = 2  # kept beside: what a bicubic lookup reaches


@torch.no_grad()
def used_texels(model: ShotModel, keep: Keep | None = None) -> list[np.ndarray]:
    """Return which texels of every layer some frame shows, (height, width) uint8, 0 or 1.

    Args:
        model: the solved shot.
        keep: of its folder, where the answer is kept, eight texels to a byte.
    """
    if keep is None:
        return _looked_for(model)

    def packed() -> tuple[dict[str, torch.Tensor], dict[str, str]]:
        bits = [torch.from_numpy(np.packbits(used)) for used in _looked_for(model)]
        return {str(index): one for index, one in enumerate(bits)}, {}

    held, _ = keep.of(_KEPT, packed)
    sizes = [layer.texture.size for layer in model.layers]
    return [
        np.unpackbits(held[str(index)].numpy(), count=height * width).reshape(height, width)
        for index, (height, width) in enumerate(sizes)
    ]


def _looked_for(model: ShotModel) -> list[np.ndarray]:
    used = [np.zeros(layer.texture.size, np.uint8) for layer in model.layers]
    atlases, level = model.linear_atlases(), model.smooth_level
    for t in range(len(model.observed.frames)):
        layers = model.frame(t, level=level, overscan=False, atlases=atlases)
        for layer, shown in zip(layers, used, strict=True):
            height, width = shown.shape
            x, y = layer.texel.cpu().numpy()[:, (layer.alpha[0] > _SEEN).cpu().numpy()].round()
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            shown[y[inside].astype(int), x[inside].astype(int)] = 1
    # fewer pixels leave gaps
    reach = 2**level * int(np.ceil(model.settings.texels_per_px))
    brush = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    closed = [cv2.morphologyEx(np.pad(shown, reach), cv2.MORPH_CLOSE, brush) for shown in used]
    return [wide[reach:-reach, reach:-reach] for wide in closed]


@torch.no_grad()
def finished_atlases(model: ShotModel, used: list[np.ndarray] | None = None) -> list[torch.Tensor]:
    """Return each layer's atlas (height, width, 4): scene-linear colour, matte offset.

    Texels that a frame shows, ``used`` where it is at hand, are the solve's to the bit.
    """
    atlases = model.linear_atlases()
    for index, shown in enumerate(used_texels(model) if used is None else used):
        if not shown.any():
            continue
        atlas = atlases[index]
        size = 2 * _SUPPORT_TEXELS + 1
        kept = torch.from_numpy(cv2.dilate(shown, np.ones((size, size), np.uint8)) > 0)
        known = torch.from_numpy(shown).to(atlas.device, atlas.dtype)
        filled = fill_holes(atlas[..., :3].permute(2, 0, 1), known[None]).permute(1, 2, 0)
        colour = torch.where(kept[..., None].to(atlas.device), atlas[..., :3], filled)
        atlases[index] = torch.cat([colour, atlas[..., 3:]], -1)
    return atlases
