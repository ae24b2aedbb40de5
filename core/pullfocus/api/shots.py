# SPDX-License-Identifier: Apache-2.0
"""Footage as Python names it: files, or pictures in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from pullfocus.errors import MatteError, PlateError, SolveError
from pullfocus.output import check_folder_free
from pullfocus.passes.layer_names import check_layer_name
from pullfocus.plate.colour import display_to_linear
from pullfocus.plate.exr import Plane, write_exr
from pullfocus.plate.footage import DEFAULT_RATE
from pullfocus.plate.sequence import parse_frames, range_text
from pullfocus.shot import LAST_LAYER, Shot
from pullfocus.solve.inputs import ShotInputs

__all__ = ["open_shot", "reopenable"]

FIRST_FRAME = 1001
_UNTOLD = "scene_linear"
FOOTAGE = "footage"
"""Folder, inside of a solve's, of pictures that came from memory."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Frames in memory: a `FrameSource`."""

    what: str
    held: np.ndarray
    """(T, H, W, 3) or (T, H, W)."""

    def read(self, index: int) -> np.ndarray:
        """Return a frame as float32: scene-linear light, or a matte in 0..1."""
        frame = self.held[index]
        if np.issubdtype(frame.dtype, np.integer):
            frame = frame.astype(np.float32) / np.float32(np.iinfo(frame.dtype).max)
            if frame.ndim == 3:
                frame = display_to_linear(frame)
        return np.ascontiguousarray(frame, np.float32)

    def describe(self) -> str:
        """One line for messages."""
        return f"{self.what} in memory"

    def fingerprint(self) -> str:
        """Hash of the numbers and their type."""
        numbers = np.ascontiguousarray(self.held)
        return hashlib.sha256(str(numbers.dtype).encode() + numbers.tobytes()).hexdigest()


def open_shot(
    plate: str | Path | np.ndarray,
    *,
    mattes: Mapping[str, str | Path | np.ndarray] | None = None,
    coc: str | Path | None = None,
    frames: str | None = None,
    colorspace: str | None = None,
    working_space: str | None = None,
    rate: str | None = None,
    plate_layer: str | None = None,
    overscan: bool = False,
    deinterlace: bool | None = None,
) -> Shot:
    """Open footage and check it; frames are read as they are needed.

    Args:
        plate: ``shot.####.exr``, ``shot.%04d.png``, a folder, a still or a movie; or pictures,
            (T, H, W, 3): float is scene-linear, 8 and 16 bit are sRGB.
        mattes: path, or (T, H, W) in 0..1 or as integers, by layer name, front to back; rough is
            fine. Pictures go with pictures, files with files.
        coc: known circle of confusion, EXR files, radius in px.
        frames: ``1001-1060``, ``1-9x2``. Pictures begin at 1001 where nothing is said.
        colorspace: of the plate, an OCIO name; None: what the files say.
        working_space: scene-linear space of everything that comes out.
        rate: frames a second, "24" or "24000/1001"; None: what the files say, else 24.
        plate_layer: layer, part or view of EXR files.
        overscan: take the data window, not the display window alone.
        deinterlace: make whole frames of interlaced ones, or take them as they are (False).

    Returns:
        `frames`, `width`, `height`, `rate`, `colorspace`, `layer_names`, `notes`; and
        ``plate.read(index)``, float32 (H, W, 3), scene-linear.

    Raises:
        PullfocusError: anything is missing, unreadable or does not fit.
    """
    mattes = dict(mattes or {})
    if isinstance(plate, np.ndarray):
        return _in_memory(plate, mattes, frames, colorspace, rate)
    for name, matte in mattes.items():
        if isinstance(matte, np.ndarray):
            raise MatteError(f"matte {name}: expected a path beside a plate of files, got pictures")
    return ShotInputs(
        plate=str(plate),
        mattes=tuple((name, str(path)) for name, path in mattes.items()),
        coc=None if coc is None else str(coc),
        frames=frames,
        colorspace=colorspace,
        working_space=working_space,
        rate=rate,
        plate_layer=plate_layer,
        overscan=overscan,
        deinterlace=deinterlace,
    ).open()


