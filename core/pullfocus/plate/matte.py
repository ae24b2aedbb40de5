# SPDX-License-Identifier: Apache-2.0
"""Mattes and a given circle of confusion: one channel of raw values per frame."""

import hashlib

import numpy as np

from pullfocus.errors import MatteError
from pullfocus.plate.matte_reel import Values, open_beside, read_values
from pullfocus.plate.reel import Reel
from pullfocus.plate.selector import Selector, read_selector, split_selector
from pullfocus.plate.sequence import coc_role, matte_role, range_text

__all__ = ["CocSource", "MatteSource", "open_coc", "open_matte"]

_FULL_ENOUGH = 0.5
"""A layer is where its matte is above this: one that stays below in all frames is none."""
_FEW = 16
"""Values that may be numbers of objects."""


class MatteSource:
    """A matte, read as float32 (H, W) in 0..1: raw values, no colour conversion."""

    def __init__(
        self, reel: Reel, *, name: str, word: str, values: Values, selector: Selector
    ) -> None:
        self.frames, self.on_disk = reel.frames, reel.on_disk
        self._reel, self._name, self._word = reel, name, word
        self._values, self._selector = values, selector
        self._scale = 1.0

    def read(self, index: int) -> np.ndarray:
        """Read the matte of one frame: float32 (H, W), 0..1, rows top to bottom."""
        values = self._values(index) * np.float32(self._scale)
        values = np.clip(values, 0.0, 1.0, dtype=np.float32)
        return 1 - values if self._selector.invert else values

    def describe(self) -> str:
        """One line for messages."""
        frames = range_text(self.frames)
        return f"matte {self._name}: {self._reel.label}, frames {frames}, {self._word}"

    def fingerprint(self) -> str:
        """Hash of the files and what of them is used."""
        used = f"{self._word} {self._selector} {self._scale!r}"
        return hashlib.sha256(f"{self._reel.stamp()}\n{used}".encode()).hexdigest()

    def settle(self) -> list[str]:
        """Look at the values, stop where they are full; scale masks of 0 and 1; return notes.

        Raises:
            MatteError: every frame is empty or faint, or the values number objects.
        """
        count = len(self.frames)
        top, seen = 0.0, np.zeros(0, np.float32)
        # From the middle outwards: a subject is more often away at the ends of a shot.
        for index in sorted(range(count), key=lambda index: abs(index - count // 2)):
            values = self._values(index)
            top = max(top, float(values.max()))
            if top > _FULL_ENOUGH and not self._selector.normalise:
                return self._above_one(top)
            if len(seen) <= _FEW:
                seen = np.unique(np.concatenate([seen, np.unique(values)[: _FEW + 2]]))
        what, label = f"matte {self._name}", self._reel.label
        if top <= 0:
            raise MatteError(
                f"{what}: expected something in at least one frame, got nothing in all {count} "
                f"({self.describe()})"
            )
        if self._selector.normalise:
            self._scale = 1 / top
            return [f"{what}: {label}: scaled by {1 / top:.4g}, as asked"]
        largest = self._reel.largest_code
        code = round(top * largest)
        numbers = sorted({round(float(value) * largest) for value in seen})
        of = f" of {largest}" if largest > 1 else ""
        if numbers == [0, 1] and largest > 1:
            self._scale = 1 / top
            return [f"{what}: {label} holds 0 and 1{of}: a mask, scaled to full"]
        if largest > 1 and len(numbers) <= _FEW and code < largest / 8:
            listed = ", ".join(map(str, numbers))
            raise MatteError(
                f"{what}: {label} holds values {listed}{of}: numbers of objects? "
                f"{self._name}=PATH:{code} takes one, and {self._name}=PATH:normalise scales a "
                "faint matte"
            )
        amount = f"{code}{of}" if largest > 1 else f"{top:.3g}"
        raise MatteError(
            f"{what}: expected a matte that reaches 1, got a largest value of {amount} in all "
            f"{count} frames ({self.describe()}); {self._name}=PATH:normalise scales a faint one"
        )

    def _above_one(self, top: float) -> list[str]:
        if top <= 1.5:
            return []
        return [
            f"matte {self._name}: {self._reel.label} reaches {top:.4g}; what is above 1 counts as "
            "1, and PATH:CHANNEL:NUMBER takes one number"
        ]


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
        text: a path form, as for a plate; after a colon what of it is the matte (``selector.py``).
        plate: the footage it belongs to.

    Returns:
        The source and the lines that tell the user what was assumed.

    Raises:
        MatteError: missing frames, another size, unreadable files, values that are empty in every
            frame, or nothing that is clearly the matte.
    """
    role = matte_role(name)
    path, rest = split_selector(text)
    selector = read_selector(rest, role)
    reel, values, word, notes = read_values(path, selector, name, plate, role)
    source = MatteSource(reel, name=name, word=word, values=values, selector=selector)
    return source, (*notes, *source.settle())


def open_coc(text: str, *, plate: Reel) -> tuple[CocSource, tuple[str, ...]]:
    """Open a given circle of confusion and check it against its plate.

    Returns:
        The source and the lines that tell the user what was assumed.

    Raises:
        PlateError: missing frames, another size, or values that are not floating point.
    """
    role = coc_role()
    reel, notes = open_beside(text, Selector(), plate, role)
    if reel.encoding != "linear":
        raise role.error(
            f"coc: expected float files (EXR) with a radius in px, got {reel.label}, which holds "
            "code values"
        )
    return CocSource(reel), (*reel.notes, *notes)
