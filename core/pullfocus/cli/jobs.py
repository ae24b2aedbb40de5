# SPDX-License-Identifier: Apache-2.0
"""``--jobs`` for verbs that write frames of a solve: the same command, on shares of the frames."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from pullfocus.cli.options import Report, frames_text, reporting

__all__ = ["with_jobs"]

JobsOption = Annotated[
    int,
    typer.Option(
        min=1, help="Processes that share the frames and the cores; each takes memory of its own."
    ),
]
_OWN = ("jobs", "frames", "progress")  # said anew for each process


def with_jobs(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb with ``folder``, ``frames`` and ``progress`` the option ``--jobs``."""

    @functools.wraps(verb)
    def either(context: typer.Context, *, jobs: int = 1, **options: Any) -> None:
        if jobs == 1:
            verb(**options)
        else:
            _share_out(context, jobs, options["folder"], options["frames"], options["progress"])

    hints = get_type_hints(verb, include_extras=True)
    own = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(verb).parameters.items()
    ]
    keyword = inspect.Parameter.KEYWORD_ONLY
    context = inspect.Parameter("context", keyword, annotation=typer.Context)
    jobs = inspect.Parameter("jobs", keyword, default=1, annotation=JobsOption)
    signature = inspect.Signature([context, *own[:-1], jobs, *own[-1:]])
    either.__signature__ = signature  # type: ignore[attr-defined]
    either.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
    return either


def _share_out(
    context: typer.Context, jobs: int, folder: Path, frames: str | None, progress: Report
) -> None:
    from pullfocus.cli.side_by_side import run_side_by_side, shares
    from pullfocus.plate.sequence import parse_frames, range_text
    from pullfocus.solve.folder import read_settings

    began = time.monotonic()
    every = read_settings(folder)["shot"]["frames"]
    parts = shares(every if frames is None else parse_frames(frames), jobs)
    base = _words(context)
    with reporting(progress) as say:
        ends = run_side_by_side(
            [[*base, f"--frames={range_text(part)}"] for part in parts],
            [len(part) for part in parts],
            say,
        )
        counts = {
            key: sum(end[key] for end in ends) for key in ("frames", "skipped") if key in ends[0]
        }
        first = ends[0].get("passes_json") or ends[0].get("first")
        seconds = time.monotonic() - began
        written = frames_text(counts["frames"], counts.get("skipped", 0))
        facts = {k: v for k, v in ends[0].items() if k not in ("event", "text", "seconds", *counts)}
        say.done(
            f"wrote {written} in {seconds:.0f} s with {len(parts)} processes: {first}",
            **facts,
            **counts,
            seconds=seconds,
        )


def _words(context: typer.Context) -> list[str]:
    """The command line that was given, without what each process is told on its own."""
    words = [str(context.info_name)]
    for parameter in context.command.params:
        value = context.params.get(str(parameter.name))
        if parameter.name in _OWN or value is None or value == parameter.default:
            continue
        if parameter.param_type_name == "argument":
            words.insert(1, str(value))
        elif isinstance(value, bool):
            words.append((parameter.opts if value else parameter.secondary_opts)[0])
        else:
            many = value if isinstance(value, (list, tuple)) else [value]
            words += [f"{parameter.opts[0]}={_text(one)}" for one in many]
    return words


def _text(value: Any) -> str:
    return str(value.value) if isinstance(value, Enum) else str(value)
