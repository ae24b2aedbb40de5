# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels in the sidebar of the compositor, the Image editor and the Movie Clip editor."""

from __future__ import annotations

from typing import Any

import bpy

from . import compat
from .import_passes import layer_names
from .properties import shot_node
from .solve_layout import PULLFOCUS_UL_mattes, draw_options, draw_solve

_CATEGORY = "PullFocus"


def _in_compositor(context: Any) -> bool:
    return bool(context.space_data.tree_type == "CompositorNodeTree")


def draw_focus(layout: Any, context: Any) -> None:
    """Show where focus lies, and how to set it."""
    node = shot_node(context.scene)
    if node is None:
        layout.label(text="The shot is not in this scene's compositor", icon="INFO")
        return
    if "Focus" not in node.inputs:
        box = layout.column()
        box.label(text="Focus hardly moves in this shot:", icon="INFO")
        box.label(text="depth is unknown, focus cannot be pulled.")
        box.label(text="Aperture and Sharp scale the plate's own blur.")
        return
    layout.operator("pullfocus.pick_focus", icon="EYEDROPPER")
    row = layout.row(align=True)
    for name in layer_names(node.node_tree):
        row.operator("pullfocus.focus_layer", text=name).layer = name
    column = layout.column()
    column.use_property_split = True
    for name in ("Focus", "Follow Plate"):
        column.prop(node.inputs[name], "default_value", text=name)
    layout.operator("pullfocus.camera_follows", icon="CAMERA_DATA")


class _Compositor:
    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"
    bl_category = _CATEGORY

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Only in the compositor."""
        return _in_compositor(context)


class _WithShot(_Compositor):
    @classmethod
    def poll(cls, context: Any) -> bool:
        """Only with a shot."""
        return _in_compositor(context) and shot_node(context.scene) is not None


class PULLFOCUS_PT_solve(_Compositor, bpy.types.Panel):
    """Solve a shot."""

    bl_idname = "PULLFOCUS_PT_solve"
    bl_label = "Solve"

    def draw(self, context: Any) -> None:
        """Show it."""
        draw_solve(self.layout, context)


class PULLFOCUS_PT_solve_options(_Compositor, bpy.types.Panel):
    """Time, colour space, frames and folders of a solve."""

    bl_idname = "PULLFOCUS_PT_solve_options"
    bl_label = "Options"
    bl_parent_id = "PULLFOCUS_PT_solve"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: Any) -> None:
        """Show it."""
        draw_options(self.layout, context)


class PULLFOCUS_PT_shot(_Compositor, bpy.types.Panel):
    """The imported shot: view, focus, lens, layers."""

    bl_idname = "PULLFOCUS_PT_shot"
    bl_label = "Shot"

    def draw(self, context: Any) -> None:
        """Show it."""
        layout, settings = self.layout, context.scene.pullfocus
        layout.operator("pullfocus.import_passes", icon="IMPORT")
        if settings.shot is None:
            return
        layout.prop(settings, "shot", text="")
        node = shot_node(context.scene)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        if node is not None:
            column.prop(settings, "view")
            if settings.view in ("LAYER", "MATTE"):
                column.prop(node.inputs["Layer"], "default_value", text="Layer")
        draw_focus(layout, context)
        if compat.FIVE and node is not None:
            layout.operator("pullfocus.use_on_strip", icon="SEQUENCE")


class PULLFOCUS_PT_lens(_WithShot, bpy.types.Panel):
    """Aperture and the shape of highlights."""

    bl_idname = "PULLFOCUS_PT_lens"
    bl_label = "Lens"
    bl_parent_id = "PULLFOCUS_PT_shot"

    def draw(self, context: Any) -> None:
        """Show it."""
        node = shot_node(context.scene)
        column = self.layout.column()
        column.use_property_split = True
        for name in ("Aperture", "Near", "Far", "Max Radius"):
            if name in node.inputs:
                column.prop(node.inputs[name], "default_value", text=name)
        # a tooltip alone is found when it was slow already
        column.label(text="Time grows with its square", icon="TIME")
        iris = node.node_tree.nodes["Iris"]
        for name, own in compat.IRIS.items():
            if name in node.inputs:
                column.prop(node.inputs[name], "default_value", text=name)
            else:
                column.prop(iris, own, text=name)
        if "Squeeze" in node.inputs:
            column.prop(node.inputs["Squeeze"], "default_value", text="Squeeze")


class PULLFOCUS_PT_layers(_WithShot, bpy.types.Panel):
    """What shows of every layer, and its paint."""

    bl_idname = "PULLFOCUS_PT_layers"
    bl_label = "Layers"
    bl_parent_id = "PULLFOCUS_PT_shot"

    def draw(self, context: Any) -> None:
        """Show it."""
        node = shot_node(context.scene)
        for name in layer_names(node.node_tree):
            self.layout.prop(node.inputs[name], "default_value", text=name)
            row = self.layout.row(align=True)  # three a row have no room for their names
            row.prop(node.inputs[f"{name} Sharp"], "default_value", text="Sharp")
            row.prop(node.inputs[f"{name} Paint"], "default_value", text="Paint")
            _draw_paint(self.layout, name)


def _draw_paint(layout: Any, name: str) -> None:
    column = layout.column(align=True)
    for pair in (  # two a row: four are cut at the width that Blender starts with
        (("paint", "Paint Atlas", "BRUSH_DATA"), ("propagate", "Propagate", "RENDER_ANIMATION")),
        (("save_paint", "Save", "FILE_TICK"), ("reset_paint", "Reset", "LOOP_BACK")),
    ):
        row = column.row(align=True)
        for operator, text, icon in pair:
            row.operator(f"pullfocus.{operator}", text=text, icon=icon).layer = name


class PULLFOCUS_PT_image(bpy.types.Panel):
    """Focus and paint where the picture is."""

    bl_idname = "PULLFOCUS_PT_image"
    bl_label = "PullFocus"
    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_category = _CATEGORY

    def draw(self, context: Any) -> None:
        """Show it."""
        layout = self.layout
        if context.scene.pullfocus.shot is None:
            layout.operator("pullfocus.use_as_plate", icon="SEQUENCE")
            layout.operator("pullfocus.import_passes", icon="IMPORT")
            return
        draw_focus(layout, context)
        for name in layer_names(context.scene.pullfocus.shot):
            layout.label(text=name)
            _draw_paint(layout, name)


class PULLFOCUS_PT_clip(bpy.types.Panel):
    """Solve from the Movie Clip editor."""

    bl_idname = "PULLFOCUS_PT_clip"
    bl_label = "PullFocus"
    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "UI"
    bl_category = _CATEGORY

    def draw(self, context: Any) -> None:
        """Show it."""
        self.layout.operator("pullfocus.use_as_plate", icon="TRACKER")
        draw_solve(self.layout, context)


class PULLFOCUS_PT_clip_options(bpy.types.Panel):
    """Time, colour space, frames and folders of a solve."""

    bl_idname = "PULLFOCUS_PT_clip_options"
    bl_label = "Options"
    bl_parent_id = "PULLFOCUS_PT_clip"
    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "UI"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: Any) -> None:
        """Show it."""
        draw_options(self.layout, context)


CLASSES = (
    PULLFOCUS_UL_mattes,
    PULLFOCUS_PT_solve,
    PULLFOCUS_PT_solve_options,
    PULLFOCUS_PT_shot,
    PULLFOCUS_PT_lens,
    PULLFOCUS_PT_layers,
    PULLFOCUS_PT_image,
    PULLFOCUS_PT_clip,
    PULLFOCUS_PT_clip_options,
)
