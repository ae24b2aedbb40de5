# SPDX-License-Identifier: Apache-2.0
"""The extension for Blender and the plug-in for Nuke that come with this package, laid out.

Installed, both lie in this folder; in a source checkout they are at its root. Hosts never import
pullfocus: what is laid out holds a line that says where the command is.
"""

import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pullfocus.errors import PullfocusError

__all__ = ["launcher", "lay_out_blender", "lay_out_nuke"]

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[2]
_LAUNCHER_FILE = "launcher.txt"
_NOT_FOR_HOSTS = {"build.py", "diagram.py", _LAUNCHER_FILE}  # the first two write the plug-in


def launcher() -> str:
    """Return how hosts start pullfocus: the command beside this Python, else this Python."""
    python = Path(sys.executable)
    for name in ("pullfocus", "pullfocus.exe"):
        if python.with_name(name).is_file():
            return str(python.with_name(name))
    return str(python)


def _source(packaged: str, in_checkout: str) -> Path:
    for folder in (_HERE / packaged, _ROOT / in_checkout):
        if folder.is_dir():
            return folder
    raise PullfocusError(f"expected {in_checkout} in this installation, found none: install again")


def _files(source: Path) -> Iterator[tuple[Path, Path]]:
    """Return what belongs to a host: files, and where they lie below the source."""
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        hidden = any(part.startswith((".", "__pycache__")) for part in inside.parts)
        if path.is_file() and not hidden and inside.name not in _NOT_FOR_HOSTS:
            yield path, inside


def lay_out_blender(folder: Path) -> Path:
    """Write the extension as a zip that Blender installs from disk; returns its path.

    Raises:
        PullfocusError: this installation has no extension.
        OSError: ``folder`` cannot be written.
    """
    source = _source("blender", "blender_addon")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "pullfocus_blender.zip"
    beside = folder / f".{target.name}"
    try:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, inside in _files(source):
                archive.write(path, inside.as_posix())
            archive.writestr(_LAUNCHER_FILE, launcher() + "\n")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return target


def lay_out_nuke(folder: Path) -> Path:
    """Write the folder that goes on ``NUKE_PATH``; returns its path.

    Raises:
        PullfocusError: this installation has no plug-in, or something else lies there.
        OSError: ``folder`` cannot be written.
    """
    source = _source("nuke", "nuke_gizmo")
    target = folder / "pullfocus_nuke"
    if target.exists() and not (target / "pullfocus_nuke" / "__init__.py").is_file():
        raise PullfocusError(f"expected no {target}, or one of pullfocus, got something else there")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".pullfocus-", dir=folder) as beside:
        new = Path(beside) / "new"
        for path, inside in _files(source):
            (new / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, new / inside)
        if not Path(launcher()).stem.startswith("python"):  # Nuke starts a command, nothing else
            told = new / "pullfocus_nuke" / _LAUNCHER_FILE
            told.write_text(launcher() + "\n", encoding="utf-8")
        if target.exists():
            target.replace(Path(beside) / "old")
        new.replace(target)
    return target
