# SPDX-License-Identifier: Apache-2.0
"""No verb writes over footage, and a verb that stops leaves whole files and says so."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus import cli
from pullfocus.plate.exr import Plane, read_exr, write_exr

COUNT = 4


@pytest.fixture
def solved(tmp_path: Path) -> Path:
    """A plate that is given as its folder, a matte in another one, and their fusion."""
    rng = np.random.default_rng(3)
    wall = cv2.GaussianBlur(rng.random((40, 80, 3)).astype(np.float32), (0, 0), 1.5)
    for t in range(COUNT):
        plane = Plane(name="p", data=wall[:, t : t + 64], channels=tuple("RGB"), half=True)
        for folder in ("p", "m"):
            (tmp_path / folder).mkdir(exist_ok=True)
        write_exr(tmp_path / "p" / f"shot.{1001 + t}.exr", [plane])
        matte = np.zeros((40, 64), np.float32)
        matte[10:30, 20:40] = 1
        plane = Plane(name="m", data=matte, channels=("Y",), half=True)
        write_exr(tmp_path / "m" / f"shot.{1001 + t}.exr", [plane])
    arguments = ["--matte", f"fg={tmp_path}/m/shot.####.exr", "--steps", "0"]
    assert cli.run(["solve", f"{tmp_path}/p", *arguments, "--out", f"{tmp_path}/x.solve"]) == 0
    return tmp_path


def held(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


VERBS = {
    "bake": ["bake", "{t}/x.solve"],
    "refocus": ["refocus", "{t}/x.solve"],
    "edit": ["edit", "{t}/x.solve", "--layer", "bg", "--atlas", "{t}/p/shot.1001.exr"],
    "edit --in-plate": [
        *("edit", "{t}/x.solve", "--layer", "bg", "--in-plate"),
        *("--paint", "{t}/p/shot.1001.exr", "--frame", "1001"),
    ],
    "flow": ["flow", "{t}/x.solve"],
    "coc": ["coc", "{t}/p"],
    "coc by pattern": ["coc", "{t}/p/shot.####.exr"],
    "solve": ["solve", "{t}/p", "--steps", "0"],
    "solve --restart": ["solve", "{t}/p", "--steps", "0", "--restart"],
}


@pytest.mark.parametrize("folder", ["p", "m", "link", "x.solve/../p"])
def test_no_verb_writes_into_the_folder_of_footage(solved: Path, capfd, folder: str) -> None:
    (solved / "link").symlink_to(solved / "p")
    before = held(solved / "p"), held(solved / "m")
    for name, words in VERBS.items():
        if folder == "m" and words[0] in ("coc", "solve"):
            continue  # which were not told of the matte
        capfd.readouterr()
        arguments = [word.format(t=solved) for word in words]
        assert cli.run([*arguments, "--out", f"{solved}/{folder}"]) == 2, name
        error = capfd.readouterr().err.strip().splitlines()[-1]
        assert "folder of the " in error, name
        assert (held(solved / "p"), held(solved / "m")) == before, name


def test_a_painted_atlas_is_not_baked_over(solved: Path, capfd) -> None:
    out = solved / "out"
    assert cli.run(["bake", f"{solved}/x.solve", "--out", str(out)]) == 0
    assert cli.run(["bake", f"{solved}/x.solve", "--out", str(out)]) == 0  # its own are replaced
    atlas = read_exr(out / "atlas_bg.exr")
    painted = np.dstack([atlas[c] for c in "RGB"])
    painted[5:9, 5:9] = (1, 0, 0)
    plane = Plane(name="atlas", data=painted, channels=tuple("RGB"), half=True)
    write_exr(out / "atlas_bg.exr", [plane])
    before = held(out)
    for words in (
        ["bake", f"{solved}/x.solve"],
        ["edit", f"{solved}/x.solve", "--layer", "bg", "--atlas", f"{out}/atlas_bg.exr"],
    ):
        capfd.readouterr()
        assert cli.run([*words, "--out", str(out)]) == 2
        assert "atlas_bg.exr" in capfd.readouterr().err
        assert held(out) == before


def test_restart_removes_nothing_that_pullfocus_did_not_make(solved: Path, capfd) -> None:
    own = solved / "own"
    own.mkdir()
    for name in ("settings.json", "log.jsonl", "preview.png"):
        (own / name).write_text('{"mine": true}')
    before = held(own)
    words = ["solve", f"{solved}/p", "--steps", "0", "--restart", "--out", str(own)]
    assert cli.run(words) == 2
    assert held(own) == before


def test_the_cache_drops_nothing_but_caches(solved: Path) -> None:
    """Footage may lie in a folder that is called like the cache of a solve."""
    home = solved / "home" / "observe"
    home.mkdir(parents=True)
    (solved / "p").rename(home / "take1")
    before = held(home / "take1")
    words = ["solve", f"{home}/take1", "--steps", "0", "--out", f"{solved}/home"]
    cli.run(words)
    assert held(home / "take1") == before


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_bake_that_is_stopped_leaves_whole_frames_and_says_so(solved: Path) -> None:
    out = solved / "out"
    slow = (
        "import sys, time; import pullfocus.bake.view as b; old = b.frame_planes\n"
        "b.frame_planes = lambda *a, **k: (time.sleep(0.5), old(*a, **k))[1]\n"
        "from pullfocus import cli; sys.exit(cli.run(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", slow, "bake", f"{solved}/x.solve", "--out", str(out)]
    running = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (out / "shot.1002.exr").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 143
    frames = sorted(out.glob("shot.*.exr"))
    assert 2 <= len(frames) < COUNT
    assert f"stopped by SIGTERM: {len(frames)} of {COUNT} frames are complete" in said
    for frame in frames:
        read_exr(frame)
    assert (out / "passes.json").is_file()
    assert not list(out.glob(".*"))
