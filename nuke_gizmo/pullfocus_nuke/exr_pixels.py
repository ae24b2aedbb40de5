# SPDX-License-Identifier: Apache-2.0
"""Whether two EXR files hold the same picture, whatever their headers say. Without a library."""

from __future__ import annotations

import struct
from pathlib import Path

__all__ = ["same_pixels"]

_MAGIC = b"\x76\x2f\x31\x01"
_SHAPES = (b"channels", b"compression", b"dataWindow", b"displayWindow", b"pixelAspectRatio")


def same_pixels(one: Path, other: Path) -> bool:
    """Return whether both are EXR files of the same shape and the same compressed pixels.

    A file that is not there, or is no EXR of one part, is like no other.
    """
    try:
        return _picture(one.read_bytes()) == _picture(other.read_bytes())
    except (OSError, ValueError, IndexError, struct.error):
        return False


def _picture(data: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """What makes a picture: the attributes of its shape, and all that follows the offsets."""
    if data[:4] != _MAGIC or data[5] & 0x10:  # several parts
        raise ValueError("not an EXR of one part")
    held, at = {}, 8
    while data[at]:
        end = data.index(b"\0", at)
        name, start = data[at:end], data.index(b"\0", end + 1) + 1
        (size,) = struct.unpack_from("<i", data, start)
        if name in _SHAPES:
            held[name] = data[start + 4 : start + 4 + size]
        at = start + 4 + size
    # the table of offsets comes first; they move with the header's length
    (first,) = struct.unpack_from("<Q", data, at + 1)
    if not at < first < len(data):
        raise ValueError("no pixels")
    return held, data[first:]
