# SPDX-License-Identifier: Apache-2.0
"""Motion of a layer between two frames, from its mapping: same place in the atlas, other pixel."""

import cv2
import numpy as np
import torch

from pullfocus.model.grid import Box
from pullfocus.model.mapping import LatticeMapping

__all__ = ["layer_motion"]

_ITERATIONS = 5


@torch.no_grad()
def layer_motion(mapping: LatticeMapping, t: int, to: int, frame: Box, margin: int) -> np.ndarray:
    """Return where the pixels of frame ``t`` go in frame ``to``, (h, w, 2) px, x right, y down.

    Newton's method on the mapping of the other frame, whose values and Jacobian are looked up in
    pictures of it; places that leave the frame by more than ``margin`` px are only extrapolated.
    """
    wanted = np.moveaxis(mapping(t, frame).cpu().numpy(), 0, -1)
    wide = frame.grown(margin)
    there = np.moveaxis(mapping(to, wide).cpu().numpy(), 0, -1)
    by_y, by_x = np.gradient(there, axis=(0, 1))
    stack = [np.ascontiguousarray(a, np.float32) for a in (there, by_x, by_y)]
    x, y = np.meshgrid(
        np.arange(frame.width, dtype=np.float32), np.arange(frame.height, dtype=np.float32)
    )
    at_x, at_y = x.copy(), y.copy()
    for _ in range(_ITERATIONS):
        here, gx, gy = (
            cv2.remap(
                a, at_x + margin, at_y + margin, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            for a in stack
        )
        error = wanted - here
        det = gx[..., 0] * gy[..., 1] - gx[..., 1] * gy[..., 0]
        det = np.where(np.abs(det) < 1e-3, 1e-3, det)
        step_x = (gy[..., 1] * error[..., 0] - gy[..., 0] * error[..., 1]) / det
        step_y = (gx[..., 0] * error[..., 1] - gx[..., 1] * error[..., 0]) / det
        # a folded or extrapolated mapping must not throw a pixel across the frame
        at_x += step_x.clip(-margin, margin)
        at_y += step_y.clip(-margin, margin)
    return np.stack([at_x - x, at_y - y], -1)
