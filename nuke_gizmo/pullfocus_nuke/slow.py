# SPDX-License-Identifier: Apache-2.0
"""What makes pullfocus slow on this machine, asked once before the first solve. No Nuke needed."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import Any

from pullfocus_nuke.command import clean_environment, slow_command

__all__ = ["slow_line"]

_PATIENCE_S = 3.0  # for a dialog; what comes later is in time for the next one
_LONG_S = 120.0  # the first question may compile the kernels
_asked: dict[str, Any] = {}  # by program: the thread that asks, and what it heard


def slow_line(executable: str, patience_s: float = _PATIENCE_S) -> str:
    """Return what makes this machine slow, one line; empty where nothing does, or none knows yet.

    Args:
        executable: of pullfocus.
        patience_s: how long to wait for the answer.
    """
    if executable not in _asked:
        heard: list[str] = []
        thread = threading.Thread(target=_ask, args=(executable, heard), daemon=True)
        thread.start()
        _asked[executable] = thread, heard
    thread, heard = _asked[executable]
    thread.join(patience_s)
    return heard[0] if heard else ""


def _ask(executable: str, heard: list[str]) -> None:
    try:
        run = subprocess.run(
            slow_command(executable),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=clean_environment(os.environ),
            timeout=_LONG_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return  # the solve will say what is wrong
    lines = run.stdout.decode("utf-8", "replace").splitlines()
    heard.extend(line for line in lines if line.startswith("slow: "))
