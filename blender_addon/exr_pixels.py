# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads single channels of our pass files: single part, scan lines, no compression or zip.

Blender gives no access from Python to the pixels of multi-layer files, and its Python carries no
EXR library everywhere. A row of one channel is found by the offset table, so that picking a focus
takes milliseconds at any size.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .errors import AddonError

_MAGIC = 20000630
_ROWS = {0: 1, 2: 1, 3: 16}  # by compression: none, zips, zip
_TYPES: dict[int, np.dtype] = {0: np.dtype("<u4"), 1: np.dtype("<f2"), 2: np.dtype("<f4")}


@dataclass(frozen=True)
class _Header:
    channels: tuple[tuple[str, np.dtype], ...]  # in file order
    compression: int
    width: int
    height: int
    offsets: tuple[int, ...]


def read_rows(path: Path, channels: tuple[str, ...], first: int, count: int) -> np.ndarray:
    """Return rows of channels, (channels, rows, width) float32; row 0 is the top.

    Raises:
        AddonError: no such file, channel or row, or a kind of EXR that we do not write.
    """
    try:
        with path.open("rb") as stream:
            header = _header(stream, path)
            _check(header, channels, first, count, path)
            return _rows(stream, header, channels, first, count)
    except (OSError, zlib.error, struct.error, ValueError) as error:
        raise AddonError(f"expected a readable pass file, got: {error} in {path}") from error


def size_px(path: Path) -> tuple[int, int]:
    """Return width and height.

    Raises:
        AddonError: as `read_rows`.
    """
    try:
        with path.open("rb") as stream:
            header = _header(stream, path)
    except (OSError, struct.error) as error:
        raise AddonError(f"expected a readable pass file, got: {error} in {path}") from error
    return header.width, header.height


def _header(stream: BinaryIO, path: Path) -> _Header:
    magic, version = struct.unpack("<ii", stream.read(8))
    if magic != _MAGIC or version & 0x1A00:  # tiled, deep or multi-part
        raise AddonError(f"expected a single-part scan-line EXR, got something else: {path}")
    attributes: dict[str, bytes] = {}
    while name := _text(stream):
        _text(stream)  # its type
        (size,) = struct.unpack("<i", stream.read(4))
        attributes[name] = stream.read(size)
    x0, y0, x1, y1 = struct.unpack("<4i", attributes["dataWindow"])
    compression = attributes["compression"][0]
    if compression not in _ROWS:
        raise AddonError(f"expected zip compression, got kind {compression}: {path}")
    height = y1 - y0 + 1
    blocks = -(-height // _ROWS[compression])
    offsets = struct.unpack(f"<{blocks}Q", stream.read(8 * blocks))
    channels = _channels(attributes["channels"])
    return _Header(channels, compression, x1 - x0 + 1, height, offsets)


def _text(stream: BinaryIO) -> str:
    letters = bytearray()
    while (letter := stream.read(1)) not in (b"\0", b""):
        letters += letter
    return letters.decode()


def _channels(data: bytes) -> tuple[tuple[str, np.dtype], ...]:
    found, at = [], 0
    while data[at]:
        end = data.index(b"\0", at)
        (kind,) = struct.unpack_from("<i", data, end + 1)
        found.append((data[at:end].decode(), _TYPES[kind]))
        at = end + 17
    return tuple(found)


def _check(header: _Header, channels: tuple[str, ...], first: int, count: int, path: Path) -> None:
    there = {name for name, _ in header.channels}
    lost = [name for name in channels if name not in there]
    if lost:
        raise AddonError(f"expected the pass {lost[0]}, got none in {path}")
    if first < 0 or count < 1 or first + count > header.height:
        raise AddonError(f"expected rows within {header.height}, got {first} to {first + count}")


def _rows(
    stream: BinaryIO, header: _Header, channels: tuple[str, ...], first: int, count: int
) -> np.ndarray:
    per_block = _ROWS[header.compression]
    out = np.empty((len(channels), count, header.width), np.float32)
    for block in range(first // per_block, (first + count - 1) // per_block + 1):
        stream.seek(header.offsets[block])
        _, size = struct.unpack("<ii", stream.read(8))
        top = block * per_block
        rows = min(per_block, header.height - top)
        data = _unpacked(stream.read(size), header, rows)
        row_size = len(data) // rows
        for row in range(max(first, top), min(first + count, top + rows)):
            at = (row - top) * row_size
            for name, kind in header.channels:
                if name in channels:
                    line = np.frombuffer(data, kind, header.width, at)
                    out[channels.index(name), row - first] = line
                at += kind.itemsize * header.width
    return out


def _unpacked(data: bytes, header: _Header, rows: int) -> bytes:
    whole = rows * header.width * sum(kind.itemsize for _, kind in header.channels)
    if header.compression == 0 or len(data) == whole:  # what zip does not shrink is stored plain
        return data
    packed = np.frombuffer(zlib.decompress(data), np.uint8)
    # Each byte is the difference to the one before, plus 128; then halves are interleaved.
    steps = packed.astype(np.uint8)
    steps[1:] -= np.uint8(128)
    plain = np.cumsum(steps, dtype=np.uint8)
    half = (len(plain) + 1) // 2
    out = np.empty_like(plain)
    out[0::2], out[1::2] = plain[:half], plain[half:]
    return out.tobytes()
