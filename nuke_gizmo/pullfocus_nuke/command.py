# SPDX-License-Identifier: Apache-2.0
"""The command lines that the plug-in runs, and in which environment. Nothing here needs Nuke."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path
from typing import Mapping, Sequence

from pullfocus_nuke.errors import GizmoError

__all__ = [
    "bake_command",
    "clean_environment",
    "farm_command",
    "matte_command",
    "program",
    "rate_text",
    "remember_program",
    "slow_command",
    "solve_command",
    "submit_words",
]

_SETTINGS = Path.home() / ".nuke" / "pullfocus.json"
_TOLD = Path(__file__).with_name("launcher.txt")
# Nuke points these at its own Python and libraries; another Python would trip over them.
_NUKES_OWN = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "LD_LIBRARY_PATH", "LD_PRELOAD")
_NUKES_OWN_MAC = ("DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH", "DYLD_INSERT_LIBRARIES")


def program(settings: Path = _SETTINGS, told: Path = _TOLD) -> str:
    """Return the pullfocus executable: $PULLFOCUS, what was remembered, or what is on PATH.

    Before PATH comes what `pullfocus hosts` wrote down when it laid this plug-in out.

    Raises:
        GizmoError: it is nowhere.
    """
    named = os.environ.get("PULLFOCUS") or _remembered(settings) or _said_by(told)
    found = shutil.which(named or "pullfocus")
    if found is None:
        what = named or "pullfocus on PATH"
        raise GizmoError(
            f"expected the pullfocus program, found no {what}:"
            " PullFocus > Set program..., or the variable PULLFOCUS"
        )
    return found


def _said_by(told: Path) -> str | None:
    try:
        found = told.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return found if shutil.which(found) else None  # gone since: look on PATH


def _remembered(settings: Path) -> str | None:
    try:
        held = json.loads(settings.read_text(encoding="utf-8"))
        return str(held["program"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # no settings, or damaged ones: as if never set


def remember_program(path: str, settings: Path = _SETTINGS) -> None:
    """Remember where the pullfocus executable is, for all later sessions.

    Raises:
        GizmoError: it is not one, or the settings can't be written.
    """
    if shutil.which(path) is None:
        raise GizmoError(f"expected a program, got {path}")
    try:
        settings.parent.mkdir(parents=True, exist_ok=True)
        beside = settings.with_suffix(".new")
        beside.write_text(json.dumps({"program": path}), encoding="utf-8")
        beside.replace(settings)
    except OSError as error:
        raise GizmoError(f"cannot write {settings}: {error.strerror}") from error


def rate_text(fps: float) -> str:
    """Return frames a second as pullfocus takes it: 23.976 is short for 24000/1001."""
    whole = round(fps * 1.001)
    if abs(whole / 1.001 - fps) < 0.002 and abs(whole - fps) > 0.002:
        return f"{whole * 1000}/1001"
    return f"{fps:g}"


def solve_command(
    executable: str,
    plate: str,
    mattes: Sequence[tuple[str, str]],
    out: str,
    *,
    quality: str = "standard",
    frames: str = "",
    rate: str = "",
    colorspace: str = "",
    restart: bool = False,
) -> list[str]:
    """Return the command that solves a shot.

    Args:
        executable: of pullfocus.
        plate: frames with #### for the number.
        mattes: layer name and frames, front to back.
        out: solve folder.
        quality: draft, standard or high.
        frames: such as 1001-1060; all by default.
        rate: frames a second.
        colorspace: scene-linear space of the plate and of all that comes back; default: the
            command's own.
        restart: discard an earlier solve there.
    """
    shot = _shot_words(plate, mattes, quality, frames, rate, colorspace)
    words = [executable, "solve", *shot, "--out", out]
    return [*words, *(["--restart"] if restart else []), "--progress", "json"]


def farm_command(
    executable: str,
    plate: str,
    mattes: Sequence[tuple[str, str]],
    out: str,
    *,
    solve: str,
    passes: str,
    quality: str = "standard",
    frames: str = "",
    rate: str = "",
    colorspace: str = "",
) -> list[str]:
    """Return the command that writes a solve and its bake as a job for a render farm.

    Args:
        executable: of pullfocus.
        plate: frames with #### for the number.
        mattes: layer name and frames, front to back.
        out: folder for the job.
        solve: solve folder; a job never starts a solve over.
        passes: folder for the passes.
        quality: as for `solve_command`, like all that follows.
        frames: such as 1001-1060.
        rate: frames a second.
        colorspace: scene-linear space.
    """
    shot = _shot_words(plate, mattes, quality, frames, rate, colorspace)
    folders = ["--solve-folder", solve, "--passes", passes, "--out", out]
    return [executable, "farm", *shot, *folders, "--progress", "json"]


def submit_words(bundle: str) -> list[str]:
    """Return the command that takes a job to the farm, by $PULLFOCUS_SUBMIT; none: do not.

    Raises:
        GizmoError: the variable has a quote that is not closed.
    """
    submit = os.environ.get("PULLFOCUS_SUBMIT", "")
    try:
        words = shlex.split(submit)
    except ValueError as error:
        raise GizmoError(f"PULLFOCUS_SUBMIT: expected a command, got {submit!r}") from error
    return [*words, bundle] if words else []


def _shot_words(
    plate: str,
    mattes: Sequence[tuple[str, str]],
    quality: str,
    frames: str,
    rate: str,
    colorspace: str,
) -> list[str]:
    words = [plate, "--quality", quality]
    for name, path in mattes:
        words += ["--matte", f"{name}={path}"]
    for option, value in (("--frames", frames), ("--rate", rate)):
        if value:
            words += [option, value]
    if colorspace:
        words += ["--colorspace", colorspace, "--working-space", colorspace]
    return words


def bake_command(executable: str, solve: str, out: str) -> list[str]:
    """Return the command that writes the passes of a solve."""
    return [executable, "bake", solve, "--out", out, "--progress", "json"]


def slow_command(executable: str) -> list[str]:
    """Return the command that says what makes this machine slow, and nothing where nothing does."""
    return [executable, "doctor", "--slow"]


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what Nuke adds to it for its own Python."""
    out = {k: v for k, v in environment.items() if k not in _NUKES_OWN + _NUKES_OWN_MAC}
    out["PYTHONUNBUFFERED"] = "1"
    return out


def matte_command(
    executable: str,
    plate: str,
    keys: Sequence[tuple[str, int, str]],
    out: str,
    *,
    frames: str = "",
    colorspace: str = "",
) -> list[str]:
    """Return the command that follows mattes.

    Args:
        executable: of pullfocus.
        plate: frames with #### for the number.
        keys: layer name, frame and picture.
        out: folder for the mattes.
        frames: such as 1001-1060; all by default.
        colorspace: of the plate.
    """
    words = [executable, "matte", plate, "--out", out]
    for name, frame, path in keys:
        words += ["--key", f"{name}:{frame}={path}"]
    for option, value in (("--frames", frames), ("--colorspace", colorspace)):
        if value:
            words += [option, value]
    return [*words, "--progress", "json"]
