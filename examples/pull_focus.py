# SPDX-License-Identifier: Apache-2.0
"""Throw sharp footage out of focus and keep the truth: a focus pull over a receding scene.

    python examples/pull_focus.py shot.mpg --frames 1-32 --max-radius 6 --out clip

Reads footage the way `pullfocus solve` does; blurs in scene-linear light with hard discs that share
no code with pullfocus (see clip_scene.py). The radius changes evenly from the top row to the
bottom row, as over a floor or a facade, and the plane of focus goes from one to the other and on.

| file | what |
|---|---|
| plate.####.png | the misfocused footage, 8-bit sRGB, with sensor noise |
| sharp.####.png | the footage as it was |
| truth.####.exr | half: coc.X and cocbg.X, signed radius in px, near negative |
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from clip_scene import blur_rows
from make_clip import save_png, save_truth
from market_paint import to_display


def radii(time: float, height: int, max_radius: float) -> np.ndarray:
    """Signed radius of every row, px; `time` runs from 0 to 1.

    The bottom is in focus at the start; two thirds on the top is; then focus goes past everything.
    """
    depth = np.linspace(1, 0, height)  # linear in inverse distance: a tilted plane, far above
    return max_radius * (depth - np.clip(1.5 * time, 0, 1.5)) / 1.5


def pull(plate: str, frames: str | None, out: Path, max_radius: float, noise: float) -> None:
    """Write the clip into `out`."""
    from pullfocus.plate.footage import open_shot

    shot = open_shot(plate, frames=frames)
    out.mkdir(parents=True, exist_ok=True)
    margin = int(np.ceil(max_radius)) + 2
    for index in range(len(shot.frames)):
        sharp = shot.plate.read(index)
        time = index / max(len(shot.frames) - 1, 1)
        signed = radii(time, shot.height, max_radius)
        wide = np.pad(sharp, ((margin, margin), (margin, margin), (0, 0)), "reflect")
        blurred = blur_rows(wide, np.pad(signed, margin, "edge"))[margin:-margin, margin:-margin]
        grain = np.random.default_rng(index).standard_normal(sharp.shape)
        blurred = blurred + noise * grain * np.sqrt(np.maximum(blurred, 0) + 0.01)
        number = f"{index + 1:04d}"
        save_png(out / f"plate.{number}.png", to_display(blurred))
        save_png(out / f"sharp.{number}.png", to_display(sharp))
        coc = np.repeat(signed[:, None], shot.width, 1)
        save_truth(out / f"truth.{number}.exr", {"coc.X": coc, "cocbg.X": coc})


def main() -> None:
    """Read the command line, write the clip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plate", help="sharp footage: a sequence or a movie")
    parser.add_argument("--frames", help="such as 1-32")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--max-radius", type=float, default=6.0, help="largest COC radius, px")
    parser.add_argument("--noise", type=float, default=0.004, help="sensor noise at white")
    options = parser.parse_args()
    pull(options.plate, options.frames, options.out, options.max_radius, options.noise)


if __name__ == "__main__":
    main()
