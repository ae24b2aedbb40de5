# SPDX-License-Identifier: Apache-2.0
"""What the header of a still says of its colours: PNG chunks, ICC, EXIF, chromaticities."""

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from pullfocus.plate.tagged import (
    PRIMARIES,
    Tagged,
    from_chromaticities,
    from_h273,
    from_icc,
    nearest_primaries,
)

if TYPE_CHECKING:
    import OpenImageIO as oiio

__all__ = ["png_chunks", "tagged_still"]

_PNG = b"\x89PNG\r\n\x1a\n"
_WANTED = (b"IHDR", b"PLTE", b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")
_LARGEST_CHUNK = 1 << 24
_SRGB_GAMMA = 1 / 2.2
_ADOBE_INTEROP = "R03"


def tagged_still(path: Path, spec: "oiio.ImageSpec", format_name: str) -> Tagged | None:
    """What a still says of its colours; None where it says nothing or sRGB."""
    name = _text(spec, "ICCProfile:profile_description")
    if format_name == "png":
        return _png(png_chunks(path), name)
    if format_name == "openexr":
        return _exr(spec)
    profile = spec.getattribute("ICCProfile")
    if profile is not None:
        return _unless_srgb(from_icc(bytes(bytearray(profile)), name))
    if _text(spec, "Exif:InteroperabilityIndex") == _ADOBE_INTEROP:
        return _adobe("an EXIF header that says Adobe RGB (R03)")
    if spec.get_int_attribute("Exif:ColorSpace") == 2:
        return _adobe("an EXIF header that says Adobe RGB")
    return None


def _text(spec: "oiio.ImageSpec", name: str) -> str:
    """A string attribute; empty where it is in some old encoding."""
    try:
        return str(spec.get_string_attribute(name))
    except UnicodeDecodeError:
        return ""


def png_chunks(path: Path) -> dict[bytes, bytes]:
    """The chunks of a PNG that stand before its pixels and say how to read them."""
    found: dict[bytes, bytes] = {}
    with path.open("rb") as file:
        if file.read(8) != _PNG:
            return found
        while True:
            head = file.read(8)
            if len(head) < 8 or head[4:] in (b"IDAT", b"IEND"):
                return found
            size, kind = int.from_bytes(head[:4], "big"), head[4:]
            if kind in _WANTED and size <= _LARGEST_CHUNK:
                found.setdefault(kind, file.read(size))
                file.seek(4, 1)
            else:
                file.seek(size + 4, 1)


def _png(chunks: dict[bytes, bytes], profile_name: str) -> Tagged | None:
    """By the rank of the PNG specification, third edition, 4.3: cICP, iCCP, sRGB, gAMA, cHRM."""
    cicp = chunks.get(b"cICP", b"")
    if len(cicp) == 4 and cicp[2] == 0:
        return from_h273(cicp[0], cicp[1], said="a cICP chunk that says")
    if b"iCCP" in chunks:
        name, _, rest = chunks[b"iCCP"].partition(b"\0")
        inflate = zlib.decompressobj()
        try:
            profile = inflate.decompress(rest[1:], _LARGEST_CHUNK)
        except zlib.error:
            profile = b""
        return _unless_srgb(from_icc(profile, profile_name or name.decode("latin-1")))
    if b"sRGB" in chunks:
        return None
    gamma, wide = chunks.get(b"gAMA", b""), _png_primaries(chunks.get(b"cHRM", b""))
    exponent = int.from_bytes(gamma, "big") / 100_000 if len(gamma) == 4 else 0.0
    usual = exponent == 0.0 or abs(exponent - _SRGB_GAMMA) < 0.005
    known = wide is None or nearest_primaries(wide) == "Rec.709"
    if usual and known:
        return None
    said = " and ".join(
        ([] if exponent == 0.0 else [f"a gAMA chunk of {exponent:.4g}"])
        + ([] if wide is None else ["a cHRM chunk"])
    )
    found = from_chromaticities(wide or PRIMARIES["Rec.709"], said=said, curve="srgb")
    if usual:
        return found
    linear = abs(exponent - 1) < 0.005
    return Tagged(
        said=said,
        curve="linear" if linear else "gamma",
        primaries=found.primaries,
        gamma=1.0 if linear else 1 / exponent,
    )


def _png_primaries(chunk: bytes) -> tuple[float, ...] | None:
    if len(chunk) != 32:
        return None
    values = tuple(value / 100_000 for value in struct.unpack(">8I", chunk))
    whole = (*values[2:], *values[:2])  # white stands first in PNG
    return whole if _makes_sense(whole) else None


def _exr(spec: "oiio.ImageSpec") -> Tagged | None:
    values = spec.getattribute("chromaticities")
    if values is None or len(values) != 8:
        return None
    whole = tuple(float(value) for value in values)
    if nearest_primaries(whole) is None:
        return None  # no space has this name; the light is left as it is
    return from_chromaticities(whole, said="chromaticities in its header")


def _makes_sense(values: tuple[float, ...]) -> bool:
    """Whether red, green and blue span a triangle and white has light."""
    red, green, blue, white = (values[i : i + 2] for i in (0, 2, 4, 6))
    area = (green[0] - red[0]) * (blue[1] - red[1]) - (green[1] - red[1]) * (blue[0] - red[0])
    return abs(area) > 1e-3 and min(red[1], green[1], blue[1], white[1]) > 1e-3


def _adobe(said: str) -> Tagged:
    return Tagged(said=said, curve="gamma", gamma=2.2, primaries=PRIMARIES["Adobe RGB"])


def _unless_srgb(tagged: Tagged) -> Tagged | None:
    usual = tagged.curve == "srgb" and tagged.primaries == PRIMARIES["Rec.709"]
    return None if usual else tagged
