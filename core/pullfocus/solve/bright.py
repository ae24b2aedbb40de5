# SPDX-License-Identifier: Apache-2.0
"""Lights beyond where the plate clips: what keeps them from becoming as bright as they were.

A step of the optimiser is as long for a lamp as for a wall, and a draft ends before a lamp that is
fourteen times as bright as white has come half of the way from there: their texels take longer
steps, in proportion to their light.

And a lamp whose disc is a little out of place lacks at most white on one side of its edge, where
the plate clips, but is many times white too bright on the other: dimmer lamps would always fit
better. What the plate could not have shown counts a tenth.
"""

from collections.abc import Callable, Sequence

import torch

__all__ = ["as_far_as_plates_go", "with_longer_steps"]

_TIMES = 10.0  # for what is as bright as the plate can show; in proportion to light from there
_MOST = 8.0  # times that
_BEYOND = 0.1
_FROM = 0.9  # of where the plate clips: what fusion mixes in there is not clipped


def as_far_as_plates_go(shown: torch.Tensor, ceiling: float) -> torch.Tensor:
    """Return a frame with what lies beyond the ceiling a tenth as far away from it.

    Args:
        shown: any shape, display-encoded.
        ceiling: where the plate clips, display-encoded.
    """
    return torch.where(shown > ceiling, ceiling + _BEYOND * (shown - ceiling), shown)


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
            times = _TIMES * (start * start / clips_at).clamp(1, _MOST)
            colour[where] = start + times * (colour[where] - start)
