# SPDX-License-Identifier: Apache-2.0
"""What is slow is known before the first job, and asked once."""

import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from blender_addon import slow
from blender_addon.command import find_launcher
from blender_addon.errors import AddonError


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    slow.forget()


def stand_in(folder: Path, body: str) -> str:
    path = folder / "pullfocus"
    head = (
        f"#!{sys.executable}\nimport sys, time\nopen({str(folder / 'asked')!r}, 'a').write('x')\n"
    )
    path.write_text(head + body)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def answer(chosen: str) -> str:
    end = time.monotonic() + 20
    while slow.asked(chosen, find_launcher).running:
        assert time.monotonic() < end, "nobody answers"
        time.sleep(0.01)
    return slow.asked(chosen, find_launcher).slow


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
@pytest.mark.parametrize("line", ["slow: the lens blur runs in plain torch; mend it: so", ""])
def test_it_is_asked_once(tmp_path: Path, line: str) -> None:
    said = f"assert sys.argv[1:] == ['doctor', '--slow']\nprint({line!r})\n"
    chosen = stand_in(tmp_path, said)
    assert slow.asked(chosen, find_launcher).slow == ""  # not known yet: nothing waits for it
    assert answer(chosen) == line
    assert answer(chosen) == line
    assert (tmp_path / "asked").read_text() == "x"


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_what_still_asks_is_ended(tmp_path: Path) -> None:
    chosen = stand_in(tmp_path, "time.sleep(60)")
    job = slow.asked(chosen, find_launcher)
    assert job.running
    slow.forget()
    assert not job.running
    assert slow.asked(chosen, find_launcher) is not job


def test_without_a_program_nothing_is_said() -> None:
    def nowhere(chosen: str) -> tuple[str, ...]:
        raise AddonError("none")

    job = slow.asked("", nowhere)
    assert (job.slow, job.running, job.error) == ("", False, "")
