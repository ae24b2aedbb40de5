# SPDX-License-Identifier: Apache-2.0
"""Several processes of pullfocus at once on one machine, told of as one.

Each is the command that a farm would run for its share of the frames: nothing is shared but the
folders, where every file is written beside its place and renamed.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import IO, Any

from pullfocus.errors import PullfocusError
from pullfocus.progress import Progress

__all__ = ["run_side_by_side", "shares"]

_PATIENCE_S = 30.0
_SIGKILL = 9


def shares(frames: Sequence[int], count: int) -> list[list[int]]:
    """Return runs of frames, one a process, as even as can be; fewer where frames are few."""
    count = min(count, len(frames))
    edges = [round(index * len(frames) / count) for index in range(count + 1)]
    return [list(frames[a:b]) for a, b in pairwise(edges)]


def run_side_by_side(
    arguments: Sequence[Sequence[str]], weights: Sequence[float], progress: Progress
) -> list[dict[str, Any]]:
    """Run pullfocus with each list of arguments at once; ends them all when one fails.

    Args:
        arguments: a verb and its options, without ``--progress``.
        weights: how much of the whole each one is, above 0.
        progress: told of the slowest stage, as a share of the whole.

    Returns:
        The facts that each one ended with.

    Raises:
        PullfocusError: one of them failed; what it said.
    """
    threads = max(1, len(_usable_cores()) // len(arguments))
    environment = {
        **os.environ,
        **{name: str(threads) for name in ("OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")},
    }
    said: queue.Queue[tuple[int, dict[str, Any] | None]] = queue.Queue()
    running: list[subprocess.Popen[str]] = []
    try:
        for index, words in enumerate(arguments):
            child = subprocess.Popen(
                [sys.executable, "-m", "pullfocus.cli", *words, "--progress=json"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # what it says there is on stdout as well
                text=True,
                encoding="utf-8",
                env=environment,
            )
            running.append(child)
            assert child.stdout is not None
            reader = threading.Thread(target=_read, args=(index, child.stdout, said), daemon=True)
            reader.start()
        return _follow(running, said, [w / sum(weights) for w in weights], progress)
    finally:
        _end(running)


def _read(
    index: int, stream: IO[str], said: queue.Queue[tuple[int, dict[str, Any] | None]]
) -> None:
    for line in stream:
        with contextlib.suppress(ValueError):
            said.put((index, json.loads(line)))
    said.put((index, None))


def _follow(
    running: Sequence[subprocess.Popen[str]],
    said: queue.Queue[tuple[int, dict[str, Any] | None]],
    weights: Sequence[float],
    progress: Progress,
) -> list[dict[str, Any]]:
    """Pass on what is said until all have ended."""
    done: list[dict[str, Any] | None] = [None] * len(running)
    fractions: list[dict[str, float]] = [{} for _ in running]
    notes: set[str] = set()
    left = len(running)
    while left:
        index, event = said.get()
        if event is None:
            left -= 1
            if running[index].wait() or done[index] is None:
                raise PullfocusError(_ended(running[index].returncode, "it said nothing"))
            continue
        kind = event.get("event")
        if kind == "stage":
            fractions[index][event["stage"]] = event["fraction"]
            held = [one.get(event["stage"], 0.0) for one in fractions]
            progress.stage(event["stage"], sum(map(_product, weights, held)))
        elif kind == "note" and event["text"] not in notes:
            notes.add(event["text"])
            progress.note(event["text"])
        elif kind == "done":
            done[index] = event
        elif kind == "error":
            raise PullfocusError(_ended(running[index].wait(), event["text"]))
    return [facts for facts in done if facts is not None]


def _product(weight: float, fraction: float) -> float:
    return weight * fraction


def _ended(code: int, text: str) -> str:
    if code == -_SIGKILL:
        return "a process was killed, perhaps for want of memory: choose fewer --jobs"
    return text if code == 2 else f"a process ended with code {code}: {text}"


def _end(running: Sequence[subprocess.Popen[str]]) -> None:
    """Ask those that still run to stop, and wait until they have."""
    for child in running:
        if child.poll() is None:
            child.terminate()
    for child in running:
        try:
            child.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _usable_cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))
