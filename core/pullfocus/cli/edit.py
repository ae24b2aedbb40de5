# SPDX-License-Identifier: Apache-2.0
"""``pullfocus edit``: the command line of painting an atlas once for every frame."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pullfocus.cli.options import (
    FixedThreadsOption,
    FramesOption,
    MatteNowOption,
    PlateNowOption,
    ProgressOption,
    Report,
    elsewhere,
    fix_threads,
    frames_text,
    reporting,
    say_if_slow,
)
from pullfocus.errors import PullfocusError

__all__ = ["edit"]


def edit(
    folder: Annotated[Path, typer.Argument(metavar="X.solve", help="A solve folder.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for what is written.")],
    layer: Annotated[str, typer.Option(help="The layer that is painted.")],
    atlas: Annotated[
        Path | None,
        typer.Option(
            metavar="PAINTED",
            help="A painted copy of atlas_LAYER.exr, or paint with alpha to lay over it: EXR "
            "(scene-linear), PNG, TIFF, PSD (sRGB).",
        ),
    ] = None,
    paint: Annotated[
        Path | None,
        typer.Option(metavar="OVER", help="Paint with alpha over a frame instead; see --frame."),
    ] = None,
    frame: Annotated[
        int | None, typer.Option(metavar="N", help="The frame that --paint was made over.")
    ] = None,
    in_plate: Annotated[
        bool,
        typer.Option(
            "--in-plate", help="Write the plate with the paint in it, blurred as its place is."
        ),
    ] = False,
    keep_plate: Annotated[
        bool,
        typer.Option("--keep-plate/--no-keep-plate", help="As in bake; for the sharp passes."),
    ] = True,
    frames: FramesOption = None,
    plate: PlateNowOption = None,
    matte: MatteNowOption = None,
    threads: FixedThreadsOption = None,
    progress: ProgressOption = Report.auto,
) -> None:
    """Paint an atlas once: every frame follows. What is not painted stays to the bit."""
    from pullfocus.edit.edit import Painting
    from pullfocus.edit.edit import edit as edit_solve

    path = atlas if atlas is not None else paint
    if path is None or (atlas is not None and paint is not None):
        raise PullfocusError("expected --atlas PAINTED, or --paint OVER with --frame N")
    if (paint is None) != (frame is None):
        raise PullfocusError("expected --paint and --frame together")
    with reporting(progress) as say:
        fix_threads(threads)
        say_if_slow(say)
        report = edit_solve(
            folder,
            out,
            Painting(layer, path, frame),
            in_plate=in_plate,
            keep_plate=keep_plate,
            frames=frames,
            where=elsewhere(plate, matte),
            progress=say,
        )
        say.done(
            f"painted {frames_text(report.frames)} in {report.seconds:.0f} s: {report.first}",
            first=str(report.first),
            frames=report.frames,
            seconds=report.seconds,
        )
