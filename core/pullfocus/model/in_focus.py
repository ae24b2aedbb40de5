# SPDX-License-Identifier: Apache-2.0
"""Where a plate is in focus: its own pixels are the best picture there is of the place."""

from collections.abc import Sequence
from math import ceil

import cv2
import numpy as np

__all__ = ["share_in_focus"]

_ALL_BELOW_PX = 0.5
_NONE_ABOVE_PX = 1.0
_SEEN = 0.004  # one step of an 8-bit matte


def share_in_focus(layers: Sequence[tuple[np.ndarray, np.ndarray]], level: int = 0) -> np.ndarray:
    """Return how far a frame is in focus as shot, (h, w) 0..1.

    A pixel is in focus only if every layer whose light reaches it is: near a blurred silhouette
    the plate is a mixture, however sharp the surface behind.

    Args:
        layers: matte 0..1 and radius in plate px of each, (h, w), front to back.
        level: pyramid level that they are of.
    """
    worst = layers[-1][1].copy()
    for alpha, radius in layers[:-1]:
        covered = alpha > _SEEN
        if not covered.any():
            continue
        largest = float(radius[covered].max())
        reach = ceil(largest / 2**level) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        near = cv2.dilate(covered.astype(np.uint8), kernel) > 0
        own = np.where(covered, radius, largest)
        worst = np.where(near, np.maximum(worst, own), worst)
        # deep inside the layer nothing behind it shows
        core = cv2.erode((alpha > 1 - _SEEN).astype(np.uint8), kernel) > 0
        worst = np.where(core, radius, worst)
    share = ((_NONE_ABOVE_PX - worst) / (_NONE_ABOVE_PX - _ALL_BELOW_PX)).clip(0, 1)
    return share * share * (3 - 2 * share)
