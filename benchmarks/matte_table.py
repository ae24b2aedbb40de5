# SPDX-License-Identifier: Apache-2.0
"""How well a matte is followed: IoU a frame from one exact key in the middle, a box, and strokes.

    python benchmarks/matte_table.py CLIP [CLIP ...]

CLIP is a folder with plate.####.png and alpha.####.png, true coverage. The box is the subject's,
4 px wider; strokes lie where the subject is thickest and in a ring around it. Seconds are of this
process's processors.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from pullfocus.plate.footage import open_shot
from pullfocus.roto.keys import Mark, Marked
from pullfocus.roto.outline import overlap, signed_distance
from pullfocus.roto.settings import FollowSettings
from pullfocus.roto.shot_matte import matte_of_shot, working_frames

Marker = Callable[[int, np.ndarray], Marked]


def key(frame: int, truth: np.ndarray) -> Marked:
    """The exact matte."""
    return Marked(mark=Mark(kind="key", layer="fg", frame=frame, value=""), planes=(truth,))


def box(frame: int, truth: np.ndarray) -> Marked:
    """A box 4 px wider than the subject."""
    ys, xs = np.nonzero(truth > 0.5)
    height, width = truth.shape
    left, top = max(0, int(xs.min()) - 4), max(0, int(ys.min()) - 4)
    right, bottom = min(width, int(xs.max()) + 5), min(height, int(ys.max()) + 5)
    mark = Mark(kind="box", layer="fg", frame=frame, value="")
    return Marked(mark=mark, planes=(), box=(left, top, right - left, bottom - top))


def scribble(frame: int, truth: np.ndarray) -> Marked:
    """The thickest parts, and a ring around."""
    distance = signed_distance(truth)
    scale = truth.shape[1] / 512
    inside = distance > 0.5 * distance.max()
    outside = (distance < -25 * scale) & (distance > -30 * scale)
    mark = Mark(kind="scribble", layer="fg", frame=frame, value="")
    return Marked(mark=mark, planes=(inside, outside))


def _keyed(truth: list[np.ndarray]) -> int:
    """The frame nearest the middle that shows at least half of the most that is ever shown."""
    area = np.array([(alpha > 0.5).mean() for alpha in truth])
    return int(
        min(np.flatnonzero(area >= 0.5 * area.max()), key=lambda t: abs(t - len(truth) // 2))
    )


def main() -> None:
    """Print a row for every clip and mark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--frames", action="store_true", help="print every frame")
    parser.add_argument("--marks", default="key,box,scribble", help="which rows, by commas")
    options = parser.parse_args()
    print("| clip | from | mean IoU | least | frames below .90 | processor s |")
    print("|---|---|---|---|---|---|")
    markers: dict[str, Marker] = {"key": key, "box": box, "scribble": scribble}
    for clip in options.clips:
        shot = open_shot(str(clip / "plate.####.png"))
        truth = [
            cv2.imread(str(clip / f"alpha.{frame:04d}.png"), cv2.IMREAD_GRAYSCALE) / np.float32(255)
            for frame in shot.frames
        ]
        middle = _keyed(truth)
        for name in options.marks.split(","):
            marker = markers[name]
            began = time.process_time()
            settings = FollowSettings()
            frames = working_frames(shot, settings, lambda stage, fraction: None)
            marks = [marker(shot.frames[middle], truth[middle])]
            found = matte_of_shot(shot, frames, marks, settings)
            shares = [overlap(found.alpha(t), alpha) for t, alpha in enumerate(truth)]
            below = sum(share < 0.9 for share in shares)
            print(
                f"| {clip.name} | {name} | {np.mean(shares):.3f} | {min(shares):.3f} | {below} | "
                f"{time.process_time() - began:.0f} |",
                flush=True,
            )
            if options.frames:
                print(" ".join(f"{s:.3f}" for s in shares))


if __name__ == "__main__":
    main()
