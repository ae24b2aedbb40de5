# SPDX-License-Identifier: Apache-2.0
"""What a solve is estimated to take, and takes, of memory.

    python benchmarks/memory.py CLIP [--sizes 512x288x32,1280x720x32,1920x1080x16] [--proxy auto]

A clip with the layout of tests/clips/market, enlarged and played forth and back to each size and
number of frames. Twelve steps, half of them coarse, and the finish: longer solves take no more.
A row a size: the estimate that `solve` prints, the most that its process held, and their ratio.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

STEPS = 12


def enlarged(clip: Path, folder: Path, size: tuple[int, int], frames: int) -> None:
    """Write a clip of a size and length: plates and mattes."""
    folder.mkdir()
    held = len(list(clip.glob("plate.*")))
    if held == 0:
        raise SystemExit(f"expected frames plate.####.png in {clip}, found none")
    for index in range(frames):
        turn = index % max(1, 2 * held - 2)
        number = 1 + (turn if turn < held else 2 * held - 2 - turn)
        for name in ("plate", "alpha"):
            picture = cv2.imread(str(clip / f"{name}.{number:04d}.png"), cv2.IMREAD_UNCHANGED)
            large = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(folder / f"{name}.{index + 1:04d}.png"), large)


def row(clip: Path, size: tuple[int, int], frames: int, proxy: str) -> str:
    """Solve once; return the line of the table."""
    with tempfile.TemporaryDirectory() as scratch:
        footage = Path(scratch) / "footage"
        enlarged(clip, footage, size, frames)
        command = [sys.executable, "-m", "pullfocus.cli", "solve", f"{footage}/plate.####.png"]
        command += ["--matte", f"fg={footage}/alpha.####.png", "--steps", str(STEPS)]
        command += ["--proxy", proxy, "--progress", "plain", "--out", f"{scratch}/x.solve"]
        log = Path(scratch) / "log.txt"
        with log.open("w") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=stream)
            _, status, usage = os.wait4(process.pid, 0)
        text = log.read_text()
        if status:
            raise SystemExit(text)
    estimate = float(re.search(r"about ([\d.]+) GB of memory", text).group(1))
    held = re.search(r"peak memory ([\d.]+) GB", text)
    peak = float(held.group(1)) if held else usage.ru_maxrss / 1e6
    shape = "x".join(map(str, size))
    return f"| {shape} | {frames} | {estimate:.1f} | {peak:.1f} | {estimate / peak:.2f} |"


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--sizes", default="512x288x32,1280x720x32,1920x1080x16")
    parser.add_argument("--proxy", default="auto", help="auto, off or a width")
    options = parser.parse_args()
    print("| plate | frames | estimate GB | peak GB | ratio |")
    print("|---|---|---|---|---|", flush=True)
    for text in options.sizes.split(","):
        width, height, frames = map(int, text.split("x"))
        print(row(options.clip, (width, height), frames, options.proxy), flush=True)


if __name__ == "__main__":
    main()
