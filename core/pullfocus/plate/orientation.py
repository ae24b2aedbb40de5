# SPDX-License-Identifier: Apache-2.0
"""The eight ways a picture may lie in its file, numbered as EXIF numbers them."""

import numpy as np

__all__ = ["UPRIGHT", "describe", "from_matrix", "swaps_sides", "upright"]

UPRIGHT = 1
_WORDS = {
    2: "mirrored left to right",
    3: "turned 180 degrees",
    4: "flipped upside down",
    5: "transposed",
    6: "turned 90 degrees clockwise",
    7: "transposed about the other diagonal",
    8: "turned 270 degrees clockwise",
}
_MATRICES: dict[tuple[int, ...], int] = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Bring stored pixels (h, w, ...) upright: a view, (w, h, ...) where sides are swapped.

    Args:
        pixels: rows and columns as stored.
        orientation: 1..8, EXIF's (CIPA DC-008) Orientation.
    """
    if orientation == 2:
        return pixels[:, ::-1]
    if orientation == 3:
        return pixels[::-1, ::-1]
    if orientation == 4:
        return pixels[::-1]
    if orientation == 5:
        return pixels.swapaxes(0, 1)
    if orientation == 6:
        return np.rot90(pixels, -1)
    if orientation == 7:
        return pixels[::-1, ::-1].swapaxes(0, 1)
    if orientation == 8:
        return np.rot90(pixels)
    return pixels


def swaps_sides(orientation: int) -> bool:
    """Whether width and height change places."""
    return orientation >= 5


def describe(orientation: int) -> str:
    """What is done to the stored pixels, in words; empty for nothing."""
    return _WORDS.get(orientation, "")


def from_matrix(a: float, b: float, c: float, d: float) -> int | None:
    """Orientation of a display matrix that takes (x, y) to (a x + c y, b x + d y), y down.

    Scales do not count. None where it is no turn by 90s and no flip.
    """
    entries = (a, b, c, d)
    largest = max(map(abs, entries))
    if largest == 0:
        return None
    signs = tuple(round(entry / largest) for entry in entries)
    clean = all(abs(abs(e) / largest - abs(s)) < 0.01 for e, s in zip(entries, signs, strict=True))
    return _MATRICES.get(signs) if clean else None
