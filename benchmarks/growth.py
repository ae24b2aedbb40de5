# SPDX-License-Identifier: Apache-2.0
"""How the CPU seconds of a solve and of a bake grow with pixels and with frames.

    python benchmarks/growth.py CLIP [--sizes 256x144,512x288,1024x576] [--frames 8,16,32,64]

A clip with the layout of tests/clips/market, enlarged and played forth and back (`memory.py`): all
sizes at the first number of frames, then all numbers of frames at the first size, at draft quality.
The exponent says how a row's seconds follow from those of the row above it: 1 is in proportion.
CPU seconds are user and system time of whole commands, by one thread: they hold on a busy machine
where seconds do not.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from memory import enlarged

SIZES, FRAMES = "256x144,512x288,1024x576", "8,16,32,64"


@dataclass(frozen=True)
class Row:
    """One shot, and the CPU seconds that its solve and its bake took."""

    width: int
    height: int
    frames: int
    solve_s: float
    bake_s: float


def cpu_s(*arguments: str) -> float:
    """Run the command line; return what it took, stop here if it fails."""
    command = [sys.executable, "-m", "pullfocus.cli", *arguments, "--progress", "plain"]
    one = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=one)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            log.seek(0)
            raise SystemExit(log.read())
    return usage.ru_utime + usage.ru_stime


def measured(clip: Path, width: int, height: int, frames: int) -> Row:
    """Solve and bake one shot."""
    with tempfile.TemporaryDirectory() as scratch:
        footage, solve = Path(scratch) / "footage", f"{scratch}/x.solve"
        enlarged(clip, footage, (width, height), frames)
        mattes = ["--matte", f"fg={footage}/alpha.####.png"]
        words = ["--quality", "draft", "--threads", "1", "--out", solve]
        solving = cpu_s("solve", f"{footage}/plate.####.png", *mattes, *words)
        baking = cpu_s("bake", solve, "--out", f"{scratch}/passes")
    return Row(width, height, frames, solving, baking)


def exponent(now: float, before: float, more: float) -> str:
    """Return the power of `more` that leads from one figure to the other."""
    return f"{math.log(now / before) / math.log(more):.2f}"


def line(row: Row, before: Row | None, more: float = 0.0) -> str:
    """Return the line of the table; `more` is what the row has over the one before it."""
    cells = [f"{row.width}x{row.height}", str(row.frames), f"{row.solve_s:.0f}"]
    cells += [exponent(row.solve_s, before.solve_s, more) if before else "", f"{row.bake_s:.1f}"]
    cells += [exponent(row.bake_s, before.bake_s, more) if before else ""]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--frames", default=FRAMES)
    options = parser.parse_args()
    sizes = [tuple(map(int, size.split("x"))) for size in options.sizes.split(",")]
    frames = [int(count) for count in options.frames.split(",")]
    print("| plate | frames | solve CPU s | exponent | bake CPU s | exponent |")
    print("|---|---|---|---|---|---|", flush=True)
    first = before = None
    for width, height in sizes:
        row = measured(options.clip, width, height, frames[0])
        more = row.width * row.height / (before.width * before.height) if before else 0.0
        print(line(row, before, more), flush=True)
        first, before = first or row, row
    before = first
    for count in frames[1:]:
        row = measured(options.clip, *sizes[0], count)
        print(line(row, before, row.frames / before.frames), flush=True)
        before = row


if __name__ == "__main__":
    main()
