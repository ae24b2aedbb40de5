# SPDX-License-Identifier: Apache-2.0
"""From a decoded movie frame to RGB code values: matrix, range, alpha, display matrix."""

import struct
from typing import TYPE_CHECKING

import numpy as np

from pullfocus.plate.image import Picture
from pullfocus.plate.orientation import UPRIGHT, from_matrix, upright
from pullfocus.plate.tagged import Tagged, from_h273

if TYPE_CHECKING:
    import av

__all__ = ["MATRICES", "colour_matrix", "orientation", "rgb_picture", "tagged_frame"]

_ITU709, _ITU601, _BT2020, _UNTOLD, _FULL = 1, 5, 9, 2, 2
MATRICES = {
    0: "RGB",
    1: "BT.709",
    4: "FCC",
    5: "BT.601",
    6: "BT.601",
    7: "SMPTE 240M",
    9: "BT.2020",
}
"""ITU-T H.273 matrix coefficients that swscale decodes; others are refused."""
_HIGH_DEFINITION = (1280, 576)
_HDR_CURVES = (16, 18)


def colour_matrix(frame: "av.VideoFrame") -> int:
    """H.273 matrix of a frame; where it is not told, by primaries and size as players guess it.

    Wider than 1279 or higher than 576 px is BT.709, less is BT.601 (mpv and VLC do so).
    """
    matrix = int(frame.colorspace)
    if matrix == 3 or (matrix == 0 and not frame.format.is_rgb):
        matrix = _UNTOLD
    if matrix != _UNTOLD:
        return matrix
    if int(frame.color_primaries) == _BT2020:
        return _BT2020
    wide, high = _HIGH_DEFINITION
    return _ITU709 if frame.width >= wide or frame.height > high else _ITU601


def tagged_frame(frame: "av.VideoFrame") -> Tagged | None:
    """What the frame's tags say of its colours; None where it is ordinary video."""
    primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
    wide = int(frame.colorspace) == _BT2020 or transfer in _HDR_CURVES
    if primaries == _UNTOLD and wide:
        primaries = _BT2020
    return from_h273(primaries, transfer, said="tags that say")


def orientation(frame: "av.VideoFrame") -> int | None:
    """How the frame lies, 1..8 as in EXIF, from its display matrix; None: not by 90s."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return UPRIGHT
    a, b, _, c, d = struct.unpack_from("=5i", bytes(data))  # type: ignore[call-overload]
    return from_matrix(a, b, c, d)


def rgb_picture(frame: "av.VideoFrame", *, alpha: bool, orientation: int) -> Picture:
    """(H, W, 3) code values 0..1 and alpha of a decoded frame, upright."""
    deep = any(part.bits > 8 for part in frame.format.components)
    layout = {
        (False, False): "rgb24",
        (False, True): "rgba",
        (True, False): "rgb48le",
        (True, True): "rgba64le",
    }[(deep, alpha)]
    if frame.format.is_rgb:
        codes = frame.to_ndarray(format=layout)
    else:
        codes = frame.to_ndarray(
            format=layout,
            src_colorspace=colour_matrix(frame),
            dst_colorspace=_ITU709,
            dst_color_range=_FULL,
        )
    values = upright(codes, orientation).astype(np.float32) / np.float32(65535 if deep else 255)
    values = np.ascontiguousarray(values)
    return Picture(colour=values[..., :3], alpha=values[..., 3] if alpha else None, straight=True)
