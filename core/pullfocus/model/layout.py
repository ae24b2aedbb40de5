# SPDX-License-Identifier: Apache-2.0
"""How large an atlas must be, and where each frame lies in it at first."""

from dataclasses import dataclass

import numpy as np

from pullfocus.model.settings import ModelSettings
from pullfocus.observe.observed import Observed

__all__ = ["AtlasLayout", "atlas_layout"]

_WINDOW = 1.25  # of the frame: 512x288 gives the paper's 640x360
_SPARE = 1.05


@dataclass(frozen=True)
class AtlasLayout:
    """An atlas before anything is in it."""

    to_atlas: np.ndarray
    """(T, 3, 3) measured: plate px of a frame to texels, centres at whole numbers."""
    height: int
    """Texels; both sides are whole multiples of 8, so that levels and a decoder's stages halve."""
    width: int
    texels_per_px: float


def _mapped_corners(motion: np.ndarray, boxes: list[tuple[float, ...]]) -> np.ndarray:
    """Return where the corners of each frame's box land, (n, 2) px of the reference frame."""
    corners = []
    for matrix, (left, top, right, bottom) in zip(motion, boxes, strict=True):
        points = np.array([[left, right, left, right], [top, top, bottom, bottom], [1, 1, 1, 1]])
        x, y, w = matrix @ points
        corners.append(np.stack([x / w, y / w], 1))
    return np.concatenate(corners)


def _layer_boxes(observed: Observed, index: int, border: float) -> list[tuple[float, ...]]:
    """Return what each frame shows of a layer, (left, top, right, bottom) plate px."""
    boxes: list[tuple[float, ...]] = []
    for t in range(len(observed.frames)):
        if index == len(observed.layer_names) - 1:
            box = (0.0, 0.0, observed.width - 1.0, observed.height - 1.0)
        else:
            matte = observed.matte(index, t)
            columns, rows = np.flatnonzero(matte.max(0) > 0), np.flatnonzero(matte.max(1) > 0)
            if len(columns) == 0:
                continue
            box = (float(columns[0]), float(rows[0]), float(columns[-1]), float(rows[-1]))
        boxes.append((t, box[0] - border, box[1] - border, box[2] + border, box[3] + border))
    return boxes


def atlas_layout(
    observed: Observed, index: int, settings: ModelSettings, border_px: float
) -> AtlasLayout:
    """Return how large a layer's atlas is and where frames lie in it, from their union.

    Args:
        observed: the shot.
        index: of the layer.
        settings: resolution, and what the atlas is to hold (`ModelSettings.atlas`).
        border_px: what a fitted atlas keeps free around what is seen, plate px.
    """
    window = settings.atlas == "window"
    boxes = _layer_boxes(observed, index, 0.0 if window else border_px)
    motion = observed.motion[index]
    corners = _mapped_corners(motion[[int(b[0]) for b in boxes]], [b[1:] for b in boxes])
    low, high = corners.min(0), corners.max(0)
    if window:
        frame = np.array([observed.width, observed.height], float)
        extent = np.maximum(_WINDOW * frame, _SPARE * (high - low + 1))
        middle = (low + high) / 2
        low, high = middle - (extent - 1) / 2, middle + (extent - 1) / 2
    scale = settings.texels_per_px
    scale = min(scale, settings.largest_atlas / float((high - low).max() + 1))
    # a window of whole numbers must not grow by rounding
    width, height = (int(-(-round(float(n + 1) * scale, 6) // 8) * 8) for n in high - low)
    shift = (scale - 1) / 2
    place = np.array(
        [[scale, 0, shift - low[0] * scale], [0, scale, shift - low[1] * scale], [0, 0, 1.0]]
    )
    return AtlasLayout(place @ motion, height, width, scale)
