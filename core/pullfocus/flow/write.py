# SPDX-License-Identifier: Apache-2.0
"""Writes the flow of a solved shot, over any interval: one EXR a frame."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pullfocus.errors import PullfocusError
from pullfocus.flow.uv import shot_flow, write_flo
from pullfocus.frames.folder import (
    frame_path,
    motion_targets,
    prepared_frames,
    shot_metadata,
    windows,
)
from pullfocus.plate.exr import Plane, write_exr
from pullfocus.solve.inputs import NOWHERE_ELSE, Elsewhere
from pullfocus.solve.solved import Solved, chosen_frames, opened

__all__ = ["FlowReport", "write_flow"]

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class FlowReport:
    """What was written."""

    first: Path
    frames: int
    seconds: float


def write_flow(
    solve: Path | Solved,
    out: Path,
    *,
    interval: int = 1,
    flo: bool = False,
    interpolate: bool = False,
    frames: str | None = None,
    where: Elsewhere = NOWHERE_ELSE,
    progress: Progress = lambda stage, done: None,
) -> FlowReport:
    """Write forward.u/v, backward.u/v in px, +v up, and hidden.X, hidden_back.X.

    Args:
        solve: the solve folder, or a solve that is open.
        out: folder for the frames; files in it are replaced one by one, each whole.
        interval: frames between the two that flow is taken between.
        flo: write forward flow in the Middlebury format as well (x right, y down).
        interpolate: linearly between known places, as the paper does; slower.
        frames: a frame range; all by default.
        where: where the footage lies now, if it moved.
        progress: called with a stage name and the fraction done.

    Raises:
        PullfocusError: no solve, an interval as long as the shot, or a folder that cannot be
            written.
    """
    began = time.monotonic()
    solved = opened(solve, progress, where)
    shot, model = solved.shot, solved.model
    chosen = chosen_frames(shot, frames)
    if interval >= len(shot.frames):
        raise PullfocusError(
            f"--interval: expected less than the shot's {len(shot.frames)} frames, got {interval}"
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
            progress("flow", done / len(chosen))
    first = frame_path(out, shot, chosen[0], "flow")
    return FlowReport(first, len(chosen), time.monotonic() - began)
