# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: solve, bake, test the installation, stop what runs, and the list of mattes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .command import SolveOrder, bake_command, doctor_command, doctor_summary, solve_command
from .editors import show_node
from .errors import AddonError
from .footage import folders, matte_paths, plate_path
from .import_passes import import_passes
from .job_operator import PREVIEW, JobOperator, current_job
from .passes import read_passes
from .preferences import launcher, preferences
from .worker import Job


def solve_order(context: Any) -> SolveOrder:
    """Return what the panel says to solve; masks and view layers are written first.

    Raises:
        AddonError: something that it needs is not there.
    """
    scene, settings = context.scene, context.scene.pullfocus
    plate = plate_path(scene)
    solve, _ = folders(scene)
    return SolveOrder(
        plate=plate,
        mattes=matte_paths(scene, plate, Path(solve).with_suffix(".mattes")),
        out=solve,
        quality=settings.quality,
        minutes=settings.minutes if settings.use_minutes else None,
        colorspace=settings.colorspace.strip(),
        frames=settings.frames.strip(),
        device=preferences(context).device,
        restart=settings.restart,
    )


def _import(operator: Any, context: Any, scene: Any, job: Job) -> str:
    passes = read_passes(Path(job.results[-1]["passes_json"]))
    done = import_passes(scene, passes, solve=Path(job.folder))
    scene.pullfocus.shot = done.group
    if scene == context.scene:
        show_node(done.node)
    for note in done.notes:
        operator.report({"INFO"}, note)
    return f"{passes.name} is ready: {len(passes.frames)} frames, {len(passes.layers)} layers"


class PULLFOCUS_OT_solve(JobOperator, bpy.types.Operator):
    """Solve the shot, bake its passes and import them; goes on where an earlier solve stopped"""

    bl_idname = "pullfocus.solve"
    bl_label = "Solve"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender's way

    def prepare(self, context: Any) -> Job:
        """Build the commands; masks and view layers are written first."""
        start = launcher(context)
        order = solve_order(context)
        solve, passes = folders(context.scene)
        command = solve_command(start, order)
        try:
            Path(solve).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AddonError(f"expected to write {solve}, got: {error.strerror}") from error
        commands = [command, bake_command(start, solve, passes)]
        return Job("Solve", commands, folder=solve, steps=("solve", "bake", "import"))

    def finish(self, context: Any, scene: Any, job: Job) -> str:
        """Import what was baked."""
        scene.pullfocus.restart = False
        return _import(self, context, scene, job)


class PULLFOCUS_OT_bake(JobOperator, bpy.types.Operator):
    """Write and import the passes of a solve, finished or stopped"""

    bl_idname = "pullfocus.bake"
    bl_label = "Bake"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def prepare(self, context: Any) -> Job:
        """Build the command."""
        solve, passes = folders(context.scene)
        if not (Path(solve) / "settings.json").is_file():
            raise AddonError(f"expected a solve to bake, got none in {solve}")
        command = bake_command(launcher(context), solve, passes)
        return Job("Bake", [command], folder=solve, steps=("bake", "import"))

    def finish(self, context: Any, scene: Any, job: Job) -> str:
        """Import what was baked."""
        return _import(self, context, scene, job)


class PULLFOCUS_OT_test(JobOperator, bpy.types.Operator):
    """Start pullfocus and show its version and the device it finds"""

    bl_idname = "pullfocus.test"
    bl_label = "Test"

    def prepare(self, context: Any) -> Job:
        """Build the command."""
        preferences(context).found = ""
        return Job("Test", [doctor_command(launcher(context))])

    def finish(self, context: Any, scene: Any, job: Job) -> str:
        """Show what was found."""
        found = doctor_summary(job.lines)
        held = preferences(context)
        held.found, held.wrong = found, found.count("; ") > 1  # complaints follow version and CPU
        return found

    def failed(self, context: Any, text: str) -> None:
        """Show it where the answer would be."""
        held = preferences(context)
        held.found, held.wrong = text, True


