# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes pullfocus slow on this machine, asked once, beside Blender, before any job runs.

Nothing of Blender here.
"""

from __future__ import annotations

from collections.abc import Callable

from .command import slow_command
from .errors import AddonError
from .worker import Job

_asked: dict[str, Job] = {}  # by what the preferences say of where pullfocus is


def asked(chosen: str, find: Callable[[str], tuple[str, ...]]) -> Job:
    """Return the question, asked when it is first looked for; `slow` of it is the answer.

    Args:
        chosen: path of pullfocus or its Python, from the preferences; empty: found by `find`.
        find: returns how to start it, as ``command.find_launcher``.
    """
    if chosen not in _asked:
        try:
            commands = [slow_command(find(chosen))]
        except AddonError:  # the job that is asked for will say so
            commands = []
        _asked[chosen] = Job("Doctor", commands)
    job = _asked[chosen]
    job.update()
    job.slow = next((line for line in job.lines if line.startswith("slow: ")), "")
    return job


def forget() -> None:
    """End what still asks, and ask again when next looked for."""
    for job in _asked.values():
        if job.running:
            job.end()
    _asked.clear()
