# SPDX-License-Identifier: Apache-2.0
"""Seconds a frame of bake, refocus, edit and flow, at production sizes.

    python benchmarks/throughput.py --work DIR [--sizes hd,uhd] [--frames 4]

The bundled clip, enlarged, is fused (`solve --steps 0`) at each size, which costs what any solve
costs to show; its lens is a slope of radii from 0 to 16 px over every layer. A row a verb: seconds
by the clock, and processor seconds, which a busy machine changes less; with and without writing.
Two threads at most. Peak memory is the whole process's, after all rows of the size.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from pullfocus import cli
from pullfocus.bake.frame import frame_planes
from pullfocus.edit.edit import Painting, repainted
from pullfocus.flow.uv import shot_flow
from pullfocus.lens.virtual import VirtualLens
from pullfocus.model.shot_model import ShotModel
from pullfocus.passes.contract import pass_table
from pullfocus.plate.exr import Plane, write_exr
from pullfocus.refocus.new_lens import NewLens
from pullfocus.refocus.render import refocused_frame
from pullfocus.solve.memory import peak_memory_mb
from pullfocus.solve.solved import load_solve

CLIP = Path(__file__).parents[1] / "tests" / "clips" / "market"
SIZES = {"small": (512, 288), "hd": (1920, 1080), "uhd": (3840, 2160)}
RADIUS_PX = 16.0
Shown = list[Plane]


def solved(work: Path, size: str, frames: int) -> Path:
    """Return a solve folder of the size, made where it is missing."""
    out = work / f"{size}.solve"
    if (out / "checkpoint.safetensors").exists():
        return out
    footage = work / f"{size}_footage"
    footage.mkdir(parents=True, exist_ok=True)
    for number in range(1, frames + 1):
        for name in ("plate", "alpha"):
            picture = cv2.imread(str(CLIP / f"{name}.{number:04d}.png"), cv2.IMREAD_UNCHANGED)
            large = cv2.resize(picture, SIZES[size], interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(footage / f"{name}.{number:04d}.png"), large)
    words = ["solve", f"{footage}/plate.####.png", "--matte", f"fg={footage}/alpha.####.png"]
    if cli.run([*words, "--steps", "0", "--out", str(out)]):
        raise SystemExit(f"no solve at {size}")
    return out


def slope(model: ShotModel, cell: float = 16.0) -> VirtualLens:
    """Return a lens whose radii run over every atlas from near to far, `RADIUS_PX` at both ends."""
    grids = []
    for layer in model.layers:
        height, width = (int(n / cell) + 2 for n in layer.texture.size)
        ramp = np.linspace(-RADIUS_PX, RADIUS_PX, width, dtype=np.float32)
        grids.append(np.tile(ramp, (height, 1)))
    return VirtualLens(tuple(grids), cell, np.zeros(len(model.observed.frames)), 0.1, 20.0)


def planes(colour: np.ndarray, name: str = "beauty") -> Shown:
    """Return a picture as what would be written."""
    opaque = np.ones(colour.shape[:2], np.float32)
    return [Plane(name=name, data=np.dstack([colour, opaque]), channels=tuple("RGBA"), half=True)]


def verbs(work: Path, solve: Path) -> dict[str, Callable[[int], Shown]]:
    """Return what makes one frame, by verb."""
    shot, model = load_solve(solve)
    lens, atlases = slope(model), model.linear_atlases()
    new = NewLens(max_radius_px=RADIUS_PX)
    table = pass_table(model.layer_names, coc_signed=True, depth=True)
    height, width = model.layers[-1].texture.size
    paint = np.zeros((height, width, 4), np.float32)
    paint[height // 3 : height // 2, width // 3 : width // 2] = 0.5
    path = work / "paint.exr"
    write_exr(path, [Plane(name="paint", data=paint, channels=tuple("RGBA"), half=True)])
    edited = repainted(model, shot.colorspace, [Painting(model.layer_names[-1], path)])

    def bake(t: int) -> Shown:
        plate = np.asarray(shot.plate.read(t))
        return frame_planes(model, t, table, plate=plate, atlases=atlases, lens=lens)

    def refocus(t: int) -> Shown:
        shown = refocused_frame(model, t, virtual=lens, focus=0.0, lens=new, atlases=atlases)
        coc = Plane(name="coc", data=shown.coc, channels=("coc.X",), half=False)
        matte = Plane(name="alpha", data=shown.matte, channels=("alpha.A",), half=True)
        return [*planes(shown.colour), coc, matte]

    def edit(t: int) -> Shown:
        plate = np.asarray(shot.plate.read(t))
        return frame_planes(
            model, t, table, plate=plate, atlases=atlases, lens=lens, repainted=edited
        )

    def flow(t: int) -> Shown:
        last = len(model.observed.frames) - 1
        data = shot_flow(model, t, t + 1 if t < last else t - 1, interpolated=False).px
        names = ("forward.u", "forward.v")
        return [Plane(name="forward", data=data, channels=names, half=False)]

    return {"bake": bake, "refocus, radii 0..16 px": refocus, "edit": edit, "flow": flow}


def processor_s() -> float:
    """Return the processor time that this process has had, seconds."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measured(make: Callable[[int], Shown], frames: int, path: Path) -> list[float]:
    """Return seconds a frame: clock and processor without writing, clock and processor with."""
    make(0)  # kernels are compiled, threads started
    found = []
    for write in (False, True):
        clock, processor = time.perf_counter(), processor_s()
        for t in range(frames):
            shown = make(t)
            if write:
                write_exr(path, shown)
        found += [time.perf_counter() - clock, processor_s() - processor]
    return [seconds / frames for seconds in found]


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, help="where solves are kept; default: nowhere")
    parser.add_argument("--sizes", default="hd,uhd", help=f"of {', '.join(SIZES)}")
    parser.add_argument("--frames", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(min(2, torch.get_num_threads()))
    print("| verb | size | s a frame | processor s | with writing s | processor s | peak GB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as nowhere:
        work = options.work or Path(nowhere)
        for size in options.sizes.split(","):
            folder = solved(work, size, options.frames)
            for name, make in verbs(work, folder).items():
                cells = measured(make, options.frames, Path(nowhere) / "frame.exr")
                figures = " | ".join(f"{cell:.2f}" for cell in cells)
                shape = "x".join(map(str, SIZES[size]))
                memory = peak_memory_mb() / 1000
                print(f"| {name} | {shape} | {figures} | {memory:.1f} |", flush=True)


if __name__ == "__main__":
    main()
