# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Solve panels show: plate, mattes, quality, progress, options."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy

from .command import find_launcher
from .errors import AddonError
from .follow_op import draw_follow
from .footage import folders
from .job_operator import PREVIEW, current_job, redraw
from .layout_lines import draw_lines
from .preferences import launcher, preferences
from .slow import asked
from .solve_state import NONE, STOPPED, solve_state


class PULLFOCUS_UL_mattes(bpy.types.UIList):
    """Layers with a matte, front to back."""

    def draw_item(
        self,
        context: Any,
        layout: Any,
        data: Any,
        item: Any,
        icon: Any,
        active_data: Any,
        active_property: Any,
        index: int = 0,
        flt_flag: int = 0,
    ) -> None:
        """Show name and source."""
        row = layout.row()
        row.prop(item, "name", text="", emboss=False)
        row.prop(item, "source", text="")


def draw_solve(layout: Any, context: Any) -> None:
    """Show what is solved from, and how far it is."""
    settings = context.scene.pullfocus
    job = current_job()
    busy = job is not None and job.running
    column = layout.column()
    column.enabled = not busy
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "plate_source")
    column.prop(
        settings,
        {"PATH": "plate_path", "IMAGE": "plate_image", "CLIP": "plate_clip"}[settings.plate_source],
    )
    _draw_mattes(column, context)
    column.prop(settings, "quality")
    slow = job.slow if job is not None and job.slow else _slow_line()
    if slow:
        draw_lines(layout, slow, icon="ERROR")
    if busy and job is not None:
        _draw_progress(layout, job)
        layout.operator("pullfocus.cancel", icon="CANCEL")
    else:
        _draw_missing(layout, context)
        row = layout.row(align=True)
        row.operator("pullfocus.solve", text=_solve_label(context), icon="PLAY")
        row.operator("pullfocus.bake", text="Bake")
        layout.operator("pullfocus.send_to_farm", icon="NETWORK_DRIVE")
        if job is not None and job.error:
            draw_lines(layout, job.error, icon="ERROR")
        elif job is not None and job.stopped:
            draw_lines(layout, f"{job.title} stopped; what was done is kept", icon="INFO")
    if PREVIEW in bpy.data.images:
        layout.operator("pullfocus.show_preview", icon="IMAGE_DATA")


def _slow_line() -> str:
    """Return what makes this machine slow, once that is known: the panel is drawn again then."""
    job = asked(bpy.path.abspath(preferences(bpy.context).launcher), find_launcher)
    if job.running and not bpy.app.timers.is_registered(_drawn_again):
        bpy.app.timers.register(_drawn_again, first_interval=_LOOK_EVERY_S)
    return job.slow


def _drawn_again() -> None:
    redraw(bpy.context)


def draw_options(layout: Any, context: Any) -> None:
    """Show what is seldom changed."""
    settings = context.scene.pullfocus
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    row = column.row(heading="Limit Time")
    row.prop(settings, "use_minutes", text="")
    limit = row.row()
    limit.active = settings.use_minutes
    limit.prop(settings, "minutes", text="")
    for name in ("colorspace", "frames", "solve_path", "passes_path", "job_path", "restart"):
        column.prop(settings, name)


def _draw_missing(layout: Any, context: Any) -> None:
    """Say that pullfocus is not there, before Solve is pressed."""
    when, missing = _asked.get("", (-_LOOK_EVERY_S, ""))
    if time.monotonic() - when >= _LOOK_EVERY_S:
        try:
            launcher(context)
            missing = ""
        except AddonError as error:
            missing = str(error)
        _asked[""] = (time.monotonic(), missing)
    if missing:
        draw_lines(layout, missing, icon="ERROR")
        layout.operator("pullfocus.open_preferences", icon="PREFERENCES")


_asked: dict[str, tuple[float, str]] = {}  # when, and why pullfocus cannot be started
_looked: dict[str, tuple[float, str]] = {}  # by scene: when, and how far the solve is
_LOOK_EVERY_S = 2.0


def _solve_label(context: Any) -> str:
    """Return what the button says; folders may be slow, and panels draw often."""
    scene = context.scene
    when, state = _looked.get(scene.name, (-_LOOK_EVERY_S, NONE))
    if time.monotonic() - when >= _LOOK_EVERY_S:
        try:
            state = solve_state(Path(folders(scene)[0]))
        except AddonError:
            state = NONE
        _looked[scene.name] = (time.monotonic(), state)
    return "Resume" if state == STOPPED and not scene.pullfocus.restart else "Solve"


def _draw_mattes(layout: Any, context: Any) -> None:
    settings = context.scene.pullfocus
    row = layout.row()
    row.template_list(
        "PULLFOCUS_UL_mattes", "", settings, "mattes", settings, "matte_index", rows=2
    )
    buttons = row.column(align=True)
    buttons.operator("pullfocus.matte_add", text="", icon="ADD")
    buttons.operator("pullfocus.matte_remove", text="", icon="REMOVE")
    if settings.matte_index < len(settings.mattes):
        matte = settings.mattes[settings.matte_index]
        if matte.source == "LAYER":
            layout.prop_search(matte, "view_layer", context.scene, "view_layers")
        else:
            layout.prop(matte, {"PATH": "path", "IMAGE": "image", "MASK": "mask"}[matte.source])
        draw_follow(layout, matte)
    else:
        layout.label(text="No matte: the frame is one layer", icon="INFO")


def _draw_progress(layout: Any, job: Any) -> None:
    if hasattr(layout, "progress"):
        layout.progress(factor=min(max(job.fraction, 0.0), 1.0), text=job.status())
    else:
        layout.label(text=job.status())
    if job.outlook():
        draw_lines(layout, job.outlook(), icon="BLANK1")
