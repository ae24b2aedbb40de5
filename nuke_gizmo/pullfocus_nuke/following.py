# SPDX-License-Identifier: Apache-2.0
"""Follow a matte from Nuke: one Roto on one frame is written, pullfocus follows it beside."""

from __future__ import annotations

import re
import threading
from typing import Any, Sequence

import nuke

from pullfocus_nuke import dialogs
from pullfocus_nuke.command import matte_command, program
from pullfocus_nuke.errors import GizmoError
from pullfocus_nuke.passes import knob_text
from pullfocus_nuke.placing import new_node
from pullfocus_nuke.running import Cancelled, run_command
from pullfocus_nuke.solving import (
    Job,
    asked_job,
    in_main,
    tell_notes,
    working_space,
    write_footage,
)
from pullfocus_nuke.telling import tell
from pullfocus_nuke.writing import write_exr

__all__ = ["follow_matte", "run_follow"]


def follow_matte() -> threading.Thread | None:
    """Ask for plate and Roto, write the plate and the Roto's current frame, and follow it.

    Returns:
        The thread that watches the command, or None when there is nothing to watch.
    """
    try:
        job = asked_job(dialogs.FOLLOW)
        if job is None:
            return None
        if not job.mattes:
            raise GizmoError("expected a Roto on this frame to follow, got none")
        frame = int(nuke.frame())
        if not job.first <= frame <= job.last:
            raise GizmoError(
                f"expected the current frame within {job.first}-{job.last}, got {frame}:"
                " go to the frame of the Roto"
            )
        executable = program()
        plate_alone = Job(
            job.folder, job.plate, (), job.first, job.last, job.quality, job.write, job.restart
        )
        tell_notes(write_footage(plate_alone))
        keys = [(name, frame, _written_key(job, name, node, frame)) for name, node in job.mattes]
    except GizmoError as error:
        tell(str(error))
        return None
    words = matte_command(
        executable,
        job.footage("plate"),
        keys,
        job.folder + "/followed",
        frames=f"{job.first}-{job.last}",
        colorspace=working_space(),
    )
    thread = threading.Thread(target=run_follow, args=(words,), daemon=True)
    thread.start()
    return thread


def _written_key(job: Job, name: str, node: Any, frame: int) -> str:
    path = f"{job.folder}/key_{name}.####.exr"
    try:
        write_exr(node, path, "alpha", frame, frame)
    except RuntimeError as error:
        raise GizmoError(f"{node.name()} was not written: {str(error).strip()}") from error
    return path.replace("####", f"{frame:04d}")


def run_follow(words: Sequence[str]) -> None:
    """Follow, and bring every layer's matte into the script; for a thread of its own."""
    task = nuke.ProgressTask("pullfocus")
    try:
        done = run_command(words, task)
    except Cancelled:
        in_main(tell, "pullfocus stopped: no matte was followed.")
    except GizmoError as error:
        in_main(tell, f"pullfocus: {error}")
    else:
        for name, pattern in sorted((done.get("mattes") or {}).items()):
            in_main(_read, "{} {} {}".format(name, words[words.index("--frames") + 1], pattern))
        wanted = {k: v for k, v in (done.get("next_key") or {}).items() if v is not None}
        for name, frame in sorted(wanted.items()):
            in_main(tell, f"{name}: one more key would help most at frame {frame}.")
    finally:
        del task  # its bar goes with it


def _read(text: str) -> None:
    """Make a Read of a followed matte: name, frames and pattern with a space between."""
    name, frames, pattern = text.split(" ", 2)
    first, last = (int(number) for number in re.findall(r"(?<!\d)-?\d+", frames))
    node = new_node("Read")
    node["file"].setValue(knob_text(pattern))
    for knob, value in (("first", first), ("last", last), ("origfirst", first), ("origlast", last)):
        node[knob].setValue(value)
    node["raw"].setValue(True)
    node["label"].setValue("matte " + name)
