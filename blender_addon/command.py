# SPDX-License-Identifier: GPL-3.0-or-later
"""The command lines of pullfocus. Plain Python: nothing of Blender in here."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import site
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .errors import AddonError

QUALITIES = ("draft", "standard", "high")
DEVICES = ("cpu", "cuda")

_TOLD = Path(__file__).with_name("launcher.txt")
_LAYER_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


@dataclass(frozen=True)
class SolveOrder:
    """What to solve, all paths absolute."""

    plate: str
    """A pattern with ####, a folder or a movie."""
    mattes: tuple[tuple[str, str], ...]
    """(layer, path), front to back."""
    out: str
    """Solve folder."""
    quality: str = "standard"
    minutes: float | None = None
    """Spend about this long instead of a number of steps."""
    colorspace: str = ""
    """OCIO name; empty: what pullfocus assumes for the kind of file."""
    frames: str = ""
    """A range such as 1001-1060; empty: all."""
    device: str = "cpu"
    restart: bool = False


def find_launcher(
    chosen: str,
    which: Callable[[str], str | None] = shutil.which,
    *,
    told: Path = _TOLD,
) -> tuple[str, ...]:
    """Return how to start pullfocus: a command, or a Python that has it.

    Args:
        chosen: path of either, from the preferences; empty: look on PATH.
        which: finds a command on PATH.
        told: file in which `pullfocus hosts` says where it is, when it wrote this extension.

    Raises:
        AddonError: none found.
    """
    if chosen:
        path = Path(chosen)
        if not path.is_file():
            raise AddonError(f"expected pullfocus or its Python, got no file at {chosen}")
        return _started(chosen)
    found = _said_by(told) or which("pullfocus") or _of_user()
    if found is None:
        raise AddonError(
            "expected pullfocus on PATH, got none: set its Python in the preferences of PullFocus"
        )
    return _started(found)


def _started(found: str) -> tuple[str, ...]:
    return (found, "-m", "pullfocus.cli") if Path(found).stem.startswith("python") else (found,)


def _said_by(told: Path) -> str | None:
    """Return what `pullfocus hosts` wrote down, if it is still there."""
    try:
        found = told.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return found if found and Path(found).is_file() else None


def _of_user() -> str | None:
    """Return the command where `pip install --user` puts it, whatever Python that was."""
    base = Path(site.getuserbase())
    folders = [base / "bin", base / "Scripts", *base.parent.glob("Python*/Scripts")]
    return shutil.which("pullfocus", path=os.pathsep.join(map(str, folders)))


def solve_command(launcher: tuple[str, ...], order: SolveOrder) -> list[str]:
    """Return the command that starts a solve, or goes on with it where the folder holds one.

    Raises:
        AddonError: no plate, or a layer name that is not allowed or comes twice.
    """
    plate, *options = _what_to_solve(order)
    command = [*launcher, "solve", plate, "--out", order.out, *options]
    if order.restart:
        command.append("--restart")
    return [*command, "--progress", "json"]


def farm_command(
    launcher: tuple[str, ...], order: SolveOrder, *, passes: str, bundle: str
) -> list[str]:
    """Return the command that writes a solve and its bake as a job for a render farm.

    Args:
        launcher: how to start pullfocus.
        order: what to solve; a job never starts a solve over.
        passes: folder for the passes.
        bundle: folder for the job.

    Raises:
        AddonError: as `solve_command`.
    """
    folders = ["--solve-folder", order.out, "--passes", passes, "--out", bundle]
    return [*launcher, "farm", *_what_to_solve(order), *folders, "--progress", "json"]


def _what_to_solve(order: SolveOrder) -> list[str]:
    if not order.plate:
        raise AddonError("expected a plate, got none: choose footage to solve")
    words = [order.plate]
    names = [name for name, _ in order.mattes]
    for name, path in order.mattes:
        if not _LAYER_NAME.fullmatch(name):
            raise AddonError(f"expected a layer name such as fg (a-z, 0-9, _), got {name!r}")
        if names.count(name) > 1:
            raise AddonError(f"expected every layer once, got {name!r} twice")
        if not path:
            raise AddonError(f"expected a matte for the layer {name!r}, got none")
        words += ["--matte", f"{name}={path}"]
    words += ["--quality", order.quality]
    if order.minutes is not None:
        words += ["--minutes", f"{order.minutes:g}"]
    for flag, value in (("--colorspace", order.colorspace), ("--frames", order.frames)):
        if value:
            words += [flag, value]
    if order.device != "cpu":
        words += ["--device", order.device]
    return words


