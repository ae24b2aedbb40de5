# SPDX-License-Identifier: Apache-2.0
"""OpenEXR files of named channels: the only module that writes them."""

import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pullfocus.errors import PlateError, PullfocusError
from pullfocus.plate.image import Window, place

if TYPE_CHECKING:
    import OpenImageIO as oiio

__all__ = [
    "HALF_MAX",
    "Attribute",
    "Metadata",
    "Plane",
    "check_whole",
    "read_exr",
    "read_metadata",
    "write_exr",
]

HALF_MAX = 65504.0
_LOSSLESS = ("none", "rle", "zips", "zip", "piz")
_TIMECODE = re.compile(r"(\d\d)[:.](\d\d)[:.](\d\d)[:;.](\d\d)")


@dataclass(frozen=True)
class Attribute:
    """A header attribute of a type that Python does not tell."""

    kind: str
    """As OpenImageIO spells it: "timecode", "float[8]", "matrix"."""
    value: Any


Metadata = str | int | float | Fraction | Attribute
"""``framesPerSecond`` is a Fraction, ``smpte:TimeCode`` a text "HH:MM:SS:FF" or an Attribute."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plane:
    """Channels that belong together: one pass."""

    name: str
    """For messages only: the channel names are written as they are given."""
    data: np.ndarray
    """(H, W) or (H, W, n), any real type, rows top to bottom."""
    channels: tuple[str, ...]
    """n full names: ("R", "G", "B", "A") or ("fg_uv.X", "fg_uv.Y", "fg_uv.Z")."""
    half: bool
    """Stored as half, clamped to its range; else as float."""


def write_exr(
    path: Path | str,
    planes: Sequence[Plane],
    *,
    metadata: Mapping[str, Metadata] | None = None,
    windows: tuple[Window, Window] | None = None,
    compression: str = "zip",
) -> None:
    """Write one single-part scan-line EXR of half and float channels.

    The file appears whole or not at all: it is written beside its place and renamed.

    Args:
        path: the file, replaced if it exists; its folder must exist.
        planes: passes of one size, with channel names that differ.
        metadata: attributes; "oiio:ColorSpace", "framesPerSecond", "smpte:TimeCode" and names of
            our own such as "pullfocus/version".
        windows: data and display window, the first of the planes' size; None: both at 0, 0.
        compression: one of none, rle, zips, zip, piz. Lossy ones would damage data channels.

    Raises:
        PullfocusError: the planes do not fit together, hold NaN, or the file cannot be written.
    """
    path = Path(path)
    pixels, names, halves = _stack(path, planes)
    if compression not in _LOSSLESS:
        raise PullfocusError(
            f"{path}: expected a lossless compression ({', '.join(_LOSSLESS)}), got '{compression}'"
        )
    # Short, and not taken for a frame by anybody who looks for *.exr. Machines share folders, and
    # numbers of processes recur: a name of its own.
    beside = path.with_name(f".pullfocus-{uuid.uuid4().hex[:12]}.tmp")
    try:
        spec = _spec(pixels, names, halves, metadata or {}, compression)
        if windows is not None:
            _put(spec, *windows)
        _write(beside, spec, pixels)
        _check_written(beside, names, halves, compression)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise PullfocusError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)


def _stack(path: Path, planes: Sequence[Plane]) -> tuple[np.ndarray, list[str], list[bool]]:
    """All channels as one float32 (H, W, C), each within the range of its type."""
    if not planes:
        raise PullfocusError(f"{path}: expected at least one pass to write, got none")
    names: list[str] = []
    halves: list[bool] = []
    height, width = planes[0].data.shape[:2]
    count = sum(len(plane.channels) for plane in planes)
    pixels = np.empty((height, width, count), np.float32)
    for plane in planes:
        data = plane.data[..., None] if plane.data.ndim == 2 else plane.data
        if data.shape != (height, width, len(plane.channels)):
            raise PullfocusError(
                f"{path}: pass {plane.name}: expected {len(plane.channels)} channels of "
                f"{width}x{height}, got an array of shape {plane.data.shape}"
            )
        if np.isnan(data).any():
            bad = int(np.isnan(data).any(axis=2).sum())
            raise PullfocusError(
                f"{path}: pass {plane.name}: expected numbers, got NaN in {bad} px"
            )
        target = pixels[..., len(names) : len(names) + len(plane.channels)]
        if plane.half:
            np.clip(data, -HALF_MAX, HALF_MAX, out=target, casting="unsafe")
        else:
            target[...] = data
        names += plane.channels
        halves += [plane.half] * len(plane.channels)
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise PullfocusError(f"{path}: channels named twice: {', '.join(twice)}")
    return pixels, names, halves


def _spec(
    pixels: np.ndarray,
    names: Sequence[str],
    halves: Sequence[bool],
    metadata: Mapping[str, Metadata],
    compression: str,
) -> "oiio.ImageSpec":
    import OpenImageIO as oiio

    height, width, count = pixels.shape
    # OpenImageIO drops per-channel types that are all alike and keeps the base type
    spec = oiio.ImageSpec(width, height, count, "half" if all(halves) else "float")
    spec.channelnames = tuple(names)
    spec.channelformats = tuple(oiio.TypeHalf if half else oiio.TypeFloat for half in halves)
    spec.attribute("compression", compression)
    for name, value in metadata.items():
        if isinstance(value, Attribute):
            spec.attribute(name, oiio.TypeDesc(value.kind), value.value)
        elif isinstance(value, Fraction):
            spec.attribute(name, oiio.TypeRational, (value.numerator, value.denominator))
        elif name == "smpte:TimeCode":
            spec.attribute(name, oiio.TypeTimeCode, (_pack_timecode(str(value)), 0))
        else:
            spec.attribute(name, value)
    return spec


def _put(spec: "oiio.ImageSpec", data: Window, display: Window) -> None:
    spec.x, spec.y = data.x, data.y
    spec.full_x, spec.full_y = display.x, display.y
    spec.full_width, spec.full_height = display.width, display.height


def _pack_timecode(text: str) -> int:
    match = _TIMECODE.fullmatch(text)
    if match is None:
        raise PullfocusError(f"smpte:TimeCode: expected HH:MM:SS:FF, got '{text}'")
    packed = 0
    for field in match.groups():  # binary-coded decimal, hours in the highest byte
        packed = packed << 8 | int(field[0]) << 4 | int(field[1])
    return packed


def _write(path: Path, spec: "oiio.ImageSpec", pixels: np.ndarray) -> None:
    import OpenImageIO as oiio

    # OpenImageIO tells no reason when a folder is missing or closed; opening it here does.
    path.open("wb").close()
    output = oiio.ImageOutput.create("openexr")
    if output is None:
        raise OSError(oiio.geterror())
    good = output.open(str(path), spec) and output.write_image(pixels)
    problem = output.geterror()
    closed = output.close()
    if not (good and closed):
        raise OSError(_first_line(problem or output.geterror()))


def _check_written(
    path: Path, names: Sequence[str], halves: Sequence[bool], compression: str
) -> None:
    """OpenImageIO changes what it does not like without a word: look at what came out."""
    image, spec = _open(path)
    single = not image.seek_subimage(1, 0)
    image.close()
    types = [str(kind) for kind in spec.channelformats] or [str(spec.format)] * spec.nchannels
    got = dict(zip(spec.channelnames, types, strict=True))
    expected = {name: "half" if half else "float" for name, half in zip(names, halves, strict=True)}
    written = spec.get_string_attribute("compression")
    if got != expected or written != compression or not single or spec.tile_width:
        raise OSError(
            f"expected one part of scan lines, {compression}, {expected}; got {written}, {got}"
        )


def read_exr(path: Path | str) -> dict[str, np.ndarray]:
    """Read every channel of every part, in the display window, zero where there is no data.

    Returns:
        Channel name to float32 (H, W), rows top to bottom, values as stored. Where two parts name
        the same channel the first one counts.

    Raises:
        PlateError: the file is missing, truncated or no EXR.
    """
    path = Path(path)
    image, spec = _open(path)
    channels: dict[str, np.ndarray] = {}
    part = 0
    while True:
        if spec.deep:
            raise PlateError(f"{path}: expected a flat picture, got deep data")
        pixels = image.read_image(part, 0, 0, spec.nchannels, "float")
        problem = image.geterror()
        if pixels is None or problem:
            raise PlateError(f"{path} is truncated or damaged: {_first_line(problem)}")
        pixels = place(
            pixels.reshape(spec.height, spec.width, spec.nchannels),
            Window(spec.x, spec.y, spec.width, spec.height),
            Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height),
        )
        for index, name in enumerate(spec.channelnames):
            channels.setdefault(name, np.ascontiguousarray(pixels[..., index]))
        part += 1
        if not image.seek_subimage(part, 0):
            break
        spec = image.spec()
    image.close()
    return channels


def read_metadata(path: Path | str) -> dict[str, Any]:
    """Read the first part's attributes.

    Returns:
        Name to value: rationals as Fraction, time codes as "HH:MM:SS:FF", the rest as OpenImageIO
        gives it.

    Raises:
        PlateError: the file is missing, truncated or no EXR.
    """
    image, spec = _open(Path(path))
    found: dict[str, Any] = {}
    for attribute in spec.extra_attribs:
        kind, value = str(attribute.type), attribute.value
        if kind == "rational" and isinstance(value, tuple) and value[1]:
            found[attribute.name] = Fraction(*value)
        elif kind == "timecode":
            found[attribute.name] = spec.get_string_attribute(attribute.name)
        else:
            found[attribute.name] = value
    image.close()
    return found


def check_whole(path: Path | str) -> None:
    """Read the last rows of a file that `write_exr` wrote; they lie at its end.

    Raises:
        PlateError: the file is missing, truncated or no EXR.
    """
    image, spec = _open(Path(path))
    last = spec.y + spec.height
    pixels = image.read_scanlines(0, 0, last - 1, last, 0, 0, spec.nchannels, "half")
    problem = image.geterror()
    image.close()
    if pixels is None or problem:
        raise PlateError(f"{path} is truncated or damaged: {_first_line(problem)}")


def _open(path: Path) -> tuple["oiio.ImageInput", "oiio.ImageSpec"]:
    import OpenImageIO as oiio

    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise PlateError(f"cannot read {path}: {error.strerror}") from error
    image = oiio.ImageInput.open(str(path))
    if image is None:
        raise PlateError(f"{path} is truncated or no EXR: {_first_line(oiio.geterror())}")
    if image.format_name() != "openexr":
        raise PlateError(f"{path}: expected an EXR file, got {image.format_name()}")
    return image, oiio.ImageSpec(image.spec())


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].strip() if text.strip() else "no reason given"
