# SPDX-License-Identifier: Apache-2.0
"""A pullfocus command as a child process: its progress, its end, and how it is stopped.

Nothing here needs Nuke: progress goes to any object with setMessage, setProgress, isCancelled.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import queue
import signal
import subprocess
import threading
from typing import IO, Any, Sequence

from pullfocus_nuke.command import clean_environment
from pullfocus_nuke.errors import GizmoError

__all__ = ["Cancelled", "run_command"]

_POLL_S = 0.2
_PATIENCE_S = 60.0  # a solve saves its state within seconds of being asked to stop


class Cancelled(Exception):
    """The artist stopped it; what was solved is kept."""


def run_command(words: Sequence[str], task: Any) -> dict[str, Any]:
    """Run a command with --progress json, and return what it says at its end.

    Args:
        words: the command.
        task: told of progress in percent and in words; asked whether to stop.

    Raises:
        Cancelled: the task was cancelled; the child has ended.
        GizmoError: it failed; the one line that it said.
    """
    try:
        child = subprocess.Popen(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(os.environ),
            # a group of its own: Ctrl-C in Nuke's terminal is not meant for it
            creationflags=0x200 if os.name == "nt" else 0,
            start_new_session=os.name != "nt",
        )
    except OSError as error:
        raise GizmoError(f"cannot run {words[0]}: {error.strerror}") from error
    lines: queue.Queue[bytes | None] = queue.Queue()
    errors: list[str] = []
    threads = [
        threading.Thread(target=_read_lines, args=(child.stdout, lines), daemon=True),
        threading.Thread(target=_read_text, args=(child.stderr, errors), daemon=True),
    ]
    for thread in threads:
        thread.start()
    at_exit = functools.partial(_terminate, child)
    atexit.register(at_exit)  # Nuke is closed: save, and do not go on unseen
    try:
        done, failure = _follow(lines, task, child)
    finally:
        atexit.unregister(at_exit)
        if child.poll() is None:
            _stop(child)
    for thread in threads:
        thread.join(_PATIENCE_S)
    if child.returncode == 0 and done is not None:
        return done
    if failure is None:
        last = [line for line in "".join(errors).splitlines() if line.strip()]
        said = last[-1].strip() if last else "it said nothing"
        failure = f"{said} (exit code {child.returncode})"
    raise GizmoError(failure)


def _follow(
    lines: queue.Queue[bytes | None], task: Any, child: subprocess.Popen[bytes]
) -> tuple[dict[str, Any] | None, str | None]:
    """Pass events on until the child's output ends; returns its last word and its error."""
    done, failure, slow = None, None, ""
    while True:
        if task.isCancelled():
            _stop(child)
            raise Cancelled
        try:
            line = lines.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        if line is None:
            child.wait()
            return done, failure
        try:
            event = json.loads(line.decode("utf-8"))
        except ValueError:
            continue  # not ours: a library that prints
        kind = event.get("event")
        if kind in ("stage", "progress"):
            task.setProgress(int(100 * min(max(event.get("fraction") or 0.0, 0.0), 1.0)))
            task.setMessage(_words(event) + (f" ({slow})" if slow else ""))
        elif kind == "note":
            text = str(event.get("text"))
            task.setMessage(text)
            slow = text if text.startswith("slow: ") else slow  # stays in sight
        elif kind == "done":
            done = event
        elif kind == "error":
            failure = str(event.get("text"))


def _words(event: dict[str, Any]) -> str:
    """What an event says, short enough for a progress bar."""
    text = str(event.get("stage"))
    if event.get("psnr") is not None:
        text += f", match {event['psnr']:.1f} dB"
    if event.get("eta_s") is not None:
        minutes, seconds = divmod(round(event["eta_s"]), 60)
        text += f", {minutes}:{seconds:02d} min left"
    return text


def _terminate(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()


def _stop(child: subprocess.Popen[bytes], patience_s: float = _PATIENCE_S) -> None:
    """Ask a child to save and end; insist if it does not.

    On Windows it ends at once: what was solved up to the last checkpoint is kept.
    """
    if os.name == "nt":
        child.send_signal(signal.CTRL_BREAK_EVENT)  # type: ignore[attr-defined,unused-ignore]
    else:
        child.terminate()
    try:
        child.wait(patience_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _read_lines(stream: IO[bytes], lines: queue.Queue[bytes | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _read_text(stream: IO[bytes], into: list[str]) -> None:
    into.append(stream.read().decode("utf-8", "replace")[-10000:])
