# SPDX-License-Identifier: Apache-2.0
"""Lights beyond where the plate clips have farther to go: their texels take longer steps.

A step of the optimiser is as long for a lamp as for a wall, and a draft ends before a lamp that is
fourteen times as bright as white has come half of the way from there.
"""

from collections.abc import Callable, Sequence

import torch

__all__ = ["with_longer_steps"]

_TIMES = 10.0
_FROM = 0.9  # of where the plate clips: what fusion mixes in there is not clipped


@torch.no_grad()
def with_longer_steps(
    texels: Sequence[torch.Tensor], clips_at: float, step: Callable[[], object]
) -> None:
    """Take a step of an optimiser, longer for what is brighter than the plate can show.

    Args:
        texels: (h, w, 4) of each layer, three root-encoded colours first; changed in place.
        clips_at: scene-linear.
        step: takes it.
    """
    colours = [held.detach()[..., :3] for held in texels]
    bright = [colour > (_FROM * clips_at) ** 0.5 for colour in colours]
    before = [colour[where] for colour, where in zip(colours, bright, strict=True)]
    step()
    for colour, where, start in zip(colours, bright, before, strict=True):
        if start.numel():
            colour[where] = start + _TIMES * (colour[where] - start)