def reopenable(shot: Shot, folder: Path, *, restart: bool = False) -> tuple[Shot, ShotInputs]:
    """Return a shot that can be opened again, and what opens it.

    Pictures in memory are written to ``folder/footage`` as EXR, float, unless they lie there.

    Raises:
        PullfocusError: it was opened by something else, the folder holds a solve of other pictures
            that is not to be started over, or it cannot be written.
    """
    if isinstance(shot.opened_from, ShotInputs):
        return shot, shot.opened_from
    if not isinstance(shot.plate, Pictures):
        raise PlateError("expected a shot that pullfocus.open_shot opened, got another")
    held = folder / FOOTAGE
    check_folder_free(held, shot.footage)
    sources = [("plate", tuple("RGB"), shot.plate)]
    sources += [(name, ("A",), source) for name, source in shot.mattes]  # type: ignore[misc]
    stamps = {
        name: f"{source.fingerprint()} {range_text(shot.frames)}" for name, _, source in sources
    }
    other = [name for name, made_from in stamps.items() if _text(_stamp(held, name)) != made_from]
    if other and (folder / "settings.json").exists() and not restart:
        raise SolveError(
            f"{folder} holds another solve: expected the same pictures, got another {other[0]};"
            " choose another folder, or restart=True"
        )
    try:
        held.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlateError(f"cannot write footage to {held}: {error.strerror}") from error
    for name, channels, source in sources:
        stamp, made_from = _stamp(held, name), stamps[name]
        paths = [held / f"{name}.{frame:04d}.exr" for frame in shot.frames]
        if name not in other and all(path.is_file() for path in paths):
            continue
        stamp.unlink(missing_ok=True)
        for index, path in enumerate(paths):
            data = source.read(index)
            plane = Plane(name=name, data=data, channels=channels, half=False)
            write_exr(path, [plane], metadata={"framesPerSecond": shot.rate})
        stamp.write_text(made_from, encoding="utf-8")
    inputs = ShotInputs(
        plate=str(held / "plate.####.exr"),
        mattes=tuple((name, str(held / f"{name}.####.exr")) for name, _ in shot.mattes),
        frames=range_text(shot.frames),
        colorspace=None if shot.colorspace == _UNTOLD else shot.colorspace,
        rate=str(shot.rate),
    )
    return inputs.open(), inputs


def _stamp(folder: Path, name: str) -> Path:
    return folder / f"{name}.sha256"


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _in_memory(
    plate: np.ndarray,
    mattes: Mapping[str, str | Path | np.ndarray],
    frames: str | None,
    colorspace: str | None,
    rate: str | None,
) -> Shot:
    _check_pictures("plate", plate, plate.shape[:3], 4, PlateError)
    count, height, width = plate.shape[:3]
    numbers = tuple(parse_frames(frames or f"{FIRST_FRAME}-{FIRST_FRAME + count - 1}"))
    if len(numbers) != count or min(numbers) < 0:
        raise PlateError(f"frames: expected {count} numbers from 0 on, got {range_text(numbers)}")
    layers = []
    for name, matte in mattes.items():
        check_layer_name(name)
        if name == LAST_LAYER:
            raise MatteError(f"matte {name}: expected another name, '{name}' lies behind all")
        if not isinstance(matte, np.ndarray):
            raise MatteError(f"matte {name}: expected pictures beside a plate of them, got {matte}")
        _check_pictures(f"matte {name}", matte, (count, height, width), 3, MatteError)
        layers.append((name, Pictures(f"matte {name}", matte)))
    return Shot(
        name="plate",
        frames=numbers,
        width=width,
        height=height,
        rate=DEFAULT_RATE if rate is None else Fraction(rate),
        pixel_aspect=1.0,
        colorspace=colorspace or _UNTOLD,
        plate=Pictures("plate", plate),
        mattes=tuple(layers),
    )


def _check_pictures(
    what: str,
    held: np.ndarray,
    size: tuple[int, ...],
    dimensions: int,
    error: type[PlateError | MatteError],
) -> None:
    shape = "(T, H, W, 3)" if dimensions == 4 else f"{size}"
    fits = held.ndim == dimensions and held.shape[:3] == size and 0 not in held.shape
    if not fits or (dimensions == 4 and held.shape[3] != 3):
        raise error(f"{what}: expected an array {shape}, got {held.shape}")
    kind = held.dtype
    if not (np.issubdtype(kind, np.floating) or kind in (np.uint8, np.uint16)):
        raise error(f"{what}: expected floats, uint8 or uint16, got {kind}")
    if np.issubdtype(kind, np.floating) and not np.isfinite(held).all():
        raise error(f"{what}: expected finite numbers, got NaN or Inf")
