# SPDX-License-Identifier: Apache-2.0
"""Dissolves between two shots: frames that are both of them mixed, more and more of the second."""

from collections.abc import Sequence

import cv2
import numpy as np

from pullfocus.plate.colour import linear_to_display

__all__ = ["FEWEST_STEADY", "LONGEST", "dissolve_length", "find_dissolves"]

LONGEST = 0.5
"""Of a shot, at each end: how long what is sought there lasts."""
FEWEST_STEADY = 3
"""Frames beside it, at least."""
_UNLIKE = 0.5  # correlation of two shots, at most
_MIXED = 0.88  # share of a frame's variance that two shots mixed explain, at least
_WITHOUT = 0.75  # and one of them alone, at most, in the middle of a dissolve
_SUM = 0.2  # by which the shares of both miss one, at most
_SHORTEST, _MOST_FRAMES = 4, 30  # of a dissolve within
_GOES_ON = 0.7  # correlation of neighbours beside a dissolve within, at least


def dissolve_length(head: np.ndarray) -> int:
    """Return how many frames of a shot's head still show another one; 0: none do.

    The first is nearly all of that one, and the frame after the last is none of it. Both kinds of
    mixing are tried: on linear light and on display-encoded values.
    """
    for values in (linear_to_display(head.mean(-1)), head.mean(-1)):
        planes = [_flat(frame) for frame in values]
        for length in range(int(LONGEST * len(head)), 2, -1):
            if len(head) - length >= FEWEST_STEADY and _dissolves(planes, length):
                return length
    return 0


def find_dissolves(frames: np.ndarray) -> list[tuple[int, int]]:
    """Return the dissolves from one shot into another within frames (T, h, w, 3), scene-linear.

    Of each the last frame of the first shot and the first frame of the second.
    """
    found: list[tuple[int, int]] = []
    for values in (linear_to_display(frames.mean(-1)), frames.mean(-1)):
        planes = [_flat(frame) for frame in values]
        start = FEWEST_STEADY - 1
        while start < len(planes) - FEWEST_STEADY - _SHORTEST:
            last = min(_MOST_FRAMES, len(planes) - FEWEST_STEADY - start)
            lengths = [
                length
                for length in range(_SHORTEST, last + 1)
                if _goes_on(planes, start, start + length) and _dissolves(planes[start:], length)
            ]
            if lengths:
                found.append((start, start + lengths[-1]))
                start += lengths[-1]
            start += 1
        if found:
            break
    return found


def _goes_on(planes: Sequence[np.ndarray], first: int, second: int) -> bool:
    """Whether a shot goes on before, and another after."""
    pairs = ((first - 1, first), (second, second + 1))
    return all(_correlation(planes[a], planes[b]) > _GOES_ON for a, b in pairs)


def _flat(frame: np.ndarray) -> np.ndarray:
    """Return a frame (h, w) without its finest detail, so that slow motion counts for little."""
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), 1.5), np.float32)


def _dissolves(planes: Sequence[np.ndarray], length: int) -> bool:
    old, new = planes[0], planes[length]
    if _correlation(old, new) > _UNLIKE:
        return False
    speed = _shift(planes[length], planes[min(length + 2, len(planes) - 1)]) / 2
    shares = []
    for t in range(1, length):
        here = _moved(new, speed * (t - length))
        both, (share_new, share_old) = _fit(planes[t], [here, old])
        if both < _MIXED or abs(share_new + share_old - 1) > _SUM:
            return False
        shares.append(share_new)
        if 0.3 < share_new < 0.7 and max(
            _correlation(planes[t], here) ** 2, _correlation(planes[t], old) ** 2
        ) > _WITHOUT + (1 - _WITHOUT) * abs(2 * share_new - 1):
            return False
    # it goes on all the time, and is over where it is said to be
    return bool((np.diff([0.0, *shares, 1.0]) > 0.3 / length).all())


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-9))


def _fit(frame: np.ndarray, parts: list[np.ndarray]) -> tuple[float, np.ndarray]:
    """Return the share of a frame's variance that parts explain, and how much of each is there."""
    basis = np.stack([*(p.ravel() for p in parts), np.ones(frame.size, np.float32)], 1)
    shares, *_ = np.linalg.lstsq(basis, frame.ravel(), rcond=None)
    left = frame.ravel() - basis @ shares
    return 1 - float(left.var() / max(float(frame.var()), 1e-9)), shares[:-1]


def _shift(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    window = cv2.createHanningWindow(a.shape[::-1], cv2.CV_32F)  # type: ignore[call-overload]
    return np.array(cv2.phaseCorrelate(a - a.mean(), b - b.mean(), window)[0])


def _moved(frame: np.ndarray, by: np.ndarray) -> np.ndarray:
    matrix = np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
    return np.asarray(
        cv2.warpAffine(frame, matrix, frame.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    )
