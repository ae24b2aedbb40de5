# SPDX-License-Identifier: Apache-2.0
"""Mattes and a given circle of confusion: one channel of raw values per frame."""

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np

from pullfocus.errors import MatteError
from pullfocus.plate.reel import Reel, open_reel
from pullfocus.plate.sequence import Role, coc_role, matte_role, range_text
from pullfocus.shot import FrameSource

__all__ = ["CocSource", "MatteSource", "check_not_empty", "open_coc", "open_matte"]

_NOTHING = 1 / 256
"""A matte whose largest value is below this holds nothing."""


class MatteSource:
    """A matte, read as float32 (H, W) in 0..1: raw values, no colour conversion."""

    def __init__(self, reel: Reel, *, name: str, channel: Literal["alpha", "colour"]) -> None:
        self.frames, self.on_disk = reel.frames, reel.on_disk
        self._reel, self._name, self._channel = reel, name, channel

    def read(self, index: int) -> np.ndarray:
        """Read the matte of one frame: float32 (H, W), 0..1, rows top to bottom."""
        picture = self._reel.read(index)
        if self._channel == "alpha" and picture.alpha is not None:
            values = picture.alpha
        else:
            # A grey picture has three equal channels; a red-only roto is as full as a white one.
            values = picture.colour.max(axis=2)
        return np.clip(values, 0.0, 1.0, dtype=np.float32)

    def describe(self) -> str:
        """One line for messages."""
        frames = range_text(self.frames)
        return f"matte {self._name}: {self._reel.label}, frames {frames}, {self._channel}"

    def fingerprint(self) -> str:
        """Hash of the files and the channel used."""
        return hashlib.sha256(f"{self._reel.stamp()}\n{self._channel}".encode()).hexdigest()


class CocSource:
    """A given circle of confusion, read as float32 (H, W): radius in plate px."""

    def __init__(self, reel: Reel) -> None:
        self._reel, self.on_disk = reel, reel.on_disk

    def read(self, index: int) -> np.ndarray:
        """Read the circle of confusion of one frame: float32 (H, W), radius in px, raw."""
        return np.ascontiguousarray(self._reel.read(index).colour[..., 0])

    def describe(self) -> str:
        """One line for messages."""
        return f"coc: {self._reel.label}, frames {range_text(self._reel.frames)}"

    def fingerprint(self) -> str:
        """Hash of the files."""
        return hashlib.sha256(self._reel.stamp().encode()).hexdigest()


def open_matte(name: str, text: str, *, plate: Reel) -> tuple[MatteSource, tuple[str, ...]]:
    """Open the matte of layer ``name`` and check it against its plate.

    Args:
        name: layer name, already checked.
        text: a path form, as for a plate.
        plate: the footage it belongs to.

    Returns:
        The source and the lines that tell the user what was assumed.

    Raises:
        MatteError: missing frames, another size, or unreadable files.
    """
    role = matte_role(name)
    reel = _open_beside(text, plate, role)
    notes = list(reel.notes)
    channel: Literal["alpha", "colour"] = "colour"
    if reel.has_alpha:
        if _alpha_varies(reel):
            channel = "alpha"
            notes.append(f"{role.what}: {reel.label} has an alpha channel, which is used")
        else:
            notes.append(
                f"{role.what}: the alpha of {reel.label} is 1 everywhere; brightness is used"
            )
    return MatteSource(reel, name=name, channel=channel), tuple(notes)


def open_coc(text: str, *, plate: Reel) -> tuple[CocSource, tuple[str, ...]]:
    """Open a given circle of confusion and check it against its plate.

    Returns:
        The source and the lines that tell the user what was assumed.

    Raises:
        PlateError: missing frames, another size, or values that are not floating point.
    """
    role = coc_role()
    reel = _open_beside(text, plate, role)
    if reel.encoding != "linear":
        raise role.error(
            f"coc: expected float files (EXR) with a radius in px, got {reel.label}, which holds "
            "code values"
        )
    return CocSource(reel), reel.notes


def check_not_empty(source: FrameSource, count: int, *, name: str) -> None:
    """Refuse a matte that is empty in every frame; stops reading at the first that is not.

    Args:
        source: the matte.
        count: number of frames.
        name: its layer.

    Raises:
        MatteError: every frame is empty.
    """
    # From the middle outwards: a subject is more often away at the ends of a shot.
    for index in sorted(range(count), key=lambda index: abs(index - count // 2)):
        if float(source.read(index).max()) >= _NOTHING:
            return
    raise MatteError(
        f"matte {name}: expected something in at least one frame, got nothing in all {count} "
        f"({source.describe()})"
    )


def _open_beside(text: str, plate: Reel, role: Role) -> Reel:
    """Open footage that must cover a plate, frame for frame and pixel for pixel."""
    reel = open_reel(text, frames=_frames_wanted(text, plate), role=role)
    if reel.is_movie and not plate.is_movie and len(reel.frames) != len(plate.frames):
        raise role.error(
            f"{role.what}: {reel.label} has {len(reel.frames)} frames, expected "
            f"{len(plate.frames)}: a movie has no frame numbers and goes with a sequence only "
            "when it is as long"
        )
    if (reel.width, reel.height) != (plate.width, plate.height):
        raise role.error(
            f"{role.what}: {reel.label} is {reel.width}x{reel.height}, expected "
            f"{plate.width}x{plate.height} like the plate"
        )
    return reel


def _frames_wanted(text: str, plate: Reel) -> Sequence[int] | None:
    from pathlib import Path

    from pullfocus.plate.sequence import MOVIE_EXTENSIONS

    movie = Path(text).suffix.lower() in MOVIE_EXTENSIONS
    return None if movie and not plate.is_movie else plate.frames


def _alpha_varies(reel: Reel) -> bool:
    """Whether alpha is not 1 everywhere, looked at in the first, middle and last frame."""
    last = len(reel.frames) - 1
    for index in sorted({0, last // 2, last}):
        alpha = reel.read(index).alpha
        if alpha is not None and float(alpha.min()) < 1.0 - _NOTHING:
            return True
    return False
