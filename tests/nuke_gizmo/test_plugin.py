# SPDX-License-Identifier: Apache-2.0
"""init, menu and paths, driven through a stand-in for Nuke."""

import re
import runpy
import sys
from pathlib import Path

import pytest
from described_passes import described
from pullfocus_nuke import importing
from pullfocus_nuke.passes import read_passes

FOLDER = Path(__file__).parents[2] / "nuke_gizmo"


def test_init_adds_paths_and_menu_adds_menus(nuke, monkeypatch) -> None:
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(FOLDER)])
    runpy.run_path(str(FOLDER / "init.py"))
    assert nuke.plugin_paths == [(FOLDER / "gizmos").as_posix()]
    assert str(FOLDER) in sys.path
    assert nuke.menus["Nuke"].menus == {}
    runpy.run_path(str(FOLDER / "menu.py"))
    commands = nuke.menus["Nuke"].menus["PullFocus"].commands
    assert list(commands) == [
        "Solve...",
        "Follow matte...",
        "Send to farm...",
        "Import passes...",
        "Paint atlas...",
        "Key a ZDefocus...",
        "Set program...",
    ]
    for name, command in nuke.menus["Nodes"].menus["PullFocus"].commands.items():
        exec(command, {"nuke": nuke})
        assert nuke.toNode(name).Class() == "Group"


@pytest.mark.parametrize("name", ["init.py", "menu.py"])
def test_a_failure_lets_nuke_start(nuke, monkeypatch, capsys, name: str) -> None:
    def fails(*_args):
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(nuke, "pluginAddPath", fails)
    monkeypatch.setattr(nuke, "menu", fails)
    runpy.run_path(str(FOLDER / name))
    assert "pullfocus: no" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["plain", "[client] ad", "50%d", "a [b] 100%done", "with $HOME", "sp ace & co", "a\\b"]
)
def test_paths_survive_what_a_file_knob_does_to_them(nuke, tmp_path: Path, name: str) -> None:
    """Tcl runs brackets, variables and backslashes; then the frame number is put in by printf."""
    tcl = pytest.importorskip("tkinter").Tcl()

    def as_nuke_reads(text: str, frame: int) -> str:
        said = tcl.call("subst", text)
        return re.sub(
            r"%%|%(0?[0-9]*)d", lambda m: "%" if m[0] == "%%" else f"{frame:{m[1]}d}", said
        )

    folder = described(tmp_path / name)
    group = importing.import_passes(str(folder))
    read = group.input(0)["file"].value()
    assert as_nuke_reads(read, 1002) == f"{folder}/shot_v01.1002.exr"
    assert as_nuke_reads(group["bg_atlas"].value(), 1) == f"{folder}/atlas_bg.exr"


def test_a_hash_in_a_folder_is_told(nuke, tmp_path: Path) -> None:
    folder = described(tmp_path / "Job #3")
    assert any(
        "takes # for the frame number" in line
        for line in importing.remarks(read_passes(str(folder)))
    )
