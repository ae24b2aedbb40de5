# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator that shows a shot on a strip of the sequencer (5.x), its focus as in the compositor.

A strip gives its modifier one picture, and a shot needs its passes: so the modifier's group takes
the strip's picture as all do, and shows the shot's own group in its place. Drivers lead every input
to the shot's node in the compositor: whatever is set or keyed there, the strip shows.
"""

from __future__ import annotations

from typing import Any

import bpy

from . import compat
from .errors import AddonError
from .import_passes import file_frame, passes_of
from .properties import shot_node
from .same_shot import STRIP_KEY

_PLAIN = ("NodeSocketFloat", "NodeSocketInt", "NodeSocketBool")
_VIEWS = ("View", "Layer")
_TYPE = "COMPOSITOR"


class PULLFOCUS_OT_use_on_strip(bpy.types.Operator):
    """Let the active strip of the sequencer show this shot, focus and keys as they are here"""

    bl_idname = "pullfocus.use_on_strip"
    bl_label = "Use on Strip"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a shot, and a Blender whose strips take node groups."""
        return compat.FIVE and shot_node(context.scene) is not None

    def execute(self, context: Any) -> set[str]:
        """Add the modifier, or bring the one that is there up to date."""
        scene = getattr(context, "sequencer_scene", None) or context.scene
        node = shot_node(context.scene)
        try:
            strip = _active_strip(scene)
            show_on(strip, node)
            first, last = _frames(node)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        begins = round(strip.frame_final_start)
        if begins != first:
            self.report(
                {"WARNING"},
                f"{strip.name} begins at frame {begins}, the shot at {first}: move one of them",
            )
        else:
            self.report({"INFO"}, f"{strip.name} shows {node.node_tree.name}, {first} to {last}")
        return {"FINISHED"}


def show_on(strip: Any, node: Any) -> Any:
    """Give a strip a modifier that shows a shot; returns the modifier, the one there if any.

    Args:
        strip: with a picture.
        node: the shot's node in a scene's compositor.

    Raises:
        AddonError: a strip that takes no modifiers.
    """
    for held in strip.modifiers:
        if held.type == _TYPE and held.node_group is not None and STRIP_KEY in held.node_group:
            _fill(held.node_group, node)
            return held
    modifier = strip.modifiers.new(node.node_tree.name, _TYPE)
    if modifier is None:
        raise AddonError(f"expected a strip with a picture, got {strip.name} ({strip.type})")
    group = bpy.data.node_groups.new(f"{node.node_tree.name} on Strip", "CompositorNodeTree")
    group[STRIP_KEY] = True
    if hasattr(group, "is_strip_modifier"):
        group.is_strip_modifier = True
    for way in ("INPUT", "OUTPUT"):
        group.interface.new_socket("Image", in_out=way, socket_type="NodeSocketColor")
    _fill(group, node)
    modifier.node_group = group
    return modifier


def _fill(group: Any, node: Any) -> None:
    """Put the shot into a strip's group, every input driven by its node in the compositor."""
    if group.animation_data is not None:
        group.animation_data_clear()
    group.nodes.clear()
    given, shown, end = (
        group.nodes.new(kind)
        for kind in ("NodeGroupInput", "CompositorNodeGroup", "NodeGroupOutput")
    )
    for one, x in ((given, -300), (shown, 0), (end, 360)):
        one.location = (x, 0)
    shown.node_tree, shown.width = node.node_tree, 260
    shown.name = shown.label = node.name
    for index, socket in enumerate(node.inputs):
        if socket.bl_idname.startswith(_PLAIN) and socket.name not in _VIEWS:
            _drive(shown.inputs[index], socket)
    group.links.new(shown.outputs["Image"], end.inputs["Image"])


def _drive(socket: Any, by: Any) -> None:
    """Let an input follow another node's."""
    socket.default_value = by.default_value
    driver = socket.driver_add("default_value").driver
    driver.type = "AVERAGE"
    target = driver.variables.new().targets[0]
    target.id_type = "NODETREE"
    target.id = by.id_data
    target.data_path = by.path_from_id("default_value")


def _active_strip(scene: Any) -> Any:
    editor = scene.sequence_editor
    strip = None if editor is None else editor.active_strip
    if strip is None:
        raise AddonError("expected a chosen strip in the sequencer, got none: add the plate there")
    return strip


def _frames(node: Any) -> tuple[int, int]:
    """Return the scene frames of a shot, first and last."""
    frames = passes_of(node.node_tree).frames
    shift = round(file_frame(node.node_tree, 0))
    return frames[0] - shift, frames[-1] - shift


CLASSES = (PULLFOCUS_OT_use_on_strip,)
