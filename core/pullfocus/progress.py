# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 (the overrides mean what Progress says)
"""What a long command says while it works: bars, plain lines, or lines for other programs.

Every verb reports through one `Progress`. With JSON, stdout carries one object a line and nothing
else, and text for people goes to stderr. Events (`"event"`): `stage`, `progress`, `note`,
`preview`, `done`, `error`. `fraction` is 0..1 of the stage, `eta_s` seconds left in it.
With openjd, stdout carries the lines that a render farm looks for, of Open Job Description.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichBars
    from rich.progress import TaskID

__all__ = [
    "JsonProgress",
    "OpenJdProgress",
    "PlainProgress",
    "Progress",
    "RichProgress",
    "make_progress",
]

# Stages that lead up to the work of a verb; a farm's bar does not move for them.
_LEADING_UP = ("reading ", "motion of ", "drawing ")


class Progress:
    """Says nothing: the base of the others, and what library callers get.

    Calling it is the same as `stage`, so that it fits wherever a `report(stage, fraction)`
    function is expected.
    """

    def __call__(self, stage: str, fraction: float) -> None:
        """Same as `stage`."""
        self.stage(stage, fraction)

    def stage(self, name: str, fraction: float) -> None:
        """Work without steps: `fraction` 0..1 of the stage `name` is done."""

    def step(self, step: int, total: int, *, eta_s: float, **facts: float) -> None:
        """One step of the solve is done; `facts` are figures such as psnr (dB) and loss."""

    def note(self, text: str) -> None:
        """Say one line that the user should know, such as an assumption that was made."""

    def preview(self, path: str) -> None:
        """A picture at `path` was refreshed."""

    def done(self, text: str, **facts: Any) -> None:
        """The command has reached its end; `text` is for people, `facts` for programs."""

    def error(self, text: str) -> None:
        """The command stops because of `text`, one line."""

    def close(self) -> None:
        """Put the terminal back as it was; safe to call twice."""


class PlainProgress(Progress):
    """A few lines on stderr for log files, one every `interval_s` seconds; the result on stdout."""

    def __init__(self, stream: TextIO | None = None, *, interval_s: float = 10.0) -> None:
        self._stream = stream
        self._interval_s = interval_s
        self._stage = ""
        self._preview = ""
        self._last = -math.inf

    def stage(self, name: str, fraction: float) -> None:
        if self._due(name, fraction >= 1.0):
            self._say(f"{name} {100 * fraction:.0f} %")

    def step(self, step: int, total: int, *, eta_s: float, **facts: float) -> None:
        if self._due("solve", step >= total):
            figures = "".join(f", {figure}" for figure in _figures(facts))
            self._say(f"solve: step {step} of {total}{figures}, {_duration(eta_s)} left")

    def note(self, text: str) -> None:
        self._say(f"note: {text}")

    def preview(self, path: str) -> None:
        if path != self._preview:  # said once: it is the same file again and again
            self._say(f"preview: {path}")
            self._preview = path

    def done(self, text: str, **facts: Any) -> None:
        _write(sys.stdout, text + "\n")

    def error(self, text: str) -> None:
        _write(sys.stderr, f"pullfocus: error: {text}\n")

    def _due(self, name: str, last: bool) -> bool:
        now = time.monotonic()
        if name == self._stage and not last and now - self._last < self._interval_s:
            return False
        self._stage = name
        self._last = now
        return True

    def _say(self, text: str) -> None:
        _write(self._stream or sys.stderr, text + "\n")


class JsonProgress(Progress):
    """One JSON object a line on stdout, flushed; at most four a second for one kind of event.

    A reader that goes away does not stop the work: what is solved is worth more than the report.
    """

    def __init__(self, stream: TextIO | None = None, *, interval_s: float = 0.25) -> None:
        self._stream = stream
        self._interval_s = interval_s
        self._last: dict[str, float] = {}

    def stage(self, name: str, fraction: float) -> None:
        if self._due(f"stage {name}", first_or_last=fraction >= 1.0):
            self.event("stage", stage=name, fraction=fraction)

    def step(self, step: int, total: int, *, eta_s: float, **facts: float) -> None:
        if self._due("progress", first_or_last=step >= total):
            fraction = step / total if total else 1.0
            self.event(
                "progress",
                stage="solve",
                fraction=fraction,
                step=step,
                total_steps=total,
                eta_s=eta_s,
                **facts,
            )

    def note(self, text: str) -> None:
        self.event("note", text=text)

    def preview(self, path: str) -> None:
        self.event("preview", path=path)

    def done(self, text: str, **facts: Any) -> None:
        self.event("done", text=text, **facts)

    def error(self, text: str) -> None:
        self.event("error", text=text)
        _write(sys.stderr, f"pullfocus: error: {text}\n")

    def _due(self, key: str, *, first_or_last: bool) -> bool:
        now = time.monotonic()
        if not first_or_last and now - self._last.get(key, -math.inf) < self._interval_s:
            return False
        self._last[key] = now
        return True

    def event(self, event: str, **facts: Any) -> None:
        """Write one object; figures that are not finite become null."""
        clean = {k: _finite(v) for k, v in facts.items()}
        _write(self._stream or sys.stdout, json.dumps({"event": event, **clean}) + "\n")


class OpenJdProgress(Progress):
    """Lines of Open Job Description on stdout, for the farm; at most one of a kind a second.

    `openjd_progress` is the percentage of the whole task and never falls, `openjd_status` says
    what is going on, `openjd_fail` why the task failed. All else is for the task's log.
    """

    def __init__(self, stream: TextIO | None = None, *, interval_s: float = 1.0) -> None:
        self._stream = stream
        self._interval_s = interval_s
        self._last: dict[str, float] = {}
        self._percent = -1.0
        self._preview = ""

    def stage(self, name: str, fraction: float) -> None:
        if not name.startswith(_LEADING_UP):
            self._advance(fraction)
        self._status(name, f"{name} {100 * fraction:.0f} %", last=fraction >= 1.0)

    def step(self, step: int, total: int, *, eta_s: float, **facts: float) -> None:
        self._advance(step / total if total else 1.0)
        figures = "".join(f", {figure}" for figure in _figures(facts))
        text = f"solve: step {step} of {total}{figures}, {_duration(eta_s)} left"
        self._status("solve", text, last=step >= total)

    def note(self, text: str) -> None:
        self._line(f"note: {text}")

    def preview(self, path: str) -> None:
        if path != self._preview:
            self._line(f"preview: {path}")
            self._preview = path

    def done(self, text: str, **facts: Any) -> None:
        if "stop_signal" not in facts and self._percent < 100:
            self._line("openjd_progress: 100")
        self._line(f"openjd_status: {text}")

    def error(self, text: str) -> None:
        self._line(f"openjd_fail: {text}")

    def _advance(self, fraction: float) -> None:
        percent = round(100 * min(max(fraction, 0.0), 1.0), 1)
        if percent > self._percent and self._due("progress", last=percent >= 100):
            self._percent = percent
            self._line(f"openjd_progress: {percent:g}")

    def _status(self, key: str, text: str, *, last: bool) -> None:
        if self._due(f"status {key}", last=last):
            self._line(f"openjd_status: {text}")

    def _due(self, key: str, *, last: bool) -> bool:
        now = time.monotonic()
        if not last and now - self._last.get(key, -math.inf) < self._interval_s:
            return False
        self._last[key] = now
        return True

    def _line(self, text: str) -> None:
        # one message, one line: what stands in a second one is no message to the farm
        _write(self._stream or sys.stdout, "; ".join(text.splitlines()) + "\n")


class RichProgress(Progress):
    """Bars on a terminal (stderr), one a stage."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._bars: RichBars | None = None
        self._tasks: dict[str, TaskID] = {}

    def stage(self, name: str, fraction: float) -> None:
        self._update(name, fraction, "")

    def step(self, step: int, total: int, *, eta_s: float, **facts: float) -> None:
        figures = "  ".join(_figures(facts))
        text = f"step {step}/{total}  {figures}  {_duration(eta_s)} left"
        self._update("solve", step / total if total else 1.0, text)

    def note(self, text: str) -> None:
        self._console.print(f"note: {text}", style="dim", markup=False, soft_wrap=True)

    def preview(self, path: str) -> None:
        pass  # the last line names it; a refresh every half minute is no news on a terminal

    def done(self, text: str, **facts: Any) -> None:
        self.close()
        _write(sys.stdout, text + "\n")

    def error(self, text: str) -> None:
        self.close()
        _write(sys.stderr, f"pullfocus: error: {text}\n")

    def close(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
            self._tasks = {}

    def _update(self, name: str, fraction: float, text: str) -> None:
        if self._bars is None:
            from rich.progress import BarColumn, TaskProgressColumn, TextColumn
            from rich.progress import Progress as RichBars

            self._bars = RichBars(
                TextColumn("{task.description:<12}"),
                BarColumn(bar_width=30),
                TaskProgressColumn(),
                TextColumn("{task.fields[text]}"),
                console=self._console,
            )
            self._bars.start()
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=1.0, text="")
        self._bars.update(self._tasks[name], completed=min(max(fraction, 0.0), 1.0), text=text)


def make_progress(mode: str = "auto") -> Progress:
    """Choose by mode: "json", "openjd", "plain", or "auto" (bars on a terminal, else plain)."""
    if mode == "json":
        return JsonProgress()
    if mode == "openjd":
        return OpenJdProgress()
    if mode == "auto" and sys.stderr.isatty():
        return RichProgress()
    return PlainProgress()


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # Nobody reads any more; the work goes on. The interpreter flushes once more at its end,
        # so the stream must lead somewhere.
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123 (a device, no path)
            os.dup2(nowhere.fileno(), stream.fileno())


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def _figures(facts: Mapping[str, float]) -> list[str]:
    """Return figures as people read them; what only the solver weighs stays in its log."""
    told = {name: value for name, value in facts.items() if name != "loss" or "psnr" not in facts}
    return [
        f"plate matched to {value:.1f} dB" if name == "psnr" else f"{name} {value:.4g}"
        for name, value in told.items()
    ]


def _duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"
