# SPDX-License-Identifier: Apache-2.0
"""Holes of an atlas, or of any grid, filled from coarser averages of what is there (push-pull)."""

import torch
from torch.nn.functional import avg_pool2d, interpolate

__all__ = ["fill_holes"]

_FAINT = 1e-6


def fill_holes(atlas: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Fill texels without weight from coarser and coarser averages of those that have some.

    Args:
        atlas: (C, H, W), meaningful where ``weight`` is 1.
        weight: (1, H, W), 0..1 trust.
    """
    if max(atlas.shape[-2:]) < 2 or bool((weight > 0.999).all()):
        return atlas
    odd = [n % 2 for n in atlas.shape[-2:]]
    total = avg_pool2d(weight[None], 2, padding=odd)[0]
    mean = avg_pool2d((atlas * weight)[None], 2, padding=odd)[0] / total.clamp(min=_FAINT)
    coarse = fill_holes(mean, (total * 4).clamp(max=1))
    size = atlas.shape[-2:]
    up = interpolate(coarse[None], size, mode="bilinear", align_corners=False)[0]
    return weight * atlas + (1 - weight) * up
