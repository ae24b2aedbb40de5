# SPDX-License-Identifier: Apache-2.0
"""Writes a solve as passes: one multi-layer EXR a frame, the atlases, and passes.json."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from pullfocus import __version__
from pullfocus.bake.frame import Repainted
from pullfocus.bake.guide import atlas_guide, write_guide
from pullfocus.bake.view import SharpView, Shown
from pullfocus.errors import SolveError
from pullfocus.frames.behind import WrittenBehind
from pullfocus.frames.existing import ORIGIN, already_made, origin
from pullfocus.frames.folder import frame_header, motion_targets, windows
from pullfocus.kept import Keep
from pullfocus.lens.search import plate_lens_of
from pullfocus.lens.virtual import VirtualLens, layer_depths_of
from pullfocus.model.plate_lens import ROUND, PlateLens
from pullfocus.model.shot_model import ShotModel
from pullfocus.output import DIGEST, pixel_digest, prepared
from pullfocus.passes.contract import (
    JSON_NAME,
    LayerEntry,
    Passes,
    atlas_channels,
    atlas_file_name,
    exr_metadata,
)
from pullfocus.passes.passes_json import check_passes, write_passes_json
from pullfocus.plate.exr import HALF_MAX, Metadata, Plane, write_exr
from pullfocus.plate.headers import chromaticities
from pullfocus.shot import Shot
from pullfocus.solve.folder import read_settings
from pullfocus.solve.inputs import NOWHERE_ELSE, Elsewhere
from pullfocus.solve.solved import Solved, chosen_frames, opened

__all__ = ["BakeReport", "bake"]

Progress = Callable[[str, float], None]
Repaint = Callable[[ShotModel, str], Repainted]

DEPTH_UNIT = "px_radius"  # linear in inverse distance, far is larger


@dataclass(frozen=True)
class BakeReport:
    """What a bake wrote."""

    passes_json: Path
    frames: int
    """Frames written."""
    skipped: int
    """Frames that were there already."""
    grain: float | None
    """Standard deviation of the grain laid over, display-encoded; None: none is."""
    breathing: float | None
    """Share by which the picture's size follows focus; None: it does not."""
    seconds: float
    signed: bool
    """Whether circles of confusion have their sign."""
    plate_lens: PlateLens = PlateLens()  # noqa: RUF009 - frozen
    """What the plate was shot with, as far as anybody looked."""


def _guide(layer: str) -> str:
    return f"atlas_{layer}_guide.png"


def _way_to(solve_dir: Path, out: Path) -> str | None:
    try:
        return Path(os.path.relpath(solve_dir.resolve(), out.resolve())).as_posix()
    except ValueError:  # another drive
        return None


def _describe(
    shot: Shot, model: ShotModel, out: Path, lens: VirtualLens | None, keep: Keep
) -> Passes:
    layers = []
    for layer in model.layers:
        height, width = layer.texture.size
        complete = layer.matte is None
        layers.append(LayerEntry(layer.name, atlas_file_name(layer.name), width, height, complete))
    record = json.dumps(read_settings(keep.folder)["settings"], sort_keys=True)
    return Passes(
        layers=tuple(layers),
        frames=tuple(shot.frames),
        file_pattern=f"{shot.name}.####.exr",
        width=shot.width,
        height=shot.height,
        rate=f"{shot.rate.numerator}/{shot.rate.denominator}",
        colorspace=shot.colorspace,
        pixel_aspect=shot.pixel_aspect,
        coc_signed=lens is not None or model.observed.coc_is_signed,
        plate=shot.plate.describe(),
        lens_curve=None
        if lens is None
        else lens.record(shot.frames, layer_depths_of(model, lens, keep)),
        pullfocus_version=__version__,
        solve_digest=hashlib.sha256(record.encode()).hexdigest()[:16],
        solve=_way_to(keep.folder, out),
    )


