# SPDX-License-Identifier: Apache-2.0
"""Hosts laid out by the package: all their files, and where the command is."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from pullfocus import hosts
from pullfocus.cli import run
from pullfocus.errors import PullfocusError
from pullfocus_nuke import command as nuke_command

from blender_addon.command import find_launcher

ROOT = Path(__file__).parents[2]


def test_the_extension_is_whole_and_finds_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = hosts.lay_out_blender(tmp_path / "made" / "here")
    with zipfile.ZipFile(archive) as held:
        names = set(held.namelist())
        held.extractall(tmp_path / "extension")
    addon = ROOT / "blender_addon"
    files = {p.relative_to(addon) for p in addon.rglob("*") if p.is_file()}
    sources = {path.as_posix() for path in files if "__pycache__" not in path.parts}
    assert names == sources | {"launcher.txt"}
    told = tmp_path / "extension" / "launcher.txt"
    assert find_launcher("", lambda name: None, told=told)[0] == hosts.launcher()
    # it moved away: PATH is next, then where pip installs for one user
    told.write_text(str(tmp_path / "gone" / "pullfocus"))
    assert find_launcher("", lambda name: f"/opt/{name}", told=told) == ("/opt/pullfocus",)
    monkeypatch.setattr("site.getuserbase", lambda: str(tmp_path / "user"))
    mine = tmp_path / "user" / "bin" / "pullfocus"
    mine.parent.mkdir(parents=True)
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    assert find_launcher("", lambda name: None, told=told) == (str(mine),)


def test_the_plug_in_is_whole_finds_the_command_and_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = hosts.lay_out_nuke(tmp_path)
    for name in ("init.py", "menu.py", "gizmos/PullFocus.gizmo", "pullfocus_nuke/graph.py"):
        assert (plugin / name).read_bytes() == (ROOT / "nuke_gizmo" / name).read_bytes()
    assert not (plugin / "build.py").exists()
    monkeypatch.delenv("PULLFOCUS", raising=False)
    monkeypatch.setenv("PATH", "")
    told = plugin / "pullfocus_nuke" / "launcher.txt"
    assert nuke_command.program(tmp_path / "none.json", told) == hosts.launcher()
    (plugin / "left_over.py").touch()
    hosts.lay_out_nuke(tmp_path)
    assert not (plugin / "left_over.py").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pullfocus_nuke"]


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "pullfocus_nuke").mkdir()
    (tmp_path / "pullfocus_nuke" / "menu.py").write_text("mine")
    with pytest.raises(PullfocusError, match="something else there"):
        hosts.lay_out_nuke(tmp_path)
    assert (tmp_path / "pullfocus_nuke" / "menu.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("flags", "made"),
    [
        ([], {"pullfocus_blender.zip", "pullfocus_nuke"}),
        (["--blender"], {"pullfocus_blender.zip"}),
        (["--nuke"], {"pullfocus_nuke"}),
    ],
    ids=["both", "blender", "nuke"],
)
def test_the_command_lays_out_what_was_asked_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], flags: list[str], made: set[str]
) -> None:
    assert run(["hosts", str(tmp_path), *flags]) == 0
    assert {p.name for p in tmp_path.iterdir()} == made
    said = capfd.readouterr().out
    assert all(str(tmp_path / name) in said for name in made)


def test_without_a_compiler_doctor_says_that_it_is_slow_and_how_to_mend_it() -> None:
    environment = os.environ | {"PATH": "", "CXX": ""}
    command = [sys.executable, "-m", "pullfocus.cli", "doctor"]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    (line,) = (text for text in found.stdout.splitlines() if text.startswith("lens blur"))
    assert "! slow: " in line
    assert "mend it: " in line
    alone = [*command, "--slow"]  # as both hosts ask before the first job
    found = subprocess.run(alone, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == [line[line.index("slow: ") :]]
