# SPDX-License-Identifier: Apache-2.0
"""How much fine detail a frame shows, place by place."""

import cv2
import numpy as np

__all__ = ["detail_energy"]


_REACH_PX = 4  # of the Laplacian of what is smoothed


def detail_energy(display: np.ndarray, covered: np.ndarray | None = None) -> np.ndarray:
    """Return the local energy of the Laplacian, (H, W), for a display-encoded frame (H, W, 3).

    What is ``covered``, (H, W) bool, has no part in it.
    """
    luma = display.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    laplacian = cv2.Laplacian(cv2.GaussianBlur(luma, (0, 0), 0.7), cv2.CV_32F)
    sigma = max(2.0, max(luma.shape) / 170)
    if covered is None:
        return cv2.GaussianBlur(laplacian**2, (0, 0), sigma)
    kernel = np.ones((2 * _REACH_PX + 1, 2 * _REACH_PX + 1), np.uint8)
    known = 1 - cv2.dilate(covered.astype(np.uint8), kernel).astype(np.float32)
    share = cv2.GaussianBlur(known, (0, 0), sigma)
    return np.asarray(cv2.GaussianBlur(laplacian**2 * known, (0, 0), sigma) / share.clip(0.05))
