# SPDX-License-Identifier: Apache-2.0
"""A subject's matte cut in two: a part that moves apart, and the rest, whichever lies in front.

The subject's own outline stays as it was given. The cut is the outline of the half in front, and
goes with its motion. What the half behind hides is taken from frames that show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pullfocus.roto.outline import disc
from pullfocus.roto.parts import Part

__all__ = ["Half", "halves"]

_SLIVER_PX = 10  # at 512 wide: what is thinner is a rim of the other half
_UNDER_PX = 5  # at 512 wide, by which the half behind goes on below the one in front
_SHOWN = 2  # frames, at least, that show what is hidden in another


@dataclass(frozen=True, eq=False)
class Half:
    """What a matte is made of: some of the layer's own, and what that does not show."""

    share: np.ndarray
    """(T, h, w) float16 0..1 of the layer's matte."""
    hidden: np.ndarray
    """(T, h, w) float16 0..1, at least so much."""

    def alpha(self, t: int, own: np.ndarray) -> np.ndarray:
        """Return the half's matte in a frame, of the layer's own (H, W) float32, of any size."""
        size = (own.shape[1], own.shape[0])
        share, hidden = (
            cv2.resize(plane[t].astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
            for plane in (self.share, self.hidden)
        )
        return np.maximum(share * own, hidden).clip(0, 1)


def halves(part: Part, own: np.ndarray, *, in_front: bool) -> tuple[Half, Half]:
    """Cut a layer's matte into that of a part and that of the rest.

    Args:
        part: as `find_part` returns it.
        own: (T, h, w) uint8, the layer's matte at the size that the part was found at.
        in_front: whether the part lies before the rest.

    Returns:
        Part and rest; where they overlap, one hides the other.
    """
    wide = own.shape[2] / 512
    solid = own > 127
    seen = part.mattes > 0.5
    if not in_front:
        rest = _cut(solid[part.key], ~seen[part.key], wide)
        size, back = (own.shape[2], own.shape[1]), cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        seen &= ~np.stack([_moved(rest, to_key, size, back) for to_key in part.around])
    parts = np.stack([_cut(a, b, wide) for a, b in zip(solid, seen, strict=True)])
    rests = solid & ~parts
    front, behind = (parts, rests) if in_front else (rests, parts)
    if in_front:
        hidden = _hidden(rests, parts, part.around)
    else:  # of a part all is known: its outline was carried
        hidden = rests & (part.mattes > 0.5)
    under = np.stack([_grown(mask, _UNDER_PX * wide) for mask in behind])
    before = Half(_soft(front), np.zeros(front.shape, np.float16))
    after = Half(_soft(under), _soft(hidden))
    return (before, after) if in_front else (after, before)


def _cut(own: np.ndarray, part: np.ndarray, wide: float) -> np.ndarray:
    """Return which pixels of a layer are a part's, (h, w) bool: rims go with what is nearer."""
    inside = own & part
    rest = (own & ~part).astype(np.uint8)
    solid = cv2.morphologyEx(rest, cv2.MORPH_OPEN, disc(_SLIVER_PX * wide / 2)) > 0
    if not inside.any():
        return inside
    if not solid.any():
        return own
    to_part, to_rest = (
        cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) for mask in (inside, solid)
    )
    return own & (inside | (~solid & (to_part < to_rest)))


def _hidden(rests: np.ndarray, parts: np.ndarray, around: Sequence[np.ndarray]) -> np.ndarray:
    """Return where frames hide what others show of the rest, (T, h, w) bool."""
    size = (rests.shape[2], rests.shape[1])
    shown, away = np.zeros(rests.shape[1:]), np.zeros(rests.shape[1:])
    for rest, part, to_key in zip(rests, parts, around, strict=True):
        here, covered = (_moved(mask, to_key, size, cv2.INTER_NEAREST) for mask in (rest, part))
        shown += here
        away += ~here & ~covered
    known = (shown >= _SHOWN) & (shown > away)
    back = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return np.stack([_moved(known, to_key, size, back) for to_key in around]) & parts


def _moved(mask: np.ndarray, by: np.ndarray, size: tuple[int, int], how: int) -> np.ndarray:
    return np.asarray(cv2.warpPerspective(mask.astype(np.uint8), by, size, flags=how) > 0)


def _grown(mask: np.ndarray, radius: float) -> np.ndarray:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc(radius)) > 0)


def _soft(masks: np.ndarray) -> np.ndarray:
    """Return masks (T, h, w) with an edge of a pixel or two."""
    blurred = [cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1) for mask in masks]
    return np.stack(blurred).astype(np.float16)
