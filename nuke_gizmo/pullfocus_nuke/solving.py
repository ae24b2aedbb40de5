# SPDX-License-Identifier: Apache-2.0
"""Solve from Nuke: plate and rotos go to disk, pullfocus runs beside, passes come back."""

from __future__ import annotations

import os
import re
import tempfile
import textwrap
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

import nuke

from pullfocus_nuke import dialogs
from pullfocus_nuke.asking import asked
from pullfocus_nuke.command import bake_command, program, rate_text, remember_program, solve_command
from pullfocus_nuke.errors import GizmoError
from pullfocus_nuke.exr_pixels import same_pixels
from pullfocus_nuke.importing import import_passes
from pullfocus_nuke.running import Cancelled, run_command
from pullfocus_nuke.slow import slow_line
from pullfocus_nuke.telling import tell
from pullfocus_nuke.writing import write_exr

__all__ = [
    "Job",
    "asked_job",
    "in_main",
    "job_from_answers",
    "run_job",
    "set_program",
    "solve",
    "tell_notes",
    "working_space",
    "write_footage",
]

_ROTO = ("Roto", "RotoPaint")
_OURS = ".pullfocus"  # in folders whose frames may be written again
_LAYER = re.compile(r"[a-z][a-z0-9_]*$")
_WORKING_SPACES = {
    "acescg": "ACEScg",
    "aces - acescg": "ACEScg",
    "linear": "lin_rec709_srgb",
    "linear rec.709 (srgb)": "lin_rec709_srgb",
}


@dataclass(frozen=True)
class Job:
    """One solve."""

    folder: str
    """For plate, mattes, solve and passes."""
    plate: Any
    """Node."""
    mattes: tuple[tuple[str, Any], ...]
    """Layer name and node, front to back."""
    first: int
    last: int
    quality: str
    write: bool
    """Write plate and mattes, even where files are there already; those that do not change stay, so
    that an earlier solve can go on."""
    restart: bool = False
    """Discard an earlier solve in the folder instead of going on with it."""

    @property
    def passes(self) -> str:
        """Where the passes go."""
        return self.folder + "/passes"

    @property
    def solve(self) -> str:
        """Where the solve is kept."""
        return self.folder + "/shot.solve"

    @property
    def matte_files(self) -> list[tuple[str, str]]:
        """Layer name and frames, front to back."""
        return [(name, self.footage(name)) for name, _ in self.mattes]

    def options(self) -> dict[str, str]:
        """Return what a command is told beside plate, mattes and folders."""
        return {
            "quality": self.quality,
            "frames": f"{self.first}-{self.last}",
            "rate": rate_text(nuke.root()["fps"].value()),
            "colorspace": working_space(),
        }

    def footage(self, name: str) -> str:
        """Return the frames of plate or matte, with #### for the number."""
        return f"{self.folder}/{name}/{name}.####.exr"


def solve() -> threading.Thread | None:
    """Ask what to solve, write it, and start solving beside Nuke.

    Returns:
        The thread that watches the solve, or None when there is nothing to watch.
    """
    try:
        executable = program()
        job = asked_job(dialogs.SOLVE, slow=slow_line(executable))
        if job is None:
            return None
        tell_notes(write_footage(job))
    except GizmoError as error:
        tell(str(error))
        return None
    words = solve_command(
        executable,
        job.footage("plate"),
        job.matte_files,
        job.solve,
        restart=job.restart,
        **job.options(),
    )
    bake = bake_command(executable, job.solve, job.passes)
    thread = threading.Thread(target=run_job, args=(words, bake, job.passes), daemon=True)
    thread.start()
    return thread


def run_job(solve_words: Sequence[str], bake_words: Sequence[str], passes: str) -> None:
    """Solve, bake, and bring the passes into the script; for a thread of its own."""
    task = nuke.ProgressTask("pullfocus")
    try:
        run_command(solve_words, task)
        run_command(bake_words, task)
    except Cancelled:
        in_main(
            tell,
            "pullfocus stopped. What was solved is kept: solve again with the same folder to go"
            " on.",
        )
    except GizmoError as error:
        hint = " (tick Start over in the dialog)" if "--restart" in str(error) else ""
        in_main(tell, f"pullfocus: {error}{hint}")
    else:
        in_main(import_passes, passes)
    finally:
        del task  # its bar goes with it


def in_main(call: Any, argument: str) -> None:
    """Call something with a text in Nuke's main thread, from another one."""
    nuke.executeInMainThread(call, (argument,))


def asked_job(dialog: dialogs.Dialog, slow: str = "") -> Job | None:
    """Ask what to solve in a dialog that is filled in from the selection; None: cancelled.

    Args:
        dialog: which one.
        slow: what makes this machine slow; shown in the dialog.

    Raises:
        GizmoError: an answer that can't be.
    """
    selected = list(reversed(nuke.selectedNodes()))
    rotos = [node for node in selected if node.Class() in _ROTO]
    plates = [node for node in selected if node.Class() not in _ROTO]
    names = ["fg", "fg2", "fg3", "fg4", "fg5", "fg6"]
    mattes = " ".join(f"{layer}={roto.name()}" for layer, roto in zip(names, rotos))
    plate = plates[0] if plates else None
    first, last = _range(plate)
    starts: dict[str, str | bool] = {
        dialogs.PLATE.label: plate.name() if plate is not None else "",
        dialogs.MATTES.label: mattes,
        dialogs.FRAMES.label: f"{first}-{last}",
        dialogs.QUALITY.label: " ".join(dialogs.QUALITIES),
        dialogs.FOLDER.label: _default_folder(plate),
        dialogs.WRITE.label: True,
        dialogs.RESTART.label: False,
    }
    if slow:
        starts[dialogs.SLOW.label] = "\n".join(textwrap.wrap(slow, 60))
    answers = asked(dialog, starts)
    if answers is None:
        return None
    texts = (dialogs.PLATE, dialogs.MATTES, dialogs.FRAMES, dialogs.QUALITY, dialogs.FOLDER)
    return job_from_answers(
        *(answers[field.label] for field in texts),
        write=bool(answers[dialogs.WRITE.label]),
        restart=bool(answers[dialogs.RESTART.label]),
    )


