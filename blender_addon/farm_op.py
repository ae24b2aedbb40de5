# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator that sends a shot to the render farm, as a job of Open Job Description."""

from __future__ import annotations

from typing import Any

import bpy

from .command import default_bundle, farm_command, submit_command
from .footage import folders, plate_path
from .job_operator import JobOperator
from .preferences import launcher, preferences
from .relative_paths import absolute
from .solve_op import solve_order
from .worker import Job


class PULLFOCUS_OT_send_to_farm(JobOperator, bpy.types.Operator):
    """Write solve and bake as a job for a render farm, and submit it; import the passes later"""

    bl_idname = "pullfocus.send_to_farm"
    bl_label = "Send to Farm"
    bl_options = {"REGISTER"}  # noqa: RUF012 - Blender's way

    def prepare(self, context: Any) -> Job:
        """Build the commands; masks and view layers are written first."""
        scene = context.scene
        bundle = absolute(scene.pullfocus.job_path)
        bundle = bundle or default_bundle(plate_path(scene), bpy.data.filepath)
        _, passes = folders(scene)
        commands = [
            farm_command(launcher(context), solve_order(context), passes=passes, bundle=bundle)
        ]
        submit = preferences(context).submit.strip()
        if submit:
            commands.append(submit_command(submit, bundle))
        return Job("Send to Farm", commands)

    def finish(self, context: Any, scene: Any, job: Job) -> str:
        """Say where the job is."""
        bundle = job.results[0]["bundle"]
        sent = len(job.commands) > 1
        return f"{'Submitted' if sent else 'Wrote'} {bundle}"


CLASSES = (PULLFOCUS_OT_send_to_farm,)