def bake(
    solve: Path | Solved,
    out: Path,
    *,
    keep_plate: bool = True,
    regrain: bool = True,
    still: bool = False,
    undo_breathing: bool = False,
    plate_lens: str = ROUND,
    frames: str | None = None,
    repaint: Repaint | None = None,
    skip_existing: bool = False,
    paint: Mapping[str, Path] | None = None,
    where: Elsewhere = NOWHERE_ELSE,
    progress: Progress = lambda stage, done: None,
) -> BakeReport:
    """Write the passes of a solve.

    Args:
        solve: the solve folder, finished or not, or a solve that is open.
        out: folder for the passes; files in it are replaced one by one, each whole.
        keep_plate: keep the plate's own pixels in the beauty where it is in focus, and where the
            solve does not explain it; else the solve alone.
        regrain: lay the plate's own kind of grain over what is restored in a kept plate.
        still: leave the plate's motion blur out, where the solve has a shutter.
        undo_breathing: scale frames so that the picture keeps its size as focus is pulled.
        plate_lens: what passes.json says of the plate's lens, as `lens_search.plate_lens_of` takes
            it.
        frames: a frame range such as "1001-1010"; all by default. passes.json lists all.
        repaint: gives other atlases in place of the solved ones, from the model and the shot's
            colour space; where they are the same, what is written is the same to the bit.
        skip_existing: leave files that this solve made with the same options.
        paint: what `repaint` reads, so that nothing is written over it.
        where: where the footage lies now, if it moved.
        progress: called with a stage name and the fraction done.

    Raises:
        PullfocusError: nothing to bake, footage that moved, a file in `out` that somebody else
            made, or a folder that cannot be written.
    """
    began = time.monotonic()
    solved = opened(solve, progress, where)
    shot, model, solve_dir = solved.shot, solved.model, solved.folder
    if still and model.shutter is None:
        raise SolveError(
            f"--still: expected a solve with --shutter, got {solve_dir} without: motion blur is"
            " not told from what moves"
        )
    chosen = chosen_frames(shot, frames)
    kinds = Shown(keep_plate, regrain, still, undo_breathing)
    view = SharpView(solved, kinds)
    lens, breathing = view.lens, view.breathing
    passes = _describe(shot, model, out, lens, view.keep)
    if breathing is not None:
        record = {**breathing.record(shot.frames), "undone": undo_breathing}
        passes = replace(passes, breathing=record)
    found = plate_lens_of(solve_dir, model, view.fitted, plate_lens, progress)
    passes = replace(passes, plate_lens=None if plate_lens == ROUND else found.record())
    table = passes.pass_table(depth=lens is not None)
    check_passes(passes)
    output = prepared(
        out,
        [passes.file_name(shot.frames[t]) for t in chosen],
        footage=shot.footage,
        painted=[n for name in model.layer_names for n in (atlas_file_name(name), _guide(name))],
        others=[JSON_NAME],
        paint=paint,
        raw_bytes=shot.width
        * shot.height
        * sum(len(p.channels) * (2 if p.half else 4) for p in table),
    )
    repainted = None if repaint is None else repaint(model, shot.colorspace)
    shown = view.atlases if repainted is None else repainted.atlases
    made_from = origin(shot, model, *view.kinds, *(shown if repainted is not None else ()))
    metadata = exr_metadata(passes, depth_unit=None if lens is None else DEPTH_UNIT)
    metadata[ORIGIN] = made_from
    own = chromaticities(shot.colorspace)
    for name, atlas, seen in zip(model.layer_names, shown, view.used, strict=True):
        path = out / atlas_file_name(name)
        if skip_existing and already_made(path, made_from):
            continue
        colour = atlas[..., :3].cpu().numpy()
        held = colour.clip(-HALF_MAX, HALF_MAX).astype(np.float16)
        plane = Plane(name="atlas", data=held, channels=atlas_channels(), half=True)
        facts: dict[str, Metadata] = {**metadata, DIGEST: pixel_digest(held)}
        if own is not None:
            facts["chromaticities"] = own
        write_guide(out / _guide(name), atlas_guide(name, colour, seen))
        write_exr(path, [plane], metadata=facts)  # after its guide: with it both are there
    # Before the frames: a bake that is stopped leaves passes that a host can open.
    write_passes_json(out / JSON_NAME, passes)
    skipped = 0
    with output.telling(), WrittenBehind(output) as behind:
        for done, t in enumerate(chosen, 1):
            path = out / passes.file_name(shot.frames[t])
            told = partial(progress, "baking", done / len(chosen))
            if skip_existing and already_made(path, made_from):
                behind.settle()
                skipped += 1
                output.kept(path)
                told()
                continue
            planes = view.planes(t, table, repainted)
            header = {**frame_header(shot, t), **motion_targets(shot, t), **metadata}
            frame = partial(write_exr, path, planes, metadata=header, windows=windows(shot))
            behind.write(path, frame, told)
    written = len(chosen) - skipped
    seconds = time.monotonic() - began
    strength = None if view.grain is None else view.grain.noise.typical
    breathes = None if breathing is None else breathing.share
    return BakeReport(
        out / JSON_NAME, written, skipped, strength, breathes, seconds, passes.coc_signed, found
    )
