# SPDX-License-Identifier: Apache-2.0
"""Bundles run by the real ``openjd``, as a farm runs them: chunks, a cancel, a requeue, a mount."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pullfocus import checkpoint, cli
from pullfocus.passes.passes_json import read_passes_json

from tests.farm.golden_bundles import PLAIN, studio

BIN = Path(sys.executable).parent
FRAMES = 6


def openjd(*words: str) -> subprocess.Popen[str]:
    """Start openjd so that it finds this environment's pullfocus."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.Popen(
        [BIN / "openjd", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def told(*words: str) -> tuple[int, str]:
    process = openjd(*words)
    said, _ = process.communicate(timeout=250)
    return process.returncode, said


def bundle(root: Path, *words: str) -> Path:
    out = root / "job"
    base = [word.format(studio=root) for word in PLAIN]
    assert cli.run(["farm", *base, "--out", str(out), *words]) == 0
    return out


def at(root: Path, job: Path) -> list[str]:
    """Words that run a job whose submitter sees as /studio what lies at `root` here."""
    rule = {
        "source_path_format": "POSIX",
        "source_path": str(job.parent),
        "destination_path": str(root),
    }
    rules = root / "rules.json"
    rules.write_text(json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [rule]}))
    # the farm keeps template and values; the rest of the submitter's disk it never sees
    here = root / job.name
    return [
        str(here / "template.yaml"),
        *("--job-param", f"file://{here / 'openjd_parameters.yaml'}"),
        *("--path-mapping-rules", f"file://{rules}"),
    ]


def cancelled(*words: str) -> str:
    """Run openjd until steps are taken, cancel it; returns what it said."""
    process = openjd("run", *words)
    said, stopped = "", False
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if "openjd_status: solve: step" in line and not stopped:
            process.send_signal(signal.SIGTERM)
            stopped = True
    assert process.wait(60) == 1, said
    assert "openjd_status: stopped by SIGTERM at step" in said, said
    assert "exited with code: 143" in said
    return said


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A job that was made at one mount, and the other mount where its machines find it."""
    base = tmp_path_factory.mktemp("farm")
    root = studio(base / "studio", FRAMES)
    made = bundle(root, "--steps", "20000", "--frames-per-task", "4", "--keep-sharp", "fg")
    mount = base / "mount"
    root.rename(mount)
    return made, mount


def test_check_and_summary(job: tuple[Path, Path]) -> None:
    _, mount = job
    code, said = told("check", str(mount / "job" / "template.yaml"))
    assert code == 0, said
    values = f"file://{mount / 'job' / 'openjd_parameters.yaml'}"
    code, said = told("summary", str(mount / "job" / "template.yaml"), "--job-param", values)
    assert code == 0, said
    for line in ("'Solve' (1 total Tasks)", "'Bake' (6 total Tasks)", "'Refocus' (6 total Tasks)"):
        assert line in said


def test_cancelled_on_another_mount_requeued_and_done(job: tuple[Path, Path]) -> None:
    made, mount = job
    folder = mount / "job" / "plate.solve"
    cancelled(*at(mount, made), "--step", "Solve")
    saved = checkpoint.load_meta(folder / "checkpoint.safetensors")
    assert saved["step"] > 0
    assert not saved["finished"]
    assert not made.parent.exists()  # nothing was written where the submitter's disk would be

    # the requeued task goes on, on a machine that mounts all of it elsewhere again; its steps are
    # changed as a submitter's dialog may
    mount = mount.rename(mount.with_name("other_mount"))
    words = [*at(mount, made), "--job-param", f"Steps={saved['step'] + 6}"]
    code, said = told("run", *words)
    assert code == 0, said
    assert f"note: going on from step {saved['step']} of {saved['step'] + 6}" in said
    assert re.findall(r"Frame\(CHUNK\[INT\]\) = (\S+)", said) == ["1-3", "4-6"] * 2
    assert "openjd_status: baking 100 %" in said
    assert "openjd_progress: 100" in said
    passes = read_passes_json(mount / "job" / "passes")
    assert passes.frames == tuple(range(1, FRAMES + 1))
    files = {path.name for path in (mount / "job" / "passes").glob("plate.*.exr")}
    assert files == {passes.file_name(frame) for frame in passes.frames}
    assert len(list((mount / "job" / "refocused").iterdir())) == FRAMES

    # a task that is run again leaves what is there
    (mount / "job" / "passes" / "plate.0002.exr").unlink()
    code, said = told("run", *words, "--step", "Bake", "--task-param", "Frame=1-4")
    assert code == 0, said
    assert "openjd_status: baked 1 frame (3 already there)" in said


def test_a_proxy_is_solved_then_finished_by_another_task(tmp_path: Path) -> None:
    root = studio(tmp_path / "studio")
    made = bundle(root, *"--proxy 96 --quality high --steps 8 --frames-per-task 4".split())
    folder, words = made / "plate.solve", at(root, made)
    code, said = told("run", *words, "--step", "Solve")
    assert code == 0, said
    assert "the same command without --no-finish goes on to the plate's size" in said
    assert not (folder / "full.safetensors").exists()
    assert checkpoint.load_meta(folder / "checkpoint.safetensors")["step"] == 8

    said = cancelled(*words, "--step", "Finish")
    assert "drawing fg at 256x144" in said
    assert (folder / "full.safetensors").exists()
    assert not checkpoint.load_meta(folder / "checkpoint.safetensors")["finished"]

    code, said = told("run", *words)  # all of the job: what is done is left, what is not goes on
    assert code == 0, said
    assert f"note: {folder}: its proxy is already solved: 8 steps" in said
    assert "drawing fg" not in said
    assert checkpoint.load_meta(folder / "checkpoint.safetensors")["finished"]
    assert len(list((made / "passes").glob("plate.*.exr"))) == 4


def test_input_that_fails_says_so_in_our_one_line(tmp_path: Path) -> None:
    root = studio(tmp_path / "studio")
    made = bundle(root, "--steps", "20")
    (root / "plate" / "plate.0003.png").unlink()
    code, said = told("run", *at(root, made), "--step", "Solve")
    assert code == 1
    failures = [line.split("\t", 1)[1] for line in said.splitlines() if "openjd_fail" in line]
    assert failures == [
        "openjd_fail: plate: plate.####.png lacks frame 3: --frames 1-4 asks for them; found 1-2,4"
    ]
    assert "exited with code: 2" in said
