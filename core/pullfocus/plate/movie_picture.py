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
_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""How much of red and blue is in luma (H.273, table 4)."""
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
    """(H, W, 3) code values 0..1, or a little more above white, and alpha; upright.

    Args:
        frame: as decoded.
        alpha: whether it has an alpha channel.
        orientation: 1..8, see ``orientation``.
    """
    components = frame.format.components
    deep = any(part.bits > 8 for part in components)
    if deep and not frame.format.is_rgb and len(components) >= 3:
        values = _deep_ycbcr(frame, alpha)
    elif deep and len(components) == 1:
        grey = frame.to_ndarray(format="gray16le", dst_color_range=_FULL)
        values = np.repeat(grey[..., None], 3, axis=2).astype(np.float32) / np.float32(65535)
    else:
        layout = ("rgba64le" if alpha else "rgb48le") if deep else ("rgba" if alpha else "rgb24")
        if frame.format.is_rgb:
            codes = frame.to_ndarray(format=layout)
        else:
            codes = frame.to_ndarray(
                format=layout,
                src_colorspace=colour_matrix(frame),
                dst_colorspace=_ITU709,
                dst_color_range=_FULL,
            )
        values = codes.astype(np.float32) / np.float32(65535 if deep else 255)
    values = np.ascontiguousarray(upright(values, orientation), np.float32)
    return Picture(colour=values[..., :3], alpha=values[..., 3] if alpha else None, straight=True)


def _deep_ycbcr(frame: "av.VideoFrame", alpha: bool) -> np.ndarray:
    """(h, w, 3 or 4) of 10 bits and more, by H.273 8.3: swscale falls short of white by 0.4 %."""
    bits = max(part.bits for part in frame.format.components)
    largest = ((1 << bits) - 1) << (16 - bits)
    same = int(frame.color_range)
    planes = frame.reformat(
        format="yuva444p16le" if alpha else "yuv444p16le",
        src_color_range=same or None,
        dst_color_range=same or None,
    ).planes
    luma, blue, red, *rest = (_words(plane) for plane in planes)
    if same == _FULL:
        offset, luma_range, chroma_range = 0.0, float(largest), float(largest)
    else:
        offset, luma_range, chroma_range = 16.0 * 256, 219.0 * 256, 224.0 * 256
    kr, kb = _WEIGHTS[colour_matrix(frame)]
    y = (luma - np.float32(offset)) / np.float32(luma_range)
    b = (blue - np.float32(32768)) * np.float32(2 * (1 - kb) / chroma_range)
    r = (red - np.float32(32768)) * np.float32(2 * (1 - kr) / chroma_range)
    green = y - np.float32(kb / (1 - kr - kb)) * b - np.float32(kr / (1 - kr - kb)) * r
    bands = [y + r, green, y + b, *(plane / np.float32(largest) for plane in rest)]
    # Codes above white hold light that a camera saw; below black there is none.
    return np.maximum(np.stack(bands, -1), np.float32(0))


def _words(plane: "av.video.plane.VideoPlane") -> np.ndarray:
    """Float32 (h, w) of a plane of 16-bit words."""
    rows = np.frombuffer(memoryview(plane), np.uint16).reshape(-1, plane.line_size // 2)
    return rows[: plane.height, : plane.width].astype(np.float32)
