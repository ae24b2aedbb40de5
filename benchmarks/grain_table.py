# SPDX-License-Identifier: Apache-2.0
"""Grain laid over what was restored, beside the plate's own: as fine, as strong?

    python benchmarks/grain_table.py X.solve CLIP [X.solve CLIP ...]

CLIP has truth. Fine structure is what is finer than 1.5 px, frame minus truth, root mean square of
display-encoded values, in places where the truth is plain: of the plate where it is in focus, of
the beauty where the plate is out of focus and the bake replaced it, with grain and without. The
plate's is the aim. `told` is what the bake found in the plate, `noise` what there is: frames in
focus minus truth, plain places, all frequencies.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np

FINE_PX = 1.5
PLAIN = 0.012
"""Largest fine structure of the truth in a plain place, display-encoded."""
KEEN_PX, SOFT_PX = 0.4, 1.5
REPLACED = 0.5
"""Share of a beauty that the solve has, at least."""


def picture(path: Path) -> np.ndarray:
    """(h, w, 3) display-encoded."""
    image = cv2.imread(str(path))
    if image is None:
        raise SystemExit(f"expected a picture at {path}")
    return image[..., ::-1].astype(np.float32) / 255


def fine(values: np.ndarray) -> np.ndarray:
    """What is finer than 1.5 px."""
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), FINE_PX))


def fine_structure(solve: Path, passes: Path, clip: Path) -> tuple[float, float]:
    """Return the fine structure of a plate in focus and of what replaces it, as above.

    Args:
        solve: a solve of the clip.
        passes: its bake.
        clip: with truth.
    """
    from pullfocus.bake.view import SharpView, Shown
    from pullfocus.passes.passes_json import read_passes_json
    from pullfocus.plate.colour import linear_to_display
    from pullfocus.plate.exr import read_exr
    from pullfocus.solve.solved import opened

    floor = SharpView(opened(solve), Shown()).floor
    if floor is None:
        raise SystemExit(f"expected a solve with a lens in {solve}")
    told = read_passes_json(passes)
    plates, rebuilt = [], []
    for t, number in enumerate(told.frames):
        channels = read_exr(passes / told.file_name(number))
        beauty = linear_to_display(np.stack([channels[c] for c in "RGB"], -1).astype(np.float32))
        sharp = picture(clip / f"sharp.{number:04d}.png")
        plate = picture(clip / f"plate.{number:04d}.png")
        radius = np.abs(read_exr(clip / f"truth.{number:04d}.exr")["coc.X"])
        plain = cv2.dilate(np.abs(fine(sharp)).max(-1), np.ones((5, 5))) < PLAIN
        restored = floor.frame(t).kept >= REPLACED
        plates.append(np.square(fine(plate - sharp)[plain & (radius < KEEN_PX)]).ravel())
        rebuilt.append(
            np.square(fine(beauty - sharp)[plain & (radius > SOFT_PX) & restored]).ravel()
        )
    one, other = (float(np.sqrt(np.concatenate(parts).mean())) for parts in (plates, rebuilt))
    return one, other


def plate_noise_rms(clip: Path) -> float:
    """Root mean square of plate minus truth in plain places in focus, display-encoded."""
    from pullfocus.plate.exr import read_exr

    found = []
    for path in sorted(clip.glob("plate.*.png")):
        number = path.name.split(".")[1]
        sharp = picture(clip / f"sharp.{number}.png")
        radius = np.abs(read_exr(clip / f"truth.{number}.exr")["coc.X"])
        plain = cv2.dilate(np.abs(fine(sharp)).max(-1), np.ones((5, 5))) < PLAIN
        found.append(np.square((picture(path) - sharp)[plain & (radius < KEEN_PX)]).ravel())
    return float(np.sqrt(np.concatenate(found).mean()))


def main() -> None:
    """Print a line for each solve."""
    from pullfocus.bake.bake import bake

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pairs", nargs="+", type=Path, metavar="X.solve CLIP")
    options = parser.parse_args()
    if len(options.pairs) % 2:
        parser.error("expected a clip after each solve")
    print("| clip | noise | told | the plate's own | off | on |\n|---|---|---|---|---|---|")
    for solve, clip in zip(options.pairs[::2], options.pairs[1::2], strict=True):
        cells = []
        for regrain in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                report = bake(solve, Path(folder), regrain=regrain)
                plate, shown = fine_structure(solve, Path(folder), clip)
            cells.append(shown)
        strength = "none" if report.grain is None else f"{report.grain:.4f}"
        values = " | ".join(f"{value:.4f}" for value in (plate, *cells))
        print(f"| {clip.name} | {plate_noise_rms(clip):.4f} | {strength} | {values} |", flush=True)


if __name__ == "__main__":
    main()
