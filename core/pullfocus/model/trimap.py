# SPDX-License-Identifier: Apache-2.0
"""What of a given matte is beyond doubt."""

import cv2
import numpy as np

__all__ = ["trimap"]

_SOFT = 0.25  # of the slack: how gradually the bounds close


def trimap(matte: np.ndarray, slack_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the most that a matte may be, (h, w) uint8, 0..255.

    Farther than ``slack_px`` from the given edge (where it crosses a half) inside and outside are
    beyond doubt. Where the given matte is neither 0 nor 1 there, smoke or glass, it may change.

    Args:
        matte: the given one, float32 (h, w), 0..1.
        slack_px: how far its edge may be wrong, px of the matte.
    """
    inside = (matte >= 0.5).astype(np.uint8)
    soft = max(_SOFT * slack_px, 1e-3)
    # a matte that fills the frame, or none of it, has no edge: everything is beyond doubt
    far = np.full(matte.shape, np.float32(1e6))
    within = cv2.distanceTransform(inside, cv2.DIST_L2, 5) if not inside.all() else far
    beyond = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5) if inside.any() else far
    least = np.minimum(((within - slack_px) / soft).clip(0, 1), matte)
    most = np.maximum(1 - ((beyond - slack_px) / soft).clip(0, 1), matte)
    return (least * 255 + 0.5).astype(np.uint8), (most * 255 + 0.5).astype(np.uint8)
