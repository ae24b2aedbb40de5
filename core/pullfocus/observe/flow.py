# SPDX-License-Identifier: Apache-2.0
"""Optical flow between frames, and where to believe it."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

__all__ = [
    "SAMPLE_PX",
    "FlowMethod",
    "Neighbours",
    "consistent",
    "dense_flow",
    "flow_within",
    "grey",
]

SAMPLE_PX = 4
"""Px between the places at which motion is fitted to flow."""

FlowMethod = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Flow (h, w, 2) in px, x right, y down, from one display-encoded frame (h, w, 3) to another."""

_MAX_SIDE = 960  # larger frames are reduced: flow seeds a lattice, it needs no fine detail
_TOLERANCE_PX = 1.0
_AROUND_PX = 32  # of a region that flow is taken with: what DIS's largest patches see


def grey(display: np.ndarray) -> np.ndarray:
    """Reduce a display-encoded frame (H, W, 3) to the 8-bit luma (h, w) that flow is taken on."""
    height, width = display.shape[:2]
    scale = min(1.0, _MAX_SIDE / max(height, width))
    luma = display.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        luma = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)
    return (luma.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def dense_flow(source: np.ndarray, target: np.ndarray, *, rough: bool = False) -> np.ndarray:
    """Return DIS flow (h, w, 2) from one grey frame to another, in their px, x right, y down.

    ``rough`` takes two fifths of the time and errs by .07 px more: enough to check another flow by,
    and for motion that thousands of places are asked for.
    """
    if min(source.shape) < 16:  # DIS needs a few patches; such a frame has no motion to speak of
        return np.zeros((*source.shape, 2), np.float32)
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    if rough:
        dis.setPatchStride(5)
        dis.setGradientDescentIterations(12)
        dis.setVariationalRefinementIterations(2)
    return np.asarray(dis.calc(source, target, np.zeros((*source.shape, 2), np.float32)))


def flow_within(
    source: np.ndarray, target: np.ndarray, region: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return flow between frames that are nearly aligned, and where to believe it.

    Args:
        source: (h, w) uint8.
        target: the same.
        region: (h, w) bool, where flow is asked for; the rest of the frame is not looked at.

    Returns:
        Flow (h, w, 2), 0 far from the region, and what is `consistent` in it, (h, w) bool.
    """
    there, trust = np.zeros((*source.shape, 2), np.float32), np.zeros(source.shape, bool)
    left, top, width, height = cv2.boundingRect(region.astype(np.uint8))
    if not (width and height):
        return there, trust
    rows, columns = (
        slice(max(0, low - _AROUND_PX), low + size + _AROUND_PX)
        for low, size in ((top, height), (left, width))
    )
    a, b = (np.ascontiguousarray(one[rows, columns]) for one in (source, target))
    there[rows, columns] = dense_flow(a, b)
    trust[rows, columns] = consistent(there[rows, columns], dense_flow(b, a, rough=True))
    return there, trust & region


def consistent(forward: np.ndarray, backward: np.ndarray, stride: int = 1) -> np.ndarray:
    """Mark where going forward and back returns within 1 px, (h, w) bool, at every px or fewer."""
    height, width = forward.shape[:2]
    x, y = np.meshgrid(*(np.arange(0, n, stride, dtype=np.float32) for n in (width, height)))
    there = forward[::stride, ::stride]
    back = cv2.remap(
        backward, x + there[..., 0], y + there[..., 1], cv2.INTER_LINEAR, borderValue=(1e6, 1e6)
    )
    off = there + back
    return np.square(off[..., 0]) + np.square(off[..., 1]) < _TOLERANCE_PX**2


class Neighbours:
    """Flow between neighbouring frames, taken once for all layers."""

    def __init__(self, greys: Sequence[np.ndarray]) -> None:
        """Take none yet; ``greys`` are T frames (h, w) uint8."""
        self._greys = greys
        self._held: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}

    def flow(self, t: int, other: int) -> tuple[np.ndarray, np.ndarray]:
        """Return flow from a frame to another (h, w, 2) and where to believe it (h, w) bool.

        Both at every `SAMPLE_PX`th px to the right and down.
        """
        if (t, other) not in self._held:
            there = dense_flow(self._greys[t], self._greys[other], rough=True)
            back = dense_flow(self._greys[other], self._greys[t], rough=True)
            pick = slice(None, None, SAMPLE_PX)
            for pair, one, two in (((t, other), there, back), ((other, t), back, there)):
                self._held[pair] = one[pick, pick].copy(), consistent(one, two, SAMPLE_PX)
        return self._held[t, other]
