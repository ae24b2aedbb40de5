# SPDX-License-Identifier: Apache-2.0
"""Several processes on one solve: shares of its frames, and tasks that do not know each other."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pullfocus import cli
from pullfocus.cli import side_by_side as jobs
from pullfocus.cli.side_by_side import run_side_by_side, shares
from pullfocus.errors import PullfocusError
from pullfocus.plate.exr import read_exr
from pullfocus.progress import Progress

CLIP = Path(__file__).parents[1] / "clips" / "market"
FRAMES = 5


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A solve of a few steps, and what one process bakes of it."""
    folder = tmp_path_factory.mktemp("jobs")
    words = [f"{CLIP}/plate.####.png", "--matte", f"fg={CLIP}/alpha.####.png"]
    words += ["--steps", "3", "--frames", f"1-{FRAMES}", "--out", f"{folder}/x.solve"]
    assert cli.run(["solve", *words, "--progress", "json"]) == 0
    assert cli.run(["bake", f"{folder}/x.solve", "--out", f"{folder}/one"]) == 0
    return folder


def same(one: Path, other: Path) -> None:
    names = {path.name for path in one.iterdir()}
    assert {path.name for path in other.iterdir()} == names
    for name in names:
        if name.endswith(".exr"):
            first, second = read_exr(one / name), read_exr(other / name)
            assert first.keys() == second.keys()
            for key in first:
                # torch rounds the last texel of a thread's piece its own way: a step of half
                np.testing.assert_allclose(first[key], second[key], rtol=1e-3, atol=1e-6)
        elif name.endswith(".json"):
            texts = [(folder / name).read_text() for folder in (one, other)]
            assert texts[0] == texts[1].replace("y.solve", "x.solve")


def words(*more: object) -> list[str]:
    return [sys.executable, "-m", "pullfocus.cli", *map(str, more)]


@given(st.integers(1, 200), st.integers(1, 40))
def test_shares_are_even_and_leave_nothing_out(frames: int, count: int) -> None:
    parts = shares(range(frames), count)
    assert [frame for part in parts for frame in part] == list(range(frames))
    sizes = [len(part) for part in parts]
    assert len(sizes) == min(count, frames)
    assert max(sizes) - min(sizes) <= 1


def test_two_processes_bake_what_one_does(solved: Path, capfd) -> None:
    capfd.readouterr()
    out = solved / "two"
    assert (
        cli.run(["bake", f"{solved}/x.solve", "--out", f"{out}", "--jobs=2", "--progress=json"])
        == 0
    )
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert events[-1]["frames"] == FRAMES
    assert events[-1]["passes_json"] == f"{out}/passes.json"
    fractions = [e["fraction"] for e in events if e["event"] == "stage" and e["stage"] == "baking"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    same(solved / "one", out)


def test_every_option_reaches_the_processes(solved: Path, capfd) -> None:
    options = ["--keep-sharp", "fg", "--keep-sharp", "bg", "--overlay", "--frames", "2-3"]
    ends = []
    for count in ("1", "2"):
        base = ["refocus", f"{solved}/x.solve", "--out", f"{solved}/sharp{count}", "--jobs", count]
        assert cli.run([*base, *options, "--skip-existing", "--progress=json"]) == 0
        ends.append(json.loads(capfd.readouterr().out.splitlines()[-1]))
    assert [(end["frames"], end["skipped"]) for end in ends] == [(2, 0)] * 2
    same(solved / "sharp1", solved / "sharp2")


@pytest.mark.parametrize("verb", ["bake", "refocus", "flow", "edit"])
def test_threads_are_as_many_as_were_asked_for(
    solved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(2)
    seen = []
    kept = Progress.done
    monkeypatch.setattr(
        "pullfocus.progress.JsonProgress.done",
        lambda self, text, **facts: (
            seen.append((torch.get_num_threads(), cv2.getNumThreads())) or kept(self, text, **facts)
        ),
    )
    paint = ["--layer", "bg", "--atlas", f"{solved}/one/atlas_bg.exr"] if verb == "edit" else []
    base = [verb, f"{solved}/x.solve", "--out", str(tmp_path / verb), "--frames", "2", *paint]
    try:
        assert cli.run([*base, "--threads", "1", "--progress=json"]) == 0
        assert seen == [(1, 1)]
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def test_what_one_says_is_said_and_the_others_end(solved: Path, capfd) -> None:
    base = ["bake", f"{solved}/x.solve", "--out", f"{solved}/wrong", "--jobs", "2"]
    assert cli.run([*base, "--frames", "1-9"]) == 2
    assert "expected frames of the solve (1-5), got" in capfd.readouterr().err.splitlines()[-1]


def test_a_process_that_is_killed_is_told_of(monkeypatch) -> None:
    monkeypatch.setattr(jobs.sys, "executable", "/bin/sh")  # sh -m: no such option, code 2
    with pytest.raises(PullfocusError, match="it said nothing"):
        run_side_by_side([["doctor"], ["doctor"]], [1, 1], Progress())
    assert "choose fewer --jobs" in jobs._ended(-signal.SIGKILL, "")
    assert jobs._ended(1, "KeyError: 3") == "a process ended with code 1: KeyError: 3"


@pytest.mark.skipif(os.name == "nt", reason="signals are another thing there")
def test_stopped_from_outside_all_stop_and_leave_whole_files(solved: Path) -> None:
    out = solved / "stopped"
    command = words("bake", solved / "x.solve", "--out", out, "--jobs", 2, "--progress", "json")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if '"baking"' in line:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode in (143, 0)  # 0: it was done by then
    time.sleep(0.1)
    before = {path.name for path in out.iterdir()}
    for path in out.glob("plate.*.exr"):
        assert len(read_exr(path)) > 10
    time.sleep(0.5)
    assert {path.name for path in out.iterdir()} == before
    assert not [name for name in before if name.startswith(".")]


def test_two_tasks_on_one_folder_do_each_other_no_harm(solved: Path) -> None:
    """The same frames, the same folders, and a solve folder without what was measured."""
    import shutil

    solve, out = solved / "y.solve", solved / "both"
    shutil.copytree(solved / "x.solve", solve)
    shutil.rmtree(solve / "observe")
    tasks = [
        subprocess.Popen(
            words("bake", solve, "--out", out), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for task in tasks:
        _, said = task.communicate(timeout=120)
        assert task.returncode == 0, said.decode()
    same(solved / "one", out)
    assert len(list((solve / "observe").iterdir())) == 1
