# SPDX-License-Identifier: Apache-2.0
"""Mattes that contradict their neighbours: found, and what the neighbours say in their place.

Mattes are carried along the layer's motion. A run of frames into which the matte jumps, and which
agrees much less with what its neighbours carry to it than frames around it do, is doubted:
half a subject lost, a piece of the background taken in, a frame forgotten.
"""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

__all__ = ["carried_matte", "doubted_frames"]

_REACH = 8  # frames to either side whose mattes are asked
_USUAL = 0.9  # of the usual agreement: less is doubted, or a jump between two frames
_LONGEST_RUN = 8  # frames: what holds for longer is how the subject looks
# where neighbours are on one side only, the agreement of a run, and its frames against theirs
_END_USUAL, _END_SHARE = 0.75, 0.5
_LONGEST_GAP = 2  # empty frames between full ones that are taken for forgotten
_ROUNDS = 2
_WIDE = 160  # px of the frames that are compared
_INVERSE = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


def carried_matte(
    mattes: Sequence[np.ndarray], motion: np.ndarray, t: int, trusted: np.ndarray
) -> np.ndarray:
    """Return the matte that trusted neighbours carry to frame ``t``, float32 (h, w), 0..1.

    Half of them have to agree that a pixel is covered; edges stay as soft as theirs.

    Args:
        mattes: T mattes (h, w) uint8.
        motion: (T, 3, 3), px of a frame of this size to px of the reference frame.
        t: frame index.
        trusted: (T,) bool; a frame is never its own neighbour.
    """
    height, width = mattes[t].shape
    near = [s for s in range(max(0, t - _REACH), t + _REACH + 1) if s != t and s < len(mattes)]
    asked = [s for s in near if trusted[s]] or near
    if not asked:
        return np.asarray(mattes[t], np.float32) / 255
    carried = []
    for s in asked:
        to_neighbour = np.linalg.inv(motion[s]) @ motion[t]
        carried.append(
            cv2.warpPerspective(
                np.asarray(mattes[s]), to_neighbour, (width, height), flags=_INVERSE
            )
        )
    return np.median(np.stack(carried), 0).astype(np.float32) / 255


def doubted_frames(mattes: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Return which frames' mattes contradict their neighbours, (T,) bool.

    Args:
        mattes: (T, H, W) uint8, of one layer.
        motion: (T, 3, 3) float64, plate px of a frame to plate px of the reference frame.
    """
    count, height, width = mattes.shape
    scale = min(1.0, _WIDE / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = [cv2.resize(np.asarray(m), size, interpolation=cv2.INTER_AREA) for m in mattes]
    shrink = np.diag([size[0] / width, size[1] / height, 1.0])
    moved = shrink @ motion @ np.linalg.inv(shrink)
    full = np.array([float(m.max()) > 127 for m in small])
    doubted = _forgotten(full)
    compared = np.flatnonzero(full)
    if len(compared) < 3:
        return doubted
    run = _runs(small, moved, full)
    for _ in range(_ROUNDS):
        trusted = full & ~doubted
        agreement = np.zeros(count)
        for t in compared:
            carried = carried_matte(small, moved, int(t), trusted)
            agreement[t] = _overlap(small[t] > 127, carried > 0.5)
        doubted = _forgotten(full)
        for number in np.unique(run[full]):
            members = full & (run == number)
            first, last = np.flatnonzero(members)[[0, -1]]
            near = np.zeros(count, bool)
            near[max(0, first - _REACH) : last + _REACH + 1] = True
            near &= full & ~members
            around, usual = trusted & near, _USUAL
            if not (near[:first].any() and near[last + 1 :].any()):
                usual = _END_USUAL
                if members.sum() > _END_SHARE * near.sum():
                    continue
            if members.sum() > _LONGEST_RUN or not around.any():
                continue
            if agreement[members].mean() < usual * np.median(agreement[around]):
                doubted |= members
    return doubted


def _runs(mattes: Sequence[np.ndarray], motion: np.ndarray, full: np.ndarray) -> np.ndarray:
    """Number the runs of frames between which mattes jump, (T,): what bends or turns does not."""
    joined = np.ones(len(mattes))
    everyone = np.ones(len(mattes), bool)
    for t in range(1, len(mattes)):
        if full[t] and full[t - 1]:
            pair = carried_matte(mattes[t - 1 : t + 1], motion[t - 1 : t + 1], 1, everyone[:2])
            joined[t] = _overlap(mattes[t] > 127, pair > 0.5)
    return np.cumsum(joined < _USUAL * np.median(joined))


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Return the intersection of two areas over their union, 0..1."""
    union = float((a | b).sum())
    return float((a & b).sum()) / union if union else 1.0


def _forgotten(full: np.ndarray) -> np.ndarray:
    """Return empty frames between full ones, where there are no more in a row than a slip makes."""
    out = np.zeros(len(full), bool)
    present = np.flatnonzero(full)
    for before, after in pairwise(present):
        if 1 < after - before <= _LONGEST_GAP + 1:
            out[before + 1 : after] = True
    return out
