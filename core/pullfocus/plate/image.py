# SPDX-License-Identifier: Apache-2.0
"""One still through OpenImageIO: channels by name, display window, every value checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pullfocus.plate.colour import Encoding
from pullfocus.plate.sequence import Role

if TYPE_CHECKING:
    import OpenImageIO as oiio

__all__ = ["Header", "Picture", "Window", "place", "read_header", "read_picture"]

_RED_GREEN_BLUE = (("r", "g", "b"), ("red", "green", "blue"))
_GREY = ("y", "l", "luminance", "gray", "grey")
_ALPHA = ("a", "alpha")
_STRAIGHT_FORMATS = ("png", "targa", "webp")
"""Formats whose alpha is unassociated by their own standard."""


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels, x to the right and y down."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a still says of itself, before its pixels are read."""

    display: Window
    data: Window
    channels: tuple[str, ...]
    colour: tuple[int, ...]
    """Channels taken: three (R, G, B), one (grey or a single channel), or none that fits."""
    alpha: int | None
    straight: bool
    """Alpha is unassociated: the colour is not multiplied by it yet."""
    part: int
    parts: int
    encoding: Encoding
    floating: bool
    pixel_aspect: float
    rate: Fraction | None


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A frame as its file codes it, in the display window."""

    colour: np.ndarray
    """float32 (H, W, 3), or (H, W, 1) for grey; code values 0..1 or light, as the file has it."""
    alpha: np.ndarray | None
    """float32 (H, W), or None where the file has none."""
    straight: bool
    """The colour is not multiplied by alpha yet."""


def read_header(path: Path, *, frame: int, role: Role) -> Header:
    """Read a still's header.

    Raises:
        PullfocusError: (the role's kind) the file cannot be opened or is no flat picture.
    """
    image, header = _open(path, frame, role)
    image.close()
    return header


def read_picture(path: Path, *, frame: int, role: Role) -> tuple[Header, Picture]:
    """Read a still in full.

    Raises:
        PullfocusError: (the role's kind) the file is truncated or damaged, lacks the channels
            needed, or holds NaN or Inf.
    """
    image, header = _open(path, frame, role)
    where = f"{role.what}: frame {frame} ({path})"
    if not header.colour:
        raise role.error(
            f"{where}: expected channels R, G, B or one grey channel, "
            f"got {', '.join(header.channels) or 'none'}"
        )
    wanted = [*header.colour, *([header.alpha] if header.alpha is not None else [])]
    first, last = min(wanted), max(wanted) + 1
    pixels = image.read_image(header.part, 0, first, last, "float")
    # Some readers hand over a damaged picture and only mention it: the message decides.
    problem = image.geterror()
    image.close()
    if pixels is None or problem:
        raise role.error(f"{where} is truncated or damaged: {_first_line(problem)}")
    pixels = pixels.reshape(header.data.height, header.data.width, last - first)
    taken = pixels[..., [index - first for index in wanted]]
    if header.floating:
        _check_finite(taken, where, role)
    taken = place(taken, header.data, header.display)
    count = len(header.colour)
    alpha = taken[..., count] if header.alpha is not None else None
    return header, Picture(colour=taken[..., :count], alpha=alpha, straight=header.straight)


def place(pixels: np.ndarray, data: Window, display: Window) -> np.ndarray:
    """Bring (h, w, n) pixels of a data window to the display window (H, W, n), zero outside."""
    if data == display:
        return pixels
    out = np.zeros((display.height, display.width, pixels.shape[2]), pixels.dtype)
    left, top = data.x - display.x, data.y - display.y
    x0, x1 = max(left, 0), min(left + data.width, display.width)
    y0, y1 = max(top, 0), min(top + data.height, display.height)
    if x0 < x1 and y0 < y1:
        out[y0:y1, x0:x1] = pixels[y0 - top : y1 - top, x0 - left : x1 - left]
    return out


def _check_finite(pixels: np.ndarray, where: str, role: Role) -> None:
    bad = ~np.isfinite(pixels).all(axis=2)
    count = int(bad.sum())
    if count:
        kinds = [
            name for name, test in (("NaN", np.isnan), ("Inf", np.isinf)) if test(pixels).any()
        ]
        y, x = (int(value) for value in np.argwhere(bad)[0])
        noun = "pixel" if count == 1 else "pixels"
        raise role.error(
            f"{where}: expected finite values, got {' and '.join(kinds)} in {count} {noun}, "
            f"first at x {x}, y {y}"
        )


def _open(path: Path, frame: int, role: Role) -> tuple["oiio.ImageInput", Header]:
    import OpenImageIO as oiio

    where = f"{role.what}: frame {frame} ({path})"
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise role.error(f"{where} cannot be read: {error.strerror}") from error
    hints = oiio.ImageSpec()
    hints.attribute("oiio:UnassociatedAlpha", 1)
    image = oiio.ImageInput.open(str(path), hints)
    if image is None:
        raise role.error(f"{where} is truncated or no picture: {_first_line(oiio.geterror())}")
    specs: list[oiio.ImageSpec] = []
    while image.seek_subimage(len(specs), 0):
        specs.append(oiio.ImageSpec(image.spec()))
    image.geterror()
    headers = [
        _header(spec, index, specs, image.format_name(), role) for index, spec in enumerate(specs)
    ]
    header = next((one for one in headers if len(one.colour) == 3), None)
    if role.channel is not None:
        header = next((one for one in headers if role.channel in one.channels), header)
    header = header or next((one for one in headers if one.colour), headers[0])
    if specs[header.part].deep:
        raise role.error(f"{where}: expected a flat picture, got deep data; flatten it first")
    return image, header


def _header(
    spec: "oiio.ImageSpec",
    part: int,
    specs: Sequence["oiio.ImageSpec"],
    format_name: str,
    role: Role,
) -> Header:
    names = tuple(spec.channelnames)
    alpha = spec.alpha_channel if spec.alpha_channel >= 0 else _find(names, _ALPHA)
    types = {str(kind) for kind in spec.channelformats} or {str(spec.format)}
    floating = not types.isdisjoint({"half", "float", "double"})
    encoding: Encoding = "log" if format_name == "dpx" else "linear" if floating else "encoded"
    straight = format_name in _STRAIGHT_FORMATS or bool(
        spec.get_int_attribute("oiio:UnassociatedAlpha")
    )
    colour = _colour(names, alpha, role)
    return Header(
        display=Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height),
        data=Window(spec.x, spec.y, spec.width, spec.height),
        channels=names,
        colour=colour,
        alpha=None if alpha in colour or role.channel in names else alpha,
        straight=straight,
        part=part,
        parts=len(specs),
        encoding=encoding,
        floating=floating,
        pixel_aspect=float(spec.get_float_attribute("PixelAspectRatio", 1.0)) or 1.0,
        rate=_rate(spec),
    )


def _colour(names: Sequence[str], alpha: int | None, role: Role) -> tuple[int, ...]:
    """Indices of the channels to read, by name: never by position in a named file."""
    if role.channel in names:
        return (names.index(role.channel),)
    lower = [name.lower() for name in names]
    for wanted in _RED_GREEN_BLUE:
        if all(name in lower for name in wanted):
            return tuple(lower.index(name) for name in wanted)
    grey = _find(names, _GREY)
    if grey is not None and "ry" not in lower:
        return (grey,)
    others = [index for index in range(len(names)) if index != alpha]
    if role.any_channel and names:
        return (others[0] if others else 0,)
    return ()


def _find(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    lower = [name.lower() for name in names]
    return next((lower.index(name) for name in wanted if name in lower), None)


def _rate(spec: "oiio.ImageSpec") -> Fraction | None:
    value: Any = spec.getattribute("framesPerSecond")
    if value is None:
        value = spec.getattribute("dpx:FrameRate") or spec.getattribute("dpx:TemporalFrameRate")
    try:
        if isinstance(value, (tuple, list)):
            rate = Fraction(int(value[0]), int(value[1]))
        else:
            rate = Fraction(value).limit_denominator(1001)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return rate if 0 < rate < 10000 else None


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].strip() if text.strip() else "no reason given"
