# SPDX-License-Identifier: Apache-2.0
"""What a plate's headers say of each frame, to be handed on: time code, reel, camera, lens."""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pullfocus.plate.exr import Attribute, Metadata
from pullfocus.plate.image import problem_of
from pullfocus.plate.tagged import PRIMARIES

if TYPE_CHECKING:
    import OpenImageIO as oiio

__all__ = ["MovieHeaders", "StillHeaders", "chromaticities", "time_code", "true_rate"]

_MAX_BYTES = 4096
"""Larger attributes are thumbnails, profiles and makers' notes."""
# How pixels lie in the file, what they mean, and what a reader has already followed.
_OF_THE_FILE = re.compile(
    r"(oiio|openexr|dpx|png|tiff|jpeg|jpg|cryptomatte|pullfocus)[:/].*"
    r"|compression|chromaticities|colorInteropID|ICCProfile.*|CICP|Orientation|PixelAspectRatio"
    r"|framesPerSecond|(X|Y)Resolution|ResolutionUnit|screenWindow.*|thumbnail.*|multiView|view"
    r"|name|type|version|chunkCount|acesImageContainerFlag|textureformat|wrapmodes"
    r"|Exif:(ColorSpace|Pixel[XY]Dimension|MakerNote|Gamma)|GPS:.*Ref|IPTC:.*|XMP.*|envmap"
)
_DPX_NAMES = {  # what only DPX calls so, and what EXR calls it
    "dpx:InputDevice": "cameraModel",
    "dpx:InputDeviceSerialNumber": "cameraSerialNumber",
    "dpx:SlateInfo": "slateInfo",
    "dpx:FrameId": "frameId",
    "dpx:SourceImageFileName": "sourceImageFileName",
}
_MOVIE_NAMES = {
    "reel_name": "reelName",
    "com.apple.quicktime.make": "cameraMake",
    "com.apple.quicktime.model": "cameraModel",
    "make": "cameraMake",
    "model": "cameraModel",
    "creation_time": "utcTime",
}
_CHROMATICITIES = {
    "lin_rec709_srgb": "Rec.709",
    "linear rec.709 (srgb)": "Rec.709",
    "acescg": "AP1",
    "aces2065-1": "AP0",
    "linear p3-d65": "P3-D65",
    "linear rec.2020": "Rec.2020",
    "linear adobergb": "Adobe RGB",
}
_BROADCAST = (24, 30, 48, 60, 72, 96, 120, 144, 240)
_TIME_CODE = re.compile(r"(\d\d)[:.](\d\d)[:.](\d\d)([:;.])(\d\d)")


def true_rate(rate: Fraction) -> Fraction:
    """Return the rate that a rounded one stands for: 23.976 and 23.98 are 24000/1001."""
    for whole in _BROADCAST:
        exact = Fraction(whole * 1000, 1001)
        if abs(rate - exact) < Fraction(1, 200):
            return exact
    return rate


def chromaticities(space: str) -> Attribute | None:
    """Return x, y of red, green, blue and white of a working space, as OpenEXR lists them."""
    named = _CHROMATICITIES.get(space.lower())
    return None if named is None else Attribute("float[8]", PRIMARIES[named])


class StillHeaders:
    """Headers of a sequence of stills, read when they are asked for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def read(self, index: int) -> Mapping[str, Metadata]:
        """Return what frame ``index`` hands on; nothing where its header cannot be read."""
        import OpenImageIO as oiio

        image = oiio.ImageInput.open(str(self._paths[index]))
        if image is None:
            problem_of(oiio)
            return {}
        spec = oiio.ImageSpec(image.spec())
        image.close()
        return _handed_on(spec)


def _handed_on(spec: "oiio.ImageSpec") -> dict[str, Metadata]:
    out: dict[str, Metadata] = {}
    for held in spec.extra_attribs:
        try:
            told_as, kind, value = held.name, str(held.type), held.value
        except UnicodeDecodeError:  # text in some old encoding
            continue
        name = _DPX_NAMES.get(told_as, told_as)
        if name == told_as and _OF_THE_FILE.fullmatch(name):
            continue
        if kind == "string" and not str(value).strip("\0 "):
            continue
        if held.type.size() <= _MAX_BYTES and len(str(value)) <= _MAX_BYTES:
            out[name] = Attribute(kind, value)
    told = spec.getattribute("chromaticities")
    if isinstance(told, tuple) and len(told) == 8:
        out["chromaticities"] = Attribute("float[8]", told)
    return out


class MovieHeaders:
    """What a movie says of all its frames, and the time code of each."""

    def __init__(self, path: Path, frames: Sequence[int], rate: Fraction) -> None:
        self._path, self._frames, self._rate = path, frames, rate

    def read(self, index: int) -> Mapping[str, Metadata]:
        """Return what frame ``index`` hands on."""
        said: dict[str, Metadata] = dict(self._names)
        start = self._told.get("timecode")
        if start:
            code = time_code(start, self._frames[index] - 1, self._rate)
            if code is not None:
                said["smpte:TimeCode"] = code
        return said

    @cached_property
    def _told(self) -> dict[str, str]:
        """Tags of the container, its picture stream and its time code track."""
        import av

        told: dict[str, str] = {}
        try:
            with av.open(str(self._path), metadata_errors="replace") as container:
                streams: list[Any] = [*container.streams.data, *container.streams.video[:1]]
                for tags in (container.metadata, *(stream.metadata for stream in streams)):
                    told |= {name.lower(): text for name, text in tags.items()}
        except (av.FFmpegError, OSError):
            return {}
        return told

    @cached_property
    def _names(self) -> dict[str, str]:
        return {name: self._told[tag] for tag, name in _MOVIE_NAMES.items() if self._told.get(tag)}


def time_code(start: str, frames: int, rate: Fraction) -> Attribute | None:
    """Return the SMPTE ST 12 time code so many frames after another.

    Args:
        start: "HH:MM:SS:FF"; a semicolon or a dot before the frames counts with drop frames.
        frames: how many frames later.
        rate: frames a second. Above 30 two frames share a number, and the field mark tells them
            apart.
    """
    match = _TIME_CODE.fullmatch(start.strip())
    nominal = round(rate)
    if match is None or nominal < 1:
        return None
    hours, minutes, seconds, mark, frame = match.groups()
    drop = mark != ":" and nominal % 30 == 0
    dropped = nominal // 15 if drop else 0
    total_minutes = 60 * int(hours) + int(minutes)
    count = (60 * total_minutes + int(seconds)) * nominal + int(frame) + frames
    if drop:
        count -= dropped * (total_minutes - total_minutes // 10)
        ten, rest = divmod(count, (600 * nominal) - 9 * dropped)
        count += 9 * dropped * ten
        if rest >= dropped:
            count += dropped * ((rest - dropped) // (60 * nominal - dropped))
    count %= 24 * 3600 * nominal
    whole, shown = divmod(count, nominal)
    fields = (whole // 3600, whole // 60 % 60, whole % 60, shown)
    return Attribute("timecode", (_packed(fields, drop=drop, pairs=nominal > 30), 0))


def _packed(fields: tuple[int, int, int, int], *, drop: bool, pairs: bool) -> int:
    """Binary-coded decimal, hours in the highest byte, flags above the tens of frames, seconds."""
    hours, minutes, seconds, frame = fields
    odd = pairs and frame % 2
    if pairs:
        frame //= 2
    bytes_ = [hours, minutes, seconds, frame]
    packed = 0
    for value in bytes_:
        packed = packed << 8 | value // 10 << 4 | value % 10
    return packed | (0x40 if drop else 0) | (0x8000 if odd else 0)
