# SPDX-License-Identifier: Apache-2.0
"""Reel: numbered frames of one size, as coded on disk, whether stills or a movie."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from pullfocus.plate.colour import Encoding
from pullfocus.plate.image import Header, Picture, Window, read_header, read_picture
from pullfocus.plate.sequence import PLATE, Found, Role, find_footage, range_text
from pullfocus.shot import OnDisk

__all__ = ["Reel", "StillReel", "file_stamp", "open_reel"]

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
        """Display window, px."""
        ...

    @property
    def height(self) -> int:
        """Display window, px."""
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
    def has_alpha(self) -> bool:
        """Whether the files carry an alpha channel."""
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
        """Paths, sizes and times of the files, for fingerprints."""
        ...


def open_reel(text: str, *, frames: str | Sequence[int] | None = None, role: Role = PLATE) -> Reel:
    """Open footage and check all that needs no pixels: names, gaps, headers, sizes.

    Args:
        text: ``shot.####.exr``, ``shot.%04d.png``, a folder, a still or a movie.
        frames: a fileseq range, the frame numbers another reel needs, or None: all of them.
        role: what it is for.

    Raises:
        PullfocusError: (the role's kind) anything missing, unreadable or inconsistent.
    """
    found = find_footage(text, frames=frames, role=role)
    if found.movie:
        from pullfocus.plate.movie import MovieReel

        return MovieReel(
            found.paths[0], name=found.name, folder=found.folder, frames=frames, role=role
        )
    return StillReel(found, role=role)


def file_stamp(path: Path) -> str:
    """Path, size and time of one file; changes when the file does."""
    try:
        state = path.stat()
    except OSError:
        return f"{path.resolve()} gone"
    return f"{path.resolve()} {state.st_size} {state.st_mtime_ns}"


class StillReel:
    """A sequence of stills."""

    is_movie = False

    def __init__(self, found: Found, *, role: Role = PLATE) -> None:
        self.name, self.label, self.frames = found.name, found.label, found.frames
        self._paths, self._role = found.paths, role
        self.on_disk = OnDisk(what=role.what, files=found.paths, folder=found.folder)
        headers = [
            read_header(path, frame=frame, role=role)
            for path, frame in zip(self._paths, self.frames, strict=True)
        ]
        first = headers[0]
        self.width, self.height = first.display.width, first.display.height
        self.encoding: Encoding = first.encoding
        for path, frame, header in zip(self._paths, self.frames, headers, strict=True):
            self._check(header, frame, path)
        self.pixel_aspect = first.pixel_aspect
        self.rate = first.rate
        self.has_alpha = any(header.alpha is not None for header in headers)
        self.notes = (*found.notes, *self._header_notes(headers))

    def _check(self, header: Header, frame: int, path: Path) -> None:
        size = (header.display.width, header.display.height)
        if size != (self.width, self.height):
            raise self._role.error(
                f"{self._role.what}: frame {frame} ({path}) is {size[0]}x{size[1]}, expected "
                f"{self.width}x{self.height} like frame {self.frames[0]}"
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
        if over:
            notes.append(
                f"{what}: overscan up to {max(map(_overscan, headers))} px beyond the "
                f"{self.width}x{self.height} display window is left out (frames {range_text(over)})"
            )
        if under:
            notes.append(
                f"{what}: the data window does not fill the {self.width}x{self.height} display "
                f"window; the rest is zero (frames {range_text(under)})"
            )
        first = headers[0]
        if self._role.any_channel and len(first.colour) == 1 and len(first.channels) > 1:
            notes.append(f"{what}: its channel {first.channels[first.colour[0]]} is used")
        if first.parts > 1:
            notes.append(f"{what}: part {first.part + 1} of {first.parts} is used")
        return notes

    def read(self, index: int) -> Picture:
        """Read frame ``frames[index]``; see ``Reel``."""
        path, frame = self._paths[index], self.frames[index]
        header, picture = read_picture(path, frame=frame, role=self._role)
        self._check(header, frame, path)
        return picture

    def stamp(self) -> str:
        """Paths, sizes and times of the files."""
        return "\n".join(map(file_stamp, self._paths))


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
