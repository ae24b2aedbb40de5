# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that run pullfocus: modal in the window, waiting in scripts and in the background."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy

from .errors import AddonError
from .worker import Job

PREVIEW = "PullFocus Preview"
_LOOK_EVERY_S = 0.2

_jobs: list[Job] = []  # the running or last one; one at a time


def current_job() -> Job | None:
    """Return the job that runs, or ran last."""
    return _jobs[0] if _jobs else None


def end_jobs() -> None:
    """Stop what runs; a solve saves first."""
    for job in _jobs:
        if job.running:
            job.end()
    _jobs.clear()


class JobOperator:
    """Starts a job, follows it, and does something with its result."""

    _timer: Any = None
    _job: Job
    _scene: str

    def prepare(self, context: Any) -> Job:
        """Return the job to run.

        Raises:
            AddonError: what it needs is not there.
        """
        raise NotImplementedError

    def finish(self, context: Any, scene: Any, job: Job) -> str:
        """Do what follows a job that is done; returns a line for the user.

        Raises:
            AddonError: that cannot be done.
        """
        raise NotImplementedError

    def failed(self, context: Any, text: str) -> None:
        """Keep why it failed where the button is; a report is gone in seconds."""

    def execute(self, context: Any) -> set[str]:
        """Run and wait."""
        if not self._begin(context):
            return {"CANCELLED"}
        while self._job.running:
            if not self._job.update():
                time.sleep(0.02)
        return self._end(context)

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Run beside Blender."""
        if bpy.app.background:
            return self.execute(context)
        if not self._begin(context):
            return {"CANCELLED"}
        manager = context.window_manager
        self._timer = manager.event_timer_add(_LOOK_EVERY_S, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        """Look how far it is."""
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        seen = self._job.previews
        if self._job.update():
            if self._job.previews != seen:
                show_preview(self._job.preview)
            redraw(context)
        if self._job.running:
            return {"PASS_THROUGH"}
        context.window_manager.event_timer_remove(self._timer)
        redraw(context)
        return self._end(context)

    def cancel(self, context: Any) -> None:
        """Blender closes, or loads another file."""
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
        self._job.end()

    def _begin(self, context: Any) -> bool:
        running = current_job()
        if running is not None and running.running:
            self.report({"ERROR"}, f"Expected one job at a time, {running.title} is running")
            return False
        try:
            self._job = self.prepare(context)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            self.failed(context, str(error))
            return False
        self._scene = context.scene.name
        _jobs[:] = [self._job]
        return True

    def _end(self, context: Any) -> set[str]:
        job = self._job
        if job.preview:
            show_preview(job.preview)
        for note in job.notes:
            self.report({"INFO"}, note)
        if job.stopped:
            self.report({"WARNING"}, f"{job.title} stopped; what was done is kept")
            return {"CANCELLED"}
        if job.error:
            self.report({"ERROR"}, job.error)
            self.failed(context, job.error)
            return {"CANCELLED"}
        scene = bpy.data.scenes.get(self._scene) or context.scene
        try:
            self.report({"INFO"}, self.finish(context, scene, job))
        except AddonError as error:
            job.error = str(error)
            self.report({"ERROR"}, job.error)
            self.failed(context, job.error)
            return {"CANCELLED"}
        return {"FINISHED"}


def show_preview(path: str) -> None:
    """Load or refresh the picture of a running solve, for any Image editor."""
    if not Path(path).is_file():
        return
    image = bpy.data.images.get(PREVIEW)
    if image is None:
        image = bpy.data.images.load(path)
        image.name = PREVIEW
    elif Path(bpy.path.abspath(image.filepath)) != Path(path):
        image.filepath = path
    image.reload()


def redraw(context: Any) -> None:
    """Redraw the editors that show how far a job is."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("NODE_EDITOR", "IMAGE_EDITOR", "CLIP_EDITOR", "PREFERENCES"):
                area.tag_redraw()
