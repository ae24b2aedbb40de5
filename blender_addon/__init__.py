# SPDX-License-Identifier: GPL-3.0-or-later
"""PullFocus in Blender: solve, import, refocus and paint without leaving it.

Thin: what computes is the `pullfocus` command, run beside Blender; here are panels, a node group
and files. Nothing is fetched from anywhere.
"""

from __future__ import annotations

from typing import Any


def _operators() -> tuple[Any, ...]:
    from . import (
        camera_op,
        farm_op,
        focus_op,
        follow_op,
        import_op,
        paint_op,
        panels,
        preferences,
        solve_op,
        strip_op,
    )

    modules = (
        preferences,
        solve_op,
        follow_op,
        farm_op,
        import_op,
        focus_op,
        camera_op,
        strip_op,
        paint_op,
        panels,
    )
    return tuple(cls for module in modules for cls in module.CLASSES)


def register() -> None:
    """Add everything to Blender."""
    import bpy

    from . import asset_library, properties, relative_paths
    from .words import table

    bpy.app.translations.register(__name__, table(tuple(bpy.app.translations.locales)))
    properties.register()
    relative_paths.register()
    asset_library.register()
    for cls in _operators():
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Take everything away, and stop what runs."""
    import bpy

    from . import asset_library, job_operator, live_paint, properties, relative_paths, slow

    job_operator.end_jobs()
    slow.forget()
    live_paint.unwatch()
    asset_library.unregister()
    relative_paths.unregister()
    for cls in reversed(_operators()):
        bpy.utils.unregister_class(cls)
    properties.unregister()
    bpy.app.translations.unregister(__name__)
