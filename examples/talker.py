# SPDX-License-Identifier: Apache-2.0
"""A real man who talks, thrown out of focus by a program that shares no code with pullfocus.

    pip download --no-deps psychopy==2026.2.5
    unzip -j psychopy-2026.2.5-*.whl psychopy/tests/data/testMovie.mp4
    python examples/talker.py testMovie.mp4 --rung clean --out clips/talker_clean

Rungs: clean, grain, h264, flicker, breathing, all. The truth is the sharp frame; there is no truth
of radii, and none behind the man. The movie is GPL-3.0+ and shows a person: neither it nor a clip
made of it goes into the repository. The blur is `../shared/clips/real/throw_out.py`, read in place.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

THROW_OUT = Path(__file__).resolve().parents[2] / "shared" / "clips" / "real" / "throw_out.py"
RUNGS = ("clean", "grain", "h264", "flicker", "breathing", "all")


def main() -> int:
    """Run the program that throws out of focus."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("movie", type=Path, help="testMovie.mp4")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--rung", choices=RUNGS, default="clean")
    parser.add_argument("--clip", default="talker", help="another name in clips.json beside it")
    given = parser.parse_args()
    for needed in (given.movie, THROW_OUT):
        if not needed.is_file():
            parser.error(f"expected a file, got none at {needed}")
    arguments = [str(given.movie), given.clip, str(given.out), "--rung", given.rung]
    return subprocess.run([sys.executable, str(THROW_OUT), *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
