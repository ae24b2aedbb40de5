# SPDX-License-Identifier: Apache-2.0
"""Bloom: part of the bright light scatters far in the lens."""

import cv2
import numpy as np

from pullfocus.refocus.new_lens import Bloom

__all__ = ["bloomed"]

_WIDTHS = (
    0.42,
    0.85,
    1.7,
)  # sigmas by size, of equal share: half of the light lies within the size
_SHRUNK_FROM = 6.0  # px of sigma; wider ones are blurred at a smaller size


def bloomed(colour: np.ndarray, bloom: Bloom) -> np.ndarray:
    """Return a picture (h, w, 3), scene-linear, with its bloom; light is moved, none is added.

    What scatters out of the frame is lost, as in the lens.
    """
    bright = np.maximum(colour - np.float32(bloom.threshold), 0) * np.float32(bloom.amount)
    if not bright.any():
        return colour
    scattered = sum(_gaussian(bright, share * bloom.size_px) for share in _WIDTHS) / len(_WIDTHS)
    return np.asarray(colour - bright + scattered, np.float32)


def _gaussian(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Blur with a Gaussian over black, at a smaller size where it is wide."""
    height, width = picture.shape[:2]
    times = max(1, int(sigma / _SHRUNK_FROM))
    margin = int(np.ceil(4 * sigma / times)) * times
    padded = np.pad(
        picture,
        ((margin, margin + -height % times), (margin, margin + -width % times), (0, 0)),
    )
    size = (padded.shape[1] // times, padded.shape[0] // times)
    small = cv2.resize(padded, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(sigma / times, 0.1))
    full = (padded.shape[1], padded.shape[0])
    wide = cv2.resize(small, full, interpolation=cv2.INTER_LINEAR)
    return np.asarray(wide[margin : margin + height, margin : margin + width])
