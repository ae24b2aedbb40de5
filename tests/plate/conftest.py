# SPDX-License-Identifier: Apache-2.0
"""Real files on disk, written by OpenImageIO and PyAV themselves rather than by pullfocus."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest


def _still(
    path: Path,
    pixels: np.ndarray,
    kind: str = "uint8",
    *,
    channels: Sequence[str] | None = None,
    data_at: tuple[int, int] = (0, 0),
    display: tuple[int, int] | None = None,
    **attributes: object,
) -> Path:
    """Write (H, W, n) values 0..1, or light, exactly as given: alpha is never multiplied in."""
    import OpenImageIO as oiio

    pixels = np.ascontiguousarray(np.atleast_3d(pixels), np.float32)
    height, width, count = pixels.shape
    spec = oiio.ImageSpec(width, height, count, kind)
    if channels is not None:
        spec.channelnames = tuple(channels)
    if path.suffix == ".png":
        spec.attribute("oiio:UnassociatedAlpha", 1)
    spec.x, spec.y = data_at
    spec.full_width, spec.full_height = display or (width, height)
    for name, value in attributes.items():
        if isinstance(value, tuple):
            spec.attribute(name, oiio.TypeRational, value)
        else:
            spec.attribute(name.replace("__", ":"), value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(pixels), output.geterror()
    assert output.close()
    return path


def _sequence(pattern: Path, frames: Sequence[int], size: tuple[int, int] = (24, 16)) -> list[Path]:
    """Flat grey frames; the value tells the frame: 10 * its position + 20, of 255."""
    width, height = size
    return [
        _still(
            pattern.with_name(pattern.name.replace("####", f"{frame:04d}")),
            np.full((height, width, 3), (10 * index + 20) / 255),
            "half" if pattern.suffix == ".exr" else "uint8",
        )
        for index, frame in enumerate(frames)
    ]


def _movie(
    path: Path,
    count: int,
    *,
    codec: str = "ffv1",
    pix_fmt: str = "bgr0",
    size: tuple[int, int] = (64, 48),
    rate: int = 24,
    colour: tuple[int, int, int] | None = None,
    aspect: tuple[int, int] | None = None,
    **options: str,
) -> Path:
    """Frames whose grey is 10 * position + 20, or of one colour, all of 255."""
    from fractions import Fraction

    import av

    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        if aspect:
            stream.sample_aspect_ratio = Fraction(*aspect)
        for index in range(count):
            pixels = np.empty((height, width, 3), np.uint8)
            pixels[:] = colour or (10 * index + 20) % 256
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture
def files() -> SimpleNamespace:
    return SimpleNamespace(still=_still, sequence=_sequence, movie=_movie)


@pytest.fixture
def truncate():
    def cut(path: Path, share: float = 0.6) -> Path:
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
        return path

    return cut


def _minimal_exr(path: Path, channels: dict[str, np.ndarray], *, claim: int | None = None) -> Path:
    """An uncompressed EXR by hand, for what OpenImageIO does not write: uint channels, wrong sizes.

    ``claim``: sides that the header says, whatever follows.
    """
    import struct

    height, width = next(iter(channels.values())).shape
    kinds = {"uint32": 0, "float16": 1, "float32": 2}
    listed = b"".join(
        name.encode() + b"\0" + struct.pack("<iB3xii", kinds[str(plane.dtype)], 0, 1, 1)
        for name, plane in sorted(channels.items())
    )
    far_x, far_y = (claim - 1, claim - 1) if claim else (width - 1, height - 1)
    box = struct.pack("<4i", 0, 0, far_x, far_y)
    attributes = [
        ("channels", "chlist", listed + b"\0"),
        ("compression", "compression", b"\0"),
        ("dataWindow", "box2i", box),
        ("displayWindow", "box2i", box),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
    ]
    head = b"\x76\x2f\x31\x01\x02\0\0\0"
    for name, kind, value in attributes:
        head += f"{name}\0{kind}\0".encode() + struct.pack("<i", len(value)) + value
    head += b"\0"
    rows = [
        struct.pack("<ii", y, sum(plane[y].nbytes for plane in channels.values()))
        + b"".join(plane[y].tobytes() for _, plane in sorted(channels.items()))
        for y in range(height)
    ]
    at = len(head) + 8 * height
    table = b""
    for row in rows:
        table += struct.pack("<Q", at)
        at += len(row)
    path.write_bytes(head + table + b"".join(rows))
    return path


@pytest.fixture
def minimal_exr():
    return _minimal_exr
