# SPDX-License-Identifier: Apache-2.0
"""Time and steps: how many steps fit into the minutes given, and how long the rest will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from statistics import fmean, median
from typing import Any, Protocol

__all__ = ["Budget"]

_FINE_COST = 3.5  # a step at full resolution against one at half
_TIMED = 25  # steps that a first plan is made from


class Planned(Protocol):
    """What a budget needs of a solver."""

    @property
    def step_index(self) -> int: ...
    @property
    def total_steps(self) -> int: ...
    def plan(self, *, steps: int) -> None: ...


class Budget:
    """Times steps and, where minutes were given, turns them into a number of steps.

    Coarse steps come first and are cheaper, so a first plan guesses the cost of the fine ones and a
    second one, when they have been timed, puts it right.
    """

    def __init__(
        self, minutes: float | None, coarse_share: float, *, kept_back_s: float = 0.0
    ) -> None:
        self.minutes = minutes
        # for what comes after the steps; where minutes were given these get at least half
        self.kept_back_s = kept_back_s if minutes is None else min(kept_back_s, 30 * minutes)
        self.coarse_share = coarse_share
        self.plans = 0 if minutes is not None else 2  # 2: the number of steps is settled
        self._done = 0
        self._total_s = 0.0
        self._last: deque[float] = deque(maxlen=9)
        self._recent: deque[float] = deque(maxlen=50)

    @property
    def step_s(self) -> float:
        """Seconds a step: the median of the last few, so that one hiccup does not count."""
        return median(self._last)

    @property
    def _all_s(self) -> float:
        """Seconds for all steps, where minutes were given."""
        return (self.minutes or 0.0) * 60 - self.kept_back_s

    def time(self, step: Callable[[], Any]) -> Any:
        """Take a step and time it."""
        began = time.monotonic()
        result = step()
        took = max(time.monotonic() - began, 1e-6)
        self._done += 1
        self._total_s += took
        self._last.append(took)
        self._recent.append(took)
        return result

    def resume(self, meta: Mapping[str, Any], steps: int, spent_s: float) -> int:
        """Take up the plan of an earlier run, from its facts; returns the steps in all."""
        if self.minutes is None:
            return steps
        self.plans = meta["plans"]
        if self.minutes == meta["minutes"]:
            return int(meta["total_steps"])
        if meta["step"] < _TIMED:  # too few to tell a pace: most of the time went into observing
            self.plans = 0
            return steps
        # At the pace so far; the second plan, timed in this run, puts it right.
        self.plans = 1
        pace_s = meta["seconds"] / max(1, meta["step"])
        return int(meta["step"]) + max(1, int((self._all_s - spent_s) / pace_s))

    def plan(self, solver: Planned, spent_s: float) -> bool:
        """Change the solver's number of steps where a plan is due; returns whether it was."""
        if self.minutes is None or self.plans == 2:
            return False
        left_s = self._all_s - spent_s
        if self.plans == 0:
            due = self._done >= _TIMED or (self._done >= 4 and self._total_s > 0.1 * left_s)
        else:
            due = self._done >= 9 and solver.step_index >= self.coarse_steps(solver) + 9
        if not due:
            return False
        left_s -= min(2.0, 0.05 * left_s)  # for the last checkpoint and preview
        if self.plans == 0:
            share = self.coarse_share
            cost = self.step_s * (share + (1 - share) * (_FINE_COST if share else 1.0))
            self.plans = 1 if share else 2
        else:
            cost = self.step_s
            self.plans = 2
        solver.plan(steps=solver.step_index + max(1, int(left_s / cost)))
        return True

    def left_s(self, solver: Planned, spent_s: float) -> float:
        """Seconds that the rest will take."""
        coarse = max(0, self.coarse_steps(solver) - solver.step_index)
        fine = solver.total_steps - solver.step_index - coarse
        pace_s = fmean(self._recent)  # a busy machine is busy for a while: no median here
        left_s = pace_s * (coarse + fine * (_FINE_COST if coarse else 1.0))
        if self.minutes is None:
            return left_s
        return min(left_s, max(0.0, self._all_s - spent_s))

    def is_spent(self, spent_s: float) -> bool:
        """Whether to stop at once: a plan a little short of time may end, one far off is cut."""
        return self.minutes is not None and spent_s > 1.1 * self._all_s

    def coarse_steps(self, solver: Planned) -> int:
        """How many of the solver's steps are coarse."""
        return round(self.coarse_share * solver.total_steps)
