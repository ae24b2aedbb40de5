# SPDX-License-Identifier: Apache-2.0
"""What a frame itself says of every pixel: subject or background, as a logit.

Two witnesses. Where the picture behind the subject is known, how far a pixel differs from it. And
everywhere, whether its colour is nearer to pixels that were the subject close by, or to pixels that
were not: nearest neighbours in colour and place. Focus and registration err where the picture has
detail, so differences count by the detail around.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from pullfocus.roto.band import Behind

__all__ = ["Samples", "encoded", "logit_of"]

_COLOUR = 0.05  # of square-root light: one unit of distance,
_PLACE_PX = 24.0  # and so many px another
_NEAREST = 3
_MOST = 5000  # samples of either side
_COLOUR_LIMIT = 4.0
_NOISE = 0.025
_DETAIL = 0.6  # of the picture behind, that may be misplaced or out of focus
_EXPECTED = 2.0  # log of how much rarer a chance match with the picture behind is
_BEHIND_LIMIT = 4.0


@dataclass(frozen=True, eq=False)
class Samples:
    """Pixels whose side is known: colours (n, 3) square-root light, places (n, 2) px."""

    colours: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, root: np.ndarray, region: np.ndarray, matrix: np.ndarray | None = None) -> Samples:
        """Take those of a region (h, w) bool; their places moved by a (3, 3) map."""
        ys, xs = np.nonzero(region)
        chosen = slice(None, None, max(1, len(xs) // _MOST))
        xs, ys = xs[chosen], ys[chosen]
        places = np.column_stack([xs, ys]).astype(np.float32)
        if matrix is not None and len(xs):
            places = cv2.perspectiveTransform(places[None], matrix.astype(np.float64))[0]
        return cls(root[ys, xs], places)

    def and_more(self, other: Samples) -> Samples:
        """Return both together."""
        return Samples(
            np.concatenate([self.colours, other.colours]),
            np.concatenate([self.places, other.places]),
        )

    def nowhere(self) -> Samples:
        """Return the colours alone: all in one place, far from none."""
        return Samples(self.colours, np.full_like(self.places, np.nan))

    def distance(self, root: np.ndarray, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
        """Return the squared distance of pixels to those nearest in colour and place."""
        if len(self.colours) < _NEAREST:
            return np.full(len(xs), 2 * _COLOUR_LIMIT)
        own, asked = self.colours / _COLOUR, root[ys, xs] / _COLOUR
        if not np.isnan(self.places).any():
            own = np.column_stack([own, self.places / _PLACE_PX])
            asked = np.column_stack([asked, np.column_stack([xs, ys]) / _PLACE_PX])
        tree = cKDTree(own)
        found, _ = tree.query(asked, k=_NEAREST, eps=0.5, distance_upper_bound=6.0)
        return (found.clip(0, 6.0) ** 2).mean(1)


def encoded(light: np.ndarray) -> np.ndarray:
    """Return square-root light, float32: noise is about even in it."""
    return np.sqrt(light.clip(0, 1)).astype(np.float32)


def logit_of(
    root: np.ndarray,
    behind: Behind,
    region: np.ndarray,
    subject: Samples,
    background: Samples,
    half_way: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Return how much speaks for the subject, log odds (h, w); 0 outside the region.

    Args:
        root: frame (h, w, 3), `encoded`.
        behind: what lies behind the subject, linear light.
        region: (h, w) bool, where it is asked.
        subject: pixels that were the subject, in other frames, where they would be now.
        background: pixels beside it.
        half_way: (h, w), how far a pixel half covered would be from the picture behind, in
            square-root light; 0 where no edge is expected.
    """
    ys, xs = np.nonzero(region)
    out = np.zeros(region.shape, np.float32)
    if not len(xs):
        return out
    ours, theirs = (one.distance(root, xs, ys) for one in (subject, background))
    colour = (0.5 * (theirs - ours)).clip(-_COLOUR_LIMIT, _COLOUR_LIMIT)
    out[ys, xs] = colour
    picture = encoded(behind.light)
    fine = np.abs(picture - cv2.GaussianBlur(picture, (0, 0), 3.0)).max(-1)
    spread = _NOISE + _DETAIL * cv2.GaussianBlur(fine, (0, 0), 1.5)
    apart = (np.abs(root - picture).max(-1) / spread) ** 2
    # a blurred edge differs from what is behind long before it is half covered
    needed = np.maximum(2 * _EXPECTED, (half_way / spread) ** 2)
    told = (0.5 * (apart - needed)).clip(-_EXPECTED, _BEHIND_LIMIT)
    known = region & behind.known
    out[known] = 0.6 * out[known] + told[known]
    return out
