# SPDX-License-Identifier: Apache-2.0
"""Reel: numbered frames of one size, as coded on disk, whether stills or a movie."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from pullfocus.plate.colour import Encoding
from pullfocus.plate.contents import contents_stamp
from pullfocus.plate.image import Header, Picture, Window, read_header, read_picture
from pullfocus.plate.orientation import describe
from pullfocus.plate.sequence import PLATE, Found, Role, find_footage, range_text
from pullfocus.plate.tagged import Tagged
from pullfocus.shot import OnDisk

__all__ = ["Reel", "StillReel", "open_reel"]

_KINDS: dict[Encoding, str] = {
    "encoded": "8/16-bit code values",
    "linear": "floating-point light",
    "log": "DPX code values",
}


class Reel(Protocol):
    """Frames as coded on disk: no colour conversion, no alpha applied."""

    @property
    def name(self) -> str:
        """Short name."""
        ...

    @property
    def label(self) -> str:
        """How messages call it."""
        ...

    @property
    def frames(self) -> tuple[int, ...]:
        """Frame numbers, rising."""
        ...

    @property
    def width(self) -> int:
        """Of what is read, px."""
        ...

    @property
    def height(self) -> int:
        """Of what is read, px."""
        ...

    @property
    def display(self) -> Window:
        """The display window, upright, where the files put it."""
        ...

    @property
    def data(self) -> Window:
        """What is read, in the same coordinates: the display window, or with overscan more."""
        ...

    @property
    def rate(self) -> Fraction | None:
        """Frames a second, where the files say so."""
        ...

    @property
    def pixel_aspect(self) -> float:
        """Width of a pixel over its height."""
        ...

    @property
    def encoding(self) -> Encoding:
        """What the file type lets one assume of the values."""
        ...

    @property
    def tagged(self) -> Tagged | None:
        """What the footage says of its colours."""
        ...

    @property
    def has_alpha(self) -> bool:
        """Whether the files carry an alpha channel."""
        ...

    @property
    def largest_code(self) -> int:
        """Code value of white, for whole numbers: 255, 65535; 1 for floating point."""
        ...

    @property
    def deinterlace(self) -> bool | None:
        """What the user said of interlaced movies."""
        ...

    @property
    def is_movie(self) -> bool:
        """Whether frame numbers are counted rather than written on the files."""
        ...

    @property
    def on_disk(self) -> OnDisk:
        """Where it lies."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, a line each."""
        ...

    def read(self, index: int) -> Picture:
        """Read frame ``frames[index]`` of width x height, every value finite."""
        ...

    def stamp(self) -> str:
        """What the files hold, wherever they lie, for fingerprints."""
        ...


def open_reel(
    text: str,
    *,
    frames: str | Sequence[int] | None = None,
    role: Role = PLATE,
    overscan: bool = False,
    deinterlace: bool | None = None,
    beside: "Reel | None" = None,
) -> Reel:
    """Open footage and check all that needs no pixels: names, gaps, headers, sizes.

    Args:
        text: ``shot.####.exr``, ``shot.%04d.png``, a folder, a still or a movie.
        frames: a fileseq range, the frame numbers another reel needs, or None: all of them.
        role: what it is for.
        overscan: read all that the data windows of stills hold, not the display window alone.
        deinterlace: make whole frames of an interlaced movie, or (False) take them as they are;
            None: refuse it.
        beside: the plate that it must cover: with overscan, files that have its display window are
            read as far as its data window.

    Raises:
        PullfocusError: (the role's kind) anything missing, unreadable or inconsistent.
    """
    found = find_footage(text, frames=frames, role=role)
    if found.movie:
        from pullfocus.plate.movie import MovieReel

        return MovieReel(
            found.paths[0],
            name=found.name,
            folder=found.folder,
            frames=frames,
            role=role,
            deinterlace=deinterlace,
        )
    return StillReel(found, role=role, overscan=overscan, beside=beside)


