# SPDX-License-Identifier: Apache-2.0
"""``pullfocus flow``: the command line of optical flow from atlas coordinates."""

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
)

__all__ = ["flow"]


def flow(
    folder: Annotated[Path, typer.Argument(metavar="X.solve", help="A solve folder.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the frames.")],
    interval: Annotated[
        int, typer.Option(min=1, help="Frames between the two that flow is taken between.")
    ] = 1,
    flo: Annotated[
        bool, typer.Option("--flo", help="Also write forward flow as .flo (x right, y down).")
    ] = False,
    interpolate: Annotated[
        bool,
        typer.Option(
            "--interpolate",
            help="Interpolate linearly between known places, as the paper does; slower.",
        ),
    ] = False,
    frames: FramesOption = None,
    plate: PlateNowOption = None,
    matte: MatteNowOption = None,
    threads: FixedThreadsOption = None,
    progress: ProgressOption = Report.auto,
) -> None:
    """Write optical flow over any interval: forward.u/v, backward.u/v in px, +v up.

    hidden.X and hidden_back.X are 1 where a pixel is not seen in the other frame, or there is none.
    """
    from pullfocus.flow.write import write_flow

    fix_threads(threads)
    with reporting(progress) as say:
        report = write_flow(
            folder,
            out,
            interval=interval,
            flo=flo,
            interpolate=interpolate,
            frames=frames,
            where=elsewhere(plate, matte),
            progress=say,
        )
        say.done(
            f"flow of {frames_text(report.frames)} in {report.seconds:.0f} s: {report.first}",
            first=str(report.first),
            frames=report.frames,
            seconds=report.seconds,
        )
