# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: a matte from one frame. Draw a box, or take a mask; Follow finds it in every frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.props import IntVectorProperty

from .command import follow_command
from .errors import AddonError
from .focus import pixel_under
from .footage import folders, key_mask, plate_number, plate_path, plate_size
from .job_operator import JobOperator
from .preferences import launcher
from .worker import Job

_EDITORS = ("IMAGE_EDITOR", "CLIP_EDITOR")


def chosen_matte(scene: Any) -> Any | None:
    """Return the layer that is chosen in the list, None where there is none."""
    settings = scene.pullfocus
    if 0 <= settings.matte_index < len(settings.mattes):
        return settings.mattes[settings.matte_index]
    return None


def draw_follow(layout: Any, matte: Any) -> None:
    """Show what one frame tells of the chosen layer, and the button that follows it."""
    column = layout.column(align=True)
    column.prop(matte, "key_from")
    if matte.key_from == "MASK":
        column.prop(matte, "mask")
    else:
        said = "Draw Box"
        if matte.box[2] > 0:
            x, y, width, height = matte.box
            said = f"Box {width} x {height} at {x}, {y} of frame {matte.box_frame}"
        column.operator("pullfocus.draw_box", text=said, icon="SELECT_SET")
    column.operator("pullfocus.follow", icon="TRACKING_FORWARDS")


class PULLFOCUS_OT_draw_box(bpy.types.Operator):
    """Drag a box round the subject of the chosen layer, over this frame of the plate"""

    bl_idname = "pullfocus.draw_box"
    bl_label = "Draw Box"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender's way

    box: IntVectorProperty(
        name="Box", size=4, description="Px from the left and the top, width and height"
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether a layer is chosen."""
        return chosen_matte(context.scene) is not None

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Wait for a drag."""
        self._corner = None
        context.window.cursor_modal_set("CROSSHAIR")
        context.workspace.status_text_set(
            "Drag a box round the subject    Esc, right click: leave it"
        )
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        """Take the corners."""
        if event.type in ("ESC", "RIGHTMOUSE"):
            self._done(context)
            return {"CANCELLED"}
        if event.type != "LEFTMOUSE":
            return {"RUNNING_MODAL"} if self._corner is not None else {"PASS_THROUGH"}
        try:
            place = _place_under(context, event)
            if event.value == "PRESS":
                self._corner = place
                return {"RUNNING_MODAL"}
            if self._corner is None:
                return {"RUNNING_MODAL"}
            self.box = _box_between(self._corner, place, _size(context.scene))
        except AddonError as error:
            self._done(context)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._done(context)
        return self.execute(context)

    def execute(self, context: Any) -> set[str]:
        """Keep the box with the layer."""
        scene = context.scene
        matte = chosen_matte(scene)
        try:
            number = plate_number(scene, plate_path(scene))
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        matte.key_from, matte.box, matte.box_frame = "BOX", self.box, number
        self.report({"INFO"}, f"Box of {matte.name} at frame {number}; press Follow")
        return {"FINISHED"}

    def _done(self, context: Any) -> None:
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)


def _size(scene: Any) -> tuple[int, int]:
    plate = plate_path(scene)
    return plate_size(scene, plate, plate_number(scene, plate))


def _box_between(
    one: tuple[float, float], other: tuple[float, float], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Return x, y, width, height in px from the top left, of two places (0..1, bottom left)."""
    (x0, y0), (x1, y1) = (pixel_under(place, size) for place in (one, other))
    return min(x0, x1), min(y0, y1), abs(x1 - x0) + 1, abs(y1 - y0) + 1


def _place_under(context: Any, event: Any) -> tuple[float, float]:
    """Return the place of the picture under the mouse, 0..1 from the bottom left.

    Raises:
        AddonError: not over an Image or Movie Clip editor.
    """
    for area in context.window.screen.areas:
        if area.type not in _EDITORS:
            continue
        for region in (r for r in area.regions if r.type == "WINDOW"):
            x, y = event.mouse_x - region.x, event.mouse_y - region.y
            if 0 <= x < region.width and 0 <= y < region.height:
                place = region.view2d.region_to_view(x, y)
                return place[0], place[1]
    raise AddonError("expected a drag over the plate in an Image or Movie Clip editor")


class PULLFOCUS_OT_follow(JobOperator, bpy.types.Operator):
    """Follow the box, or the mask of this frame, through all frames; becomes the layer's matte"""

    bl_idname = "pullfocus.follow"
    bl_label = "Follow"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    _layer: str

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether a layer is chosen."""
        return chosen_matte(context.scene) is not None

    def prepare(self, context: Any) -> Job:
        """Write the key and build the command."""
        scene, settings = context.scene, context.scene.pullfocus
        matte, plate = chosen_matte(scene), plate_path(scene)
        if matte is None:
            raise AddonError("expected a layer to follow, got none: add a matte")
        out = Path(folders(scene)[0]).with_suffix(".followed") / matte.name
        number = plate_number(scene, plate)
        if matte.key_from == "BOX":
            if matte.box[2] <= 0:
                raise AddonError(f"expected a box for the layer {matte.name!r}: press Draw Box")
            mark = ("--box", f"{matte.box_frame}={','.join(str(v) for v in matte.box)}")
        else:
            if matte.mask is None:
                raise AddonError(f"expected a mask for the layer {matte.name!r}, got none")
            key = key_mask(scene, matte.mask, out.with_name(f"{matte.name}_key"), plate, number)
            mark = ("--key", f"{number}={key}")
        self._layer = matte.name
        command = follow_command(
            launcher(context),
            plate,
            layer=matte.name,
            mark=mark,
            out=str(out),
            colorspace=settings.colorspace.strip(),
            frames=settings.frames.strip(),
        )
        return Job("Follow", [command], folder=str(out))

    def finish(self, context: Any, scene: Any, job: Job) -> str:
        """Make what was found the layer's matte."""
        said = job.results[-1]
        matte = next((m for m in scene.pullfocus.mattes if m.name == self._layer), None)
        if matte is None:
            raise AddonError(f"expected the layer {self._layer!r}, it was removed meanwhile")
        matte.source, matte.path = "PATH", said["first"]
        sure, wanted = min(said["confidence"][self._layer]), said["next_key"][self._layer]
        line = f"{self._layer}: {said['frames']} frames, least sure {100 * sure:.0f} %"
        return line + (f"; one more key would help most at frame {wanted}" if wanted else "")


CLASSES = (PULLFOCUS_OT_draw_box, PULLFOCUS_OT_follow)
