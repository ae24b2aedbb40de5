# SPDX-License-Identifier: Apache-2.0
"""What a solve costs beside others: alone, two at once, beside a loop that keeps one core busy.

    python benchmarks/neighbours.py [PLATE MATTE] [--quality draft]

Prints seconds, CPU seconds and their ratios to a solve alone; all in one run, on an idle machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

MARKET = Path(__file__).resolve().parent.parent / "tests/clips/market"
TWO_LIMIT, LOOP_LIMIT, CPU_LIMIT = 2.2, 1.5, 1.15
CLEARLY_IDLE = 0.3


@dataclass(frozen=True)
class Cost:
    """Of one solve, s."""

    wall: float
    cpu: float


def start(command: list[str]) -> tuple[subprocess.Popen[bytes], float]:
    """Start a command; returns it, and when."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return process, time.monotonic()


def finish(process: subprocess.Popen[bytes], began: float) -> Cost:
    """Wait for a command; returns what it cost."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"a solve failed: exit code {process.returncode}")
    return Cost(time.monotonic() - began, used.ru_utime + used.ru_stime)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plate", nargs="?", default=str(MARKET / "plate.####.png"))
    parser.add_argument("matte", nargs="?", default=str(MARKET / "alpha.####.png"))
    parser.add_argument("--quality", default="draft")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="pullfocus-") as folder:

        def command(name: str) -> list[str]:
            words = [options.plate, "--matte", f"fg={options.matte}", "--quality", options.quality]
            out = ["--out", f"{folder}/{name}.solve"]
            return [sys.executable, "-m", "pullfocus.cli", "solve", *words, *out]

        finish(*start(command("warm")))
        alone = finish(*start(command("alone")))
        both = [start(command(name)) for name in ("one", "two")]
        pair = [finish(*one) for one in both]
        loop, _ = start([sys.executable, "-c", "while True: pass"])
        try:
            beside = finish(*start(command("beside")))
        finally:
            loop.kill()
            loop.wait()
    print("| a solve | s | CPU s | times alone | limit | CPU times alone | limit |")
    print("|---|---|---|---|---|---|---|")
    print(f"| alone | {alone.wall:.1f} | {alone.cpu:.1f} | | | | |")
    rows = [("one of two at once", cost, TWO_LIMIT) for cost in pair]
    rows.append(("beside a busy loop", beside, LOOP_LIMIT))
    for name, cost, limit in rows:
        wall, cpu = cost.wall / alone.wall, cost.cpu / alone.cpu
        print(
            f"| {name} | {cost.wall:.1f} | {cost.cpu:.1f} | {wall:.2f} | {limit}"
            f" {'pass' if wall <= limit else 'FAIL'} | {cpu:.2f} | {CPU_LIMIT}"
            f" {'pass' if cpu <= CPU_LIMIT else 'FAIL'} |"
        )
    if load > CLEARLY_IDLE:
        print(f"the machine was not idle when this began: load {load:.1f}")


if __name__ == "__main__":
    main()
