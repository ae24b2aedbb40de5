# SPDX-License-Identifier: Apache-2.0
"""What the virtual lens of a solve explains, and how fast focus can be pulled.

    python benchmarks/lens_table.py X.solve CLIP [X.solve CLIP ...]

Each solve beside the clip with truth that it was made from: share of the signs that are right where
the true radius is above 1 px; PSNR against the plate of the sharp model seen through the lens alone
and through the solved radii; frames refocused a second at radii up to 8 px, writing not counted.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
from pullfocus.evaluate.truth import open_truth
from pullfocus.plate.colour import linear_to_display
from pullfocus.refocus.new_lens import NewLens
from pullfocus.refocus.refocus import Refocuser
from pullfocus.solve.solved import load_solve


def psnr(linear: np.ndarray, display: np.ndarray) -> float:
    """Compare scene-linear light with a display-encoded picture, dB."""
    error = linear_to_display(linear).clip(0, 1) - display
    return -10 * math.log10(float(np.square(error).mean()))


def measure(solve: Path, clip: Path) -> str:
    """Return one line of the table."""
    _, model = load_solve(solve)
    view, truth = Refocuser(model), open_truth(clip)
    alone, solved, right, all_ = [], [], 0, 0
    for t, number in enumerate(truth.frames):
        true = truth.read(number)
        alone.append(psnr(view.frame(t, focus=float(view.virtual.focus[t])).colour, true.plate))
        shown = view.frame(t, focus=None)
        solved.append(psnr(shown.colour, true.plate))
        if true.coc is not None:
            far = np.abs(true.coc) > 1
            right += int((np.sign(shown.coc[far]) == np.sign(true.coc[far])).sum())
            all_ += int(far.sum())
    front = view.depth_of(model.layer_names[0], 0)
    began = time.perf_counter()
    for t in range(len(truth.frames)):
        view.frame(t, focus=front, lens=NewLens(max_radius_px=8))
    rate = len(truth.frames) / (time.perf_counter() - began)
    cells = [
        clip.name,
        f"{100 * right / max(all_, 1):.2f} %",
        f"{np.mean(alone):.1f}",
        f"{np.mean(solved):.1f}",
        f"{view.virtual.rmse_px:.2f}",
        f"{view.virtual.pull_px:.1f}",
        f"{rate:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", nargs="+", type=Path, metavar="X.solve CLIP")
    pairs = parser.parse_args().pairs
    if len(pairs) % 2:
        parser.error("expected a clip for every solve")
    print("| clip | signs right | lens alone dB | solved dB | fit px | travel px | frames/s |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for solve, clip in zip(pairs[::2], pairs[1::2], strict=True):
        print(measure(solve, clip), flush=True)


if __name__ == "__main__":
    main()
