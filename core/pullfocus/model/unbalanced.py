# SPDX-License-Identifier: Apache-2.0
"""Radii and motion that were solved with round discs, brought to those of a cat's eye.

A round disc that stands for a cut one is as large as what is left of it, and lies where the middle
of that is.
"""

import math

import torch

from cuda_lensblur.aperture import corner_radius, share_left
from pullfocus.model.mapping import LatticeMapping
from pullfocus.model.shot_model import ShotModel

__all__ = ["unbalance"]

_LEVEL = 3  # at which radii and sides are read: they are smooth


@torch.no_grad()
def unbalance(model: ShotModel) -> None:
    """Let discs grow to what they are uncut, and layers move to where their light comes from.

    Args:
        model: a shot whose `lens` has just been found; on a proxy, the proxy's.
    """
    assert model.lens is not None
    plate = model.lens.plate
    if not plate.cats_eye:
        return
    width, height = model.observed.width, model.observed.height
    corner, iris = math.hypot(width, height) / 2, plate.glass.iris

    def from_axis(x_px: torch.Tensor, y_px: torch.Tensor) -> torch.Tensor:
        """Return (2, h, w): x and y of a grid, 1 in the corner."""
        x, y = (x_px + 0.5 - width / 2) / corner, (y_px + 0.5 - height / 2) / corner
        return torch.stack(torch.meshgrid(x, y, indexing="xy"))

    def growth(away: torch.Tensor) -> torch.Tensor:
        return 1 / share_left(iris, plate.cats_eye * torch.hypot(away[0], away[1])).sqrt()

    box = model.frame_box(_LEVEL)
    away = from_axis(box.columns(), box.rows())
    middle = -0.5 * plate.cats_eye * corner_radius(iris) * growth(away) * away
    for index, layer in enumerate(model.layers):
        if isinstance(layer.mapping, LatticeMapping):
            moved = []
            for t in range(len(model.observed.frames)):
                side = model.lens.side(index, t, layer.mapping(t, box)).cpu()
                radius = 2**_LEVEL * model.radius(index, t, box).cpu()
                moved.append((side * radius * middle).permute(1, 2, 0))
            layer.mapping.add(torch.stack(moved), width, height)
        layer.coc.grow(growth(from_axis(*layer.coc.places())))
