# SPDX-License-Identifier: Apache-2.0
"""``pullfocus hosts``: lay out the extension for Blender and the plug-in for Nuke."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["hosts"]


def hosts(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder to write to; made if missing.")
    ],
    blender: Annotated[bool, typer.Option("--blender", help="Only the extension.")] = False,
    nuke: Annotated[bool, typer.Option("--nuke", help="Only the plug-in.")] = False,
) -> None:
    """Lay out the extension for Blender and the plug-in for Nuke, and say how to install them.

    Both find this very command by themselves. Run it again after an update.
    """
    from pullfocus.hosts import launcher, lay_out_blender, lay_out_nuke

    folder = folder.absolute()
    if blender or not nuke:
        archive = lay_out_blender(folder)
        typer.echo(
            "Blender: Edit > Preferences > Get Extensions > Install from Disk, or\n"
            f'    blender --command extension install-file -r user_default -e "{archive}"'
        )
    if nuke or not blender:
        plugin = lay_out_nuke(folder)
        typer.echo(
            "Nuke: put the folder on NUKE_PATH, or this line into ~/.nuke/init.py\n"
            f'    nuke.pluginAddPath("{plugin.as_posix()}")'
        )
    typer.echo(f"both start {launcher()}")
