# SPDX-License-Identifier: Apache-2.0
"""Preview quality: large circles are blurred at half the size, small ones as ever."""

import torch
from torch.nn.functional import avg_pool2d, interpolate, pad

from cuda_lensblur import FrameView
from pullfocus.model.glass import Glass, spread

__all__ = ["quick_spread"]

_LARGE_PX = 6.0  # circles that are blurred at half the size
_SOFTER_PX = 0.35  # what half the size adds to them


def quick_spread(
    stack: torch.Tensor,
    coc: torch.Tensor,
    glass: Glass,
    view: FrameView,
    max_radius_px: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Do what `glass.spread` does, several times quicker where circles are large."""
    large = (coc.abs() >= _LARGE_PX).to(stack)
    if not bool(large.any()):
        return spread(stack, coc, glass, view, max_radius_px)
    height, width = coc.shape
    even = (0, width % 2, 0, height % 2)
    half = avg_pool2d(pad(stack * large, even)[None], 2)[0]
    radii = avg_pool2d(pad(torch.stack([coc * large, large]), even)[None], 2)[0]
    smaller = radii[0] / radii[1].clamp(min=0.25) / 2
    smaller = torch.sign(smaller) * (smaller.abs() - _SOFTER_PX).clamp(min=0)
    there = FrameView((view.width + 1) // 2, (view.height + 1) // 2, view.left // 2, view.top // 2)
    coarse = spread(half, smaller, glass.at_scale(0.5), there, max_radius_px / 2)
    fine = spread(stack * (1 - large), coc * (1 - large), glass, view, max_radius_px)
    light, coverage = (
        own + interpolate(half_size[None], scale_factor=2, mode="bilinear")[0, :, :height, :width]
        for own, half_size in zip(fine, coarse, strict=True)
    )
    return light, coverage
