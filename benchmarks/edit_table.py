# SPDX-License-Identifier: Apache-2.0
"""Does paint stick? What is left between frames after motion compensation, painted and unpainted.

    python benchmarks/edit_table.py X.solve CLIP --out DIR [--layer bg]

The atlas's channels are swapped (its contrast stays, every texel changes) and carried to all frames
by ``pullfocus edit``; frames are then compared with their successors along the clip's true motion,
where a point is seen in both. Root mean square of display-encoded differences, in thousandths, and
the same for the clip's true sharp frames: what motion compensation leaves by itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from flow_table import truth_paths
from pullfocus.bake.bake import bake
from pullfocus.edit.edit import Painting, edit
from pullfocus.evaluate.truth import TruthClip, open_truth
from pullfocus.passes.passes_json import read_passes_json
from pullfocus.plate.colour import linear_to_display
from pullfocus.plate.exr import Plane, read_exr, write_exr


def swapped(source: Path, target: Path) -> None:
    """Write an atlas with its channels in another order."""
    held = read_exr(source)
    data = np.dstack([held[c] for c in "GBR"])
    write_exr(target, [Plane(name="atlas", data=data, channels=tuple("RGB"), half=True)])


def beauty(path: Path) -> np.ndarray:
    """Read a baked frame, display-encoded (h, w, 3)."""
    held = read_exr(path)
    return linear_to_display(np.dstack([held[c] for c in "RGB"])).clip(0, 1).astype(np.float32)


def residual(here: np.ndarray, there: np.ndarray, flow: np.ndarray, where: np.ndarray) -> float:
    """Mean squared difference of a frame and its successor looked up along the flow."""
    y, x = np.mgrid[: here.shape[0], : here.shape[1]].astype(np.float32)
    moved = cv2.remap(there, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC)
    return float(np.square(moved - here)[where].mean())


def measure(clip: TruthClip, folders: dict[str, Path], pattern: str, *, front: bool) -> list[str]:
    """Return one line of the table for every folder of passes, and one for the truth."""
    sums: dict[str, list[float]] = {name: [] for name in ("true sharp", *folders)}
    for t, (number, following) in enumerate(zip(clip.frames, clip.frames[1:], strict=False)):
        (flow,), (known,) = truth_paths(clip, t, 1)
        alpha = clip.read(number).alpha
        where = known & ((alpha > 0.5) == front)
        pair = clip.read(number).sharp, clip.read(following).sharp
        sums["true sharp"].append(residual(*pair, flow, where))
        for name, folder in folders.items():
            files = [folder / pattern.replace("####", f"{n:04d}") for n in (number, following)]
            sums[name].append(residual(*map(beauty, files), flow, where))
    return [f"| {n} | {1000 * np.sqrt(np.mean(v)):.2f} |" for n, v in sums.items()]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("solve", type=Path, metavar="X.solve")
    parser.add_argument("clip", type=Path, metavar="CLIP")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--layer", default="bg")
    given = parser.parse_args()
    out, layer = given.out, given.layer
    bake(given.solve, out / "unpainted", keep_plate=False)
    passes = read_passes_json(out / "unpainted" / "passes.json")
    swapped(out / "unpainted" / f"atlas_{layer}.exr", out / "painted.exr")
    edit(given.solve, out / "painted", Painting(layer, out / "painted.exr"), keep_plate=False)
    folders = {name: out / name for name in ("unpainted", "painted")}
    front = layer != passes.layers[-1].name
    print(f"| {given.clip.name}, {layer} | residual, 1/1000 |\n|---|---|")
    print("\n".join(measure(open_truth(given.clip), folders, passes.file_pattern, front=front)))


if __name__ == "__main__":
    main()
