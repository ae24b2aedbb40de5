# SPDX-License-Identifier: Apache-2.0
"""From atlas texels back to a frame's pixels: the inverse of a lattice mapping.

A homography has one; what bends it is small and smooth, so that p = q - bend(p) settles in a few
rounds (a fixed point, as long as neighbours keep their order).
"""

import cv2
import numpy as np
import torch

from pullfocus.model.mapping import LatticeMapping

__all__ = ["places_of"]

_STEP_PX = 2.0  # of the grid on which the bend is held
_ROUNDS = 6
_SETTLED_PX = 0.1  # places that still move by more are nobody's
_FAR_PX = 1e6


@torch.no_grad()
def places_of(mapping: LatticeMapping, t: int, texels: np.ndarray) -> np.ndarray:
    """Return the plate px (2, h, w) that show texels (2, h, w) in frame ``t``; NaN for none.

    Both are x and y, centres at whole numbers; places may lie outside of the frame.
    """
    (left, right), (top, bottom) = mapping.span_x, mapping.span_y
    device = mapping.lattice.device
    columns = torch.arange(left, right + _STEP_PX, _STEP_PX, device=device)
    rows = torch.arange(top, bottom + _STEP_PX, _STEP_PX, device=device)
    bend = mapping.bend(t, rows, columns).cpu().numpy()
    m = np.linalg.inv(mapping.to_atlas[t].cpu().double().numpy()).astype(np.float64)
    x, y = texels.astype(np.float64)
    w = m[2, 0] * x + m[2, 1] * y + m[2, 2]
    straight = np.stack(
        [(m[i, 0] * x + m[i, 1] * y + m[i, 2]) / np.where(w == 0, 1e-12, w) for i in (0, 1)]
    )
    straight = straight.clip(-_FAR_PX, _FAR_PX).astype(np.float32)
    place, moved = straight, np.zeros_like(straight)
    for _ in range(_ROUNDS):
        at_x, at_y = ((place[i] - start) / _STEP_PX for i, start in enumerate((left, top)))
        again = straight - np.stack(
            [
                cv2.remap(axis, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                for axis in bend
            ]
        )
        moved, place = again - place, again
    scale = np.array([mapping.scale.x, mapping.scale.y], np.float32)[:, None, None]
    lost = (np.abs(moved).max(0) > _SETTLED_PX) | (w * np.sign(m[2, 2]) <= 0)
    return np.where(lost, np.float32(np.nan), (place + 0.5) * scale - 0.5)
