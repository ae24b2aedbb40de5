# SPDX-License-Identifier: Apache-2.0
"""Send a shot to the render farm: footage goes to disk, a job is written, and submitted."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import Sequence

import nuke

from pullfocus_nuke import dialogs
from pullfocus_nuke.command import clean_environment, farm_command, program, submit_words
from pullfocus_nuke.errors import GizmoError
from pullfocus_nuke.running import Cancelled, run_command
from pullfocus_nuke.solving import asked_job, in_main, tell_notes, write_footage
from pullfocus_nuke.telling import tell

__all__ = ["send", "send_to_farm"]


def send_to_farm() -> threading.Thread | None:
    """Ask what to solve, write it, and write its job beside Nuke.

    Returns:
        The thread that does it, or None when there is nothing to do.
    """
    try:
        job = asked_job(dialogs.FARM)
        if job is None:
            return None
        executable = program()
        tell_notes(write_footage(job))
    except GizmoError as error:
        tell(str(error))
        return None
    words = farm_command(
        executable,
        job.footage("plate"),
        job.matte_files,
        job.folder + "/job",
        solve=job.solve,
        passes=job.passes,
        **job.options(),
    )
    thread = threading.Thread(target=send, args=(words,), daemon=True)
    thread.start()
    return thread


def send(words: Sequence[str]) -> None:
    """Write a job, submit it by $PULLFOCUS_SUBMIT, and say where it is; for a thread of its own."""
    task = nuke.ProgressTask("pullfocus")
    try:
        bundle = str(run_command(words, task)["bundle"])
        submit = submit_words(bundle)
        if submit:
            _submit(submit)
    except Cancelled:
        in_main(tell, "pullfocus stopped: nothing was sent.")
    except GizmoError as error:
        in_main(tell, f"pullfocus: {error}")
    else:
        said = "submitted" if submit else "submit it with: deadline bundle submit"
        in_main(tell, f"{bundle}: {said}. When it is done: PullFocus > Import passes...")
    finally:
        del task  # its bar goes with it


def _submit(words: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environment(os.environ),
            check=False,
        )
    except OSError as error:
        raise GizmoError(f"cannot run {words[0]}: {error.strerror}") from error
    if done.returncode:
        lines = done.stdout.decode("utf-8", "replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        raise GizmoError(f"{words[0]}: {said[-1] if said else f'exit code {done.returncode}'}")