class PULLFOCUS_OT_open_preferences(bpy.types.Operator):
    """Open the preferences of PullFocus, where the command is set and tested"""

    bl_idname = "pullfocus.open_preferences"
    bl_label = "Set It in Preferences"

    def execute(self, context: Any) -> set[str]:
        """Open them."""
        bpy.ops.preferences.addon_show(module=__package__)
        return {"FINISHED"}


class PULLFOCUS_OT_cancel(bpy.types.Operator):
    """Save and stop; Solve goes on from there later"""

    bl_idname = "pullfocus.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether something runs."""
        job = current_job()
        return job is not None and job.running

    def execute(self, context: Any) -> set[str]:
        """Stop it."""
        job = current_job()
        if job is not None:
            job.stop()
        return {"FINISHED"}


class PULLFOCUS_OT_show_preview(bpy.types.Operator):
    """Show how far the solve is: plate, sharp, matte, circle of confusion, error"""

    bl_idname = "pullfocus.show_preview"
    bl_label = "Show Preview"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a picture."""
        return PREVIEW in bpy.data.images

    def execute(self, context: Any) -> set[str]:
        """Show it in an Image editor."""
        from .editors import show_image

        if not show_image(context, bpy.data.images[PREVIEW], mode="VIEW"):
            self.report({"WARNING"}, f"Open an Image editor and choose {PREVIEW}")
        return {"FINISHED"}


class PULLFOCUS_OT_use_as_plate(bpy.types.Operator):
    """Take what this editor shows as the plate to solve"""

    bl_idname = "pullfocus.use_as_plate"
    bl_label = "Use as Plate"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether the editor shows footage."""
        return _footage_of(context) is not None

    def execute(self, context: Any) -> set[str]:
        """Take it."""
        source, footage = _footage_of(context)
        settings = context.scene.pullfocus
        settings.plate_source = source
        setattr(settings, f"plate_{source.lower()}", footage)
        return {"FINISHED"}


def _footage_of(context: Any) -> Any:
    """Return ("CLIP", clip) or ("IMAGE", image) of the editor, None where it shows neither."""
    clip = getattr(context.space_data, "clip", None)
    if clip is not None:
        return "CLIP", clip
    image = getattr(context.space_data, "image", None)
    if image is not None and image.source in ("SEQUENCE", "MOVIE"):
        return "IMAGE", image
    return None


class PULLFOCUS_OT_matte_add(bpy.types.Operator):
    """Add a layer with a matte, behind the others; what no matte covers is the background"""

    bl_idname = "pullfocus.matte_add"
    bl_label = "Add Matte"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        """Add it, under a name that is free."""
        settings = context.scene.pullfocus
        taken = {matte.name for matte in settings.mattes}
        names = ["fg", *(f"fg{number}" for number in range(2, len(taken) + 3))]
        matte = settings.mattes.add()
        matte.name = next(name for name in names if name not in taken)
        settings.matte_index = len(settings.mattes) - 1
        return {"FINISHED"}


class PULLFOCUS_OT_matte_remove(bpy.types.Operator):
    """Remove the chosen layer"""

    bl_idname = "pullfocus.matte_remove"
    bl_label = "Remove Matte"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is one."""
        return len(context.scene.pullfocus.mattes) > 0

    def execute(self, context: Any) -> set[str]:
        """Remove it."""
        settings = context.scene.pullfocus
        settings.mattes.remove(min(settings.matte_index, len(settings.mattes) - 1))
        settings.matte_index = max(0, min(settings.matte_index, len(settings.mattes) - 1))
        return {"FINISHED"}


CLASSES = (
    PULLFOCUS_OT_solve,
    PULLFOCUS_OT_bake,
    PULLFOCUS_OT_test,
    PULLFOCUS_OT_open_preferences,
    PULLFOCUS_OT_cancel,
    PULLFOCUS_OT_show_preview,
    PULLFOCUS_OT_use_as_plate,
    PULLFOCUS_OT_matte_add,
    PULLFOCUS_OT_matte_remove,
)
