# SPDX-License-Identifier: Apache-2.0
"""How much fine detail a frame shows, place by place."""

import cv2
import numpy as np

__all__ = ["detail_energy"]


def detail_energy(display: np.ndarray) -> np.ndarray:
    """Return the local energy of the Laplacian, (H, W), for a display-encoded frame (H, W, 3)."""
    luma = display.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    laplacian = cv2.Laplacian(cv2.GaussianBlur(luma, (0, 0), 0.7), cv2.CV_32F)
    sigma = max(2.0, max(luma.shape) / 170)
    return cv2.GaussianBlur(laplacian**2, (0, 0), sigma)
