# SPDX-License-Identifier: Apache-2.0
"""How long a sequence takes to open: processor time of 100 small EXR frames, best of some tries.

    python benchmarks/open_frames.py [--other CHECKOUT]

With another checkout of the project both are timed by turns, and the ratio is printed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

FRAMES, HEIGHT, WIDTH, TRIES, TURNS = 100, 270, 480, 9, 3
TIMED = """
import sys, time
from pullfocus.plate.footage import open_shot
open_shot(sys.argv[1])
def seconds():
    began = time.process_time()
    open_shot(sys.argv[1])
    return time.process_time() - began
print(min(seconds() for _ in range(int(sys.argv[2]))))
"""


def frames(folder: Path) -> str:
    """Write the sequence; returns its pattern."""
    import OpenImageIO as oiio

    picture = np.random.default_rng(0).random((HEIGHT, WIDTH, 3)).astype(np.float32)
    for frame in range(1001, 1001 + FRAMES):
        path = str(folder / f"plate.{frame}.exr")
        output = oiio.ImageOutput.create(path)
        output.open(path, oiio.ImageSpec(WIDTH, HEIGHT, 3, "half"))
        output.write_image(picture)
        output.close()
    return str(folder / "plate.####.exr")


def timed(checkout: Path, pattern: str) -> float:
    """Return the least seconds that code of a checkout takes."""
    place = os.pathsep.join([str(checkout / "core"), str(checkout)])
    run = subprocess.run(
        [sys.executable, "-c", TIMED, pattern, str(TRIES)],
        env={**os.environ, "PYTHONPATH": place},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(run.stdout)


def main() -> None:
    """Print milliseconds, and the ratio to another checkout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--other", type=Path, help="a checkout to compare with")
    options = parser.parse_args()
    here = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as scratch:
        pattern = frames(Path(scratch))
        own, other = [], []
        for _ in range(TURNS):
            own.append(timed(here, pattern))
            if options.other:
                other.append(timed(options.other.resolve(), pattern))
    print(f"{FRAMES} EXR frames of {WIDTH}x{HEIGHT} open in {min(own) * 1e3:.1f} ms of processor")
    if other:
        print(f"the other: {min(other) * 1e3:.1f} ms; ratio {min(own) / min(other):.2f}")


if __name__ == "__main__":
    main()
