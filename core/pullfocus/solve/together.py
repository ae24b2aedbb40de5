# SPDX-License-Identifier: Apache-2.0
"""Run a solve alone, or as one of the processes that torchrun started."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pullfocus.solve.parallel import Leader, Together, follow, world_size
from pullfocus.solve.run import SolveOutcome, on_proxy, run_solve

if TYPE_CHECKING:
    from pullfocus.shot import Shot
    from pullfocus.solve.settings import SolveSettings

__all__ = ["solve_together"]


def solve_together(
    shot: Shot, out: Path, settings: SolveSettings, *, device: str = "cpu", **options: Any
) -> SolveOutcome | None:
    """Run a solve with as many processes as torchrun started; one without it.

    Args:
        shot: the shot, opened.
        out: the solve folder.
        settings: what to do.
        device: "cpu" or "cuda"; with several processes each takes its own GPU.
        options: of `run_solve`.

    Returns:
        How it ended; None in all processes but the first.

    Raises:
        PullfocusError: as `run_solve` does.
    """
    if world_size() == 1:
        return run_solve(shot, out, settings, device=device, **options)
    from pullfocus.observe.observe import observe
    from pullfocus.solve.solver import Solver

    group = Together(device)

    def make(observed: Any, settings: Any, *, device: str) -> Leader:
        group.tell(("observed", settings))  # a solve of an earlier version has that one's
        return Leader(Solver(observed, settings, device=device, group=group), group)

    def make_follower(settings: SolveSettings) -> Solver:
        observed = observe(shot, out / "observe", settings.observe)
        return Solver(on_proxy(observed, settings.proxy), settings, device=device, group=group)

    try:
        if group.rank:
            for name in (signal.SIGINT, signal.SIGTERM):  # the first process ends the solve
                signal.signal(name, signal.SIG_IGN)
            follow(group, make_follower)
            return None
        try:
            return run_solve(shot, out, settings, device=device, make_solver=make, **options)
        finally:
            with contextlib.suppress(RuntimeError):  # a process died: nobody hears
                group.tell("done")
    finally:
        group.close()
