# SPDX-License-Identifier: GPL-3.0-or-later
"""Operator: import a folder of passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from .editors import show_node
from .errors import AddonError
from .import_passes import import_passes
from .passes import read_passes


class PULLFOCUS_OT_import_passes(bpy.types.Operator):
    """Import passes.json: build the PullFocus group of the shot. Importing again keeps settings"""

    bl_idname = "pullfocus.import_passes"
    bl_label = "Import Passes"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    filepath: StringProperty(
        name="Passes", subtype="FILE_PATH", description="passes.json, or the folder that holds it"
    )
    filter_glob: StringProperty(default="passes.json", options={"HIDDEN"})
    match_scene: BoolProperty(
        name="Match Scene to Shot",
        default=True,
        description="Take over resolution, frame range and frame rate of the shot",
    )
    own_start: BoolProperty(
        name="Keep Frame Numbers",
        default=True,
        description="Show frame 1001 of the shot at frame 1001 of the scene",
    )
    start: IntProperty(
        name="Start Frame", default=1, description="Scene frame of the shot's first frame"
    )
    connect: BoolProperty(
        name="Connect to Output",
        default=True,
        description="Show the shot in the render, where nothing but Render Layers is shown yet",
    )
    in_place: BoolProperty(
        name="Show in Its Place",
        default=True,
        description="Where other passes of the same solve are shown, such as those before painting:"
        " show these instead, with the same links, settings and keys",
    )

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: Any) -> None:
        """Show the options beside the file browser."""
        layout = self.layout  # no split: half of this narrow column cuts every name
        for name in ("match_scene", "connect", "in_place", "own_start"):
            layout.prop(self, name)
        row = layout.row()
        row.active = not self.own_start
        row.prop(self, "start")

    def execute(self, context: Any) -> set[str]:
        """Import."""
        scene = context.scene
        try:
            if not self.filepath:
                raise AddonError("expected passes.json, got no file")
            passes = read_passes(Path(bpy.path.abspath(self.filepath)))
            done = import_passes(
                scene,
                passes,
                start=passes.frames[0] if self.own_start else self.start,
                match_scene=self.match_scene,
                connect=self.connect,
                in_place=self.in_place,
            )
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        except (OSError, RuntimeError) as error:  # an EXR or atlas that Blender cannot read
            self.report({"ERROR"}, f"Expected readable passes, got: {error}")
            return {"CANCELLED"}
        if done.beside is None:
            scene.pullfocus.shot = done.group  # else panels would be about a node that nobody sees
            show_node(done.node)
        for note in done.notes:
            self.report({"INFO"}, note)
        return {"FINISHED"}


CLASSES = (PULLFOCUS_OT_import_passes,)
