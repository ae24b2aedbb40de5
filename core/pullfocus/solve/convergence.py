# SPDX-License-Identifier: Apache-2.0
"""When more steps no longer buy anything: a shot that is explained early ends early."""

from __future__ import annotations

import json
import math
from pathlib import Path

__all__ = ["CONVERGED_DB", "Convergence"]

CONVERGED_DB = 0.02
"""Gain of the reblur over a stretch of steps below which a solve has converged, dB."""
_SHORTEST = 64  # steps of a stretch
_SETTLED = 0.75  # share of the plan after which rates are low


class Convergence:
    """Compares stretches of whole passes over the frames, so that frames compare with themselves.

    Frames differ by more than any gain, and come in random order: only a whole pass has a mean that
    means anything. While rates are high texels still carry noise that only lower rates settle, and
    coarse steps say nothing of fine ones: nothing ends before the last quarter of the plan, nor
    before three stretches at full resolution, of which the last two must have gained nothing.
    """

    def __init__(self, frames: int, gain_db: float = CONVERGED_DB) -> None:
        self.stretch = frames * math.ceil(_SHORTEST / frames)
        self.gain_db = gain_db
        self._psnr: list[float] = []

    def follow(self, psnr_db: float) -> None:
        """Take in one step's PSNR, in order, from the first."""
        self._psnr.append(psnr_db)

    def catch_up(self, log: Path) -> None:
        """Take in the steps of a log.jsonl, so that a resumed solve ends where a straight one does.

        Args:
            log: a log that is in order; none is fine.
        """
        if log.exists():
            for line in log.read_text(encoding="utf-8").splitlines():
                psnr_db = json.loads(line)["psnr_reblur"]
                self.follow(math.nan if psnr_db is None else psnr_db)

    def reached(self, step: int, total: int, fine_from: int) -> bool:
        """Whether to end after `step` of `total`, of which the first `fine_from` were coarse."""
        n = self.stretch
        if step % n or step < _SETTLED * total or step < fine_from + 3 * n:
            return False
        first, second, third = (sum(self._psnr[step - k * n :][:n]) / n for k in (3, 2, 1))
        return second - first < self.gain_db and third - second < self.gain_db
