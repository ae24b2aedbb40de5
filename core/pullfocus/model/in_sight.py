# SPDX-License-Identifier: Apache-2.0
"""What every frame shows of the last layer, where its mapping's lattice has controls."""

import math

import cv2
import numpy as np

from pullfocus.observe.observed import Observed, level_size

__all__ = ["in_sight"]

_SAMPLES = 4  # px a lattice cell: finer mattes are reduced first


def in_sight(observed: Observed, cells: tuple[int, int], overscan: float) -> np.ndarray:
    """Return 1 where a frame shows what a control moves, 0 where half of it or more is hidden.

    Args:
        observed: the shot, whose given mattes hide the last layer.
        cells: intervals of the lattice, down and across.
        overscan: how far it goes beyond the frame, as a share of the frame's width.

    Returns:
        (T, rows, columns) float32, 0..1, for the controls of a cubic spline.
    """
    step = observed.width * (1 + 2 * overscan) / cells[1]
    level = max(0, math.floor(math.log2(step / _SAMPLES)))
    frames, subjects = len(observed.frames), len(observed.layer_names) - 1
    if not subjects:
        return np.ones((frames, cells[0] + 3, cells[1] + 3), np.float32)
    width, height = level_size(observed.width, observed.height, level)
    rows = _controls(height, overscan * width, cells[0])
    columns = _controls(width, overscan * width, cells[1])
    shown = np.empty((frames, len(rows), len(columns)), np.float32)
    for t in range(frames):
        mattes = [observed.matte(layer, t, level) for layer in range(subjects)]
        visible = np.prod([1 - matte for matte in mattes], axis=0, dtype=np.float32)
        visible = cv2.GaussianBlur(visible, (0, 0), float(columns[1] - columns[0]))
        nearest = visible[rows.round().astype(int).clip(0, height - 1)]
        shown[t] = nearest[:, columns.round().astype(int).clip(0, width - 1)]
    return (2 * shown - 1).clip(0, 1)


def _controls(side: int, margin: float, cells: int) -> np.ndarray:
    """Where the controls of a cubic spline lie along one side, px."""
    step = (side - 1 + 2 * margin) / cells
    return -margin + step * np.arange(-1, cells + 2)
