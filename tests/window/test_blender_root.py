# SPDX-License-Identifier: Apache-2.0
"""Where no Blender with a window can be had, one line says why, at once."""

import subprocess
import time
from pathlib import Path

import pytest

from tests.window import blender_root as roots
from tests.window.room import Room


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("PULLFOCUS_CACHE", str(tmp_path / "cache"))


def test_without_rights_it_says_so(monkeypatch):
    monkeypatch.setattr(roots.os, "geteuid", lambda: 1000)
    began = time.monotonic()
    with pytest.raises(roots.NoRoot, match="built by root on Linux; BLENDER=/path takes yours"):
        roots.blender_root("sid")
    assert time.monotonic() - began < 1


def test_without_a_mirror_it_says_so_and_leaves_nothing(monkeypatch, tmp_path: Path):
    said = "I: trying\nE: no Release file at http://nowhere/debian\n"
    monkeypatch.setattr(roots.os, "geteuid", lambda: 0)
    monkeypatch.setattr(roots.shutil, "which", lambda tool: f"/usr/bin/{tool}")
    monkeypatch.setattr(
        roots.subprocess,
        "run",
        lambda *_args, **_named: subprocess.CompletedProcess([], 1, "", said),
    )
    with pytest.raises(roots.NoRoot, match="no Release file") as why:
        roots.blender_root("sid")
    assert "\n" not in str(why.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_root_that_is_whole_is_taken(tmp_path: Path):
    root = tmp_path / "cache/blender-sid"
    root.mkdir(parents=True)
    (root / "pullfocus-root-is-whole").touch()
    assert roots.blender_root("sid") == root


def test_a_blender_of_yours_wants_a_screen_and_a_mouse(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(roots.NoRoot, match="Xvfb, openbox, xdotool, which is not here"):
        Room(tmp_path, suite="sid", blender="/bin/sh")
