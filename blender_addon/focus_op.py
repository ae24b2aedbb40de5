# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: pick what is in focus, or focus on a layer."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from .errors import AddonError
from .focus import depth_at, key_focus, layer_depth, pixel_under, place_on_backdrop
from .import_passes import file_frame, passes_of
from .properties import shot_node

_SAME_SHAPE = 0.02
_KEY = BoolProperty(
    name="Insert Key",
    default=True,
    description="Key Focus at the current frame, so that picking again later pulls focus",
)


def _can_pull(context: Any) -> bool:
    node = shot_node(context.scene)
    return node is not None and "Focus" in node.inputs


class PULLFOCUS_OT_pick_focus(bpy.types.Operator):
    """Click what shall be sharp at this frame, in the Image editor or on the backdrop"""

    bl_idname = "pullfocus.pick_focus"
    bl_label = "Pick Focus"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    x: IntProperty(name="X", subtype="PIXEL", description="Px from the left")
    y: IntProperty(name="Y", subtype="PIXEL", description="Px from the top")
    key: _KEY

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a shot with a depth."""
        return _can_pull(context)

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Wait for a click."""
        context.window.cursor_modal_set("EYEDROPPER")
        context.workspace.status_text_set("Click: focus there    Esc, right click: leave it")
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        """Take the click."""
        if event.type in ("ESC", "RIGHTMOUSE"):
            self._done(context)
            return {"CANCELLED"}
        if event.type != "LEFTMOUSE" or event.value != "PRESS":
            return {"RUNNING_MODAL"} if event.type == "LEFTMOUSE" else {"PASS_THROUGH"}
        self._done(context)
        try:
            self.x, self.y = _pixel_at(context, event)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return self.execute(context)

    def execute(self, context: Any) -> set[str]:
        """Focus on the pixel (x, y)."""
        scene = context.scene
        node = shot_node(scene)
        try:
            passes = passes_of(node.node_tree)
            number = round(file_frame(node.node_tree, scene.frame_current))
            names = [layer.name for layer in passes.layers]
            hidden = frozenset(n for n in names if not node.inputs[n].default_value)
            depth = depth_at(passes, self.x, self.y, number, hidden)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        key_focus(node, depth, scene.frame_current if self.key else None)
        self.report({"INFO"}, f"Focus {depth:.2f} px at frame {scene.frame_current}")
        return {"FINISHED"}

    def _done(self, context: Any) -> None:
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)


class PULLFOCUS_OT_focus_layer(bpy.types.Operator):
    """Focus on the middle of a layer at this frame"""

    bl_idname = "pullfocus.focus_layer"
    bl_label = "Focus on Layer"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    layer: StringProperty(name="Layer", description="Name of the layer")
    key: _KEY

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a shot with a depth."""
        return _can_pull(context)

    def execute(self, context: Any) -> set[str]:
        """Focus there."""
        scene = context.scene
        node = shot_node(scene)
        try:
            passes = passes_of(node.node_tree)
            names = [layer.name for layer in passes.layers]
            if self.layer not in names:
                raise AddonError(f"expected one of {', '.join(names)}, got {self.layer!r}")
            depth = layer_depth(passes, self.layer)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        key_focus(node, depth, scene.frame_current if self.key else None)
        self.report({"INFO"}, f"Focus {depth:.2f} px on {self.layer}")
        return {"FINISHED"}


def _pixel_at(context: Any, event: Any) -> tuple[int, int]:
    """Return the pixel under the mouse, wherever in the window it was clicked.

    Raises:
        AddonError: not over a picture of the shot's size.
    """
    size = passes_of(shot_node(context.scene).node_tree).size_px
    for area in context.window.screen.areas:
        for region in (r for r in area.regions if r.type == "WINDOW"):
            x, y = event.mouse_x - region.x, event.mouse_y - region.y
            if not (0 <= x < region.width and 0 <= y < region.height):
                continue
            if area.type == "IMAGE_EDITOR":
                _check_shows_shot(area.spaces.active.image, size)
                return pixel_under(region.view2d.region_to_view(x, y), size)
            if area.type == "NODE_EDITOR" and area.spaces.active.show_backdrop:
                space = area.spaces.active
                place = place_on_backdrop(
                    (x, y),
                    (region.width, region.height),
                    size,
                    space.backdrop_zoom,
                    tuple(space.backdrop_offset),
                )
                return pixel_under(place, size)
    raise AddonError("expected a click in an Image editor or on the compositor's backdrop")


def _check_shows_shot(image: Any, size: tuple[int, int]) -> None:
    """Refuse pictures of another shape, such as an atlas; a preview may be smaller."""
    width, height = (0, 0) if image is None else image.size
    if width and height and abs(width * size[1] / (height * size[0]) - 1) > _SAME_SHAPE:
        raise AddonError(
            f"expected a picture of the shot, {size[0]}x{size[1]}, got {image.name},"
            f" {width}x{height}"
        )


CLASSES = (PULLFOCUS_OT_pick_focus, PULLFOCUS_OT_focus_layer)
