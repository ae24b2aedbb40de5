# SPDX-License-Identifier: Apache-2.0
"""An outline carried from one frame to the next by the flow inside of it."""

import cv2
import numpy as np

from pullfocus.observe.flow import consistent, dense_flow
from pullfocus.observe.motion import fitted_motion
from pullfocus.observe.residual import smoothed_field
from pullfocus.roto.outline import warped_distance

__all__ = ["carried"]

_TRIM_PX = 2  # of the outline's inside, whose flow is the background's


def carried(
    distance: np.ndarray, before: np.ndarray, now: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Carry an outline from one frame to the next by the flow inside of it; also as affine.

    The subject is expected to go on as in the ``last`` step, (3, 3): flow is taken of what is left.
    """
    height, width = distance.shape
    before = cv2.warpPerspective(before, last, (width, height), borderMode=cv2.BORDER_REPLICATE)
    distance = warped_distance(distance, last)
    inside = distance > _TRIM_PX
    if inside.sum() < 50:
        inside = distance > 0
    if not inside.any():
        return distance, last
    there, back = dense_flow(before, now), dense_flow(now, before)
    trust = consistent(there, back) & inside
    step = fitted_motion(there, trust, planar=False)
    matrix = np.eye(3) if step is None else step
    here = np.stack(
        np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), -1
    )
    rest = smoothed_field(there - (_moved(here, matrix) - here), trust.astype(np.float32))
    inverse = np.linalg.inv(matrix)
    place = _moved(here, inverse)
    for _ in range(3):  # where a pixel came from, by fixed point
        x, y = place[..., 0], place[..., 1]
        place = _moved(
            here - cv2.remap(rest, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
            inverse,
        )
    x, y = place[..., 0], place[..., 1]
    moved = cv2.remap(distance, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32), matrix @ last


def _moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Apply an affine map to points (..., 2)."""
    linear = matrix[:2, :2].T.astype(np.float32)
    return np.asarray(points @ linear + matrix[:2, 2].astype(np.float32), np.float32)