def job_from_answers(
    plate: str,
    mattes: str,
    frames: str,
    quality: str,
    folder: str,
    *,
    write: bool = True,
    restart: bool = False,
) -> Job:
    """Check what was typed.

    Raises:
        GizmoError: no such node, a layer name that passes cannot carry, no frame range.
    """
    pairs: list[tuple[str, Any]] = []
    for word in mattes.split():
        name, _, node = word.partition("=")
        if not _LAYER.match(name) or not node:
            raise GizmoError(f"expected mattes such as fg=Roto1, got {word!r}")
        if name in ("plate", "bg") or name in [one for one, _ in pairs]:
            raise GizmoError(f"expected another name for a matte, got {name!r}")
        pairs.append((name, _node(node)))
    match = re.match(r"\s*(-?\d+)(?:\s*-\s*(-?\d+))?\s*$", frames)
    if match is None:
        raise GizmoError(f"expected frames such as 1001-1060, got {frames!r}")
    first, last = int(match.group(1)), int(match.group(2) or match.group(1))
    if last - first < 1:
        raise GizmoError(f"expected two frames or more, got {frames!r}")
    if not folder.strip():
        raise GizmoError("expected a folder for the solve, got none")
    where = Path(folder.strip()).absolute().as_posix()
    return Job(where, _node(plate), tuple(pairs), first, last, quality, write, restart)


def _node(name: str) -> Any:
    node = nuke.toNode(name.strip()) if name.strip() else None
    if node is None:
        raise GizmoError(f"expected a node of this script, got {name!r}")
    return node


def _range(plate: Any) -> tuple[int, int]:
    if plate is not None:
        return int(plate.firstFrame()), int(plate.lastFrame())
    root = nuke.root()
    return int(root["first_frame"].value()), int(root["last_frame"].value())


def _default_folder(plate: Any) -> str:
    """Beside the script; where there is none yet, in Nuke's temporary folder."""
    script = nuke.root()["name"].value()
    if script:
        base = Path(script).parent
    else:
        base = Path(os.environ.get("NUKE_TEMP_DIR") or tempfile.gettempdir())
    name = plate.name() if plate is not None else "shot"
    return (base / "pullfocus" / name).as_posix()


def working_space() -> str:
    """Return the script's scene-linear space by the name that pullfocus knows, or nothing."""
    return _WORKING_SPACES.get(_script_space().lower(), "")


def _script_space() -> str:
    knob = nuke.root().knob("workingSpaceLUT")
    return str(knob.value()) if knob is not None else ""


def tell_notes(notes: Sequence[str]) -> None:
    """Say what was not written, and where pullfocus does not know the script's space by name."""
    unknown = []
    if _script_space() and not working_space():
        unknown = [
            f"pullfocus does not know the working space {_script_space()!r}: footage is solved as"
            " it is, and the passes come back in the same space without its name."
        ]
    if unknown or notes:
        tell("\n".join([*unknown, *notes]))


def write_footage(job: Job) -> list[str]:
    """Write plate and mattes as EXR, in the script's working space.

    Returns:
        What was not written although it could be old, a line each.

    Raises:
        GizmoError: Nuke could not render them, it was stopped, or files are there that somebody
            else made; what was there stays.
    """
    notes = []
    for name, node, channels in [("plate", job.plate, "rgb")] + [
        (name, node, "alpha") for name, node in job.mattes
    ]:
        path = job.footage(name)
        files = _files(path, job.first, job.last)
        if not job.write and all(file.is_file() for file in files):
            written = time.localtime(min(file.stat().st_mtime for file in files))
            date = time.strftime("%Y-%m-%d %H:%M", written)
            notes.append(f"{name}: using the files of {date}, whatever {node.name()} is now.")
            continue
        beside = f"{job.folder}/{name}/new.####.exr"
        fresh = _files(beside, job.first, job.last)
        ours = Path(path).parent / _OURS
        if not ours.exists() and any(map(os.path.lexists, [*files, *fresh])):
            raise GizmoError(
                f"{Path(path).parent} holds frames that were not written from here, and would be"
                " written over: choose another folder"
            )
        try:
            ours.parent.mkdir(parents=True, exist_ok=True)
            ours.touch()
        except OSError as error:
            raise GizmoError(f"cannot write to {job.folder}: {error.strerror}") from error
        try:
            write_exr(node, beside, channels, job.first, job.last)
        except RuntimeError as error:
            for file in filter(Path.is_file, fresh):
                file.unlink()
            raise GizmoError(f"{node.name()} was not written: {str(error).strip()}") from error
        if not all(file.is_file() for file in fresh):
            raise GizmoError(f"{node.name()} was not written to {path}")
        for new, file in zip(fresh, files):
            if same_pixels(new, file):
                new.unlink()  # pullfocus knows its footage by what the files hold, dates and all
            else:
                new.replace(file)
    return notes


def _files(pattern: str, first: int, last: int) -> list[Path]:
    path = Path(pattern)
    return [path.with_name(path.name.replace("####", f"{n:04d}")) for n in range(first, last + 1)]


def set_program() -> None:
    """Ask where the pullfocus executable is, and remember it."""
    path = nuke.getFilename("The pullfocus program")
    if not path:
        return
    try:
        remember_program(str(path))
    except GizmoError as error:
        tell(str(error))
