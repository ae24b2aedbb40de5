# SPDX-License-Identifier: Apache-2.0
"""How much light of clipped lamps a solve gives back.

    python benchmarks/lamps_table.py X.solve CLIP [X.solve CLIP ...]

CLIP holds ``hdr.####.exr``, the sharp frames scene-linear and not clipped, as
``examples/make_clip.py --lamps 14`` and ``examples/render_clip.py`` write them. Light above the
frame's middle, within 3 px of what is brighter than 1.5, in the sharp model over the same in the
truth; and PSNR of the sharp model against the truth, display-encoded and clipped, dB. Every fourth
frame.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import cv2
import numpy as np
import torch
from pullfocus.plate.colour import linear_to_display
from pullfocus.plate.exr import read_exr
from pullfocus.solve.solved import load_solve

BRIGHT, AROUND_PX, EVERY = 1.5, 3, 4


def measure(solve: Path, clip: Path) -> str:
    """Return one line of the table."""
    shot, model = load_solve(solve)
    brush = np.ones((2 * AROUND_PX + 1,) * 2, np.uint8)
    got = true = 0.0
    psnr = []
    for t, number in list(enumerate(shot.frames))[::EVERY]:
        held = read_exr(clip / f"hdr.{number:04d}.exr")
        light = np.dstack([held[c] for c in "RGB"])
        lamps = cv2.dilate((light.max(-1) > BRIGHT).astype(np.uint8), brush) > 0
        with torch.no_grad():
            shown = model.sharp(t).permute(1, 2, 0).numpy()
        middle = np.median(light[~lamps])
        got += float((shown[lamps] - middle).sum())
        true += float((light[lamps] - middle).sum())
        error = linear_to_display(shown).clip(0, 1) - linear_to_display(light).clip(0, 1)
        psnr.append(-10 * math.log10(max(float(np.square(error).mean()), 1e-12)))
    if true <= 0:
        raise SystemExit(f"expected lamps above {BRIGHT} in {clip}, got none")
    return f"| {clip.name} | {got / true:.0%} | {np.mean(psnr):.1f} |"


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", nargs="+", type=Path, metavar="X.solve CLIP")
    pairs = parser.parse_args().pairs
    if len(pairs) % 2:
        parser.error("expected a clip for every solve")
    print("| clip | light of lamps | sharp dB |\n|---|---|---|", flush=True)
    for solve, clip in zip(pairs[::2], pairs[1::2], strict=True):
        print(measure(solve, clip), flush=True)


if __name__ == "__main__":
    main()
