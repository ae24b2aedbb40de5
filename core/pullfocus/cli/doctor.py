# SPDX-License-Identifier: Apache-2.0
"""``pullfocus doctor``: the command line of what a machine offers."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["doctor"]


def doctor(
    slow: Annotated[
        bool,
        typer.Option("--slow", help="Say only what makes this machine slow, if anything does."),
    ] = False,
) -> None:
    """Show what this machine offers: versions, cores, lens blur kernel, CUDA, colour, disk."""
    from pullfocus.cli.checkup import slow_line, table

    if slow:
        line = slow_line()
        typer.echo(line or "", nl=line is not None)
    else:
        typer.echo(table())
