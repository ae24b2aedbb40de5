# SPDX-License-Identifier: Apache-2.0
"""What a folder of passes holds, read from its passes.json."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pullfocus_nuke.errors import GizmoError
from pullfocus_nuke.exr_pixels import channel_names

__all__ = ["Layer", "Passes", "knob_text", "read_passes"]

_MAJOR = 1
_LAYER = re.compile(r"[a-z][a-z0-9_]*$")
_RUN = re.compile(r"#+")
_TCL = re.compile(r"([\\\[\]$])")


@dataclass(frozen=True)
class Layer:
    """One layer, and the atlas that it is painted on."""

    name: str
    atlas: str
    """Full path with forward slashes; `knob_text` makes a knob's value of it."""
    atlas_width: int
    atlas_height: int
    depth: float
    """Middle depth, px of radius; 0 where it is not known."""


@dataclass(frozen=True)
class Passes:
    """Passes on disk."""

    json_path: str
    layers: tuple[Layer, ...]
    """Front to back."""
    folder: str
    """Full path, with forward slashes."""
    file_pattern: str
    """File name of a frame, with a run of # for the number."""
    frames: tuple[int, ...]
    width: int
    height: int
    pixel_aspect: float
    rate: float
    colorspace: str
    coc_signed: bool
    focus: dict[int, float]
    """Focus of the plate by frame, px of radius; empty where the lens is not known."""
    depths_known: bool
    """Whether layers have a depth of their own."""
    iris: dict[str, float]
    """The plate's own iris, by knob; only what differs from a round one."""

    @property
    def first(self) -> int:
        """First frame number."""
        return self.frames[0]

    @property
    def last(self) -> int:
        """Last frame number."""
        return self.frames[-1]

    @property
    def pattern(self) -> str:
        """What a Read's file knob holds: the frames with %04d for the number."""
        name = _RUN.sub(lambda run: f"%0{len(run.group())}d", knob_text(self.file_pattern), count=1)
        return knob_text(self.folder) + "/" + name

    def file_name(self, frame: int) -> str:
        """Return the file name of a frame number."""
        return _RUN.sub(lambda run: str(frame).zfill(len(run.group())), self.file_pattern, count=1)

    def missing(self) -> tuple[int, ...]:
        """Return the frames that have no file; looks at the folder."""
        there = {path.name for path in Path(self.folder).iterdir()}
        return tuple(f for f in self.frames if self.file_name(f) not in there)

    def holds(self, channel: str) -> bool | None:
        """Return whether the frames hold a channel, by the first there is; None: no telling."""
        for frame in self.frames:
            path = Path(self.folder, self.file_name(frame))
            if path.is_file():
                try:
                    return channel in channel_names(path)
                except (OSError, ValueError):
                    return None
        return None

    def gaps(self) -> tuple[int, ...]:
        """Return the numbers from first to last that are no frames: the plate left them out."""
        held = set(self.frames)
        return tuple(f for f in range(self.first, self.last + 1) if f not in held)


def knob_text(path: str) -> str:
    """Return a path as a file knob must hold it: Nuke runs brackets as Tcl and % as printf does."""
    return _TCL.sub(r"\\\1", path).replace("%", "%%")


def read_passes(path: str) -> Passes:
    """Read passes.json; `path` is the file or the folder that holds it.

    Raises:
        GizmoError: nothing there, not ours, a newer major version, or a value that is no good.
    """
    source = Path(path)
    if source.is_dir():
        source = source / "passes.json"
    path = source.absolute().as_posix()
    try:
        document = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GizmoError(f"expected passes.json, got {error} for {path}") from error
    try:
        return _passes(document, path)
    except GizmoError:
        raise
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise GizmoError(
            f"expected the passes of pullfocus in {path}, got something else ({error!r})"
        ) from error


def _passes(document: Any, path: str) -> Passes:
    folder = Path(path).parent.as_posix()
    if int(str(document["version"]).split(".")[0]) > _MAJOR:
        raise GizmoError(
            "expected passes of version {}, got {} in {}: use a newer plug-in".format(
                _MAJOR, document["version"], path
            )
        )
    lens = document.get("lens_curve") or {}
    depths = lens.get("layers") or {}
    layers = tuple(
        Layer(
            _checked(one["name"], path),
            folder + "/" + Path(one["atlas"]).name,
            int(one["atlas_width"]),
            int(one["atlas_height"]),
            float(depths.get(one["name"], 0.0)),
        )
        for one in document["layers"]
    )
    if not layers or not document["frames"]:
        raise GizmoError(f"expected layers and frames, got none in {path}")
    pattern = str(document["file_pattern"])
    if Path(pattern).name != pattern or len(_RUN.findall(pattern)) != 1:
        raise GizmoError(f"expected a file name with one run of #, got {pattern!r} in {path}")
    top, bottom = str(document["rate"]).split("/")
    return Passes(
        json_path=path,
        layers=layers,
        folder=folder,
        file_pattern=pattern,
        frames=tuple(sorted(int(frame) for frame in document["frames"])),
        width=int(document["width"]),
        height=int(document["height"]),
        pixel_aspect=float(document.get("pixel_aspect", 1.0)),
        rate=int(top) / float(bottom),
        colorspace=str(document["colorspace"]),
        coc_signed=bool(document.get("coc_signed")),
        focus={int(frame): float(f) for frame, f in (lens.get("focus") or {}).items()},
        depths_known=bool(depths),
        iris=_iris(document.get("plate_lens") or {}),
    )


_IRIS = (
    ("blades", "blades", 0),
    ("rotation_deg", "rotation", 0),
    ("roundness", "roundness", 0),
    ("squeeze", "squeeze", 1),
    ("cats_eye", "cats_eye", 0),
)


def _iris(lens: Any) -> dict[str, float]:
    held = {knob: float(lens.get(name, round_one)) for name, knob, round_one in _IRIS}
    return {knob: held[knob] for _, knob, round_one in _IRIS if held[knob] != round_one}


def _checked(name: str, path: str) -> str:
    # the name goes into a script that Nuke runs
    if not _LAYER.match(name):
        raise GizmoError(f"expected layer names of a-z, 0-9 and _, got {name!r} in {path}")
    return name
