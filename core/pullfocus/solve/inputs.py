# SPDX-License-Identifier: Apache-2.0
"""What the user named to open a shot, so that a resume and a bake can open it again."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pullfocus.errors import PlateError
from pullfocus.plate.selector import split_selector

if TYPE_CHECKING:
    from pullfocus.shot import Shot

__all__ = ["NOWHERE_ELSE", "OPTIONS", "PATHS", "Elsewhere", "ShotInputs"]

PATHS = ("plate", "coc")
OPTIONS = (
    "frames",
    "colorspace",
    "working_space",
    "rate",
    "plate_layer",
    "overscan",
    "deinterlace",
)


@dataclass(frozen=True)
class Elsewhere:
    """Where the footage of a solve lies now, if it moved; what is not said lies where it was."""

    plate: str | None = None
    mattes: tuple[tuple[str, str], ...] = ()
    """(layer name, path)."""

    def __bool__(self) -> bool:
        """Whether anything is said."""
        return self.plate is not None or bool(self.mattes)


NOWHERE_ELSE = Elsewhere()


@dataclass(frozen=True, kw_only=True)
class ShotInputs:
    """What the user named on the command line to open a shot; paths and patterns as given."""

    plate: str
    mattes: tuple[tuple[str, str], ...] = ()
    """(layer name, path), front to back."""
    coc: str | None = None
    frames: str | None = None
    colorspace: str | None = None
    working_space: str | None = None
    rate: str | None = None
    """Frames per second, "24" or "24000/1001"."""
    plate_layer: str | None = None
    overscan: bool = False
    deinterlace: bool | None = None

    def open(self) -> Shot:
        """Open the shot.

        Raises:
            PullfocusError: anything is missing, unreadable or inconsistent.
        """
        from pullfocus.plate.footage import open_shot

        shot = open_shot(
            self.plate,
            mattes=self.mattes,
            coc=self.coc,
            frames=self.frames,
            colorspace=self.colorspace,
            working_space=self.working_space,
            rate=_rate(self.rate),
            plate_layer=self.plate_layer,
            overscan=self.overscan,
            deinterlace=self.deinterlace,
        )
        return dataclasses.replace(shot, opened_from=self)

    def moved(self, where: Elsewhere) -> ShotInputs:
        """The same footage, where it lies now."""
        now = dict(where.mattes)
        mattes = tuple((name, now.get(name, path)) for name, path in self.mattes)
        return dataclasses.replace(self, plate=where.plate or self.plate, mattes=mattes)

    def record(self, folder: Path) -> dict[str, Any]:
        """JSON-able; paths as given, absolute, and relative to `folder`."""

        def where(path: str | None) -> dict[str, str] | None:
            if path is None:
                return None
            bare, selector = split_selector(path)
            rest = f":{selector}" if selector else ""
            # as text: it keeps patterns such as ####, and links
            absolute = os.path.abspath(os.path.expanduser(bare))  # noqa: PTH100, PTH111
            relative = os.path.relpath(absolute, folder.absolute())
            return {"given": path, "absolute": absolute + rest, "relative": relative + rest}

        return {
            **{key: where(getattr(self, key)) for key in PATHS},
            "mattes": [[name, where(path)] for name, path in self.mattes],
            **{key: getattr(self, key) for key in OPTIONS},
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any], *, base: Path | None = None) -> ShotInputs:
        """The inputs of a record, absolute, or as they lie relative to the folder `base`.

        Raises:
            PlateError: it is no such record.
        """
        try:
            return cls._from_record(record, base)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            told = " ".join(str(error).split())
            raise PlateError(f"expected what a solve was given, got another: {told}") from error

    @classmethod
    def _from_record(cls, record: Mapping[str, Any], base: Path | None) -> ShotInputs:
        def path(where: Mapping[str, str] | None) -> str | None:
            if where is None:
                return None
            if base is None:
                return where["absolute"]
            bare, selector = split_selector(where["relative"])
            rest = f":{selector}" if selector else ""
            return os.path.normpath(base.absolute() / bare) + rest

        return cls(
            plate=path(record["plate"]) or "",
            mattes=tuple((name, path(where) or "") for name, where in record["mattes"]),
            coc=path(record["coc"]),
            # what older records do not name is as it was then
            **{key: record[key] for key in OPTIONS if key in record},
        )


def _rate(text: str | None) -> Fraction | None:
    from pullfocus.plate.headers import true_rate

    if text is None:
        return None
    try:
        rate = true_rate(Fraction(text))
    except (ValueError, ZeroDivisionError) as error:
        raise PlateError(f"expected --rate such as 24 or 24000/1001, got {text!r}") from error
    if rate <= 0:
        raise PlateError(f"expected --rate above 0 frames per second, got {text!r}")
    return rate
