# SPDX-License-Identifier: Apache-2.0
"""Frames that are shown twice: dropped frames, pulldown, animation on twos.

Nothing moves between them, and what one tells, the other tells again: they share all that is
solved of a frame.
"""

import cv2
import numpy as np

__all__ = ["find_repeats"]

_BLOCK = 16  # px, in which change is averaged: lips alone may move
_SAME = 1e-6
_RECODED = 0.02  # what compression changes in a block of a repeated frame at most,
_SHARE = 0.15  # and beside what usually changes most from frame to frame


def find_repeats(plate: np.ndarray, covered: np.ndarray | None = None) -> np.ndarray:
    """Return, for every frame, the index of the frame that it repeats; else its own, (T,) int.

    Args:
        plate: (T, h, w, 3) display-encoded; read frame by frame.
        covered: (h, w) bool, where a plate does not show its scene.
    """
    count = len(plate)
    peaks = np.zeros(count)
    before = None
    for t in range(count):
        frame = np.asarray(plate[t], np.float32)
        if covered is not None:
            frame[covered] = 0
        if before is not None:
            peaks[t] = _peak(np.abs(frame - before))
        before = frame
    moving = peaks[1:][peaks[1:] > _SAME]
    usual = float(np.median(moving)) if moving.size else 0.0
    most = max(_SAME, min(_RECODED, _SHARE * usual))
    source = np.arange(count)
    for t in range(1, count):
        if peaks[t] <= most:
            source[t] = source[t - 1]
    return source


def _peak(change: np.ndarray) -> float:
    """Return the largest mean of a block of (h, w, 3)."""
    height, width = change.shape[:2]
    blocks = (max(1, width // _BLOCK), max(1, height // _BLOCK))
    return float(cv2.resize(change, blocks, interpolation=cv2.INTER_AREA).mean(-1).max())
