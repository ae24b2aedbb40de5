# SPDX-License-Identifier: Apache-2.0
"""``pullfocus evaluate``: the command line of measuring passes against truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pullfocus.cli.options import MetricsOption, ProgressOption, Report, metric_names, reporting

__all__ = ["evaluate"]


def evaluate(
    passes: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that bake wrote.")],
    truth: Annotated[
        Path, typer.Option(metavar="CLIP", help="Clip with truth: sharp, alpha, clean, coc frames.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the table and the picture.")
    ] = None,
    metrics: MetricsOption = None,
    progress: ProgressOption = Report.auto,
) -> None:
    """Measure passes against a clip whose sharp frames are known; prints a table."""
    from pullfocus.evaluate.report import evaluate as measure

    with reporting(progress) as say:
        report = measure(passes, truth, out, metrics=metric_names(metrics))
        say.done(report.table(), **report.facts())
