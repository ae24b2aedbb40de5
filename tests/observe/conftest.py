# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

import cv2
import numpy as np
import pytest

Warp = Callable[..., np.ndarray]


@pytest.fixture
def wall(rng: np.random.Generator) -> np.ndarray:
    """A wide picture with detail at every scale, uint8 (240, 1200)."""
    total = np.zeros((240, 1200))
    for sigma in (1.0, 2.5, 6.0, 15.0):
        layer = cv2.GaussianBlur(rng.standard_normal(total.shape), (0, 0), sigma)
        total += layer / layer.std()
    total = (total - total.min()) / np.ptp(total)
    return (total * 255).astype(np.uint8)


@pytest.fixture
def seen_through() -> Warp:
    """Shows a picture through a camera: pixels of the frame go to the picture by a matrix."""

    def show(picture: np.ndarray, to_picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpPerspective(picture, to_picture, size, flags=flags)

    return show
