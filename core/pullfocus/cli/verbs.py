# SPDX-License-Identifier: Apache-2.0
"""The verbs of the command line by name; each is imported when it is asked for, or its help.

Imports, and reading the options off functions, are most of the time of a short command.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperGroup

__all__ = ["VERBS", "Verb", "Verbs", "verb_function"]


@dataclass(frozen=True)
class Verb:
    """Where a verb is found, and what the list of verbs says of it."""

    module: str
    """Below ``pullfocus.cli``."""
    summary: str
    """The first line of the function's docstring."""
    jobs: bool = False
    """Whether its frames can be shared out to processes."""


VERBS = {
    "solve": Verb(
        "solve",
        "Solve a shot: sharp layers, mattes and focus from a plate and its mattes.",
    ),
    "matte": Verb(
        "matte",
        "Follow a matte from one frame, or a few, through all: a key, a box or strokes.",
    ),
    "bake": Verb(
        "bake",
        "Write the passes of a solve: multi-layer EXR frames, atlases and passes.json.",
        jobs=True,
    ),
    "refocus": Verb(
        "refocus",
        "Pull focus again: on a layer, a place, or from one to another; shape the bokeh.",
        jobs=True,
    ),
    "edit": Verb(
        "edit",
        "Paint an atlas once: every frame follows. What is not painted stays to the bit.",
        jobs=True,
    ),
    "flow": Verb(
        "flow",
        "Write optical flow over any interval: forward.u/v, backward.u/v in px, +v up.",
        jobs=True,
    ),
    "evaluate": Verb(
        "evaluate",
        "Measure passes against a clip whose sharp frames are known; prints a table.",
    ),
    "ablate": Verb(
        "ablate",
        "Compare solvers on clips with truth: a table (csv, md) and a picture with slices in time.",
    ),
    "coc": Verb(
        "coc",
        "Read the circle of confusion off every frame, without a solve: coc.X and confidence.X.",
    ),
    "train-coc": Verb(
        "coc",
        "Train the COC network: first to deblur, then to read the radius. Stops and goes on.",
    ),
    "evaluate-coc": Verb(
        "coc",
        "Measure the COC network beside a constant and the classical gradient ratio.",
    ),
    "farm": Verb(
        "farm",
        "Write a job for a render farm: solve, bake and refocus, as Open Job Description.",
    ),
    "demo": Verb(
        "solve",
        "Solve, bake and measure the small clip that comes with the source, and show the gain.",
    ),
    "hosts": Verb(
        "hosts",
        "Lay out the extension for Blender and the plug-in for Nuke, and say how to install them.",
    ),
    "doctor": Verb(
        "doctor",
        "Show what this machine offers: versions, cores, lens blur kernel, CUDA, colour, disk.",
    ),
}
"""In the order in which they are listed."""


def verb_function(name: str) -> Callable[..., None]:
    """Import the function of a verb, as typer takes it."""
    verb = VERBS[name]
    module = importlib.import_module(f"pullfocus.cli.{verb.module}")
    function: Callable[..., None] = getattr(module, name.replace("-", "_"))
    if verb.jobs:
        from pullfocus.cli.jobs import with_jobs

        return with_jobs(function)
    return function


class Verbs(TyperGroup):
    """The group of all verbs."""

    def __init__(self, **attributes: Any) -> None:
        """Know the names; typer suggests those that are like a mistyped one."""
        super().__init__(**attributes)
        self.commands = dict.fromkeys(VERBS)  # type: ignore[assignment]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a verb; None where there is none of this name."""
        if cmd_name not in VERBS:
            return None
        if self.commands[cmd_name] is None:
            alone = typer.Typer(
                add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
            )
            alone.command(name=cmd_name)(verb_function(cmd_name))
            self.commands[cmd_name] = typer.main.get_command(alone)
        return self.commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the verbs, without importing them."""
        width = formatter.width - 6 - max(map(len, VERBS))
        with formatter.section("Commands"):
            formatter.write_dl([(name, _short(v.summary, width)) for name, v in VERBS.items()])


def _short(text: str, width: int) -> str:
    """Cut a sentence to a line, at a word."""
    text = text.rstrip(".")
    if len(text) <= width:
        return text
    return f"{text[: width - 2].rsplit(' ', 1)[0]}..."
