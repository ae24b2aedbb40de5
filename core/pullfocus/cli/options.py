# SPDX-License-Identifier: Apache-2.0
"""What several commands share: options, and how they report."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pullfocus.errors import MatteError
from pullfocus.progress import JsonProgress, Progress, make_progress

if TYPE_CHECKING:
    from pullfocus.solve.inputs import Elsewhere

__all__ = [
    "DeinterlaceOption",
    "Device",
    "DeviceOption",
    "FixedThreadsOption",
    "FramesOption",
    "MatteNowOption",
    "MetricsOption",
    "OverscanOption",
    "PlateLayerOption",
    "PlateLensOption",
    "PlateNowOption",
    "Preset",
    "PresetOption",
    "ProgressOption",
    "Report",
    "SkipExistingOption",
    "Texture",
    "TextureOption",
    "WeightSet",
    "WeightsOption",
    "elsewhere",
    "fix_threads",
    "frames_text",
    "metric_names",
    "named_mattes",
    "reporting",
]


PlateLensOption = Annotated[
    str,
    typer.Option(
        "--lens",
        metavar="auto|round|FILE",
        help="The plate's own lens: looked for in the solve (blades, cat's eye, colour; round "
        "where nothing else is proved), taken for round, or read from a lens file or passes.json.",
    ),
]


class Report(StrEnum):
    """How a command reports."""

    auto = "auto"
    plain = "plain"
    json = "json"
    openjd = "openjd"


class Device(StrEnum):
    """Where to compute."""

    cpu = "cpu"
    cuda = "cuda"


class Preset(StrEnum):
    """Solvers by name; ``solve.presets.PRESETS``, without what it imports."""

    fast = "fast"
    paper = "paper"
    lna = "lna"
    lna_reblur = "lna-reblur"
    paper_no_coc = "paper-no-coc"
    paper_coc_given = "paper-coc-given"


class Texture(StrEnum):
    """Kinds of atlas; ``ModelSettings.texture``."""

    texels = "texels"
    decoder = "decoder"
    network = "network"


class WeightSet(StrEnum):
    """Sets of loss weights; ``solve.presets.WEIGHTS``."""

    hashing = "hashing"
    lna = "lna"
    paper = "paper"


DeviceOption = Annotated[Device, typer.Option(help="Where to compute.")]
PresetOption = Annotated[
    Preset,
    typer.Option(
        help="fast: minutes on a CPU. The others are networks, for hours on a GPU: paper; "
        "lna, lna-reblur: layered neural atlases without and with a lens; paper-no-coc and "
        "paper-coc-given: the paper without and with a known circle of confusion."
    ),
]
TextureOption = Annotated[
    Texture | None,
    typer.Option(
        help="What atlases are: free texels, a CNN that draws them from noise, or an MLP. "
        "Default: the preset's.",
    ),
]
WeightsOption = Annotated[
    WeightSet,
    typer.Option(
        help="What weighs how much in the network presets; paper: as printed, units not said."
    ),
]
ProgressOption = Annotated[
    Report,
    typer.Option(
        "--progress",
        help="auto: bars on a terminal, else plain lines. json: one JSON object a line on stdout. "
        "openjd: the lines that a render farm reads.",
    ),
]
MetricsOption = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Perceptual metrics besides: flip, fvvdp, lpips, none. Default: flip if installed.",
    ),
]
FramesOption = Annotated[
    str | None,
    typer.Option(metavar="RANGE", help="Frame numbers, such as 1001-1060, 1-9x2 or 1-9:2,12."),
]


ThreadsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1024,
        help="Threads to compute with. Default: what other programs leave free, looked at while "
        "running; small frames take one. A number gives the same result to the bit each time.",
    ),
]
FixedThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        max=1024,
        help="Threads to compute with, of each process where --jobs asks for several. Default: "
        "one for every core.",
    ),
]
SkipExistingOption = Annotated[
    bool,
    typer.Option(
        "--skip-existing",
        help="Leave frames that this very solve made with the same options; write the others.",
    ),
]

PlateLayerOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Layer, part or view of the plate's EXR files. Default: R G B without a name, or the "
        "one that is the picture.",
    ),
]
OverscanOption = Annotated[
    bool,
    typer.Option(
        "--overscan", help="Work on the whole data window, not on the display window alone."
    ),
]
DeinterlaceOption = Annotated[
    bool | None,
    typer.Option(
        "--deinterlace/--progressive",
        help="Interlaced movies: make whole frames of them, or take them as they are. Default: "
        "refused.",
        show_default=False,
    ),
]


PlateNowOption = Annotated[
    str | None,
    typer.Option(metavar="PLATE", help="Where the plate is now, if it moved; known by its files."),
]
MatteNowOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=PATH", help="Where a matte is now, if it moved."),
]


def elsewhere(plate: str | None, mattes: list[str] | None) -> Elsewhere:
    """Read what --plate and --matte of a solved shot say.

    Raises:
        MatteError: one is not of the form NAME=PATH.
    """
    from pullfocus.solve.inputs import Elsewhere

    return Elsewhere(plate, named_mattes(mattes))


@contextlib.contextmanager
def reporting(mode: Report) -> Iterator[Progress]:
    """Give a Progress; with JSON nothing else reaches stdout, not even from native code."""
    real = sys.__stdout__
    if mode is Report.json and real is not None and sys.stdout is real:
        real.flush()
        own = os.dup(1)
        os.dup2(2, 1)
        try:
            with os.fdopen(os.dup(own), "w", encoding="utf-8") as stream:
                yield JsonProgress(stream)
        finally:
            os.dup2(own, 1)
            os.close(own)
        return
    progress = make_progress(mode.value)
    try:
        yield progress
    finally:
        progress.close()


def fix_threads(count: int | None) -> None:
    """Compute with so many threads, if a number is given."""
    if count is not None:
        from pullfocus.threads import set_all_threads

        set_all_threads(count)


def say_if_slow(say: Progress) -> None:
    """Tell people, and hosts in their panels, what makes this machine slow, if anything does."""
    from pullfocus.cli.checkup import slow_line

    line = slow_line()
    if line is not None:
        say.note(line)


def metric_names(text: str | None) -> list[str] | None:
    """Return the metrics that were asked for; None for what is there."""
    if text is None:
        return None
    return [name.strip() for name in text.split(",") if name.strip() not in ("", "none")]


def frames_text(count: int, skipped: int = 0) -> str:
    """Return how many frames, in words."""
    text = "1 frame" if count == 1 else f"{count} frames"
    return f"{text} ({skipped} already there)" if skipped else text


def named_mattes(texts: list[str] | None) -> tuple[tuple[str, str], ...]:
    """Read what --matte says.

    Raises:
        MatteError: it is not of the form NAME=PATH.
    """
    mattes = []
    for text in texts or []:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise MatteError(f"expected --matte NAME=PATH such as fg=matte.####.png, got {text!r}")
        mattes.append((name, path))
    return tuple(mattes)
