# SPDX-License-Identifier: Apache-2.0
"""A Blender with a window: started, asked, looked at, given mouse and keys.

Places are px of the screen from its top left.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.window.room import SCREEN_PX, Room

_STARTS_S = 90
_HERE = Path(__file__).parent


class Hands:
    """Mouse, keys and eyes, and a line to Blender itself."""

    def __init__(self, room: Room, pictures: Path) -> None:
        """Attach to a room.

        Args:
            room: where Blender runs.
            pictures: folder for what `keep` keeps.
        """
        self.room, self.pictures = room, pictures
        self._socket: socket.socket | None = None
        self._stream: Any = None
        self._starts = 0
        self.before = np.empty(0)
        """What a test keeps for the next one to compare with."""

    def start(self, *words: str) -> float:
        """Start Blender with further words of its command line; returns the seconds it took."""
        self._starts += 1
        agent = self.room.work / f"agent{self._starts}"
        width, height = SCREEN_PX
        began = time.monotonic()
        self.room.run(
            f"{self.room.blender} --window-geometry 0 0 {width} {height}"
            f" {' '.join(words)} --python {_HERE}/agent.py -- {agent}"
            f" >{self.room.work}/blender{self._starts}.log 2>&1 & blender_pid=$!"
        )
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(120)
        self.until(lambda: self._connects(agent), "Blender to start", _STARTS_S)
        self._stream = self._socket.makefile("rb")
        return time.monotonic() - began

    def _connects(self, agent: Path) -> bool:
        assert self._socket is not None
        try:
            self._socket.connect(str(agent))
        except OSError:
            return False
        return True

    def ask(self, code: str) -> Any:
        """Run Python in Blender, between events; returns its last expression by JSON."""
        assert self._socket is not None
        self._socket.sendall(json.dumps(code).encode() + b"\n")
        said = json.loads(self._stream.readline() or '{"error": "Blender is gone"}')
        if "error" in said:
            raise AssertionError(f"in Blender: {said['error']}")
        return said["value"]

    def until(self, wanted: Callable[[], Any], what: str, within_s: float = 15) -> Any:
        """Wait for something; returns it."""
        found = _seen_within(wanted, within_s)
        if found:
            return found
        self.keep("waiting")
        raise AssertionError(f"waited {within_s:g} s for {what}; {self.pictures}/waiting.png")

    def insist(
        self, act: Callable[[], Any], wanted: Callable[[], Any], what: str, within_s: float = 5
    ) -> Any:
        """Do something, and again where nothing came of it: a busy machine loses clicks."""
        for _ in range(4):
            act()
            found = _seen_within(wanted, within_s)
            if found:
                return found
        return self.until(wanted, what, 1)

    def picture(self) -> np.ndarray:
        """What the screen shows, (h, w, 3), 8 bit, display-encoded."""
        data = (self.room.work / "Xvfb_screen0").read_bytes()
        head = struct.unpack(">25I", data[:100])
        width, height, row = head[4], head[5], head[12]
        pixels = np.frombuffer(data, np.uint8, row * height, head[0] + 12 * head[19])
        return pixels.reshape(height, row // 4, 4)[:, :width, 2::-1]

    def keep(self, name: str, box: tuple[int, int, int, int] | None = None) -> np.ndarray:
        """Write what the screen shows, or a box of it, into the folder of pictures; returns it."""
        seen = self.picture()
        if box is not None:
            left, top, width, height = box
            seen = seen[top : top + height, left : left + width]
        self.pictures.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(seen)).save(self.pictures / f"{name}.png")
        return seen

    def settled(self, still_s: float = 0.4, within_s: float = 8) -> np.ndarray:
        """Wait until the screen stands still; returns what it shows."""
        end = time.monotonic() + within_s
        last, since = self.picture(), time.monotonic()
        while time.monotonic() < end and time.monotonic() - since < still_s:
            time.sleep(0.1)
            now = self.picture()
            if not np.array_equal(now, last):
                last, since = now, time.monotonic()
        return last

    def rest(self) -> None:
        """Lead the mouse away step by step, so that popups and tooltips close."""
        for x in (700, 760, 800):
            self.move(x, SCREEN_PX[1] - 8)

    def took(self) -> None:
        """Wait until Blender has taken in what was done, and drawn: its loop came round twice."""
        with contextlib.suppress(AssertionError, OSError):  # what was done may have closed it
            for _ in range(2):
                self.ask("None")

    def job(self) -> Any:
        """What runs, or ran last: running, stage, fraction, error, stopped, status."""
        return self.ask("job()")

    def move(self, x: float, y: float) -> None:
        """Move the mouse."""
        self.room.xdotool("mousemove", round(x), round(y))
        self.took()

    def click(self, x: float, y: float, button: int = 1) -> None:
        """Click."""
        self.move(x, y)
        self.room.xdotool("mousedown", button)
        self.took()
        self.room.xdotool("mouseup", button)
        self.took()

    def drag(self, *places: tuple[float, float]) -> None:
        """Press, move from place to place, let go."""
        self.move(*places[0])
        self.room.xdotool("mousedown", 1)
        for place in places[1:]:
            self.took()
            self.move(*place)
        self.room.xdotool("mouseup", 1)
        self.took()

    def scroll(self, x: float, y: float, notches: int) -> None:
        """Turn the wheel over a place, down where positive."""
        self.move(x, y)
        for _ in range(abs(notches)):
            self.room.xdotool("click", 5 if notches > 0 else 4)
            self.took()

    def key(self, *keys: str) -> None:
        """Press keys, such as ctrl+z."""
        for one in keys:
            self.room.xdotool("key", one)
            self.took()

    def type(self, text: str) -> None:
        """Type."""
        self.room.xdotool("type", "--delay", 4, text)
        self.took()

    def quit(self) -> None:
        """Close Blender, without a question about what is not saved."""
        with contextlib.suppress(AssertionError, OSError):  # it cannot answer any more
            self.ask("bpy.ops.wm.quit_blender()")
        self.ended()

    def running(self) -> bool:
        """Whether Blender still runs."""
        return "yes" in self.room.run("kill -0 $blender_pid 2>/dev/null && echo yes")

    def ended(self, within_s: float = 60) -> None:
        """Wait until Blender has closed."""
        self.until(lambda: not self.running(), "Blender to close", within_s)
        if self._socket is not None:
            self._socket.close()


def _seen_within(wanted: Callable[[], Any], seconds: float) -> Any:
    """Look for something again and again; returns it, or what is false once time is out."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = wanted()
        if found:
            return found
        time.sleep(0.05)
    return None
