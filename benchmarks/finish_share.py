# SPDX-License-Identifier: Apache-2.0
"""What the second half of a solve is made of: CPU seconds of its parts, at the plate's size.

    pullfocus solve PLATE --matte fg=MATTE --no-finish --out X.solve
    python benchmarks/finish_share.py X.solve

Lifting the proxy's model, drawing each layer's atlas from the plate (rows apart from each other:
what could be shared out), and one step, times as many as a finish takes (each sees what the one
before it moved). Nothing is written.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pullfocus import checkpoint
from pullfocus.solve.fine import FineSolver
from pullfocus.solve.folder import read_settings
from pullfocus.solve.gather import with_detail
from pullfocus.solve.lifted import lift
from pullfocus.solve.settings import settings_from_record
from pullfocus.solve.solved import load_solve

STEPS = 4


def timed(what: Callable[[], Any]) -> tuple[Any, float]:
    """Return what came of it, and the CPU seconds it took."""
    began = time.process_time()
    found = what()
    return found, time.process_time() - began


def main() -> None:
    """Print the parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("solve", type=Path)
    folder = parser.parse_args().solve
    settings = settings_from_record(read_settings(folder)["settings"])
    if not settings.proxy:
        raise SystemExit(f"expected the solve of a proxy, got {folder}: it has nothing to finish")
    shot, opened = load_solve(folder)
    tensors, _ = checkpoint.load(folder / "checkpoint.safetensors")
    observed = opened.observed
    model, lifting = timed(lambda: lift(observed, settings.model, settings.proxy, tensors))
    drawing = sum(
        timed(lambda index=index: list(with_detail(model, index)))[1]
        for index in range(len(model.layers))
    )
    solver = FineSolver(model, settings)
    solver.step()  # the first one sets up what the others use
    _, some = timed(lambda: [solver.step() for _ in range(STEPS)])
    stepping = some / STEPS * solver.total_steps
    whole = lifting + drawing + stepping
    print(f"{len(shot.frames)} frames of {shot.width}x{shot.height}, CPU s")
    for name, took in (("lift", lifting), ("draw", drawing), ("step", stepping)):
        print(f"| {name} | {took:.1f} | {100 * took / whole:.0f} % |")
    print(f"{solver.total_steps} steps of {some / STEPS:.2f}")


if __name__ == "__main__":
    main()
