# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: paint a layer's atlas, save or reset it, carry it through the solve."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from .command import edit_command
from .editors import show_image, show_node
from .errors import AddonError
from .import_passes import import_passes, layer_names, painted_path, passes_of
from .job_operator import JobOperator
from .live_paint import watch
from .passes import Layer, read_passes
from .preferences import launcher
from .relative_paths import SOLVE_KEY, absolute, stored_path
from .same_shot import painted_layers
from .solve_state import recorded_solve
from .worker import Job

_LAYER = StringProperty(name="Layer", description="Name of the layer")


def _held(context: Any, name: str) -> tuple[Layer, Any]:
    """Return a layer and the image that is painted on.

    Raises:
        AddonError: no such layer, or its image is gone.
    """
    group = context.scene.pullfocus.shot
    names = layer_names(group)
    if name not in names:
        raise AddonError(f"expected one of {', '.join(names)}, got {name!r}")
    layer = next(layer for layer in passes_of(group).layers if layer.name == name)
    node = group.nodes.get(f"{name} painted")
    if node is None or node.image is None:
        raise AddonError(f"expected an image to paint in the group, got none for {name}")
    return layer, node.image


def save_paint(layer: Layer, image: Any) -> Path:
    """Write a painted atlas beside the passes, whole or not at all; returns its path.

    Raises:
        AddonError: the folder cannot be written to.
    """
    target = painted_path(layer.atlas)
    try:
        handle, temporary = tempfile.mkstemp(suffix=".exr", dir=target.parent)
        os.close(handle)
        own = image.filepath_raw
        try:
            image.file_format = "OPEN_EXR"
            image.filepath_raw = temporary
            image.save()
            Path(temporary).replace(target)
        except BaseException:
            image.filepath_raw = own
            Path(temporary).unlink(missing_ok=True)
            raise
    except (OSError, RuntimeError) as error:
        raise AddonError(f"expected to write {target}, got: {error}") from error
    image.filepath_raw = stored_path(target)
    return target


def _solve_of(scene: Any) -> str:
    """Return the solve folder of the scene's shot: the one it was made with, else named by it.

    Raises:
        AddonError: it is not known, or not there.
    """
    group = scene.pullfocus.shot
    known = absolute(group.get(SOLVE_KEY, ""))
    if known and _is_solve(known):
        return known
    recorded = recorded_solve(passes_of(group))
    if recorded is not None:
        return str(recorded)
    known = absolute(scene.pullfocus.solve_path) or known
    if not known:
        raise AddonError("expected the solve of this shot: set Solve in the Solve panel")
    if not _is_solve(known):
        raise AddonError(f"expected the solve of this shot, got none in {known}")
    return known


def _is_solve(folder: str) -> bool:
    return (Path(folder) / "settings.json").is_file()


class _LayerOperator:
    """Does something to a layer of the scene's shot."""

    layer: str

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a shot."""
        return context.scene.pullfocus.shot is not None

    def execute(self, context: Any) -> set[str]:
        """Do it."""
        try:
            self.report({"INFO"}, self.change(context, *_held(context, self.layer)))
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def change(self, context: Any, layer: Layer, image: Any) -> str:
        """Return a line for the user."""
        raise NotImplementedError


class PULLFOCUS_OT_paint(_LayerOperator, bpy.types.Operator):
    """Open the layer's atlas for painting; every frame follows"""

    bl_idname = "pullfocus.paint"
    bl_label = "Paint Atlas"

    layer: _LAYER

    def change(self, context: Any, layer: Layer, image: Any) -> str:
        """Open it in an Image editor; from then on it has a file of its own.

        So that saving the image the usual way does not overwrite the atlas as baked.
        """
        if not painted_path(layer.atlas).exists():
            save_paint(layer, image)
        watch(image)
        if not show_image(context, image, mode="PAINT"):
            return f"Open an Image editor and paint on {image.name}"
        return f"Painting on {image.name}; Save Paint keeps it"


class PULLFOCUS_OT_save_paint(_LayerOperator, bpy.types.Operator):
    """Write the painted atlas beside the passes"""

    bl_idname = "pullfocus.save_paint"
    bl_label = "Save Paint"

    layer: _LAYER

    def change(self, context: Any, layer: Layer, image: Any) -> str:
        """Save it."""
        return f"Saved {save_paint(layer, image)}"


class PULLFOCUS_OT_reset_paint(_LayerOperator, bpy.types.Operator):
    """Go back to the atlas as it was baked; the saved file stays until Save Paint"""

    bl_idname = "pullfocus.reset_paint"
    bl_label = "Reset Paint"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    layer: _LAYER

    def change(self, context: Any, layer: Layer, image: Any) -> str:
        """Load the atlas again."""
        if not layer.atlas.is_file():
            raise AddonError(f"expected the atlas as baked, got no file at {layer.atlas}")
        image.filepath = stored_path(layer.atlas)
        image.reload()
        return f"{layer.name} is as it was baked"


class PULLFOCUS_OT_propagate(JobOperator, bpy.types.Operator):
    """Carry the paint through the solve with pullfocus edit, exactly, into passes of their own"""

    bl_idname = "pullfocus.propagate"
    bl_label = "Propagate Exactly"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    layer: _LAYER
    in_place: BoolProperty(
        name="Show in Its Place",
        default=True,
        description="Show the new passes where the shot is shown, with the same links, settings and"
        " keys; off: write them, and import nothing",
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a shot."""
        return context.scene.pullfocus.shot is not None

    def prepare(self, context: Any) -> Job:
        """Save the paint and build the command."""
        layer, image = _held(context, self.layer)
        start = launcher(context)
        solve = _solve_of(context.scene)
        painted = save_paint(layer, image)
        out = layer.atlas.parent.with_name(f"{layer.atlas.parent.name}_painted_{layer.name}")
        command = edit_command(start, solve, layer=layer.name, atlas=str(painted), out=str(out))
        self._shot = context.scene.pullfocus.shot.name
        return Job("Propagate", [command], folder=solve, steps=("edit", "import"))

    def finish(self, context: Any, scene: Any, job: Job) -> str:
        """Show the passes, or say where they are."""
        first = Path(job.results[-1]["first"])
        if not self.in_place:
            return f"Wrote {first}; Import Passes shows them"
        shot = bpy.data.node_groups.get(self._shot)  # it may have been removed meanwhile
        left = [] if shot is None else [n for n in painted_layers(shot) if n != self.layer]
        done = import_passes(
            scene, read_passes(first.parent), solve=Path(job.folder), instead_of=shot
        )
        scene.pullfocus.shot = done.group
        if scene == context.scene:
            show_node(done.node)
        for note in done.notes:
            self.report({"INFO"}, note)
        lost = f"; without the paint on {', '.join(left)}, which is not in them" if left else ""
        return f"Shows the passes in {first.parent}{lost}"


CLASSES = (
    PULLFOCUS_OT_paint,
    PULLFOCUS_OT_save_paint,
    PULLFOCUS_OT_reset_paint,
    PULLFOCUS_OT_propagate,
)
