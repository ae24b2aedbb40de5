# SPDX-License-Identifier: Apache-2.0
"""How strong noise is, told by the finest differences in the plainest places.

What a model does not explain of a frame is noise and the model's own errors; where it is plain, for
many px around, there is next to nothing to err on, and the frame by itself is next to noise alone.
Plainness is judged by what is coarser than the differences that are measured: noise has little of
that, so that choosing plain px does not choose px with little noise.
"""

from dataclasses import dataclass

import cv2
import numpy as np

__all__ = ["FINE_PX", "Plain", "fine_power", "finest_power", "plainest", "unevenness"]

FINE_PX = 1.5
"""Standard deviation of the Gaussian that leaves out what is fine."""
_COARSE_PX = 4.0
_REACH = np.ones((5, 5), np.uint8)
_SECOND = 6.0  # variance of a second difference of white noise of variance 1


@dataclass(frozen=True, eq=False)
class Plain:
    """Places of some frames, one value a px, (n,) each."""

    uneven: np.ndarray
    """As `unevenness` says; the smaller, the plainer."""
    level: np.ndarray
    """What is shown there, mean of its colours, display-encoded."""
    power: np.ndarray
    """(n, k), of k pictures."""

    def among(self, share: float, fewest: int) -> "Plain":
        """Return so large a share, the plainest, or none where that is fewer than `fewest`."""
        count = round(share * len(self.uneven))
        if count < fewest:
            count = 0
        chosen = np.argpartition(self.uneven, count - 1)[:count] if count else np.zeros(0, int)
        return Plain(self.uneven[chosen], self.level[chosen], self.power[chosen])


def unevenness(picture: np.ndarray) -> np.ndarray:
    """Return the most that varies round a px over 3 to 10 px, (h, w), of (h, w, 3)."""
    fine, coarse = (cv2.GaussianBlur(picture, (0, 0), px) for px in (FINE_PX, _COARSE_PX))
    return np.asarray(cv2.dilate(np.abs(fine - coarse).max(-1), _REACH))


def finest_power(picture: np.ndarray) -> np.ndarray:
    """Return second differences of green as the variance of white noise that has them, (h, w).

    Mean of rows and columns; borders repeat what is beside them.
    """
    kernel = np.array([[-1, 2, -1]], np.float32)
    green = np.ascontiguousarray(picture[..., 1], np.float32)
    along, across = (
        cv2.filter2D(green, -1, one, borderType=cv2.BORDER_REFLECT) for one in (kernel, kernel.T)
    )
    return np.asarray((along * along + across * across) / (2 * _SECOND))


def fine_power(picture: np.ndarray) -> np.ndarray:
    """Return the square of what is fine in green, (h, w)."""
    green = np.ascontiguousarray(picture[..., 1], np.float32)
    return np.asarray(np.square(green - cv2.GaussianBlur(green, (0, 0), FINE_PX)))


def plainest(shown: np.ndarray, where: np.ndarray, *powers: np.ndarray) -> Plain:
    """Gather the px of a frame, clear of what may not be looked at.

    Args:
        shown: (h, w, 3), display-encoded: tells what is plain.
        where: (h, w) bool.
        powers: (h, w) each, what is asked for.
    """
    clear = cv2.erode(
        where.astype(np.uint8), _REACH, borderType=cv2.BORDER_CONSTANT, borderValue=0
    ).astype(bool)
    power = np.stack([one[clear] for one in powers], -1)
    return Plain(unevenness(shown)[clear], shown.mean(-1)[clear], power)
