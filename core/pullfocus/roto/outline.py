# SPDX-License-Identifier: Apache-2.0
"""Outlines as signed distances, and one outline brought over another.

The outline of a key is better than any that is found in a blurred frame: thin parts, corners. So
it is what is followed; what a frame shows only moves and bends it.
"""

import cv2
import numpy as np

__all__ = [
    "bent",
    "contour_points",
    "disc",
    "fit_affine",
    "overlap",
    "signed_distance",
    "warped_distance",
]

_POINTS = 600
_SHIFTS, _TURNS, _STEPS = 5, 6, 12
_FREEDOMS = (
    np.eye(6)[:, [2, 5]],
    np.array([[1, 0, 0, 0, 1, 0], [0, -1, 0, 1, 0, 0], np.eye(6)[2], np.eye(6)[5]]).T,
    np.eye(6),
)
"""What of an affine map's rows may change: a shift, a similarity, all."""
_WIDTHS_PX = (4.0, 2.0, 1.0)  # errors of that much still count by half
_ON_PIXEL = 0.5  # contours run through the centres of the outermost pixels inside
_AREA_CHANGE = 2.5
_BEND_LIMIT_PX = 3.0
_BEND_BAND_PX = 1.5
_GROWTH = 0.3  # of the squares of the affine's changes, beside the squares of distances
_STIFF = np.diag([1, 1, 0.01, 1, 1, 0.01]) * _GROWTH


def disc(radius: float) -> np.ndarray:
    """Return a structuring element of a radius in px."""
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


def signed_distance(matte: np.ndarray) -> np.ndarray:
    """Return the distance to where a matte (H, W) crosses one half, px, float32, inside positive.

    Far from any edge (an empty or a full matte) it is plus or minus the frame's diagonal.
    """
    inside = (matte > 0.5).astype(np.uint8)
    far = float(np.hypot(*matte.shape))
    if not inside.any() or inside.all():
        return np.full(matte.shape, far if inside.any() else -far, np.float32)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    without = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    distance = within - without
    return np.asarray(distance - 0.5 * np.sign(distance), np.float32)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return intersection over union of two mattes, each taken at one half; 1 if both are empty."""
    a, b = one > 0.5, other > 0.5
    union = int((a | b).sum())
    return float((a & b).sum() / union) if union else 1.0


def contour_points(distance: np.ndarray) -> np.ndarray:
    """Return points (n, 2), x and y, on the outline, but those on the frame's own edge."""
    height, width = distance.shape
    found, _ = cv2.findContours(
        (distance > 0).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
    )
    lines = [line[:, 0] for line in found if len(line) > 8]
    if not lines:
        return np.zeros((0, 2))
    points = np.concatenate(lines).astype(np.float64)
    clear = (points > 1).all(1) & (points < (width - 2, height - 2)).all(1)
    points = points[clear]
    return points[:: max(1, len(points) // _POINTS)]


def fit_affine(points: np.ndarray, distance: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Find the affine map that brings points onto an outline, robustly.

    Args:
        points: (n, 2) px of the key.
        distance: signed distance of what the frame shows.
        start: (3, 3), px of the key to px of the frame.

    Returns:
        (3, 3); ``start`` where the fit does not hold.
    """
    if len(points) < 12:
        return start
    height, width = distance.shape
    smooth = cv2.GaussianBlur(distance, (0, 0), 1.0)
    fields = (
        smooth,
        cv2.Sobel(smooth, cv2.CV_32F, 1, 0) / 8,
        cv2.Sobel(smooth, cv2.CV_32F, 0, 1) / 8,
    )
    centre, scale = points.mean(0), max(8.0, float(points.std()))
    local = (points - centre) / scale
    to_local = np.array(
        [[1 / scale, 0, -centre[0] / scale], [0, 1 / scale, -centre[1] / scale], [0, 0, 1]]
    )
    matrix = start @ np.linalg.inv(to_local)
    homogeneous = np.column_stack([local, np.ones(len(local))])
    for step_number in range(_SHIFTS + _TURNS + _STEPS):
        # thin parts miss their own edges at first: all is moved, then turned, before it is bent
        stage = (step_number >= _SHIFTS) + (step_number >= _SHIFTS + _TURNS)
        x, y = (homogeneous @ matrix[:2].T).astype(np.float32).T
        error, across, down = (
            cv2.remap(f, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
            for f in fields
        )
        error = error - _ON_PIXEL
        seen = (x > 2) & (y > 2) & (x < width - 3) & (y < height - 3)
        if seen.sum() < 12:
            return start
        width_px = max(_WIDTHS_PX[stage], 1.5 * float(np.median(np.abs(error[seen]))))
        weight = seen / (1 + (error / width_px) ** 2) ** 2
        lines = np.column_stack([across[:, None] * homogeneous, down[:, None] * homogeneous])
        freedom = _FREEDOMS[stage]
        lines = lines @ freedom
        step = np.linalg.solve(
            lines.T @ (lines * weight[:, None]) + freedom.T @ _STIFF @ freedom,
            -lines.T @ (weight * error),
        )
        matrix[:2] += (freedom @ step).reshape(2, 3)
        if stage == len(_FREEDOMS) - 1 and np.abs(step).max() < 1e-2:
            break
    found = matrix @ to_local
    area = abs(np.linalg.det(found[:2, :2]))
    fits = np.isfinite(found).all() and 1 / _AREA_CHANGE < area < _AREA_CHANGE
    return found if fits else start


def warped_distance(distance: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return a signed distance carried by an affine map, still in px."""
    height, width = distance.shape
    moved = cv2.warpPerspective(
        distance, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved * np.sqrt(abs(np.linalg.det(matrix[:2, :2]))), np.float32)


def bent(distance: np.ndarray, towards: np.ndarray, bend_px: float) -> np.ndarray:
    """Move an outline towards another, by the mean of what they differ over ``bend_px``."""
    difference = (towards - distance).clip(-_BEND_LIMIT_PX, _BEND_LIMIT_PX)
    near = np.exp(-0.5 * (distance / _BEND_BAND_PX) ** 2)
    total = cv2.GaussianBlur(difference * near, (0, 0), bend_px)
    weight = cv2.GaussianBlur(near, (0, 0), bend_px)
    return np.asarray(distance + total / (weight + 1e-3), np.float32)
