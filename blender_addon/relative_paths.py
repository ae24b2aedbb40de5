# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths as a .blend keeps them: relative to it (``//``), wherever it is saved.

Blender does this for images by itself, but not for text that is a path.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

SOLVE_KEY = "pullfocus_solve"
"""Custom property of a group: the solve that its passes come from, where that is known."""
KEY = "pullfocus_passes"
"""Custom property of a group: where its passes.json is."""


def absolute(text: str) -> str:
    """Return a path of this .blend as an absolute one without detours."""
    return os.path.normpath(bpy.path.abspath(text)) if text else ""


def stored_path(path: Path) -> str:
    """Return a path as this .blend keeps it: relative to it, once it has a place."""
    whole = os.path.normpath(path.absolute())
    return rebased(whole, "", str(Path(bpy.data.filepath).parent) if bpy.data.filepath else "")


def rebased(text: str, old: str, new: str) -> str:
    """Return a path relative to another folder.

    Args:
        text: absolute, or beginning with ``//``.
        old: folder that ``//`` stood for; empty where there was none.
        new: folder that it shall stand for; empty: return it absolute.
    """
    if text.startswith("//"):
        if not old:
            return text
        text = os.path.normpath(os.path.join(old, text[2:]))  # noqa: PTH118
    if not text or not new or not os.path.isabs(text):  # noqa: PTH117
        return text
    try:
        return "//" + os.path.relpath(text, new).replace("\\", "/")
    except ValueError:  # another drive
        return text


def _held() -> Iterator[tuple[Any, str, bool]]:
    """Give every place that keeps a path: owner, name, whether it is a custom property."""
    for group in bpy.data.node_groups:
        for key in (KEY, SOLVE_KEY):
            if key in group:
                yield group, key, True
    for scene in bpy.data.scenes:
        settings = scene.pullfocus
        for name in ("plate_path", "solve_path", "passes_path", "job_path"):
            yield settings, name, False
        for matte in settings.mattes:
            yield matte, "path", False


@persistent
def before_saving(path: str, _: Any = None) -> None:
    """Make paths relative to the file that is about to be written."""
    if not path:  # the startup file has no place
        return
    old = str(Path(bpy.data.filepath).parent) if bpy.data.filepath else ""
    new = str(Path(path).absolute().parent)
    for owner, name, custom in _held():
        text = owner[name] if custom else getattr(owner, name)
        found = rebased(text, old, new)
        if found == text:
            continue
        if custom:
            owner[name] = found
        else:
            setattr(owner, name, found)


def register() -> None:
    """Watch saving."""
    bpy.app.handlers.save_pre.append(before_saving)


def unregister() -> None:
    """Stop watching."""
    bpy.app.handlers.save_pre.remove(before_saving)
