# SPDX-License-Identifier: Apache-2.0
"""Shot: the record of a piece of footage that every stage passes on."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np

__all__ = ["LAST_LAYER", "FrameSource", "HeaderSource", "OnDisk", "Shot", "Window"]

LAST_LAYER = "bg"
"""Name of the last layer: complete, behind every matte; the only one when there is no matte."""


class FrameSource(Protocol):
    """A stack of frames on disk, read lazily and in bounded memory."""

    def read(self, index: int) -> np.ndarray:
        """Read one frame.

        Args:
            index: 0..T-1, the position in ``Shot.frames``, not the frame number.

        Returns:
            float32: (H, W, 3) light in the shot's working space, scene-linear, premultiplied over
            black; or (H, W): a matte in 0..1, or a circle of confusion as radius in plate px.

        Raises:
            PullfocusError: the frame is missing, damaged, or holds NaN or Inf.
        """
        ...

    def describe(self) -> str:
        """One line for messages."""
        ...

    def fingerprint(self) -> str:
        """Hash of what the files hold and the settings that shape what read() returns."""
        ...


class HeaderSource(Protocol):
    """What the plate's files say of each frame besides its pixels."""

    def read(self, index: int) -> Mapping[str, Any]:
        """Return attributes to hand on, by their names in OpenEXR."""
        ...


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels, x to the right and y down."""

    x: int
    y: int
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        return self.width, self.height

    def moved(self, x: int, y: int) -> "Window":
        """The same rectangle, further right and down."""
        return Window(self.x + x, self.y + y, self.width, self.height)


@dataclass(frozen=True, kw_only=True)
class OnDisk:
    """Where a piece of footage lies, so that nothing is written over it."""

    what: str
    """"plate", "matte fg", "coc"."""
    files: tuple[Path, ...]
    folder: Path | None
    """A folder that must go on holding this one sequence; None: files that are named by name."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """Footage and its mattes, checked: every frame has the same size and mattes cover all."""

    name: str
    """Short name, from the plate's file name."""
    frames: tuple[int, ...]
    """Frame numbers as on disk, rising, not always contiguous."""
    width: int
    """Of every frame read, px: the display window's, or with overscan the data window's."""
    height: int
    """Of every frame read, px."""
    rate: Fraction
    """Frames a second."""
    pixel_aspect: float
    """Width of a pixel over its height. The solve happens in pixels whatever it is."""
    colorspace: str
    """Working space of everything returned: "lin_rec709_srgb", "ACEScg", "scene_linear", ..."""
    plate: FrameSource
    mattes: tuple[tuple[str, FrameSource], ...] = ()
    """(layer name, source), front to back; empty: one layer."""
    display: Window | None = None
    """The display window as the plate's headers have it; None: at 0, 0, of this size."""
    data: Window | None = None
    """Where width x height lie in the same coordinates; None: on the display window."""
    coc: FrameSource | None = None
    """Given circle of confusion, radius in px, when there is one."""
    headers: HeaderSource | None = None
    """What the plate's headers hand on: time code, reel, camera."""
    footage: tuple[OnDisk, ...] = ()
    """Where plate, mattes and a given circle of confusion lie."""
    notes: tuple[str, ...] = ()
    """What was assumed, a line each, to be shown to the user."""
    opened_from: Any = field(default=None, compare=False, repr=False)
    """What opens it again, `solve.inputs.ShotInputs`; None: nobody knows."""

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The mattes' names front to back, then the complete last layer."""
        return (*(name for name, _ in self.mattes), LAST_LAYER)

    def fingerprint(self) -> str:
        """Hash of everything that decides the pixels; the name and the notes do not count."""
        parts = [
            ",".join(map(str, self.frames)),
            f"{self.width}x{self.height} {self.pixel_aspect!r} {self.rate} {self.colorspace}",
            self.plate.fingerprint(),
            *(f"{name}={source.fingerprint()}" for name, source in self.mattes),
            f"coc={self.coc.fingerprint() if self.coc is not None else None}",
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
