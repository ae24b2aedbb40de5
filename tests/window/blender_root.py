# SPDX-License-Identifier: Apache-2.0
"""A Debian with Blender, a screen and a mouse in a folder of its own: what `make test-window` uses.

    python -m tests.window.blender_root [sid | trixie]

builds it where it is missing and prints where it is. Nothing of this machine is changed but the
cache folder of pullfocus; it takes some two minutes and 1.4 GB. sid has Blender 5.2, trixie 4.3.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cuda_lensblur.build import cache_folder

PACKAGES = (
    "blender",
    "xvfb",
    "openbox",
    "xdotool",
    "libgl1-mesa-dri",
    "python3-numpy",
    "python3-cattr",
    "python3-requests",  # Blender's own package module wants both
)
MIRROR = "http://deb.debian.org/debian"
_DONE = "pullfocus-root-is-whole"
_LONGEST_S = 900


class NoRoot(Exception):
    """Why there is no Blender with a window here, in one line."""


def blender_root(suite: str) -> Path:
    """Return the folder of a suite, built where it is missing.

    Raises:
        NoRoot: it cannot be had here.
    """
    root = cache_folder() / f"blender-{suite}"
    if (root / _DONE).is_file():
        return root
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise NoRoot("a Blender with a window is built by root on Linux; BLENDER=/path takes yours")
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix="blender-root-") as folder:
        beside = Path(folder) / "root"
        command = [*_mmdebstrap(Path(folder)), "--mode=root", "--variant=minbase"]
        command += ['--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=Acquire::Retries "2"']
        command += [f"--include={','.join(PACKAGES)}", suite, str(beside), _mirror()]
        _run(command, f"no Debian {suite} with Blender from {_mirror()}")
        (beside / _DONE).touch()
        shutil.rmtree(root, ignore_errors=True)
        beside.replace(root)
    return root


def _mirror() -> str:
    """Return the mirror that this machine's own apt uses, else Debian's."""
    for source in Path("/etc/apt").glob("sources.list*/*.sources"):
        for line in source.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key == "URIs" and value.strip().endswith("/debian"):
                return value.strip()
    return MIRROR


def _mmdebstrap(folder: Path) -> list[str]:
    """Return how to start mmdebstrap: as installed, else unpacked from its package."""
    if shutil.which("mmdebstrap"):
        return ["mmdebstrap"]
    for tool in ("apt-get", "dpkg", "perl"):
        if not shutil.which(tool):
            raise NoRoot(f"a Blender with a window needs mmdebstrap, or {tool} to unpack it with")
    _run(["apt-get", "download", "mmdebstrap"], "no mmdebstrap from apt", folder)
    (package,) = folder.glob("mmdebstrap*.deb")
    _run(["dpkg", "-x", str(package), str(folder / "tool")], "mmdebstrap does not unpack")
    return ["perl", str(folder / "tool/usr/bin/mmdebstrap")]


def _run(command: list[str], complaint: str, folder: Path | None = None) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_LONGEST_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoRoot(f"{complaint}: {error}") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith(("E:", "error"))]
        raise NoRoot(f"{complaint}: {(said or done.stderr.splitlines() or ['nothing said'])[-1]}")


if __name__ == "__main__":
    try:
        print(blender_root(sys.argv[1] if len(sys.argv) > 1 else "sid"))
    except NoRoot as why:
        print(f"skipped: {why}")
