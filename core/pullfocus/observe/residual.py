# SPDX-License-Identifier: Apache-2.0
"""What a layer's homographies miss: parallax, turning, bending, chained from frame to frame.

Flow is taken between neighbours, already aligned by their homographies: little is left, focus has
hardly changed, so little can go wrong. Going straight to the reference frame looks tempting, but
flow drifts by a pixel and more between a sharp and a defocused frame.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from pullfocus.observe.flow import flow_within

__all__ = ["STRIDE", "chain_residuals", "smoothed_field"]

STRIDE = 8
"""Px of the flow frames between the samples returned."""
_SMOOTH_PX = 16.0
_COARSE = 4  # px of a cell on which averages are taken
_FAINT = 1e-3
_INVERSE = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


def smoothed_field(field: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """Average a field (h, w, 2) over what is trusted; where nothing is near, ever more widely.

    Averages are taken on a coarser grid: they are far wider than its cells.
    """
    height, width = trust.shape
    size = max(1, width // _COARSE), max(1, height // _COARSE)
    known = cv2.resize(trust, size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(field * trust[..., None], size, interpolation=cv2.INTER_AREA)
    out = np.zeros_like(total)
    for sigma in (_SMOOTH_PX * 8, _SMOOTH_PX * 3, _SMOOTH_PX):
        weight = cv2.GaussianBlur(known, (0, 0), sigma / _COARSE)
        mean = cv2.GaussianBlur(total, (0, 0), sigma / _COARSE)
        share = (weight / (weight + _FAINT))[..., None]
        out = share * mean / np.maximum(weight, 1e-9)[..., None] + (1 - share) * out
    return np.asarray(cv2.resize(out, (width, height), interpolation=cv2.INTER_LINEAR))


def _moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    flat = points.reshape(-1, 1, 2).astype(np.float64)
    return cv2.perspectiveTransform(flat, matrix).reshape(points.shape).astype(np.float32)


def chain_residuals(
    greys: Sequence[np.ndarray],
    regions: Sequence[np.ndarray],
    motion: np.ndarray,
    reference: int,
    *,
    tick: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Return by how much to displace a pixel before its frame's homography.

    Args:
        greys: T frames (h, w) uint8.
        regions: T trusted regions of the layer (h, w), 0..1.
        motion: (T, 3, 3), px of a frame to px of the reference frame.
        reference: index of the reference frame, whose displacement is zero.
        tick: called once a frame.

    Returns:
        (T, h / STRIDE, w / STRIDE, 2) float32, px of these frames, x right, y down.
    """
    height, width = greys[0].shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    here = np.stack([x, y], -1)
    size = max(1, width // STRIDE), max(1, height // STRIDE)
    out = np.zeros((len(greys), size[1], size[0], 2), np.float32)
    for direction in (1, -1):
        before = np.zeros_like(here)  # displacement of the frame before
        order = range(reference, len(greys) if direction > 0 else -1, direction)
        for t in order[1:]:
            b = t - direction
            to_before = np.linalg.inv(motion[b]) @ motion[t]
            neighbour = cv2.warpPerspective(
                greys[b],
                to_before,
                (width, height),
                flags=_INVERSE,
                borderMode=cv2.BORDER_REPLICATE,
            )
            region = cv2.warpPerspective(regions[b], to_before, (width, height), flags=_INVERSE)
            asked = (region > 0.5) & (regions[t] > 0.5)
            there, trust = flow_within(greys[t], neighbour, asked)
            step = smoothed_field(there, trust.astype(np.float32))
            landed = _moved(here + step, to_before)
            carried = cv2.remap(
                before,
                landed[..., 0],
                landed[..., 1],
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
            before = _moved(landed + carried, np.linalg.inv(to_before)) - here
            out[t] = cv2.resize(before, size, interpolation=cv2.INTER_AREA)
            tick()
    return out
