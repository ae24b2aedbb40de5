# SPDX-License-Identifier: Apache-2.0
"""Programs that stand in for pullfocus, and the progress bar of Nuke that watches them."""

import stat
import sys
import time
from pathlib import Path

from fake_nuke import FakeTask


def script(folder: Path, body: str, name: str = "program") -> str:
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport json, os, signal, sys, time\n{body}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


class Task(FakeTask):
    def __init__(self, stop_after_s: float = 1e9) -> None:
        super().__init__("test")
        self.deadline = time.monotonic() + stop_after_s

    def isCancelled(self) -> bool:
        return time.monotonic() > self.deadline
