# SPDX-License-Identifier: Apache-2.0
"""What test_parallel.py runs in every process that torchrun starts."""

import dataclasses
import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

sys.path.insert(0, str(Path(__file__).parents[1]))

from pullfocus.errors import SolveError
from pullfocus.model.settings import NetworkSettings
from pullfocus.solve.parallel import Together, leave
from pullfocus.solve.presets import preset_settings
from pullfocus.solve.solver import Solver
from solve.drawn import COUNT, shot


def broken(*arguments: object) -> torch.Tensor:
    raise ValueError("a lattice that is not a number")


def main() -> None:
    """Write what this process found as JSON."""
    torch.set_num_threads(1)
    group = Together("cpu")
    gradient = torch.full((2, 3), float(group.rank + 1))
    group.average([gradient, torch.zeros(1)])
    agreed = [group.agree(True), group.agree(group.rank == 0)]
    settings = preset_settings("paper")
    tiny = NetworkSettings(width=16, noise_channels=4, decoder_channels=16)
    settings = dataclasses.replace(
        settings, steps=9, start_passes=1, model=dataclasses.replace(settings.model, networks=tiny)
    )
    solver = Solver(shot([], [[0.0] * COUNT]), settings, group=group)
    seen = []
    draw = solver._next_frame
    solver._next_frame = lambda: seen.append(draw()) or seen[-1]
    losses = [solver.step().loss for _ in range(3)]
    flat = torch.cat([p.detach().flatten() for p in solver.model.parameters()])
    low, high = flat.clone(), flat.clone()
    dist.all_reduce(low, dist.ReduceOp.MIN)
    dist.all_reduce(high, dist.ReduceOp.MAX)
    if group.rank:
        solver.model.reblur = broken  # type: ignore[method-assign]
    try:
        solver.step()
        diverged = False
    except SolveError:
        diverged = True
    found = {
        "diverged": diverged,
        "mean": gradient.flatten().tolist(),
        "agreed": agreed,
        "frames": seen[:3],
        "losses": losses,
        "apart": float((high - low).abs().max()),
        "finite": bool(flat.isfinite().all()),
    }
    Path(sys.argv[1], f"{group.rank}.json").write_text(json.dumps(found))
    # gloo's threads get no turn until Python shuts down, which aborts it unless it is left at once
    sys.setswitchinterval(1e3)
    dist.all_reduce(low)
    group.close()
    leave(0)


if __name__ == "__main__":
    main()
