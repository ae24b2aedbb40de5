# SPDX-License-Identifier: Apache-2.0
"""Where a Blender with a window runs: a screen without a monitor, and a shell beside it.

In a root of its own (`blender_root.py`) everything happens in private namespaces: mounts and
processes are gone when the room closes, however it closes. pullfocus runs as it does for an artist,
on this machine with its libraries: a small script in the root leads back to it. With a Blender of
your own, Xvfb and xdotool are this machine's.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.window.blender_root import NoRoot, blender_root

SCREEN_PX = (1600, 1000)
_OPENBOX = """<?xml version="1.0"?>
<openbox_config xmlns="http://openbox.org/3.4/rc"><focus><followMouse>no</followMouse>
<focusNew>yes</focusNew></focus><applications><application class="*"><decor>no</decor><focus>yes
</focus></application></applications></openbox_config>"""
_MOUNTS = """
mkdir -p {root}/host {root}{checkout} {root}{work}
mount --rbind / {root}/host
mount -t proc proc {root}/host/proc
mount -t proc proc {root}/proc
mount -t tmpfs tmpfs {root}/dev
mkdir {root}/dev/shm
mknod -m 666 {root}/dev/null c 1 3
mknod -m 666 {root}/dev/zero c 1 5
mknod -m 666 {root}/dev/random c 1 8
mknod -m 666 {root}/dev/urandom c 1 9
mknod -m 666 {root}/dev/tty c 5 0
mount -t tmpfs tmpfs {root}/tmp
mkdir -p {root}{checkout} {root}{work}
mount --bind {checkout} {root}{checkout}
mount --bind {work} {root}{work}
exec chroot {root} /bin/bash
"""


class Room:
    """A shell in which DISPLAY is a screen of our own."""

    def __init__(self, work: Path, *, suite: str, blender: str | None = None) -> None:
        """Open it.

        Args:
            work: folder that is seen inside under the same path.
            suite: Debian's suite to take Blender from.
            blender: another Blender, run on this machine as it is.

        Raises:
            NoRoot: it cannot be had here, in one line.
        """
        self.work = work
        if blender:
            missing = [t for t in (blender, "Xvfb", "openbox", "xdotool") if not shutil.which(t)]
            if missing:
                raise NoRoot(f"BLENDER={blender} needs {', '.join(missing)}, which is not here")
            self.blender, command = blender, ["bash"]
        else:
            self.blender = "blender"
            root = blender_root(suite)
            checkout = Path(__file__).parents[2]
            script = _MOUNTS.format(root=root, checkout=checkout, work=work)
            command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-ec"]
            command.append(script)
        self._log = (work / "room.log").open("w")
        self._shell = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        self.launcher = self._launcher(inside=not blender)
        (work / "rc.xml").write_text(_OPENBOX)
        home = work / "home"
        home.mkdir()
        width, height = SCREEN_PX
        started = self.run(
            f"export HOME={home} LIBGL_ALWAYS_SOFTWARE=1 LANG=C.UTF-8",
            "unset PYTHONHOME PYTHONPATH XDG_CACHE_HOME XDG_CONFIG_HOME",
            # a number that is free: rooms stand side by side
            f"Xvfb -displayfd 3 -screen 0 {width}x{height}x24 -fbdir {work}"
            f" 3>{work}/display >{work}/x.log 2>&1 &",
            f"for i in $(seq 300); do grep -q . {work}/display && break; sleep .1; done",
            f"export DISPLAY=:$(cat {work}/display)",
            "xdotool getdisplaygeometry",
            f"openbox --config-file {work}/rc.xml >{work}/openbox.log 2>&1 &",
        )
        if f"{width} {height}" not in started:
            self.close()
            raise NoRoot(f"no screen: {(work / 'room.log').read_text().strip()[-300:]}")

    def _launcher(self, *, inside: bool) -> Path:
        """Write the command that the extension is told to start pullfocus by."""
        command = f"{sys.executable} -m pullfocus.cli"
        if inside:
            keep = f"HOME={Path.home()} PATH=$HOST_PATH"
            command = f"chroot /host /usr/bin/env {keep} {command}"
        path = self.work / "pullfocus"
        path.write_text(f'#!/bin/sh\nexec {command} "$@"\n'.replace("$HOST_PATH", _path()))
        path.chmod(0o755)
        return path

    def run(self, *lines: str) -> str:
        """Run shell lines, one after the other; returns what they wrote."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        try:
            self._shell.stdin.write("\n".join([*lines, "echo; echo =done=", ""]))
            self._shell.stdin.flush()
        except BrokenPipeError:
            return ""
        said = []
        for line in self._shell.stdout:
            if line == "=done=\n":
                break
            said.append(line)
        return "".join(said).removesuffix("\n")

    def xdotool(self, *words: object) -> str:
        """Move the mouse, press keys, type."""
        return self.run(shlex.join(["xdotool", *map(str, words)]))

    def close(self) -> None:
        """End everything that runs in it."""
        os.killpg(self._shell.pid, signal.SIGKILL)  # what runs in its namespaces goes with it
        self._shell.wait()
        self._log.close()


def _path() -> str:
    return shlex.quote(os.environ["PATH"])
