# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
from pullfocus.observe.residual import STRIDE, chain_residuals

SIZE = (320, 176)


def bend(t: int) -> np.ndarray:
    """Displacement of frame t in px, (h, w, 2): parallax that grows with time."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]].astype(np.float32)
    return np.stack([0.6 * t * np.sin(x / 60), 0.4 * t * np.cos(y / 45)], -1)


def test_what_the_homography_misses_is_found(wall):
    y, x = np.mgrid[: SIZE[1], : SIZE[0]].astype(np.float32)
    greys = []
    for t in range(6):
        moved = bend(t)
        greys.append(
            cv2.remap(wall, x + 200 + moved[..., 0], y + 30 + moved[..., 1], cv2.INTER_CUBIC)
        )
    whole = [np.ones(SIZE[::-1], np.float32)] * 6
    found = chain_residuals(greys, whole, np.tile(np.eye(3), (6, 1, 1)), 0)
    assert found.shape == (6, SIZE[1] // STRIDE, SIZE[0] // STRIDE, 2)
    assert (found[0] == 0).all()
    for t in range(1, 6):
        true = cv2.resize(bend(t), found.shape[2:0:-1], interpolation=cv2.INTER_AREA)
        inner = np.abs(found[t] - true)[3:-3, 3:-3]
        assert inner.mean() < 0.12 * t
        assert np.abs(true)[3:-3, 3:-3].mean() > 3 * inner.mean()


def test_regions_that_are_not_trusted_take_their_neighbours_motion(wall):
    """A hole moves on its own; the layer behind it must not follow."""
    picture = [wall[30:206, 100:420].copy() for _ in range(3)]
    regions = []
    for t, frame in enumerate(picture):
        left = 100 + 12 * t
        frame[60:120, left : left + 60] = wall[150:210, 900:960]
        region = np.ones(SIZE[::-1], np.float32)
        region[44:136, left - 16 : left + 76] = 0
        regions.append(region)
    found = chain_residuals(picture, regions, np.tile(np.eye(3), (3, 1, 1)), 0)
    assert np.abs(found).max() < 0.5
