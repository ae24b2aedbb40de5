# SPDX-License-Identifier: Apache-2.0
"""One homography per frame and layer, to the layer's reference frame.

Neighbouring frames are chained, and each new frame is registered again against a key frame, so
that errors do not add up along a pan. A new key frame is taken when the old one slides out of view.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from pullfocus.observe.flow import SAMPLE_PX, Neighbours, flow_within

__all__ = ["chain_to_reference", "fitted_motion", "reference_frame"]

_FEWEST = 24  # samples below which only a shift is trusted
_RANSAC_PX = 1.5
_KEY_OVERLAP = 0.6

Matrix = np.ndarray  # 3x3 float64, px -> px


def reference_frame(mattes: Sequence[np.ndarray]) -> int:
    """Choose the frame nearest the middle among those that show the layer best."""
    area = np.array([float(m.mean()) for m in mattes])
    good = np.flatnonzero(area >= 0.5 * area.max())
    return int(good[np.argmin(np.abs(good - (len(mattes) - 1) / 2))])


def fitted_motion(flow: np.ndarray, trust: np.ndarray, planar: bool) -> Matrix | None:
    """Fit the motion of a frame's flow where it is trusted; None when there is nothing to fit."""
    pick = slice(None, None, SAMPLE_PX)
    return _fitted(flow[pick, pick], trust[pick, pick], planar)


def _fitted(flow: np.ndarray, trust: np.ndarray, planar: bool) -> Matrix | None:
    """Fit motion to samples of flow."""
    ys, xs = np.nonzero(trust)
    if len(xs) == 0:
        return None
    source = SAMPLE_PX * np.stack([xs, ys], 1).astype(np.float32)
    target = source + flow[ys, xs]
    matrix = np.eye(3)
    if len(xs) < _FEWEST:
        matrix[:2, 2] = np.median(target - source, 0)
        return matrix
    if planar:
        found, _ = cv2.findHomography(source, target, cv2.RANSAC, _RANSAC_PX)
        return found if _sane(found) else None
    found, _ = cv2.estimateAffine2D(source, target, ransacReprojThreshold=_RANSAC_PX)
    if found is None:
        return None
    matrix[:2] = found
    return matrix if _sane(matrix) else None


def _sane(matrix: Matrix | None) -> bool:
    """Between frames nothing grows or shrinks by half or tilts hard: such a fit is a failure."""
    if matrix is None or not np.isfinite(matrix).all():
        return False
    area = np.linalg.det(matrix[:2, :2])
    return 0.4 < area < 2.5 and bool(np.abs(matrix[2, :2]).max() < 2e-3)


def _overlap(to_key: Matrix, matte: np.ndarray) -> float:
    """Return the share of the matte that the key frame shows."""
    ys, xs = np.nonzero(matte[::8, ::8] > 0.5)
    if len(xs) == 0:
        return 0.0
    points = to_key @ np.stack([xs * 8.0, ys * 8.0, np.ones(len(xs))])
    x, y = points[:2] / points[2]
    height, width = matte.shape
    return float(((x >= 0) & (x < width) & (y >= 0) & (y < height)).mean())


def _refine(
    key: np.ndarray, key_matte: np.ndarray, frame: np.ndarray, to_key: Matrix, planar: bool
) -> Matrix:
    """Correct ``to_key`` by the flow that is left after warping the frame onto the key frame."""
    height, width = key.shape
    warped = cv2.warpPerspective(frame, to_key, (width, height))
    seen = cv2.warpPerspective(np.ones_like(frame), to_key, (width, height)) > 0
    left = fitted_motion(*flow_within(key, warped, seen & (key_matte > 0.5)), planar)
    if left is None or np.abs(left[:2, 2]).max() > 0.1 * width:
        return to_key
    return np.linalg.inv(left) @ to_key


def chain_to_reference(
    greys: Sequence[np.ndarray],
    mattes: Sequence[np.ndarray],
    reference: int,
    *,
    planar: bool,
    neighbours: Neighbours | None = None,
    tick: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Return each frame's motion to the reference frame.

    Args:
        greys: T frames (h, w) uint8.
        mattes: T trusted regions of the layer (h, w), 0..1; empty where it is out of the frame.
        reference: index of the reference frame.
        planar: fit homographies; otherwise affine maps (subjects too small for a homography).
        neighbours: flow between frames, where another layer may have taken it.
        tick: called once a frame.

    Returns:
        (T, 3, 3) float64, px of these frames to px of the reference frame.
    """
    out = np.tile(np.eye(3), (len(greys), 1, 1))
    neighbours = Neighbours(greys) if neighbours is None else neighbours
    pick = slice(None, None, SAMPLE_PX)
    for direction in (1, -1):
        key = reference
        last = range(reference, len(greys) if direction > 0 else -1, direction)
        for t in last[1:]:
            before = t - direction
            there, trust = neighbours.flow(t, before)
            step = _fitted(there, trust & (mattes[t][pick, pick] > 0.5), planar)
            to_reference = out[before] @ (np.eye(3) if step is None else step)
            from_key = np.linalg.inv(out[key])
            if step is not None and key != before:
                if _overlap(from_key @ to_reference, mattes[t]) < _KEY_OVERLAP:
                    key = before
                else:
                    to_key = from_key @ to_reference
                    to_key = _refine(greys[key], mattes[key], greys[t], to_key, planar)
                    to_reference = out[key] @ to_key
            out[t] = to_reference / to_reference[2, 2]
            tick()
    return out
