# SPDX-License-Identifier: Apache-2.0
"""What a step of the paper's solver costs here, and what its 50,000 steps would.

    python benchmarks/paper_step.py CLIP [--preset paper] [--steps 10] [--threads N]

CLIP is a folder with plate.####.png and, with a subject, alpha.####.png. Prints the median step,
the fit of the mappings before the first one, peak memory, and the hours that follow. Idle machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import tempfile
import time
from pathlib import Path

import torch
from pullfocus.ablate.variants import parse_variant
from pullfocus.observe.observe import observe
from pullfocus.solve.inputs import ShotInputs
from pullfocus.solve.memory import peak_memory_mb
from pullfocus.solve.solver import Solver


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--preset", default="paper", help="or as in pullfocus ablate")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    matte = options.clip / "alpha.####.png"
    inputs = ShotInputs(
        plate=str(options.clip / "plate.####.png"),
        mattes=(("fg", str(matte)),) if any(options.clip.glob("alpha.*.png")) else (),
    )
    settings = parse_variant(options.preset, weights="hashing").settings
    passes = settings.start_passes
    settings = dataclasses.replace(settings, start_passes=1)
    with tempfile.TemporaryDirectory() as scratch:
        observed = observe(inputs.open(), Path(scratch), settings.observe)
        solver = Solver(observed, settings, device=options.device)
        began = time.monotonic()
        solver.state()  # fits the mappings, one pass
        one_pass = time.monotonic() - began
        took, cpu = [], []
        for _ in range(options.steps):
            began, spent = time.monotonic(), time.process_time()
            solver.step()
            took.append(time.monotonic() - began)
            cpu.append(time.process_time() - spent)
    step, hours = statistics.median(took), statistics.median(took) * settings.steps / 3600
    parameters = sum(p.numel() for p in solver.model.parameters())
    start = one_pass * passes / 3600
    print(
        f"{options.preset}, {observed.width}x{observed.height}, {len(observed.frames)} frames,"
        f" {options.threads} threads on {options.device}: {parameters / 1e6:.2f} M parameters\n"
        f"step {step:.2f} s (median of {options.steps}; CPU time {statistics.median(cpu):.2f} s),"
        f" peak memory {peak_memory_mb() / 1000:.2f} GB\n"
        f"start at most {start:.1f} hours, {settings.steps} steps: {hours:.0f} hours"
    )


if __name__ == "__main__":
    main()
