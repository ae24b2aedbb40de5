# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the assets that the extension brings on Blender's shelves (5.x)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from . import compat

NAME = "PullFocus"
FOLDER = Path(__file__).with_name("assets")


def _ours() -> list[Any]:
    return [
        one for one in bpy.context.preferences.filepaths.asset_libraries if Path(one.path) == FOLDER
    ]


def register() -> None:
    """Add the library to the preferences, once."""
    if compat.FIVE and FOLDER.is_dir() and not _ours():
        bpy.context.preferences.filepaths.asset_libraries.new(name=NAME, directory=str(FOLDER))


def unregister() -> None:
    """Take it away again."""
    if compat.FIVE:
        for one in _ours():
            bpy.context.preferences.filepaths.asset_libraries.remove(one)
