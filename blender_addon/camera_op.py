# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator that makes the scene's camera pull focus with the shot, for CG without our nodes."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import FloatProperty

from . import compat
from .errors import AddonError
from .focus import layer_depth
from .import_passes import file_frame, passes_of
from .lens_match import Tie, f_stop, focal_length_px
from .properties import shot_node


class PULLFOCUS_OT_camera_follows(bpy.types.Operator):
    """Key the scene camera's depth of field so that CG blurs as the shot does, frame by frame"""

    bl_idname = "pullfocus.camera_follows"
    bl_label = "Camera Follows Focus"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    near_distance: FloatProperty(
        name="Front Layer At",
        default=2.0,
        min=0.001,
        subtype="DISTANCE",
        description="Distance from the camera at which the front layer stands in the scene",
    )
    far_distance: FloatProperty(
        name="Last Layer At",
        default=10.0,
        min=0.001,
        subtype="DISTANCE",
        description="Distance from the camera at which the last layer stands in the scene",
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a shot with a depth, and a camera."""
        node = shot_node(context.scene)
        return node is not None and "Focus" in node.inputs and context.scene.camera is not None

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Ask for the two distances."""
        return set(context.window_manager.invoke_props_dialog(self))

    def execute(self, context: Any) -> set[str]:
        """Key it."""
        scene = context.scene
        try:
            count = follow(scene, self.near_distance, self.far_distance)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{scene.camera.name} pulls focus with the shot: {count} keys")
        return {"FINISHED"}


def follow(scene: Any, near_distance: float, far_distance: float) -> int:
    """Key the depth of field of a scene's camera; returns how many frames.

    Raises:
        AddonError: distances or depths that are the wrong way round.
    """
    node = shot_node(scene)
    passes = passes_of(node.node_tree)
    front, last = passes.layers[0].name, passes.layers[-1].name
    tie = Tie(layer_depth(passes, front), near_distance, layer_depth(passes, last), far_distance)
    data, render = scene.camera.data, scene.render
    share = render.resolution_percentage / 100
    focal_px = focal_length_px(
        data.lens,
        (data.sensor_width, data.sensor_height),
        data.sensor_fit,
        (round(render.resolution_x * share), round(render.resolution_y * share)),
    )
    if data.animation_data is not None and data.animation_data.action is not None:
        for name in ("dof.focus_distance", "dof.aperture_fstop"):
            compat.remove_curve(data, name)
    data.dof.use_dof = True
    data.dof.focus_object = None
    first = scene_frame_of(node, passes.frames[0])
    frames = [first + number - passes.frames[0] for number in passes.frames]
    for frame, number in zip(frames, passes.frames, strict=True):
        plate = (passes.focus or {})[number]
        share = value_at(node, "Follow Plate", frame)
        focus = share * plate + (1 - share) * value_at(node, "Focus", frame)
        data.dof.focus_distance = tie.distance_of(focus)
        data.dof.aperture_fstop = f_stop(
            tie,
            focal_mm=data.lens,
            focal_px=focal_px,
            aperture=value_at(node, "Aperture", frame),
        )
        data.dof.keyframe_insert("focus_distance", frame=frame)
        data.dof.keyframe_insert("aperture_fstop", frame=frame)
    return len(frames)


def value_at(node: Any, name: str, frame: float) -> float:
    """Return an input of a node at a frame, keys included; without setting the frame."""
    socket = node.inputs[name]
    curve = compat.curve_of(node.id_data, socket.path_from_id("default_value"))
    return float(socket.default_value if curve is None else curve.evaluate(frame))


def scene_frame_of(node: Any, number: int) -> int:
    """Return the scene frame that shows a frame number of the files."""
    return round(number - file_frame(node.node_tree, 0.0))


CLASSES = (PULLFOCUS_OT_camera_follows,)
