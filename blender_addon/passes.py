# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads passes.json as Blender needs it. Plain Python: nothing of Blender in here.

Keys that are not known are ignored, so that newer minor versions open; a newer major version is
refused.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import AddonError

VERSION = 1
FILE_NAME = "passes.json"

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class PassesError(AddonError):
    """Passes that cannot be imported."""


@dataclass(frozen=True)
class Layer:
    """One layer, as passes.json lists it."""

    name: str
    atlas: Path
    atlas_size_px: tuple[int, int]
    """Width, height."""
    complete: bool
    """Has content everywhere: true for the last one."""
    depth: float | None = None
    """Middle depth, px of radius: what focusing on it means; None: not written down."""


@dataclass(frozen=True)
class Passes:
    """A folder of passes."""

    folder: Path
    layers: tuple[Layer, ...]
    """Front to back."""
    frames: tuple[int, ...]
    """Frame numbers, rising."""
    pattern: str
    """File name with a run of # for the number."""
    size_px: tuple[int, int]
    """Width, height of a frame."""
    rate: tuple[int, int]
    """Frames per second, as a fraction."""
    colorspace: str
    pixel_aspect: float
    signed: bool
    """Whether circles of confusion tell near (negative) from far."""
    focus: dict[int, float] | None
    """Where the plate was in focus, by frame number, px of radius; None: not known."""
    plate: str = ""
    """What the plate was, in words; empty: not written down."""
    solve: str = ""
    """Solve folder, relative to the passes, with forward slashes; empty: not written down."""
    solve_digest: str = ""
    """Of the solve's settings; empty: not written down."""
    blades: int = 0
    """Of the plate's own iris; 0: round, or not known."""
    roundness: float = 0.0
    """Of its blades."""
    rotation_deg: float = 90.0
    """Of its first corner, anticlockwise from the right, behind the focus."""
    squeeze: float = 1.0
    """Its height over its width."""

    @property
    def json(self) -> Path:
        """The file itself."""
        return self.folder / FILE_NAME

    @property
    def name(self) -> str:
        """What the shot is called."""
        return self.pattern.split("#")[0].rstrip("._-") or self.folder.name

    @property
    def can_pull(self) -> bool:
        """Whether focus can be set anew: near and far are told apart, and the focus is known."""
        return self.signed and self.focus is not None

    def file(self, frame: int) -> Path:
        """The file of a frame number."""
        number = re.sub(r"#+", lambda run: str(frame).zfill(len(run[0])), self.pattern, count=1)
        return self.folder / number

    def gaps(self) -> list[int]:
        """Numbers from first to last that are no frames: the plate left them out."""
        held = set(self.frames)
        return [n for n in range(self.frames[0], self.frames[-1] + 1) if n not in held]

    def missing(self) -> list[int]:
        """Frame numbers without a file, such as those a partial bake left out."""
        there = {path.name for path in self.folder.iterdir()}
        return [frame for frame in self.frames if self.file(frame).name not in there]


def read_passes(path: str | Path) -> Passes:
    """Read passes.json, given the file or its folder.

    Raises:
        PassesError: missing, not ours, from a newer major version, or broken.
    """
    source = Path(path)
    if source.is_dir():
        source = source / FILE_NAME
    try:
        document = json.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PassesError(f"expected {FILE_NAME}, got no file at {source}") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise PassesError(f"expected JSON in {source}, got: {error}") from error
    if not isinstance(document, dict) or "layers" not in document:
        raise PassesError(f"expected passes of pullfocus, got something else in {source}")
    _check_version(document.get("version"), source)
    try:
        return _passes(document, source)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise PassesError(f"expected whole passes, got {reason} in {source}") from error


def _check_version(version: Any, source: Path) -> None:
    match = re.match(r"(\d+)(\.\d+)*$", str(version))
    if match is None:
        raise PassesError(f"expected a version such as {VERSION}.0, got {version!r} in {source}")
    if int(match[1]) > VERSION:
        raise PassesError(
            f"expected passes of version {VERSION}.x, got {version} in {source}: update PullFocus"
        )


def _passes(document: dict[str, Any], source: Path) -> Passes:
    lens = document.get("lens_curve") or {}
    depths = lens.get("layers") or {}
    plate_lens = document.get("plate_lens") or {}
    layers = tuple(_layer(entry, source, depths) for entry in document["layers"])
    frames = tuple(int(frame) for frame in document["frames"])
    if not layers or not frames:
        raise ValueError("no layers or no frames")
    if list(frames) != sorted(set(frames)):
        raise ValueError("frames out of order")
    if [layer.complete for layer in layers] != [False] * (len(layers) - 1) + [True]:
        raise ValueError("a last layer that is not the complete one")
    pattern = _plain(document["file_pattern"])
    if len(re.findall(r"#+", pattern)) != 1:
        raise ValueError(f"the file pattern {pattern!r}")
    size = (int(document["width"]), int(document["height"]))
    rate = tuple(int(part) for part in str(document["rate"]).split("/"))
    if min(size) < 1 or len(rate) != 2 or min(rate) < 1:
        raise ValueError(f"size {size} or rate {document['rate']!r}")
    return Passes(
        folder=source.parent,
        layers=layers,
        frames=frames,
        pattern=pattern,
        size_px=size,
        rate=(rate[0], rate[1]),
        colorspace=str(document["colorspace"]),
        pixel_aspect=float(document.get("pixel_aspect", 1.0)),
        signed=bool(document.get("coc_signed", False)),
        focus=_focus(lens, frames),
        plate=str(document.get("plate") or ""),
        solve=str(document.get("solve") or ""),
        solve_digest=str(document.get("solve_digest") or ""),
        blades=int(plate_lens.get("blades", 0)),
        roundness=float(plate_lens.get("roundness", 0.0)),
        rotation_deg=float(plate_lens.get("rotation_deg", 90.0)),
        squeeze=float(plate_lens.get("squeeze", 1.0)),
    )


def _layer(entry: dict[str, Any], source: Path, depths: dict[str, Any]) -> Layer:
    name = str(entry["name"])
    if not _NAME.fullmatch(name):
        raise ValueError(f"the layer name {name!r}")
    size = (int(entry["atlas_width"]), int(entry["atlas_height"]))
    atlas = source.parent / _plain(entry["atlas"])
    depth = None if depths.get(name) is None else float(depths[name])
    if depth is not None and not math.isfinite(depth):
        raise ValueError(f"the depth {depth} of the layer {name!r}")
    return Layer(name, atlas, size, bool(entry.get("complete", False)), depth)


def _focus(curve: dict[str, Any], frames: tuple[int, ...]) -> dict[int, float] | None:
    if "focus" not in curve:
        return None
    focus = {int(frame): float(value) for frame, value in curve["focus"].items()}
    lost = [frame for frame in frames if frame not in focus]
    if lost:
        raise ValueError(f"no focus for frame {lost[0]}")
    return focus


def _plain(name: Any) -> str:
    # A name from a file must not lead out of its folder.
    if not isinstance(name, str) or not name or re.search(r"[/\\:\0]", name) or name in (".", ".."):
        raise ValueError(f"the file name {name!r}")
    return name
