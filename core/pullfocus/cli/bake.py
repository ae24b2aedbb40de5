# SPDX-License-Identifier: Apache-2.0
"""``pullfocus bake``: the command line of writing passes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pullfocus.cli.options import (
    FixedThreadsOption,
    FramesOption,
    MatteNowOption,
    PlateLensOption,
    PlateNowOption,
    ProgressOption,
    Report,
    SkipExistingOption,
    elsewhere,
    fix_threads,
    frames_text,
    reporting,
    say_if_slow,
)
from pullfocus.errors import PullfocusError

__all__ = ["bake"]


def bake(
    folder: Annotated[Path, typer.Argument(metavar="X.solve", help="A solve folder.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the passes.")],
    keep_plate: Annotated[
        bool,
        typer.Option(
            "--keep-plate/--no-keep-plate",
            help="Keep the plate's own pixels, grain and all, where it is in focus.",
        ),
    ] = True,
    regrain: Annotated[
        bool,
        typer.Option(
            "--regrain/--no-regrain",
            help="Lay grain over what was restored, as the plate has it where it is in focus.",
        ),
    ] = True,
    still: Annotated[
        bool,
        typer.Option("--still", help="Without the plate's motion blur; wants solve --shutter."),
    ] = False,
    undo_breathing: Annotated[
        bool,
        typer.Option(
            "--undo-breathing",
            help="Keep the picture's size as focus is pulled; passes.json has its curve anyway.",
        ),
    ] = False,
    plate_lens: PlateLensOption = "round",
    frames: FramesOption = None,
    plate: PlateNowOption = None,
    matte: MatteNowOption = None,
    skip_existing: SkipExistingOption = False,
    threads: FixedThreadsOption = None,
    progress: ProgressOption = Report.auto,
) -> None:
    """Write the passes of a solve: multi-layer EXR frames, atlases and passes.json."""
    from pullfocus.solve.folder import read_settings

    read_settings(folder)  # says so clearly if it is no solve folder
    if not (folder / "checkpoint.safetensors").exists():
        raise PullfocusError(f"expected a solve in {folder}, got one without a checkpoint yet")
    where = elsewhere(plate, matte)
    from pullfocus.bake.bake import bake as bake_passes

    with reporting(progress) as say:
        fix_threads(threads)
        say_if_slow(say)
        report = bake_passes(
            folder,
            out,
            keep_plate=keep_plate,
            regrain=regrain,
            still=still,
            undo_breathing=undo_breathing,
            plate_lens=plate_lens,
            frames=frames,
            skip_existing=skip_existing,
            where=where,
            progress=say,
        )
        if plate_lens == "auto":
            say.note(report.plate_lens.words())
        if not report.signed:
            say.note("focus hardly moves in this shot: radii have no sign, and there is no depth")
        if report.grain is not None:
            say.note(f"grain of {report.grain:.1%} of white lies over what was restored")
        if report.breathing is not None:
            kept = "undone" if undo_breathing else "kept; --undo-breathing"
            say.note(f"focus breathing of {report.breathing:.1%} ({kept}): passes.json")
        elif undo_breathing:
            say.note("no focus breathing was found: nothing is undone")
        written = frames_text(report.frames, report.skipped)
        say.done(
            f"baked {written} in {report.seconds:.0f} s: {report.passes_json}",
            passes_json=str(report.passes_json),
            frames=report.frames,
            skipped=report.skipped,
            seconds=report.seconds,
        )
