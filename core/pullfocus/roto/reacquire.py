# SPDX-License-Identifier: Apache-2.0
"""Whether a subject is still there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pullfocus.roto.band import Behind

__all__ = ["Appearance", "Presence", "presence"]

_BINS = 8
_DIFFERENCE = 0.12  # of square-root light, between a frame and its background
_SMOOTH_PX = 2.0  # both are blurred by this before: focus may have changed
_LIKE = 0.35  # of the histogram that must be shared
_LOST_LIKE = 0.12  # below this it is something else
_MARGIN = 0.1
_BESIDE_PX = 3
_STANDS_OUT = 0.2  # of an outline's px


@dataclass(frozen=True, eq=False)
class Appearance:
    """What a subject looks like: its colours, and its size in px."""

    histogram: np.ndarray
    around: np.ndarray
    """The same of what lies beside it."""
    area: float

    @classmethod
    def of(cls, light: np.ndarray, distance: np.ndarray) -> Appearance:
        """Take the colours inside an outline."""
        inside = distance > 0
        return cls(
            _histogram(light, inside),
            _histogram(light, distance < -_BESIDE_PX),
            float(inside.sum()),
        )


def _histogram(light: np.ndarray, region: np.ndarray) -> np.ndarray:
    cells = (np.sqrt(light[region].clip(0, 1)) * (_BINS - 1e-3)).astype(np.int64)
    index = (cells[:, 0] * _BINS + cells[:, 1]) * _BINS + cells[:, 2]
    counts = np.bincount(index, minlength=_BINS**3).astype(np.float64)
    # neighbouring cells share: blur and light move colours a little
    spread = cv2.GaussianBlur(counts.reshape(_BINS, _BINS, _BINS), (3, 3), 0)
    return spread.ravel() / max(1.0, spread.sum())


@dataclass(frozen=True)
class Presence:
    """What speaks for a subject inside an outline."""

    like: float
    """Share of its histogram in common with the key's, 0..1."""
    unlike: float
    """Share in common with what lay beside the subject."""
    stands_out: float | None
    """Share of its px that differ from the background; None where that is not known."""

    @property
    def lost(self) -> bool:
        """Whether the outline has slid off the subject."""
        hidden = self.stands_out is not None and self.stands_out < _STANDS_OUT
        other = self.unlike > self.like + _MARGIN
        return self.like < _LOST_LIKE or (self.like < _LIKE and (hidden or other))

    @property
    def back(self) -> bool:
        """Whether what was found anew is the subject: it takes more than to go on."""
        stands_out = self.stands_out is None or self.stands_out > _STANDS_OUT
        return not self.lost and self.like > _LIKE and stands_out

    @property
    def trust(self) -> float:
        """0..1, a factor of the confidence."""
        return float(np.clip(self.like / _LIKE, 0, 1))


def presence(
    light: np.ndarray, behind: Behind, distance: np.ndarray, subject: Appearance
) -> Presence:
    """Judge whether an outline still holds a subject."""
    inside = distance > 0
    here = _histogram(light, inside)
    like, unlike = (
        float(np.minimum(here, held).sum()) for held in (subject.histogram, subject.around)
    )
    known = inside & behind.known
    if not inside.any() or known.sum() < 0.5 * inside.sum():
        return Presence(like, unlike, None)
    return Presence(like, unlike, float((_difference(light, behind) > _DIFFERENCE)[known].mean()))


def _difference(light: np.ndarray, behind: Behind) -> np.ndarray:
    one, other = (
        cv2.GaussianBlur(np.sqrt(plane.clip(0, 1)), (0, 0), _SMOOTH_PX)
        for plane in (light, behind.light)
    )
    return np.abs(one - other).max(-1)
