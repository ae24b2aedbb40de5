# SPDX-License-Identifier: Apache-2.0
"""One still through OpenImageIO: channels by name, display window, every value checked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pullfocus.plate.channels import (
    Part,
    Taken,
    all_channels,
    find_channel,
    find_picture,
    picture_names,
)
from pullfocus.plate.colour import Encoding
from pullfocus.plate.orientation import swaps_sides, upright
from pullfocus.plate.sequence import Role
from pullfocus.plate.still_tags import tagged_still
from pullfocus.plate.tagged import Tagged
from pullfocus.shot import Window

if TYPE_CHECKING:
    import OpenImageIO as oiio

__all__ = [
    "Header",
    "Picture",
    "Window",
    "place",
    "problem_of",
    "read_attributes",
    "read_channels",
    "read_header",
    "read_picture",
]

_STRAIGHT_FORMATS = ("png", "targa", "webp")
"""Formats whose alpha is unassociated by their own standard."""
_WHOLE_NUMBERS = frozenset({"uint", "int", "uint32", "int32"})
_MOST_PARTS = 1000
_MOST_PIXELS = 1 << 28
"""16384 x 16384: what a header may ask for before anything is allocated."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a still says of itself, before its pixels are read."""

    display: Window
    """As stored: ``size`` is what comes out."""
    data: Window
    parts: tuple[Part, ...]
    taken: Taken
    """The channels read: three (R, G, B), one (grey or a single channel), or none that fits."""
    straight: bool
    """Alpha is unassociated: the colour is not multiplied by it yet."""
    encoding: Encoding
    floating: bool
    whole: bool
    """Some channels hold whole numbers as they are (EXR's uint), not shares of the largest."""
    bits: int
    orientation: int
    """How the picture lies in its file, 1..8 as in EXIF."""
    tagged: Tagged | None
    """What the file says of its colours."""
    pixel_aspect: float
    """Width of a pixel over its height, upright."""
    rate: Fraction | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the display window, upright, px."""
        width, height = self.display.size
        return (height, width) if swaps_sides(self.orientation) else (width, height)

    @property
    def alpha(self) -> int | None:
        """Index of the alpha channel in its part, None where there is none."""
        return self.taken.alpha


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
    _check_size(header, f"{role.what}: frame {frame} ({path})", role)
    return header


def read_picture(
    path: Path,
    *,
    frame: int,
    role: Role,
    window: Window | None = None,
    display: Window | None = None,
) -> tuple[Header, Picture]:
    """Read a still in full, upright.

    Args:
        path: the file.
        frame: its number, for messages.
        role: what it is for.
        window: what to read; None: the display window.
        display: the display window in whose coordinates ``window`` is; None: the file's own.

    Raises:
        PullfocusError: (the role's kind) the file is truncated or damaged, lacks the channels
            needed, or holds NaN or Inf.
    """
    image, header = _open(path, frame, role)
    where = f"{role.what}: frame {frame} ({path})"
    if not header.taken.colour:
        image.close()
        raise role.error(f"{where}: {_no_picture(header.parts)}")
    _check_size(header, where, role)
    count = len(header.taken.colour)
    wanted = [*header.taken.colour, *([header.alpha] if header.alpha is not None else [])]
    taken = _read_channels(image, header, wanted, where, role)
    image.close()
    if header.floating:
        _check_finite(taken, where, role)
    taken = _placed(taken, header, window, display)
    taken = np.ascontiguousarray(upright(taken, header.orientation))
    alpha = taken[..., count] if header.alpha is not None else None
    return header, Picture(colour=taken[..., :count], alpha=alpha, straight=header.straight)


def read_attributes(
    path: Path, *, frame: int, role: Role
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The attributes of all parts of a still by name, and its channels as ``all_channels``.

    Raises:
        PullfocusError: (the role's kind) the file cannot be opened or is no picture.
    """
    image, specs = _open_parts(path, frame, role)
    image.close()
    found: dict[str, Any] = {}
    for spec in specs:
        for attribute in spec.extra_attribs:
            try:
                found.setdefault(attribute.name, attribute.value)
            except UnicodeDecodeError:  # text in some old encoding
                pass
    return found, tuple(all_channels([_part(spec, path, role) for spec in specs]))


def read_channels(
    path: Path,
    names: Sequence[str],
    *,
    frame: int,
    role: Role,
    window: Window | None = None,
    display: Window | None = None,
) -> np.ndarray:
    """Read channels of one part by their names, bit for bit: float32 (H, W, n).

    ``window`` and ``display`` are as in ``read_picture``.

    Raises:
        PullfocusError: (the role's kind) the file is truncated or damaged, or lacks one.
    """
    image, header = _open(path, frame, replace(role, channel=names[0], channel_must=True))
    where = f"{role.what}: frame {frame} ({path})"
    part = header.parts[header.taken.part]
    bare = [name.removeprefix(f"{part.name}.") for name in names]
    held = [
        name if name in part.channels else short for name, short in zip(names, bare, strict=True)
    ]
    missing = [name for name in held if name not in part.channels]
    if missing:
        image.close()
        raise role.error(f"{where}: expected channels {', '.join(missing)} beside {names[0]}")
    _check_size(header, where, role)
    wanted = [part.channels.index(name) for name in held]
    pixels = _read_channels(image, header, wanted, where, role)
    image.close()
    return _placed(pixels, header, window, display)


def _placed(
    pixels: np.ndarray, header: Header, window: Window | None, display: Window | None
) -> np.ndarray:
    """Bring the pixels of a file to a window that is told in coordinates of ``display``."""
    own = header.display
    if window is not None and display is not None:
        window = window.moved(own.x - display.x, own.y - display.y)
    return place(pixels, header.data, window or own)


def _read_channels(
    image: "oiio.ImageInput", header: Header, wanted: Sequence[int], where: str, role: Role
) -> np.ndarray:
    """Channels of the part taken, float32 (h, w, n) of its data window."""
    part = header.taken.part
    first, last = min(wanted), max(wanted) + 1
    kinds = image.spec_dimensions(part).channelformats if header.whole else ()
    if kinds or header.whole:
        # OpenImageIO turns whole numbers into shares of the largest: read them as they are.
        planes = []
        for index in wanted:
            kind = str(kinds[index]) if kinds else "uint32"
            kind = "uint32" if kind in _WHOLE_NUMBERS else "float"
            planes.append(image.read_image(part, 0, index, index + 1, kind))
        problem = problem_of(image)
        read = [plane.astype(np.float32) for plane in planes if plane is not None]
        pixels = np.concatenate(read, -1) if len(read) == len(wanted) else None
        chosen = list(range(len(wanted)))
    else:
        pixels = image.read_image(part, 0, first, last, "float")
        problem = problem_of(image)
        chosen = [index - first for index in wanted]
    # Some readers hand over a damaged picture and only mention it: the message decides.
    if pixels is None or problem:
        raise role.error(f"{where} is truncated or damaged: {_first_line(problem)}")
    return pixels.reshape(header.data.height, header.data.width, -1)[..., chosen]


def _check_size(header: Header, where: str, role: Role) -> None:
    """Refuse what would fill the memory, before anything is allocated."""
    for window in (header.data, header.display):
        if not 0 < window.width * window.height <= _MOST_PIXELS:
            raise role.error(
                f"{where}: expected at most {_MOST_PIXELS / 1e6:.0f} million pixels, "
                f"got {window.width}x{window.height}"
            )


def _no_picture(parts: Sequence[Part]) -> str:
    layers = picture_names(parts)
    hint = f"; --plate-layer takes one of {', '.join(layers[:12])}" if layers else ""
    held = [name for part in parts for name in part.channels]
    shown = ", ".join(held[:24]) + (f" and {len(held) - 24} more" if len(held) > 24 else "")
    return f"expected channels R, G, B or one grey channel, got {shown or 'none'}{hint}"


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


def _open_parts(
    path: Path, frame: int, role: Role
) -> tuple["oiio.ImageInput", list["oiio.ImageSpec"]]:
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
        raise role.error(f"{where} is truncated or no picture: {_first_line(problem_of(oiio))}")
    specs: list[oiio.ImageSpec] = []
    while len(specs) < _MOST_PARTS and image.seek_subimage(len(specs), 0):
        specs.append(oiio.ImageSpec(image.spec()))
    problem_of(image)
    return image, specs


def _open(path: Path, frame: int, role: Role) -> tuple["oiio.ImageInput", Header]:
    where = f"{role.what}: frame {frame} ({path})"
    image, specs = _open_parts(path, frame, role)
    parts = tuple(_part(spec, path, role) for spec in specs)
    taken = _take(parts, where, role)
    spec = specs[taken.part]
    if parts[taken.part].deep:
        raise role.error(f"{where}: expected a flat picture, got deep data; flatten it first")
    return image, _header(path, spec, parts, taken, image.format_name())


def _part(spec: "oiio.ImageSpec", path: Path, role: Role) -> Part:
    try:
        return _named_part(spec)
    except UnicodeDecodeError as error:
        raise role.error(
            f"{role.what}: {path}: expected names of channels and parts in UTF-8, got something "
            "else"
        ) from error


def _named_part(spec: "oiio.ImageSpec") -> Part:
    names = list(spec.channelnames)
    if spec.alpha_channel >= 0 and "." not in names[spec.alpha_channel]:
        names[spec.alpha_channel] = "A"  # whatever the format calls it
    views = spec.getattribute("multiView")
    return Part(
        channels=tuple(names),
        name=spec.get_string_attribute("oiio:subimagename"),
        view=spec.get_string_attribute("view"),
        views=tuple(views) if isinstance(views, (tuple, list)) else (),
        deep=spec.deep,
    )


def _take(parts: tuple[Part, ...], where: str, role: Role) -> Taken:
    """The channels that this role wants."""
    if role.channel is not None:
        found = find_channel(parts, role.channel)
        if found is not None:
            return found
        if role.channel_must:
            held = all_channels(parts)
            raise role.error(f"{where}: expected a channel {role.channel}, got {', '.join(held)}")
    try:
        picture = find_picture(parts, role.layer)
    except LookupError as error:
        raise role.error(f"{where}: --plate-layer: {error}") from error
    if picture is not None:
        return picture
    first = next((index for index, part in enumerate(parts) if not part.deep), 0)
    names = parts[first].channels
    if role.any_channel and names and not parts[first].deep:
        others = [index for index, name in enumerate(names) if name != "A"]
        return Taken(part=first, colour=(others[0] if others else 0,))
    return Taken(part=first, colour=())


def _header(
    path: Path, spec: "oiio.ImageSpec", parts: tuple[Part, ...], taken: Taken, format_name: str
) -> Header:
    types = {str(kind) for kind in spec.channelformats} or {str(spec.format)}
    floating = not types.isdisjoint({"half", "float", "double"})
    whole = format_name == "openexr"
    encoding: Encoding = (
        "log" if format_name == "dpx" else "linear" if floating or whole else "encoded"
    )
    straight = format_name in _STRAIGHT_FORMATS or bool(
        spec.get_int_attribute("oiio:UnassociatedAlpha")
    )
    data = Window(spec.x, spec.y, spec.width, spec.height)
    display = Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height)
    # Offsets of PNG and TIFF are places on paper; a display window is EXR's, and PIXAR's in TIFF.
    if not whole and (format_name != "tiff" or (display.width, display.height) == data.size):
        display = data
    orientation = 1 if whole else spec.get_int_attribute("Orientation", 1)
    return Header(
        display=display,
        data=data,
        parts=parts,
        taken=taken,
        straight=straight,
        encoding=encoding,
        floating=floating,
        whole=whole and not types.isdisjoint(_WHOLE_NUMBERS),
        bits=spec.get_int_attribute("oiio:BitsPerSample") or spec.format.basesize() * 8,
        orientation=orientation if 1 <= orientation <= 8 else 1,
        tagged=tagged_still(path, spec, format_name),
        pixel_aspect=float(spec.get_float_attribute("PixelAspectRatio", 1.0)) or 1.0,
        rate=_rate(spec),
    )


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


def problem_of(reader: Any) -> str:
    """What OpenImageIO has to complain of, which may quote what is no text."""
    try:
        return str(reader.geterror())
    except UnicodeDecodeError:
        return "it holds what is no text"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].strip() if text.strip() else "no reason given"
