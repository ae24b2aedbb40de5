# SPDX-License-Identifier: Apache-2.0
"""Several processes on one solve: each takes another frame a step, gradients are averaged.

``torchrun --nproc-per-node N -m pullfocus.cli solve ...``. The first process writes everything; the
others follow what it does, call by call.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import torch

from pullfocus.errors import SolveError
from pullfocus.solve.solver_like import SolverLike

__all__ = ["ALONE", "Alone", "Leader", "Together", "follow", "leave", "world_size"]


def world_size() -> int:
    """How many processes torchrun has started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


class Alone:
    """One process."""

    rank = 0
    size = 1

    def agree(self, yes: bool) -> bool:
        """Whether all processes say yes."""
        return yes

    def average(self, gradients: Sequence[torch.Tensor]) -> None:
        """Replace gradients by their mean over the processes."""


ALONE = Alone()


class Together(Alone):
    """The processes that torchrun started: NCCL on GPUs, gloo on CPUs."""

    def __init__(self, device: str) -> None:
        import torch.distributed as dist

        dist.init_process_group("nccl" if device == "cuda" else "gloo")
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        if device == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        self.device = device

    def agree(self, yes: bool) -> bool:
        """Whether all processes say yes."""
        import torch.distributed as dist

        vote = torch.tensor([float(yes)], device=self.device)
        dist.all_reduce(vote, dist.ReduceOp.MIN)
        return bool(vote.item())

    def average(self, gradients: Sequence[torch.Tensor]) -> None:
        """Replace gradients by their mean over the processes."""
        import torch.distributed as dist

        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        start = 0
        for g in gradients:
            g.copy_(flat[start : start + g.numel()].view_as(g))
            start += g.numel()

    def tell(self, message: Any) -> None:
        """Send a message from the first process to all others."""
        import torch.distributed as dist

        dist.broadcast_object_list([message], src=0)

    def hear(self) -> Any:
        """Wait for a message of the first process."""
        import torch.distributed as dist

        box: list[Any] = [None]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def close(self) -> None:
        """Leave the group."""
        import torch.distributed as dist

        dist.destroy_process_group()


class Leader:
    """A solver whose steps the other processes take too."""

    def __init__(self, solver: SolverLike, group: Together) -> None:
        self._solver = solver
        self._group = group
        self.notes = getattr(solver, "notes", ())

    @property
    def step_index(self) -> int:
        """Steps done."""
        return self._solver.step_index

    @property
    def total_steps(self) -> int:
        """Steps in all."""
        return self._solver.total_steps

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self._solver.finished

    @property
    def model(self) -> Any:
        """What is fitted."""
        return self._solver.model

    @property
    def unsettled(self) -> bool:
        """Whether it is not to end yet, whatever the steps gain."""
        return bool(getattr(self._solver, "unsettled", False))

    def step(self) -> Any:
        """Take one step together."""
        self._group.tell(("step", ()))
        return self._solver.step()

    def settle(self) -> None:
        """Do here what is left once no step follows: what is saved is this process's."""
        self._solver.settle()

    def plan(self, *, steps: int) -> None:
        """Change the number of steps everywhere."""
        self._group.tell(("plan", (steps,)))
        self._solver.plan(steps=steps)

    def state(self) -> dict[str, torch.Tensor]:
        """Return all it takes to go on exactly: the same in every process."""
        self._group.tell(("state", ()))
        return self._solver.state()

    def load_state(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a checkpoint everywhere."""
        self._group.tell(("load_state", (tensors,)))
        self._solver.load_state(tensors)


def follow(group: Together, make_solver: Callable[[Any], SolverLike]) -> None:
    """Do what the first process does until it is done; for all processes but the first.

    Args:
        group: the processes.
        make_solver: called with the first process's settings, once it has observed the shot.
    """
    first = group.hear()
    if first[0] != "observed":
        return  # nothing to solve: it was solved already, or its input is bad
    solver = make_solver(first[1])
    while True:
        message = group.hear()
        if message == "done":
            return
        name, arguments = message
        with contextlib.suppress(SolveError):  # the first process meets it too, and reports it
            if name == "plan":
                solver.plan(steps=arguments[0])
            else:
                getattr(solver, name)(*arguments)


def leave(code: int) -> NoReturn:
    """End one of several processes with an exit code, everything it wrote flushed.

    Python does not shut down: gloo's threads may hold the last tensors of a finished exchange, and
    one that lets go of them then aborts the process, a good solve's exit code with it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
