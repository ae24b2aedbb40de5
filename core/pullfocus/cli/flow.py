# SPDX-License-Identifier: Apache-2.0
"""``pullfocus flow``: the command line of optical flow from atlas coordinates."""

from __future__ import annotations

import time
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
from pullfocus.errors import PullfocusError

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
    import numpy as np

    from pullfocus.flow.uv import shot_flow, write_flo
    from pullfocus.frames.folder import (
        frame_path,
        motion_targets,
        prepared_frames,
        shot_metadata,
        windows,
    )
    from pullfocus.plate.exr import Plane, write_exr
    from pullfocus.solve.solved import chosen_frames, load_solve

    began = time.monotonic()
    fix_threads(threads)
    with reporting(progress) as say:
        shot, model = load_solve(folder, say, elsewhere(plate, matte))
        chosen = chosen_frames(shot, frames)
        if interval >= len(shot.frames):
            raise PullfocusError(
                f"--interval: expected less than the shot's {len(shot.frames)} frames,"
                f" got {interval}"
            )
        flo_names = [frame_path(out, shot, t, "flow").with_suffix(".flo").name for t in chosen]
        output = prepared_frames(
            out, shot, chosen, "flow", pixel_bytes=20, others=flo_names if flo else ()
        )
        with output.telling():
            for done, t in enumerate(chosen, 1):
                planes = []
                path = frame_path(out, shot, t, "flow")
                for name, mask, to in (
                    ("forward", "hidden", t + interval),
                    ("backward", "hidden_back", t - interval),
                ):
                    data = np.zeros((shot.height, shot.width, 2), np.float32)
                    hidden = np.ones((shot.height, shot.width), np.float32)
                    if 0 <= to < len(shot.frames):
                        found = shot_flow(model, t, to, interpolated=interpolate)
                        data, hidden = found.px, found.hidden.astype(np.float32)
                        if flo and name == "forward":
                            write_flo(path.with_suffix(".flo"), data)
                    up = data * np.array([1, -1], np.float32)
                    channels = (f"{name}.u", f"{name}.v")
                    planes.append(Plane(name=name, data=up, channels=channels, half=False))
                    planes.append(Plane(name=mask, data=hidden, channels=(f"{mask}.X",), half=True))
                metadata = {
                    **shot_metadata(shot, t),
                    **motion_targets(shot, t, interval),
                    "pullfocus/interval": interval,
                }
                write_exr(path, planes, metadata=metadata, windows=windows(shot))
                output.wrote(path)
                say("flow", done / len(chosen))
        first = frame_path(out, shot, chosen[0], "flow")
        seconds = time.monotonic() - began
        say.done(
            f"flow of {frames_text(len(chosen))} in {seconds:.0f} s: {first}",
            first=str(first),
            frames=len(chosen),
            seconds=seconds,
        )
