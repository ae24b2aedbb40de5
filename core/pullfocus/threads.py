# SPDX-License-Identifier: Apache-2.0
"""How many threads to compute with: what others leave free, looked at again and again.

Threads that wait for a core that somebody else has hold up all the others, so beside another job
fewer finish sooner. Results of torch's sums differ in the last bit with the number of threads:
a fixed one (``--threads``, or ``OMP_NUM_THREADS=1``) gives the same result to the bit.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

__all__ = [
    "LARGE_FRAME_PX",
    "CoreUse",
    "Threads",
    "core_use",
    "set_all_threads",
    "set_threads",
    "usable_cores",
]

SMALL_FRAME_PX = 40_000
"""Frames up to this size (256x144) gain nothing from a second core."""
LARGE_FRAME_PX = 500_000
"""Frames from this size on are shared by all cores, one after the other: memory is one frame's."""
_LOOK_EVERY_S = 2.0
_CLEARLY = 0.7  # of a core has to be free before one thread more takes it


@dataclass(frozen=True)
class CoreUse:
    """Time that cores of this machine have spent, s, since some moment in the past."""

    at: float
    """When, s of a steady clock."""
    others: float
    """By all other programs but those that gave way to us (nice)."""


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def core_use(stat: Path = Path("/proc/stat")) -> CoreUse | None:
    """Return what cores have done so far; None where the system does not tell (Linux does)."""
    try:
        words = stat.read_text().split("\n", 1)[0].split()
        user, nice, system, _, _, irq, softirq = (int(word) for word in words[1:8])
    except (OSError, ValueError):
        return None
    yielding = os.nice(0) > 0
    busy = (user + system + irq + softirq + (nice if yielding else 0)) / os.sysconf("SC_CLK_TCK")
    own = os.times()
    return CoreUse(time.monotonic(), busy - own.user - own.system)


def set_threads(count: int) -> None:
    """Compute with so many threads from now on: torch, and the native kernels with it."""
    if count != torch.get_num_threads():
        torch.set_num_threads(count)


def set_all_threads(count: int) -> None:
    """The same, and for what reads, writes and resizes pictures."""
    import cv2
    import OpenImageIO

    set_threads(count)
    cv2.setNumThreads(count)
    OpenImageIO.attribute("threads", count)
    OpenImageIO.attribute("exr_threads", count)


class Threads:
    """Follows what is free; a fixed number where one was asked for."""

    def __init__(
        self, asked: int | None = None, *, use: Callable[[], CoreUse | None] = core_use
    ) -> None:
        self.fixed = asked is not None
        self.most = asked if asked is not None else min(torch.get_num_threads(), usable_cores())
        self.cores = usable_cores()
        self.free = self.most
        self.hands = 1
        self._use = use
        self._last = None if self.fixed else use()
        set_threads(self.most)

    def follow(self, pixels: int, *, at_once: int = 1) -> int:
        """Set the number of threads for the next step.

        Args:
            pixels: of the frame that it computes.
            at_once: frames that may be computed side by side.

        Returns:
            That number; `hands` is how many frames are to be, with so many threads each.
        """
        if not self.fixed and self._last is not None:
            self._look(self._last)
        self.hands = 1 if pixels >= LARGE_FRAME_PX else min(at_once, self.free)
        small = pixels <= SMALL_FRAME_PX and not self.fixed
        count = 1 if small else self.free // self.hands
        set_threads(count)
        return count

    def _look(self, last: CoreUse) -> None:
        if time.monotonic() - last.at < _LOOK_EVERY_S:
            return
        now = self._use()
        if now is None:
            return
        idle = self.cores - (now.others - last.others) / max(now.at - last.at, 1e-3)
        if idle < self.free - 1 + _CLEARLY / 2:
            self.free = max(1, round(idle))
        elif idle >= self.free + _CLEARLY:
            self.free = min(self.most, int(idle + 1 - _CLEARLY))
        self._last = now
