# SPDX-License-Identifier: Apache-2.0
"""Mattes followed for a solve: they lie in its folder and are found again when it goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pullfocus.checkpoint import write_json
from pullfocus.errors import MatteError
from pullfocus.output import prepared
from pullfocus.plate.contents import contents_stamp
from pullfocus.progress import Progress
from pullfocus.roto.found import MatteRequest, find_mattes
from pullfocus.roto.preview import write_preview
from pullfocus.roto.writing import RECORD, Format, matte_file, pattern, summary, write_mattes
from pullfocus.shot import Shot
from pullfocus.solve.folder import locked
from pullfocus.solve.run import check_solve_folder

if TYPE_CHECKING:
    from pullfocus.solve.inputs import ShotInputs

__all__ = ["FIRST", "follow_for_solve", "rematte_for_solve"]

FIRST = "first"
"""Folder, inside of a solve's, of the solve from whose layers mattes are found again."""
_FOLDER, _AGAIN = "mattes", "rematte"
_KIND: Format = "exr"
_MADE_FROM = "made_from"


def follow_for_solve(
    shot: Shot, inputs: ShotInputs, out: Path, request: MatteRequest, *, progress: Progress
) -> ShotInputs:
    """Follow the layers of a request into ``out/mattes``, unless that has been done.

    Args:
        shot: the footage, opened with the mattes that were given whole.
        inputs: what it was opened from.
        out: solve folder; made if missing.
        request: marks; followed layers lie in front of given ones, in their own order.
        progress: told about stages and what should be known.

    Returns:
        The inputs with the followed mattes among them.

    Raises:
        PullfocusError: marks that do not fit, a layer named twice, a folder of something else.
    """
    from pullfocus.solve.parallel import world_size

    for name, _ in inputs.mattes:
        if name in request.layers:
            raise MatteError(f"layer {name}: expected a matte or marks to follow, got both")
    if world_size() > 1:
        raise MatteError("expected --matte under torchrun: run pullfocus matte first")
    request = request.read(shot)
    check_solve_folder(out, shot)
    folder = out / _FOLDER
    names = [matte_file(layer, f, _KIND) for layer in request.layers for f in shot.frames]
    made_from = request.fingerprint(shot)
    followed = replace(
        inputs,
        mattes=(
            *((layer, pattern(folder, layer, _KIND)) for layer in request.layers),
            *inputs.mattes,
        ),
    )
    if _made_from(folder) == made_from and all((folder / name).is_file() for name in names):
        return followed
    prepared(
        folder,
        names,
        footage=shot.footage,
        paint=request.pictures,
        raw_bytes=8 * shot.width * shot.height,
    )
    with locked(out):
        (folder / RECORD).unlink(missing_ok=True)
        mattes = find_mattes(shot, request, report=progress)
        write_mattes(folder, mattes, _KIND, progress)
        write_preview(folder / "preview.png", shot, mattes)
        written = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        write_json(folder / RECORD, {**written, _MADE_FROM: made_from})
    for line in summary(mattes):
        progress.note(line)
    progress.preview(str(folder / "preview.png"))
    return followed


def rematte_for_solve(
    shot: Shot, inputs: ShotInputs, out: Path, request: MatteRequest, *, progress: Progress
) -> ShotInputs:
    """Find all mattes again from the solve in ``out/first``, unless that has been done.

    Args:
        shot: the footage with the mattes of that solve.
        inputs: what it was opened from.
        out: solve folder, that holds the first solve.
        request: marks; frames with an exact key keep it.
        progress: told about stages and what changed.

    Returns:
        The inputs with the mattes that were found again.
    """
    from pullfocus.roto.rematte import exact_frames, rematte

    folder, first = out / _AGAIN, out / FIRST
    names = [matte_file(layer, f, _KIND) for layer, _ in inputs.mattes for f in shot.frames]
    made_from = contents_stamp([first / "settings.json", first / "checkpoint.safetensors"])
    again = replace(
        inputs,
        mattes=tuple((layer, pattern(folder, layer, _KIND)) for layer, _ in inputs.mattes),
    )
    if _made_from(folder) == made_from and all((folder / name).is_file() for name in names):
        return again
    prepared(folder, names, footage=shot.footage, raw_bytes=8 * shot.width * shot.height)
    keys = {
        layer: frozenset(m.frame for m in request.marks if m.layer == layer and m.kind == "key")
        for layer in request.layers
    }
    with locked(out):
        (folder / RECORD).unlink(missing_ok=True)
        found = rematte(first, exact_frames(shot, keys), report=progress)
        mattes = [one.matte for one in found]
        write_mattes(folder, mattes, _KIND, progress)
        write_preview(folder / "preview.png", shot, mattes)
        written = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        write_json(folder / RECORD, {**written, _MADE_FROM: made_from})
    for one in found:
        before, after = one.misfit
        progress.note(
            f"matte {one.matte.layer}: found again in {one.changed} of {len(shot.frames)} frames; "
            f"misfit round its edge {before:.4f} -> {after:.4f}"
        )
    progress.preview(str(folder / "preview.png"))
    return again


def _made_from(folder: Path) -> str | None:
    try:
        return json.loads((folder / RECORD).read_text(encoding="utf-8")).get(_MADE_FROM)
    except (OSError, ValueError, AttributeError):
        return None
