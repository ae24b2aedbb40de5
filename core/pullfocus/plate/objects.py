# SPDX-License-Identifier: Apache-2.0
"""Pictures whose values are numbers of objects: indexed PNG, and labels in grey."""

import io
from pathlib import Path

import numpy as np

from pullfocus.plate.sequence import Role
from pullfocus.plate.still_tags import png_chunks

__all__ = ["is_indexed", "read_indices"]

_INDEXED = 3  # PNG's colour type


def is_indexed(path: Path) -> bool:
    """Whether a still is a PNG whose palette tells objects apart, not shades of grey."""
    if path.suffix.lower() != ".png":
        return False
    try:
        chunks = png_chunks(path)
    except OSError:
        return False
    head, palette = chunks.get(b"IHDR", b""), chunks.get(b"PLTE", b"")
    if len(head) != 13 or head[9] != _INDEXED or len(palette) % 3:
        return False
    colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    return bool((colours != colours[:, :1]).any())


def read_indices(path: Path, *, frame: int, role: Role) -> np.ndarray:
    """The palette indices of an indexed PNG: (H, W) uint8.

    OpenImageIO hands over colours alone, so FFmpeg decodes these.

    Raises:
        PullfocusError: (the role's kind) damaged, or not indexed.
    """
    import av

    where = f"{role.what}: frame {frame} ({path})"
    try:
        data = io.BytesIO(path.read_bytes())
        with av.open(data, "r", format="png_pipe") as container:
            picture = next(container.decode(video=0))
    except (av.FFmpegError, StopIteration, OSError) as error:
        raise role.error(f"{where} is truncated or damaged") from error
    if picture.format.name != "pal8":
        raise role.error(f"{where}: expected a palette like the first frame, got colours")
    plane = picture.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: picture.height, : picture.width].copy()
