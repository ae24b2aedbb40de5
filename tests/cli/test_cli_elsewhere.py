# SPDX-License-Identifier: Apache-2.0
"""A solve on another machine: footage is known by what it holds, and nothing is measured again."""

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus import cli
from pullfocus.errors import SolveError

COUNT = 4


@pytest.fixture
def solved(tmp_path: Path, monkeypatch) -> Path:
    rng = np.random.default_rng(3)
    wall = cv2.GaussianBlur(rng.random((40, 80, 3)).astype(np.float32), (0, 0), 1.5)
    matte = np.zeros((40, 64), np.uint8)
    matte[10:30, 20:40] = 255
    for folder in ("p", "m"):
        (tmp_path / "a" / folder).mkdir(parents=True)
    for t in range(COUNT):
        codes = (wall[:, t : t + 64] * 255).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "a" / "p" / f"shot.{1001 + t}.png"), codes)
        cv2.imwrite(str(tmp_path / "a" / "m" / f"m.{1001 + t}.png"), matte)
    words = [f"{tmp_path}/a/p", "--matte", f"fg={tmp_path}/a/m", "--steps", "0"]
    assert cli.run(["solve", *words, "--out", f"{tmp_path}/s/x.solve"]) == 0

    def measures(*_, **__):
        raise AssertionError("measured again")

    monkeypatch.setattr("pullfocus.observe.observe._measure", measures)
    return tmp_path


def bake(folder: Path, *words: str, out: str = "out") -> int:
    return cli.run(["bake", str(folder / "s" / "x.solve"), "--out", str(folder / out), *words])


def elsewhere(folder: Path) -> list[str]:
    """A copy under other times; the first one is gone."""
    shutil.copytree(folder / "a", folder / "b", copy_function=shutil.copyfile)
    shutil.rmtree(folder / "a")
    return ["--plate", f"{folder}/b/p", "--matte", f"fg={folder}/b/m/m.####.png"]


def test_times_of_files_do_not_matter(solved: Path) -> None:
    for path in solved.glob("a/*/*.png"):
        os.utime(path, (5, 5))
    assert bake(solved) == 0


@pytest.mark.parametrize("verb", ["bake", "refocus", "edit", "flow"])
def test_every_verb_is_told_where_footage_is_now(solved: Path, verb: str, capfd) -> None:
    now = elsewhere(solved)
    words = [verb, f"{solved}/s/x.solve", "--out", f"{solved}/out"]
    if verb == "edit":
        cv2.imwrite(f"{solved}/over.png", np.full((40, 64, 4), 200, np.uint8))
        words += ["--layer", "bg", "--paint", f"{solved}/over.png", "--frame", "1001"]
    assert cli.run(words) == 2
    assert "--plate and --matte" in capfd.readouterr().err
    assert cli.run([*words, *now]) == 0
    assert cli.run(words) == 0  # it was written down


def test_the_place_of_another_machine_stays_known(solved: Path) -> None:
    shutil.copytree(solved / "a", solved / "b")
    assert bake(solved, "--plate", f"{solved}/b/p", "--matte", f"fg={solved}/b/m") == 0
    shutil.rmtree(solved / "b")
    assert bake(solved) == 0
    record = json.loads((solved / "s" / "x.solve" / "settings.json").read_text())
    assert record["inputs"]["plate"]["absolute"] == f"{solved}/a/p"
    assert [place["plate"]["absolute"] for place in record["places"]] == [f"{solved}/b/p"]


def test_a_folder_that_may_only_be_read(solved: Path, monkeypatch) -> None:
    now = elsewhere(solved)
    home = solved / "s" / "x.solve"
    before = {p: p.read_bytes() for p in home.rglob("*") if p.is_file()}
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and real(path, mode))

    def refused(folder):
        raise SolveError(f"cannot write in {folder}: Read-only file system")

    monkeypatch.setattr("pullfocus.solve.folder.locked", refused)
    assert bake(solved, *now) == 0
    assert {p: p.read_bytes() for p in home.rglob("*") if p.is_file()} == before


def test_other_pictures_are_not_taken_for_those_that_were_solved(solved: Path, capfd) -> None:
    now = elsewhere(solved)
    frame = solved / "b" / "p" / "shot.1002.png"
    codes = cv2.imread(str(frame))
    codes[5, 5] ^= 1
    cv2.imwrite(str(frame), codes)
    assert bake(solved, *now) == 2
    assert "expected the plate that was solved in" in capfd.readouterr().err


def test_a_path_that_holds_another_take_here_is_passed_over(solved: Path) -> None:
    """The absolute path leads to another shot on this machine; the relative one to the footage."""
    shutil.copytree(solved / "a", solved / "c" / "a")
    shutil.copytree(solved / "s", solved / "c" / "s")
    for path in solved.glob("a/p/*.png"):
        cv2.imwrite(str(path), 255 - cv2.imread(str(path)))
    assert bake(solved / "c") == 0
    assert bake(solved) == 2


def test_a_solve_goes_on_from_another_mount(solved: Path, capfd) -> None:
    shutil.copytree(solved / "a", solved / "b")
    words = [f"{solved}/b/p", "--matte", f"fg={solved}/b/m", "--steps", "0"]
    assert cli.run(["solve", *words, "--out", f"{solved}/s/x.solve"]) == 0
    assert "already solved" in capfd.readouterr().err
