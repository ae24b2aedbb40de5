# SPDX-License-Identifier: Apache-2.0
"""What no frame shows sharp: its texels go on moving once all else has come to rest.

Detail that every frame shows blurred tells a step of the optimiser a twentieth of what sharp detail
does, and rates fall before it has come: such texels end as a soft picture. They are given a
second start when motion, mattes and radii have settled, at rates of their own. Only in layers that
are never in focus as a whole: of places that a few frames show, blurred, beside sharp ones, noise
would be sharpened.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch

from pullfocus.model.floor import sharpest_seen
from pullfocus.model.shot_model import ShotModel
from pullfocus.model.texture import Texture

__all__ = ["never_sharp", "with_longer_steps_of"]

_SHARP_PX, _SOFT_PX = 1.0, 2.0  # a place's sharpest view, at 512 wide: not meant, wholly meant
_NEVER_PX = 2.0  # a layer's median place is seen no sharper, at 512 wide


@torch.no_grad()
def never_sharp(model: ShotModel) -> list[torch.Tensor] | None:
    """Return how far texels are meant that no frame shows sharp, (h, w, 1) 0..1 by layer.

    None: no layer is never in focus, or atlases are no texels.
    """
    if not all(isinstance(layer.texture, Texture) for layer in model.layers):
        return None
    seen = sharpest_seen(model)
    weights, meant = [], False
    for layer, grid in zip(model.layers, seen.grids, strict=True):
        away = ((grid / model.wide - _SHARP_PX) / (_SOFT_PX - _SHARP_PX)).clip(0, 1)
        shown = grid < seen.UNSEEN
        never = shown.any() and float(np.median(grid[shown])) > _NEVER_PX * model.wide
        away = np.where(shown & never, away, 0.0).astype(np.float32)
        meant = meant or bool(never)
        height, width = layer.texture.size
        fine = cv2.resize(away, (width, height), interpolation=cv2.INTER_LINEAR)
        weights.append(torch.from_numpy(np.asarray(fine))[..., None].to(model.device))
    return weights if meant else None


@torch.no_grad()
def with_longer_steps_of(
    texels: Sequence[torch.Tensor],
    weights: Sequence[torch.Tensor],
    times: float,
    step: Callable[[], object],
) -> None:
    """Take a step of an optimiser, so many times as long for some colours.

    Args:
        texels: (h, w, 4) of each layer, three root-encoded colours first; changed in place.
        weights: (h, w, 1) of each layer, 0..1.
        times: length of a step where the weight is 1.
        step: takes it.
    """
    colours = [held.detach()[..., :3] for held in texels]
    before = [colour.clone() for colour in colours]
    step()
    for colour, start, weight in zip(colours, before, weights, strict=True):
        colour.add_((times - 1) * weight * (colour - start))
