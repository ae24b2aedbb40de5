# SPDX-License-Identifier: Apache-2.0
"""The grid of a codec: edges of the blocks that JPEG, MPEG and H.264 compress a picture by.

Neighbouring px differ by more where one block ends and the next begins, and nothing in a scene
repeats by 8 px in rows and columns alike. A solve leaves the grid out by itself, since layers move
beneath it and a new one comes with every frame: taking it out of the plate before won nothing
(docs/method.md). It is measured to be told, with the noise that it is counted as.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pullfocus.observe.noise import Look, measure_noise

__all__ = ["Blocks", "find_blocks", "grid_profile"]

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_LOOKS = 8  # frames
_NOISE_LOOKS = 3
_PERIOD = 8
_WIDER = 1.15  # every second edge so much stronger than those between: blocks of 16
_CLEAR = 1.25  # edges over the rest, both ways together
_EITHER = 1.12  # and one way alone
_FEWEST = 8  # blocks down and across


@dataclass(frozen=True)
class Blocks:
    """A grid that was found."""

    period: int
    """Px of a block's side."""
    corner: tuple[int, int]
    """Column and row of the first px of a block."""
    step: float
    """Mean bend of luma across an edge of a block, display-encoded,"""
    usual: float
    """and elsewhere."""
    noise: float | None
    """Standard deviation of all noise, display-encoded; None: too little of it is plain."""

    def note(self) -> str:
        """Return what was found, in one line."""
        noise = "" if self.noise is None else f", noise of {self.noise:.3f} in all"
        return (
            f"plate: compressed in blocks of {self.period} px, counted as noise; their edges differ"
            f" by {self.step:.3f}, neighbours elsewhere by {self.usual:.3f}{noise}"
        )


def find_blocks(plate: Sequence[np.ndarray] | np.ndarray) -> Blocks | None:
    """Look for the grid of a codec; None: there is none to see.

    Args:
        plate: (T, h, w, 3) display-encoded; some frames are read.
    """
    height, width = plate[0].shape[:2]
    if min(height, width) < _FEWEST * _PERIOD:
        return None
    chosen = _spread(len(plate), _LOOKS)
    lumas = [np.asarray(plate[t], np.float32) @ _LUMA for t in chosen]
    wide = [grid_profile(lumas, axis, 2 * _PERIOD) for axis in (1, 0)]
    narrow = [(one[:_PERIOD] + one[_PERIOD:]) / 2 for one in wide]
    corner = [int(one.argmax()) for one in narrow]
    usual = [float(np.median(np.delete(p, c))) for p, c in zip(narrow, corner, strict=True)]
    step = [float(p[c]) for p, c in zip(narrow, corner, strict=True)]
    ratios = [s / max(u, 1e-6) for s, u in zip(step, usual, strict=True)]
    if np.sqrt(ratios[0] * ratios[1]) < _CLEAR or min(ratios) < _EITHER:
        return None
    # blocks of 16: every second edge
    pairs = [(one[c], one[c + _PERIOD]) for one, c in zip(wide, corner, strict=True)]
    period = 2 * _PERIOD if all(max(p) > _WIDER * min(p) for p in pairs) else _PERIOD
    if period > _PERIOD:
        corner = [c + (_PERIOD if p[1] > p[0] else 0) for c, p in zip(corner, pairs, strict=True)]
    return Blocks(
        period, (corner[0], corner[1]), float(np.mean(step)), float(np.mean(usual)), _noise(plate)
    )


def grid_profile(lumas: Sequence[np.ndarray], axis: int, period: int = _PERIOD) -> np.ndarray:
    """Return how neighbours differ by where they lie, (period,) display-encoded.

    At k: between the px k - 1 and k of every period. Slopes are taken out: what is left of a
    difference beside those on both sides.

    Args:
        lumas: frames (h, w), display-encoded.
        axis: 1 across, 0 down.
        period: px.
    """
    total = np.zeros(lumas[0].shape[axis] - 3)
    for luma in lumas:
        steps = np.abs(np.diff(luma, axis=axis))
        steps = steps if axis == 1 else steps.T
        bent = np.abs(steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2)
        total += bent.mean(0) / len(lumas)
    place = (np.arange(len(total)) + 2) % period
    return np.array([np.median(total[place == k]) for k in range(period)])


def _spread(count: int, most: int) -> list[int]:
    return sorted({round(t) for t in np.linspace(0, count - 1, min(count, most))})


def _noise(plate: Sequence[np.ndarray] | np.ndarray) -> float | None:
    looks = []
    for t in _spread(len(plate), _NOISE_LOOKS):
        frame = np.asarray(plate[t], np.float32)
        smooth = cv2.GaussianBlur(frame, (0, 0), 4)  # what blur leaves is no noise
        looks.append(Look(frame, smooth, np.ones(frame.shape[:2], bool)))
    noise = measure_noise(looks)
    return None if noise is None else noise.typical