def follow_command(
    launcher: tuple[str, ...],
    plate: str,
    *,
    layer: str,
    mark: tuple[str, str],
    out: str,
    colorspace: str = "",
    frames: str = "",
) -> list[str]:
    """Return the command that follows a matte from one frame.

    Args:
        launcher: how to start pullfocus.
        plate: absolute, a pattern or a movie.
        layer: name of the layer.
        mark: ("--key", "1016=roto.png") or ("--box", "1016=x,y,width,height").
        out: folder for the mattes.
        colorspace: as `SolveOrder.colorspace`.
        frames: as `SolveOrder.frames`.

    Raises:
        AddonError: a layer name that is not allowed.
    """
    if not _LAYER_NAME.fullmatch(layer):
        raise AddonError(f"expected a layer name such as fg (a-z, 0-9, _), got {layer!r}")
    words = [*launcher, "matte", plate, "--name", layer, *mark, "--out", out]
    for flag, value in (("--colorspace", colorspace), ("--frames", frames)):
        if value:
            words += [flag, value]
    return [*words, "--progress", "json"]


def bake_command(launcher: tuple[str, ...], solve: str, out: str) -> list[str]:
    """Return the command that writes the passes of a solve."""
    return [*launcher, "bake", solve, "--out", out, "--progress", "json"]


def edit_command(
    launcher: tuple[str, ...], solve: str, *, layer: str, atlas: str, out: str
) -> list[str]:
    """Return the command that carries a painted atlas through a solve."""
    options = ["--layer", layer, "--atlas", atlas, "--out", out]
    return [*launcher, "edit", solve, *options, "--progress", "json"]


def doctor_command(launcher: tuple[str, ...]) -> list[str]:
    """Return the command that says what pullfocus finds on this machine."""
    return [*launcher, "doctor"]


def slow_command(launcher: tuple[str, ...]) -> list[str]:
    """Return the command that says what makes this machine slow, and nothing where nothing does."""
    return [*launcher, "doctor", "--slow"]


def doctor_summary(lines: Iterable[str]) -> str:
    """Return version, device and complaints of what `doctor` printed, one line.

    Raises:
        AddonError: that was not pullfocus.
    """
    found = {}
    for line in lines:
        name, _, rest = line.partition("  ")
        found[name.strip()] = rest.strip()
    if "pullfocus" not in found:
        raise AddonError("expected an answer of pullfocus doctor, got something else")
    cuda = found.get("CUDA", "")
    device = (
        f"CUDA {cuda[3:].lstrip(': ')}"
        if cuda.startswith("yes")
        else f"CPU {found.get('CPU cores', '')}"
    )
    wrong = [f"{name}: {rest[2:]}" for name, rest in found.items() if rest.startswith("! ")]
    return "; ".join([f"pullfocus {found['pullfocus']}", device, *wrong])


def shot_name(plate: str) -> str:
    """Return a name for a plate: `plate` for `/a/plate.####.png`."""
    stem = re.split(r"[#%]", Path(plate).name)[0]
    name = Path(stem).stem if stem == Path(plate).name else stem
    return name.rstrip("._-") or Path(plate).parent.name or "shot"


def default_folders(plate: str, blend: str) -> tuple[str, str]:
    """Return solve and passes folders for a plate: beside the .blend, or beside the plate.

    Args:
        plate: absolute.
        blend: path of the saved .blend; empty where it was not saved.
    """
    base, name = _base(plate, blend), shot_name(plate)
    return str(base / f"{name}.solve"), str(base / f"{name}_passes")


def default_bundle(plate: str, blend: str) -> str:
    """Return the folder of a plate's job for the farm, beside its solve; see `default_folders`."""
    return str(_base(plate, blend) / f"{shot_name(plate)}_job")


def _base(plate: str, blend: str) -> Path:
    return Path(blend).parent / "pullfocus" if blend else Path(plate).parent


def submit_command(submit: str, bundle: str) -> list[str]:
    """Return the command that hands a job to the farm: the artist's own words, then the job.

    Raises:
        AddonError: a quote that is not closed.
    """
    try:
        return [*shlex.split(submit), bundle]
    except ValueError as error:
        raise AddonError(f"expected a command to submit with, got {submit!r}: {error}") from error
