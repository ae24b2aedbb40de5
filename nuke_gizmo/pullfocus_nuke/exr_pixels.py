# SPDX-License-Identifier: Apache-2.0
"""What EXR files hold: the same picture or not, and which channels. Without a library."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

__all__ = ["channel_names", "same_pixels"]

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


def channel_names(path: Path) -> frozenset[str]:
    """Return the channels of an EXR of one part; reads its header alone.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no EXR of one part.
    """
    with path.open("rb") as stream:
        start = stream.read(8)
        if start[:4] != _MAGIC or len(start) < 8 or start[5] & 0x10:
            raise ValueError("not an EXR of one part")
        while True:
            name = _word(stream)
            if not name:
                raise ValueError("no channels")
            _word(stream)  # its type
            size = stream.read(4)
            if len(size) < 4:
                raise ValueError("a header that ends early")
            data = stream.read(struct.unpack("<I", size)[0])
            if name == b"channels":
                return frozenset(_listed(data))


def _word(stream: BinaryIO) -> bytes:
    out = b""
    while True:
        letter = stream.read(1)
        if not letter:
            raise ValueError("a header that ends early")
        if letter == b"\0":
            return out
        out += letter


def _listed(data: bytes) -> list[str]:
    out, at = [], 0
    while at < len(data) and data[at]:
        end = data.index(b"\0", at)
        out.append(data[at:end].decode("utf-8"))
        at = end + 17  # type, linearity and sampling follow
    return out


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
