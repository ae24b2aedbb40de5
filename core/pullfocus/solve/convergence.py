# SPDX-License-Identifier: Apache-2.0
"""When more steps no longer buy anything: a shot that is explained early ends early."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

__all__ = ["CONVERGED_DB", "Convergence"]

CONVERGED_DB = 0.02
"""Gain of the reblur over a window of steps below which a solve has converged, dB."""
_SHORTEST = 64  # steps of a window
_SETTLED = 0.75  # share of the plan after which rates are low


class Convergence:
    """Watches the reblur PSNR over two windows of steps, each of at least two looks a frame.

    While rates are high the PSNR hovers and means little, and texels still carry noise that only
    lower rates settle: nothing ends before the last quarter of the plan.
    """

    def __init__(self, frames: int, gain_db: float = CONVERGED_DB) -> None:
        self.window = max(_SHORTEST, 2 * frames)
        self.gain_db = gain_db
        self._psnr: deque[float] = deque(maxlen=2 * self.window)

    def follow(self, psnr_db: float) -> None:
        """Take in one step's PSNR, in order."""
        self._psnr.append(psnr_db)

    def catch_up(self, log: Path) -> None:
        """Take in the steps of a log.jsonl, so that a resumed solve ends where a straight one does.

        Args:
            log: a log that is in order; none is fine.
        """
        if log.exists():
            for line in log.read_text(encoding="utf-8").splitlines()[-2 * self.window :]:
                psnr_db = json.loads(line)["psnr_reblur"]
                self.follow(math.nan if psnr_db is None else psnr_db)

    def reached(self, step: int, total: int) -> bool:
        """Whether `step` of `total` is a good place to end."""
        if step < _SETTLED * total or len(self._psnr) < 2 * self.window:
            return False
        return _mean(islice(self._psnr, self.window, None)) < self.gain_db + _mean(
            islice(self._psnr, self.window)
        )


def _mean(values: Iterable[float]) -> float:
    held = list(values)
    return sum(held) / len(held)