class StillReel:
    """A sequence of stills."""

    is_movie = False

    def __init__(
        self,
        found: Found,
        *,
        role: Role = PLATE,
        overscan: bool = False,
        beside: Reel | None = None,
    ) -> None:
        self.name, self.label, self.frames = found.name, found.label, found.frames
        self.paths, self._role = found.paths, role
        self.deinterlace: bool | None = None
        self.on_disk = OnDisk(what=role.what, files=found.paths, folder=found.folder)
        headers = [
            read_header(path, frame=frame, role=role)
            for path, frame in zip(self.paths, self.frames, strict=True)
        ]
        first = headers[0]
        self._size = first.size
        self.encoding: Encoding = first.encoding
        for path, frame, header in zip(self.paths, self.frames, headers, strict=True):
            self._check(header, frame, path)
        self.display = Window(first.display.x, first.display.y, *first.size)
        self.data = self.display
        if overscan:
            self.data = _around([first.display, *(_centred(h, first.display) for h in headers)])
        elif beside and beside.data != beside.display and first.size == beside.display.size:
            self.data = beside.data.moved(
                self.display.x - beside.display.x, self.display.y - beside.display.y
            )
        self.width, self.height = self.data.size
        if not role.any_channel and all(_outside(header, self.data) for header in headers):
            data = headers[0].data
            raise role.error(
                f"{role.what}: {self.label}: expected something in the {self.width}x{self.height} "
                f"display window, got a data window of {data.width}x{data.height} outside of it, "
                f"at {data.x}, {data.y}; --overscan reads it"
            )
        self.pixel_aspect = first.pixel_aspect
        self.rate = first.rate
        self.tagged, self.header = first.tagged, first
        self.largest_code = 1 if first.encoding == "linear" else (1 << first.bits) - 1
        self.has_alpha = any(header.alpha is not None for header in headers)
        self.notes = (*found.notes, *self._header_notes(headers))

    def _check(self, header: Header, frame: int, path: Path) -> None:
        size = header.size
        if size != self._size:
            raise self._role.error(
                f"{self._role.what}: frame {frame} ({path}) is {size[0]}x{size[1]}, expected "
                f"{self._size[0]}x{self._size[1]} like frame {self.frames[0]}"
            )
        if header.encoding != self.encoding:
            raise self._role.error(
                f"{self._role.what}: frame {frame} ({path}) holds {_KINDS[header.encoding]}, "
                f"expected {_KINDS[self.encoding]} like frame {self.frames[0]}"
            )

    def _header_notes(self, headers: Sequence[Header]) -> list[str]:
        notes = []
        what = f"{self._role.what}: {self.label}"
        over = [f for f, h in zip(self.frames, headers, strict=True) if _overscan(h)]
        under = [f for f, h in zip(self.frames, headers, strict=True) if _uncovered(h)]
        width, height = self.display.size
        if over and self.data == self.display:
            keep = "" if self._role.any_channel else "; --overscan keeps it"
            notes.append(
                f"{what}: overscan up to {max(map(_overscan, headers))} px beyond the "
                f"{width}x{height} display window is left out (frames {range_text(over)}){keep}"
            )
        elif self.data != self.display:
            notes.append(
                f"{what}: overscan is kept: {self.width}x{self.height} px at {self.data.x}, "
                f"{self.data.y}, round a display window of {width}x{height}"
            )
        if under:
            notes.append(
                f"{what}: the data window does not fill the {width}x{height} display "
                f"window; the rest is zero (frames {range_text(under)})"
            )
        first = headers[0]
        taken, held = first.taken, first.parts[first.taken.part].channels
        if self._role.any_channel and len(taken.colour) == 1 and len(held) > 1:
            notes.append(f"{what}: its channel {held[taken.colour[0]]} is used")
        if taken.note:
            notes.append(f"{what}: {taken.note}")
        turned = [f for f, h in zip(self.frames, headers, strict=True) if h.orientation != 1]
        if turned:
            words = sorted({describe(h.orientation) for h in headers} - {""})
            notes.append(f"{what}: {', '.join(words)}, as the header asks")
        return notes

    def read(self, index: int) -> Picture:
        """Read frame ``frames[index]``; see ``Reel``."""
        path, frame = self.paths[index], self.frames[index]
        window = None if self.data == self.display else self.data
        header, picture = read_picture(
            path, frame=frame, role=self._role, window=window, display=self.display
        )
        self._check(header, frame, path)
        return picture

    def stamp(self) -> str:
        """What the files hold, and which of it is read."""
        role = self._role
        return f"{contents_stamp(self.paths)}\n{role.layer} {role.channel} {self.data}"


def _around(windows: Sequence[Window]) -> Window:
    """The smallest window that holds all of these."""
    x, y = min(one.x for one in windows), min(one.y for one in windows)
    right = max(one.x + one.width for one in windows)
    bottom = max(one.y + one.height for one in windows)
    return Window(x, y, right - x, bottom - y)


def _centred(header: Header, display: Window) -> Window:
    """Its data window, were its display window where the first frame's is."""
    return header.data.moved(display.x - header.display.x, display.y - header.display.y)


def _outside(header: Header, window: Window) -> bool:
    """Whether the data window has no pixel inside a window."""
    left, top, right, bottom = _margins(header.data, window)
    return (
        -left >= window.width
        or -right >= window.width
        or -top >= window.height
        or -bottom >= window.height
    )


def _overscan(header: Header) -> int:
    """How far the data window reaches beyond the display window, px."""
    data, display = header.data, header.display
    return max(0, *_margins(data, display))


def _uncovered(header: Header) -> bool:
    return min(_margins(header.data, header.display)) < 0


def _margins(data: Window, display: Window) -> tuple[int, int, int, int]:
    return (
        display.x - data.x,
        display.y - data.y,
        data.x + data.width - display.x - display.width,
        data.y + data.height - display.y - display.height,
    )
