# SPDX-License-Identifier: Apache-2.0
"""How far a solved frame may replace its plate: as far as the solve explains the plate.

A solve that is right shows, blurred again, the plate. What it misses there, the misfit, is measured
against the change that it makes; where both are alike the change is noise, a wrong feature or a
wrong matte, and the plate stays. This is the shrinkage of James and Stein 1961 in a small window:
the share of the change that is kept is 1 - c misfit^2 / change^2. A small share is mostly chance:
in a window or two a wrong solve, too, looks a little right. It fades to none. The plate's own low
frequencies come back first (a Landweber step): blur kept them, so what the solve lacks of them is
known.

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


@dataclass(frozen=True)
class Evidence:
    """What one frame says of its solve, display-encoded."""

    restored: np.ndarray
    """(h, w, 3), the sharp frame, with the plate's own low frequencies."""
    misfit: np.ndarray
    """(h, w), energy of plate minus reblurred frame in a window."""
    change: np.ndarray
    """(h, w), energy of sharp frame minus plate in the same window."""
    caution: np.ndarray
    """(h, w), how much the misfit weighs."""


def gather(
    plate: np.ndarray, sharp: np.ndarray, reblurred: np.ndarray, radius_px: np.ndarray
) -> Evidence:
    """Compare a solved frame with its plate.

    Args:
        plate: (h, w, 3), display-encoded.
        sharp: (h, w, 3), the solved frame without blur, display-encoded.
        reblurred: (h, w, 3), as the solve thinks the plate looks, display-encoded.
        radius_px: (h, w), circle of confusion of the front-most layer.
    """
    wide = max(1.0, plate.shape[1] / 512)  # a small frame's texture is as fine, in px
    misfit = plate - reblurred

    def energy(difference: np.ndarray) -> np.ndarray:
        square = np.square(difference).mean(-1)
        return np.asarray(cv2.GaussianBlur(square, (0, 0), _WINDOW_PX * wide))

    return Evidence(
        sharp + cv2.GaussianBlur(misfit, (0, 0), PLAIN_PX * wide),
        energy(misfit),
        energy(sharp - plate),
        _CAUTION * (1 + _CAUTION_BY_BLUR * np.square(radius_px / wide)),
    )


def share_kept(evidence: Evidence) -> np.ndarray:
    """Return the share of the change to keep, (h, w) 0..1."""
    kept = (1 - evidence.caution * evidence.misfit / (evidence.change + _NOTHING)).clip(0, 1)
    sure = ((kept - _CHANCE) / (_SURE - _CHANCE)).clip(0, 1)
    return np.asarray(kept * sure * sure * (3 - 2 * sure), np.float32)
