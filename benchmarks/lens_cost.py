# SPDX-License-Identifier: Apache-2.0
"""What a lens costs in refocus, in shares of what the plain disc costs.

    python benchmarks/lens_cost.py --work DIR [--size hd] [--rounds 3]

The shot, size and radii (0 to 16 px) of throughput.py. Processor seconds of one thread for one
frame, every lens by turns, the least of all rounds. *found, round* is a refocus that starts from
the plate's lens where nothing but a disc was proved; the rows below it, where more was.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from pullfocus.model.plate_lens import PlateLens
from pullfocus.refocus.new_lens import NewLens
from pullfocus.refocus.render import refocused_frame
from pullfocus.solve.solved import load_solve
from throughput import RADIUS_PX, SIZES, processor_s, slope, solved

LENSES = {
    "plain disc": None,
    "found, round": PlateLens(),
    "found, 5 blades": PlateLens(blades=5, rotation_deg=20.0, solved=True),
    "found, 6 blades": PlateLens(blades=6, rotation_deg=20.0, solved=True),
    "found, cat's eye .8": PlateLens(cats_eye=0.8, solved=True),
    "found, 5 blades and cat's eye": PlateLens(
        blades=5, rotation_deg=20.0, cats_eye=0.8, solved=True
    ),
}


def measured(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the least processor seconds of each run, taken by turns."""
    least = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            run()  # only the last few kernels keep their tables
            began = processor_s()
            run()
            least[name] = min(least[name], processor_s() - began)
    return least


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, help="where the solve is kept; default: nowhere")
    parser.add_argument("--size", default="hd", choices=SIZES)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as nowhere:
        _, model = load_solve(solved(options.work or Path(nowhere), options.size, frames=2))
        virtual, atlases = slope(model), model.linear_atlases()

        def one_frame(lens: NewLens) -> Callable[[], object]:
            return lambda: refocused_frame(
                model, 0, virtual=virtual, focus=0.0, lens=lens, atlases=atlases
            )

        plain = NewLens(max_radius_px=RADIUS_PX)
        lenses = {
            name: plain if plate is None else plain.starting_from(plate)
            for name, plate in LENSES.items()
        }
        found = measured({name: one_frame(lens) for name, lens in lenses.items()}, options.rounds)
    print("| lens | CPU s a frame | times the plain disc |\n|---|---|---|")
    for name, seconds in found.items():
        print(f"| {name} | {seconds:.2f} | {seconds / found['plain disc']:.2f} |")


if __name__ == "__main__":
    main()
