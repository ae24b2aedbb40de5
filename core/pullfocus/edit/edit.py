# SPDX-License-Identifier: Apache-2.0
"""Carries paint through a whole solve: as passes, or into the plate itself."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pullfocus.bake.atlases import finished_atlases, used_texels
from pullfocus.bake.bake import bake
from pullfocus.bake.frame import Repainted, laid_over
from pullfocus.edit.paint import Paint, painted, pushed_to_atlas, read_paint
from pullfocus.errors import PullfocusError
from pullfocus.frames.behind import WrittenBehind
from pullfocus.frames.existing import origin
from pullfocus.frames.folder import frame_path, prepared_frames, shot_metadata, windows
from pullfocus.kept import Keep
from pullfocus.model.shot_model import ShotModel
from pullfocus.plate.exr import Plane, write_exr
from pullfocus.plate.sequence import range_text
from pullfocus.solve.inputs import NOWHERE_ELSE, Elsewhere
from pullfocus.solve.solved import Solved, chosen_frames, opened

__all__ = ["EditReport", "Painting", "edit", "repainted"]

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Painting:
    """What was painted where."""

    layer: str
    picture: Path | Paint
    """A file, or paint at hand, as large as what is painted over."""
    frame: int | None = None
    """Frame number that was painted over; None: the layer's exported atlas."""

    @property
    def files(self) -> dict[str, Path]:
        """What is read, and may not be written over."""
        held = self.picture
        return {f"paint of {self.layer}": held} if isinstance(held, Path) else {}


@dataclass(frozen=True)
class EditReport:
    """What was written."""

    first: Path
    frames: int
    seconds: float


def repainted(
    model: ShotModel,
    colorspace: str,
    paintings: Sequence[Painting],
    used: list[np.ndarray] | None = None,
) -> Repainted:
    """Return all atlases with paint on them, and what is covered.

    Args:
        model: the solved shot.
        colorspace: its working space.
        paintings: laid on one after the other.
        used: `used_texels`, when they are at hand.

    Raises:
        PullfocusError: no such layer or frame, or paint that does not fit.
    """
    atlases = finished_atlases(model, used)
    covers = [torch.cat([torch.zeros_like(a[..., :3]), a[..., 3:]], -1) for a in atlases]
    for painting in paintings:
        if painting.layer not in model.layer_names:
            raise PullfocusError(
                f"paint: expected one of {', '.join(model.layer_names)}, got {painting.layer!r}"
            )
        index = model.layer_names.index(painting.layer)
        paint = _on_atlas(model, colorspace, index, painting)
        atlases[index], cover = painted(atlases[index], paint)
        covers[index][..., :3] = torch.maximum(covers[index][..., :3], cover[..., None])
    for index, layer in enumerate(model.layers):
        if layer.looks is not None:  # paint is seen as it is, whatever the layer looked like
            atlases[index] = torch.cat([atlases[index], covers[index][..., :1]], -1)
    return Repainted(atlases, covers)


def _on_atlas(model: ShotModel, colorspace: str, index: int, painting: Painting) -> Paint:
    if painting.frame is None:
        height, width = model.layers[index].texture.size
        return _read(painting.picture, width, height, colorspace)
    frames = model.observed.frames
    if painting.frame not in frames:
        raise PullfocusError(
            f"--frame: expected a frame of the solve ({range_text(frames)}), got {painting.frame}"
        )
    frame = model.frame_box()
    over = _read(painting.picture, frame.width, frame.height, colorspace)
    return pushed_to_atlas(model, index, frames.index(painting.frame), over)


def _read(picture: Path | Paint, width: int, height: int, colorspace: str) -> Paint:
    if isinstance(picture, Path):
        return read_paint(picture, width=width, height=height, working_space=colorspace)
    if picture.alpha.shape != (height, width):
        got = "x".join(str(size) for size in picture.alpha.shape[::-1])
        raise PullfocusError(f"expected paint of {width}x{height} px, got {got}")
    return picture


def edit(
    solve: Path | Solved,
    out: Path,
    painting: Painting,
    *,
    in_plate: bool = False,
    keep_plate: bool = True,
    frames: str | None = None,
    where: Elsewhere = NOWHERE_ELSE,
    progress: Progress = lambda stage, done: None,
) -> EditReport:
    """Write a solve with paint on one of its atlases.

    Args:
        solve: the solve folder, or a solve that is open.
        out: folder for what is written; files in it are replaced one by one, each whole.
        painting: what was painted.
        in_plate: write the plate itself with the paint in it, as blurred as its place is; else the
            passes of a bake. Either way what is not painted stays to the bit.
        keep_plate: as in a bake.
        frames: a frame range; all by default.
        where: where the footage lies now, if it moved.
        progress: called with a stage name and the fraction done.

    Raises:
        PullfocusError: see `repainted`, and what a bake raises.
    """
    began = time.monotonic()
    paint = painting.files
    if not in_plate:
        report = bake(
            solve,
            out,
            keep_plate=keep_plate,
            frames=frames,
            repaint=lambda model, space: repainted(model, space, [painting]),
            paint=paint,
            where=where,
            progress=progress,
        )
        return EditReport(report.passes_json, report.frames, time.monotonic() - began)
    solved = opened(solve, progress, where)
    shot, model = solved.shot, solved.model
    chosen = chosen_frames(shot, frames)
    output = prepared_frames(out, shot, chosen, "painted", pixel_bytes=8, paint=paint)
    used = used_texels(model, Keep(solved.folder, origin(shot, model)))
    edited = repainted(model, shot.colorspace, [painting], used)
    before = finished_atlases(model, used)
    with output.telling(), WrittenBehind(output) as behind:
        for done, t in enumerate(chosen, 1):
            with torch.no_grad():
                before_paint, shown, cover = (
                    model.reblur(t, atlases=held, as_shot=as_shot).permute(1, 2, 0).cpu().numpy()
                    for held, as_shot in (
                        (before, True),
                        (edited.atlases, True),
                        (edited.covers, False),
                    )
                )
            plate = np.asarray(shot.plate.read(t))
            colour = laid_over(plate, before_paint, shown, cover)
            covered = model.observed.covered
            if covered is not None:
                colour[covered] = plate[covered]
            opaque = np.ones(colour.shape[:2], np.float32)
            plane = Plane(
                name="beauty", data=np.dstack([colour, opaque]), channels=tuple("RGBA"), half=True
            )
            path = frame_path(out, shot, t, "painted")
            frame = partial(
                write_exr, path, [plane], metadata=shot_metadata(shot, t), windows=windows(shot)
            )
            behind.write(path, frame, partial(progress, "painting", done / len(chosen)))
    return EditReport(
        frame_path(out, shot, chosen[0], "painted"), len(chosen), time.monotonic() - began
    )
