# SPDX-License-Identifier: Apache-2.0
"""How far a solved frame may replace its plate: as far as the solve explains the plate.

A solve that is right shows, blurred again, the plate. What it misses there, the misfit, is measured
against the change that it makes; where both are alike the change is noise, a wrong feature or a
wrong matte, and the plate stays. This is the shrinkage of James and Stein 1961 in a small window:
the share of the change that is kept is 1 - c misfit^2 / change^2. A small share is mostly chance:
in a window or two a wrong solve, too, looks a little right. It fades to none. Far out of focus a
plate is worth so little that a part of a doubtful change is better than none: there the share is
at least Wiener's, 1 / (1 + x / x0) with x = misfit^2 / change^2.

What a frame explains of itself is no evidence: of a weighted mean whose weight is h to its share,
the misfit of that frame left out is misfit / (1 - h). The plate's own low frequencies come back
first (a Landweber step): blur kept them, so what the solve lacks of them is known.

Everything here is display-encoded, in which misfits are as visible as they are large.
"""

from dataclasses import dataclass

import cv2
import numpy as np

__all__ = ["PLAIN_PX", "Evidence", "gather", "share_kept"]

_WINDOW_PX = 3.0  # in which energies are compared, standard deviation at 512 wide
PLAIN_PX = 1.0
"""What the plate gives back is smoothed so far, standard deviation at 512 wide: its grain and
blocks are its own."""
_CAUTION = 1.5  # c: a misfit is only what blur left of the error in the sharp frame,
_CAUTION_BY_BLUR = 0.1  # and the more, the wider the blur: c grows by this much of radius^2
_CHANCE, _SURE = 0.2, 0.5  # shares below the first are chance, above the second they are kept
_NOTHING = 1e-7
_LEFT_LEAST = 0.1  # 1 - h, however much of a place is one frame's own
_WIENER = 0.15  # x0
_NEAR_PX, _FAR_PX = 2.5, 4.0  # radii at 512 wide between which a part becomes better than none
_DOUBTFUL, _WRONG = 0.15, 0.35  # x between which a part stops being better than none


@dataclass(frozen=True)
class Evidence:
    """What one frame says of its solve, display-encoded."""

    restored: np.ndarray
    """(h, w, 3), the sharp frame, with the plate's own low frequencies."""
    misfit: np.ndarray
    """(h, w), energy of plate minus reblurred frame in a window, were the frame left out."""
    change: np.ndarray
    """(h, w), energy of sharp frame minus plate in the same window."""
    radius_px: np.ndarray
    """(h, w), circle of confusion, px at 512 wide."""


def gather(
    plate: np.ndarray,
    sharp: np.ndarray,
    reblurred: np.ndarray,
    radius_px: np.ndarray,
    own_share: np.ndarray | None = None,
) -> Evidence:
    """Compare a solved frame with its plate.

    Args:
        plate: (h, w, 3), display-encoded.
        sharp: (h, w, 3), the solved frame without blur, display-encoded.
        reblurred: (h, w, 3), as the solve thinks the plate looks, display-encoded.
        radius_px: (h, w), circle of confusion of the front-most layer.
        own_share: (h, w), 0..1, what this frame has said of the place, of what all frames have;
            None: next to nothing.
    """
    wide = max(1.0, plate.shape[1] / 512)  # a small frame's texture is as fine, in px
    misfit = plate - reblurred

    def energy(difference: np.ndarray) -> np.ndarray:
        square = np.square(difference).mean(-1)
        return np.asarray(cv2.GaussianBlur(square, (0, 0), _WINDOW_PX * wide))

    left_out = 1.0 if own_share is None else (1 - own_share).clip(_LEFT_LEAST, 1)
    return Evidence(
        sharp + cv2.GaussianBlur(misfit, (0, 0), PLAIN_PX * wide),
        energy(misfit) / np.square(left_out),
        energy(sharp - plate),
        radius_px / wide,
    )


def share_kept(evidence: Evidence) -> np.ndarray:
    """Return the share of the change to keep, (h, w) 0..1."""
    unexplained = evidence.misfit / (evidence.change + _NOTHING)
    caution = _CAUTION * (1 + _CAUTION_BY_BLUR * np.square(evidence.radius_px))
    kept = (1 - caution * unexplained).clip(0, 1)
    sure = ((kept - _CHANCE) / (_SURE - _CHANCE)).clip(0, 1)
    far = ((evidence.radius_px - _NEAR_PX) / (_FAR_PX - _NEAR_PX)).clip(0, 1)
    right = ((_WRONG - unexplained) / (_WRONG - _DOUBTFUL)).clip(0, 1)
    part = far * right / (1 + unexplained / _WIENER)
    return np.asarray(np.maximum(kept * sure * sure * (3 - 2 * sure), part), np.float32)
