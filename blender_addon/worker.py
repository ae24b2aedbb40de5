# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs commands of pullfocus beside Blender and tells how far they are. Nothing of Blender here.

Threads read what the process says, so that looking never waits.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import queue
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import AddonError

_STOPPED = (130, 143, -2, -15)  # Ctrl-C and SIGTERM, state saved or not yet begun


class Worker:
    """One running command."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it.

        Raises:
            AddonError: it cannot be started.
        """
        clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONSAFEPATH")}
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=clean,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise AddonError(f"expected to start {command[0]}, got: {error.strerror}") from error
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._complaints: collections.deque[str] = collections.deque(maxlen=40)
        self._threads = [
            threading.Thread(target=self._read_out, daemon=True),
            threading.Thread(target=self._read_complaints, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def code(self) -> int | None:
        """Exit code, once it has ended and all it said was read."""
        if any(thread.is_alive() for thread in self._threads):
            return None
        return self._process.poll()

    def events(self) -> list[dict[str, Any]]:
        """What was said since the last call; a line that is no JSON comes as "text"."""
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._events.get_nowait())
        return found

    def complaint(self) -> str:
        """The last line on stderr."""
        return self._complaints[-1] if self._complaints else ""

    def stop(self) -> None:
        """Ask it to save and end; Windows ends it at once, and its last checkpoint stays."""
        if self._process.poll() is None:
            self._process.terminate()

    def end(self, patience_s: float = 5.0) -> None:
        """Stop it and wait; what does not end is killed, which loses what was not saved."""
        self.stop()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read_out(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                event = None
            self._events.put(event if isinstance(event, dict) else {"event": "text", "text": line})

    def _read_complaints(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if line.strip():
                self._complaints.append(line.strip())


@dataclass
class Job:
    """Commands one after the other, and what a panel shows of them."""

    title: str
    commands: list[list[str]]
    folder: str = ""
    """Solve folder that it works on."""
    steps: tuple[str, ...] = ()
    """What each command does, and what follows the last one, a word each."""
    stage: str = "starting"
    fraction: float = 0.0
    """0..1 of the stage."""
    eta_s: float | None = None
    figures: str = ""
    preview: str = ""
    """Path of the picture of how far it is."""
    previews: int = 0
    """How often that picture was refreshed."""
    notes: list[str] = field(default_factory=list)
    slow: str = ""
    """What makes pullfocus slow on this machine, and how to mend it; empty: nothing."""
    results: list[dict[str, Any]] = field(default_factory=list)
    """The last word of every command that is done."""
    lines: list[str] = field(default_factory=list)
    """What commands said that are asked for text."""
    error: str = ""
    """One line, where it failed."""
    stopped: bool = False
    """Ended by the user; what was done is kept."""
    _worker: Worker | None = None
    _next: int = 0
    _asked_to_stop: bool = False

    @property
    def running(self) -> bool:
        """Whether there is more to come."""
        return not (self.error or self.stopped) and (
            self._worker is not None or self._next < len(self.commands)
        )

    def update(self) -> bool:
        """Take in what happened and go on with the next command; returns whether there was news."""
        if not self.running:
            return False
        if self._worker is None:
            return self._start()
        code = self._worker.code  # before the events: then none is left behind
        events = self._worker.events()
        for event in events:
            self._take(event)
        if code is not None:
            self._ended(code, self._worker.complaint())
        return bool(events) or code is not None

    def stop(self) -> None:
        """Save and end."""
        self._asked_to_stop = True
        self.stage = "saving"
        if self._worker is None:
            self.stopped = True
        else:
            self._worker.stop()

    def end(self) -> None:
        """Stop and wait for it, as Blender does when it closes."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None
        self.stopped = True

    def status(self) -> str:
        """One short line for a panel: which of its steps, what is done in it, how far it is."""
        parts = [f"{self.stage} {100 * self.fraction:.0f} %"]
        if len(self.steps) > 1:
            at = min(max(self._next, 1), len(self.steps))
            parts[0] = f"{at} of {len(self.steps)}: {parts[0]}"
        if self.eta_s is not None:
            minutes, seconds = divmod(round(self.eta_s), 60)
            parts.append(f"{minutes}:{seconds:02d} left")
        return ", ".join(parts)

    def outlook(self) -> str:
        """What is known of how good it is, and what comes next; may be empty."""
        later = self.steps[max(self._next, 1) :]
        return "; ".join(
            [
                *([self.figures] if self.figures else []),
                *([f"then {', '.join(later)}"] if later else []),
            ]
        )

    def _start(self) -> bool:
        try:
            self._worker = Worker(self.commands[self._next])
        except AddonError as error:
            self.error = str(error)
        self._next += 1
        return True

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind in ("stage", "progress"):
            self.stage = str(event.get("stage", self.stage))
            self.fraction = float(event.get("fraction") or 0.0)
            self.eta_s = event.get("eta_s")
            psnr = event.get("psnr_reblur") or event.get("psnr")
            self.figures = f"match {psnr:.1f} dB" if isinstance(psnr, float) else ""
        elif kind == "preview":
            self.preview = str(event.get("path", ""))
            self.previews += 1
        elif kind == "note":
            self.notes.append(str(event.get("text", "")))
            if self.notes[-1].startswith("slow: "):
                self.slow = self.notes[-1]
        elif kind == "done":
            self.results.append(event)
        elif kind == "error":
            self.error = str(event.get("text", "it failed"))
        elif kind == "text":
            self.lines.append(str(event["text"]).rstrip("\n"))

    def _ended(self, code: int, complaint: str) -> None:
        self._worker = None
        if code in _STOPPED or (self._asked_to_stop and code != 0):
            self.stopped, self.error = True, ""
        elif code != 0 and not self.error:
            self.error = complaint or f"{self.title}: ended with code {code}"
        elif self._asked_to_stop and self._next < len(self.commands):
            self.stopped = True
