# SPDX-License-Identifier: Apache-2.0
"""Stopping politely: SIGINT and SIGTERM become a flag that long work looks at."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from pullfocus.progress import Progress

__all__ = ["StopSignals", "Stopped"]


class Stopped(Exception):
    """The user or the system asked to stop (SIGINT or SIGTERM)."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum
        self.exit_code = 128 + signum


class StopSignals:
    """Turns SIGINT and SIGTERM into a flag; a second SIGINT leaves at once."""

    def __init__(self, progress: Progress) -> None:
        self.signum: int | None = None
        self._progress = progress
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                self._before[signum] = signal.signal(signum, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def check(self) -> None:
        """Raise Stopped if a signal has come."""
        if self.signum is not None:
            raise Stopped(self.signum)

    def watch(self, report: Callable[[str, float], None]) -> Callable[[str, float], None]:
        """A report function that also stops the work it reports on."""

        def watched(stage: str, fraction: float) -> None:
            self.check()
            report(stage, fraction)

        return watched

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self.signum is not None and signum == signal.SIGINT:
            self._progress.close()
            os._exit(130)
        self.signum = self.signum or signum
