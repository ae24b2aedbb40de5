# SPDX-License-Identifier: Apache-2.0
"""Flow between neighbouring frames, looked up pixel by pixel, with where it is trusted."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from pullfocus.observe.flow import FlowMethod, consistent, dense_flow, grey
from pullfocus.observe.observed import Observed

__all__ = ["MotionField", "measure_motion"]


@dataclass(frozen=True)
class MotionField:
    """Flow to the next frame and to the one before, on the plate's own pixels."""

    forward: np.ndarray
    """(T, h, w, 2) float16, plate px; the last frame has none."""
    backward: np.ndarray
    """The same to the frame before; the first frame has none."""
    forward_valid: np.ndarray
    """(T, h, w) bool: there is another frame, and going there and back returns within 1 px."""
    backward_valid: np.ndarray

    def at(
        self, t: np.ndarray, pixels: np.ndarray, direction: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return displacement (n, 2) and trust (n,) of pixels (n, 2) (x, y) of frames (n,)."""
        field, valid = (
            (self.forward, self.forward_valid)
            if direction > 0
            else (self.backward, self.backward_valid)
        )
        where = t, pixels[:, 1], pixels[:, 0]
        return torch.from_numpy(field[where].astype(np.float32)), torch.from_numpy(valid[where])


def measure_motion(observed: Observed, method: FlowMethod | None = None) -> MotionField:
    """Measure the flow of a shot.

    Args:
        observed: the shot.
        method: flow (h, w, 2) from one display-encoded frame (H, W, 3) to another; by default DIS
            on frames reduced to at most 960 px.
    """
    count, height, width = len(observed.frames), observed.height, observed.width
    flows = np.zeros((2, count, height, width, 2), np.float16)
    valid = np.zeros((2, count, height, width), bool)
    for t in range(count - 1):
        pair = observed.plate_display(t), observed.plate_display(t + 1)
        if method is None:
            a, b = (grey(frame) for frame in pair)
            there, back = dense_flow(a, b), dense_flow(b, a)
        else:
            there, back = method(*pair), method(pair[1], pair[0])
        for field, trust, way, at in (
            (there, consistent(there, back), 0, t),
            (back, consistent(back, there), 1, t + 1),
        ):
            flows[way, at] = _resized(field, width, height)
            flat = trust.astype(np.uint8)
            valid[way, at] = cv2.resize(flat, (width, height), interpolation=cv2.INTER_NEAREST)
    return MotionField(flows[0], flows[1], valid[0], valid[1])


def _resized(field: np.ndarray, width: int, height: int) -> np.ndarray:
    """Bring flow to another size: u by the ratio of widths, v by that of heights."""
    rows, columns = field.shape[:2]
    scale = np.array([width / columns, height / rows], np.float32)
    if (columns, rows) != (width, height):
        field = cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(field * scale, np.float32)
