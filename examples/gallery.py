# SPDX-License-Identifier: Apache-2.0
"""Draw the gallery of README: one shot, and what can be done with it after a solve.

    python examples/gallery.py --work DIR --out docs/gallery.jpg

Makes the market clip at 512x288, solves it, and calls the command line for every picture: the
plate, the sharp beauty, focus moved, bokeh shaped, the street's atlas painted. Takes a few minutes;
what DIR holds already is not made again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from make_clip import make_clip
from pullfocus.plate.colour import linear_to_display
from pullfocus.plate.exr import Plane, read_exr, write_exr

FRAMES, SHOWN = 24, 3
WALL = "70,40"  # a place on the wall that nobody passes, px
CELL = (448, 252)
GAP, BAR = 6, 26


def pullfocus(*arguments: str | Path) -> None:
    """Run the command line as a user does; stop where it fails."""
    command = [sys.executable, "-m", "pullfocus.cli", *map(str, arguments)]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(f"failed: {' '.join(command)}")


def paint_street(source: Path, target: Path) -> None:
    """Paint the exported atlas as an artist would: a red door, a word on the cobbles."""
    held = read_exr(source)
    light = np.dstack([held[c] for c in "RGB"])
    height, width = light.shape[:2]
    door = (
        slice(round(0.27 * height), round(0.61 * height)),
        slice(round(0.41 * width), round(0.51 * width)),
    )
    blue = light[door][..., 2] > 1.5 * light[door][..., 0]
    light[door] = np.where(blue[..., None], light[door][..., ::-1], light[door])
    word = np.zeros((200, 900), np.uint8)
    cv2.putText(word, "ONE WAY", (20, 150), cv2.FONT_HERSHEY_DUPLEX, 5.5, 255, 26, cv2.LINE_AA)
    flat = np.float32([[0, 0], [900, 0], [900, 200], [0, 200]])
    lies = np.float32([[0.36, 0.68], [0.72, 0.68], [0.80, 0.90], [0.28, 0.90]]) * (width, height)
    onto = cv2.getPerspectiveTransform(flat, lies.astype(np.float32))
    cover = cv2.warpPerspective(word, onto, (width, height), flags=cv2.INTER_AREA)[..., None] / 255
    rough = (light.mean(-1, keepdims=True) / 0.25).clip(0.35, 1)  # stones show through
    light = light * (1 - cover) + cover * rough * np.array([0.9, 0.72, 0.12])
    plane = Plane(name="atlas", data=light.astype(np.float32), channels=tuple("RGB"), half=True)
    write_exr(target, [plane])


def shown(path: Path) -> np.ndarray:
    """Read a frame, display-encoded 8 bit RGB."""
    if path.suffix == ".png":
        return cv2.imread(str(path))[..., ::-1]
    held = read_exr(path)
    display = linear_to_display(np.dstack([held[c] for c in "RGB"]))
    return (display.clip(0, 1) * 255).round().astype(np.uint8)


def cell(label: str, picture: np.ndarray) -> np.ndarray:
    """One picture of the gallery with its label."""
    drawn = np.full((CELL[1] + BAR, CELL[0], 3), 24, np.uint8)
    drawn[BAR:] = cv2.resize(picture, CELL, interpolation=cv2.INTER_AREA)
    at, face = (8, BAR - 8), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(drawn, label, at, face, 0.5, (235, 235, 235), 1, cv2.LINE_AA)
    return drawn


def gallery(work: Path) -> np.ndarray:
    """Make everything and lay it out, uint8 RGB."""
    clip, solve, passes = work / "clip", work / "x.solve", work / "passes"
    if not (clip / f"truth.{FRAMES:04d}.exr").exists():
        make_clip(clip, width=512, height=288, frames=FRAMES)
    if not (passes / "passes.json").exists():
        matte = f"fg={clip / 'alpha.####.png'}"
        pullfocus("solve", clip / "plate.####.png", "--matte", matte, "--out", solve)
        pullfocus("bake", solve, "--out", passes)
    paint_street(passes / "atlas_bg.exr", work / "painted.exr")
    one = ("--frames", str(SHOWN), "--out")
    wall, atlas = f"{WALL}@{SHOWN}", work / "painted.exr"
    iris = ("--aperture", "1.8", "--blades", "6", "--squeeze", "1.5", "--highlight-gain", "6")
    pullfocus("refocus", solve, *one, work / "sharp_fg", "--focus", "fg", "--aperture", "1.4")
    pullfocus("refocus", solve, *one, work / "iris", "--focus", "fg", *iris)
    pullfocus("refocus", solve, *one, work / "wall", "--focus-point", wall, "--aperture", "1.5")
    pullfocus("edit", solve, *one, work / "edit", "--layer", "bg", "--atlas", atlas)
    name, beauty = f"plate_refocus.{SHOWN:04d}.exr", f"plate.{SHOWN:04d}.exr"
    cells = [
        cell("plate: focus missed the passer-by", shown(clip / f"plate.{SHOWN:04d}.png")),
        cell("sharp beauty, from plate and matte alone", shown(passes / beauty)),
        cell("focus moved to her", shown(work / "sharp_fg" / name)),
        cell("focus moved to the wall, lens 1.5 times wider", shown(work / "wall" / name)),
        cell("bokeh: six blades, anamorphic, highlights lifted", shown(work / "iris" / name)),
        cell("atlas painted once: a door, a street", shown(work / "edit" / beauty)),
    ]
    gap = np.full((cells[0].shape[0], GAP, 3), 24, np.uint8)
    rows = [np.hstack([cells[k], gap, cells[k + 1], gap, cells[k + 2]]) for k in (0, 3)]
    return np.vstack(rows)


def main() -> None:
    """Read the command line, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--work", type=Path, required=True, help="folder for the clip and its solve"
    )
    parser.add_argument("--out", type=Path, required=True, help="the picture, .jpg or .png")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    picture = gallery(given.work)
    if not cv2.imwrite(str(given.out), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise SystemExit(f"cannot write {given.out}")
    print(given.out)


if __name__ == "__main__":
    main()
