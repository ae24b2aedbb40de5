# SPDX-License-Identifier: Apache-2.0
"""How well a measured motion brings the frames of a clip together, and what measuring costs.

    python benchmarks/motion_table.py CLIP [CLIP ...]

Motion is measured on plate and mattes; sharp frames, which it never saw, tell how good it is: the
reference frame moved to every other one, mean absolute difference of 255 where both show the layer.
A clip is a folder with the layout of tests/clips/market.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from pullfocus.observe.observe import observe
from pullfocus.observe.observed import Observed
from pullfocus.solve.inputs import ShotInputs

FEWEST_PX = 50


def places(observed: Observed, layer: int, t: int) -> np.ndarray:
    """Return where a frame's pixels lie in the layer's reference frame, (h, w, 2) px."""
    height, width = observed.height, observed.width
    bend = cv2.resize(observed.residual[layer, t], (width, height), interpolation=cv2.INTER_LINEAR)
    here = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1) + bend
    flat = here.reshape(-1, 1, 2).astype(np.float64)
    moved = cv2.perspectiveTransform(flat, observed.motion[layer, t])
    return moved.reshape(height, width, 2).astype(np.float32)


def shown(observed: Observed, layer: int, t: int) -> np.ndarray:
    """Return where a frame shows a layer, (h, w) bool."""
    mattes = np.asarray(observed.mattes[:, t]) > 127
    return mattes[layer] if layer < len(mattes) else ~mattes.any(0)


def differences(observed: Observed, layer: int, sharp: list[np.ndarray]) -> list[float]:
    """Return the mean absolute difference of every frame but the reference."""
    count = len(sharp)
    strays = np.abs(observed.motion[layer] - np.eye(3)).sum((1, 2))
    strays += np.abs(observed.residual[layer]).sum((1, 2, 3))
    reference = int(np.argmin(strays))
    there = shown(observed, layer, reference).astype(np.float32)
    out = []
    for t in range(count):
        at = places(observed, layer, t)
        seen = cv2.remap(there, at, None, cv2.INTER_LINEAR) > 0.99
        seen &= shown(observed, layer, t)
        if t != reference and seen.sum() > FEWEST_PX:
            moved = cv2.remap(sharp[reference], at, None, cv2.INTER_CUBIC)
            out.append(float(np.abs(moved - sharp[t])[seen].mean()))
    return out


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    print("| clip | layer | difference of 255 | of the worst tenth of frames | CPU s |")
    print("|---|---|---|---|---|")
    for clip in parser.parse_args().clips:
        sharp = [cv2.imread(str(p)).astype(np.float32) for p in sorted(clip.glob("sharp.*.png"))]
        mattes = (("fg", str(clip / "alpha.####.png")),)
        shot = ShotInputs(plate=str(clip / "plate.####.png"), mattes=mattes).open()
        with tempfile.TemporaryDirectory(prefix="pullfocus-") as folder:
            began = time.process_time()
            observed = observe(shot, Path(folder))
            seconds = time.process_time() - began
            for layer, name in enumerate(observed.layer_names):
                errors = differences(observed, layer, sharp)
                mean, worst = np.mean(errors), np.percentile(errors, 90)
                print(f"| {clip.name} | {name} | {mean:.2f} | {worst:.2f} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
