# SPDX-License-Identifier: GPL-3.0-or-later
"""Preferences: where pullfocus is, and a button that tries it."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from .command import find_launcher
from .layout_lines import draw_lines

_LINE = 84  # characters across the preferences, as wide as Blender opens them
_DEVICES = (
    ("cpu", "CPU", "Solve on the processor"),
    ("cuda", "CUDA", "Solve on a CUDA device"),
)


class PullFocusPreferences(bpy.types.AddonPreferences):
    """Where pullfocus is."""

    bl_idname = __package__

    launcher: StringProperty(
        name="Python of pullfocus",
        subtype="FILE_PATH",
        description="The pullfocus command, or the Python it is installed in. Empty: the command"
        " is looked for on PATH",
    )
    device: EnumProperty(name="Solve On", items=_DEVICES, description="Where a solve computes")
    submit: StringProperty(
        name="Submit With",
        description="What takes a job to your farm, such as deadline bundle gui-submit; the job's"
        " folder is put behind it. Empty: Send to Farm writes the job and leaves it there",
    )
    found: StringProperty(name="Found", description="What Test found", options={"SKIP_SAVE"})
    wrong: BoolProperty(
        name="Wrong", description="Whether Test found something to mend", options={"SKIP_SAVE"}
    )

    def draw(self, context: Any) -> None:
        """Show them."""
        layout = self.layout
        layout.prop(self, "launcher", placeholder="found on PATH")
        row = layout.row()
        row.operator("pullfocus.test", icon="CHECKMARK")
        row.label()  # leaves the button its half of the width
        if self.found:
            draw_lines(layout, self.found, "ERROR" if self.wrong else "CHECKMARK", _LINE)
        layout.prop(self, "device")
        layout.prop(self, "submit", placeholder="deadline bundle gui-submit")


def preferences(context: Any) -> Any:
    """Return the preferences of the extension."""
    return context.preferences.addons[__package__].preferences


def launcher(context: Any) -> tuple[str, ...]:
    """Return how to start pullfocus.

    Raises:
        AddonError: it is not found.
    """
    return find_launcher(bpy.path.abspath(preferences(context).launcher))


CLASSES = (PullFocusPreferences,)
