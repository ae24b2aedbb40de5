# SPDX-License-Identifier: Apache-2.0
"""Optical flow between frames, and where to believe it."""

from collections.abc import Callable

import cv2
import numpy as np

__all__ = ["FlowMethod", "consistent", "dense_flow", "grey"]

FlowMethod = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Flow (h, w, 2) in px, x right, y down, from one display-encoded frame (h, w, 3) to another."""

_MAX_SIDE = 960  # larger frames are reduced: flow seeds a lattice, it needs no fine detail
_TOLERANCE_PX = 1.0


def grey(display: np.ndarray) -> np.ndarray:
    """Reduce a display-encoded frame (H, W, 3) to the 8-bit luma (h, w) that flow is taken on."""
    height, width = display.shape[:2]
    scale = min(1.0, _MAX_SIDE / max(height, width))
    luma = display.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        luma = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)
    return (luma.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def dense_flow(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return DIS flow (h, w, 2) from one grey frame to another, in their px, x right, y down."""
    if min(source.shape) < 16:  # DIS needs a few patches; such a frame has no motion to speak of
        return np.zeros((*source.shape, 2), np.float32)
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(dis.calc(source, target, np.zeros((*source.shape, 2), np.float32)))


def consistent(forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Mark where going forward and back returns within 1 px, (h, w) bool."""
    height, width = forward.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    to_x, to_y = x + forward[..., 0], y + forward[..., 1]
    back = cv2.remap(backward, to_x, to_y, cv2.INTER_LINEAR, borderValue=(1e6, 1e6))
    return np.hypot(*np.moveaxis(forward + back, -1, 0)) < _TOLERANCE_PX
