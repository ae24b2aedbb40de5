# SPDX-License-Identifier: Apache-2.0
import dataclasses
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from pullfocus import checkpoint
from pullfocus.errors import PlateError, SolveError
from pullfocus.progress import Progress
from pullfocus.solve.run import run_solve
from solve import standin

DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from solve import standin
from pullfocus.solve.run import run_solve
outcome = run_solve(
    standin.make_shot(), Path(sys.argv[2]), standin.Settings(steps=60, delay_s=float(sys.argv[3])),
    make_solver=standin.Solver, observe=standin.observe, checkpoint_s=0.03,
)
sys.exit(0 if outcome.stop_signal is None else 128 + outcome.stop_signal)
"""


class Notes(Progress):
    def __init__(self):
        self.notes = []
        self.steps = []

    def note(self, text):
        self.notes.append(text)

    def step(self, step, total, *, eta_s, **facts):
        self.steps.append((step, total, eta_s))


def solve(out, *, shot=None, steps=60, seed=0, delay_s=0.0, **options):
    options = {"make_solver": standin.Solver, "observe": standin.observe} | options
    settings = standin.Settings(steps=steps, seed=seed, delay_s=delay_s)
    return run_solve(shot or standin.make_shot(), out, settings, **options)


def texture(out):
    tensors, _ = checkpoint.load(out / "checkpoint.safetensors")
    return tensors["texture"]


def log_steps(out):
    return [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()]


def contents(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != ".lock"
    }


def start(out, delay_s=0.005):
    tests = Path(__file__).parent.parent
    command = [sys.executable, "-c", DRIVER, str(tests), str(out), str(delay_s)]
    return subprocess.Popen(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True
    )


def wait_for(condition, process=None, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        assert process is None or process.poll() is None
        time.sleep(0.002)


def test_a_solve_leaves_its_folder_complete(tmp_path):
    out = tmp_path / "deep" / "x.solve"
    notes = Notes()
    outcome = solve(out, progress=notes)
    assert outcome.finished
    assert outcome.step == 60
    assert outcome.peak_memory_mb > 50
    assert log_steps(out) == list(range(1, 61))
    line = json.loads((out / "log.jsonl").read_text().splitlines()[0])
    assert line.keys() >= {"step", "seconds", "loss", "l1", "psnr_reblur"}
    assert (out / "preview.png").read_bytes()[1:4] == b"PNG"
    assert "plate: taken as sRGB" in notes.notes
    assert any("GB of memory" in note for note in notes.notes)
    assert notes.steps[-1][:2] == (60, 60)


def test_the_same_command_on_a_finished_solve_does_nothing(tmp_path):
    out = tmp_path / "x.solve"
    solve(out)
    before = contents(out)
    outcome = solve(out, observe=None, make_solver=None)  # neither is needed
    assert outcome.finished
    assert outcome.step == 60
    assert contents(out) == before


def test_more_steps_go_on_and_fewer_are_refused(tmp_path):
    out = tmp_path / "x.solve"
    solve(out, steps=40)
    notes = Notes()
    assert solve(out, steps=60, progress=notes).step == 60
    assert notes.steps[0][0] == 41
    assert log_steps(out) == list(range(1, 61))
    before = contents(out)
    with pytest.raises(SolveError, match="has done 60 steps, 50 were asked for"):
        solve(out, steps=50)
    assert contents(out) == before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"seed": 1}, "seed was 0, is 1"),
        ({"shot": standin.make_shot(0.25)}, "contents of the footage was"),
        (
            {"shot": dataclasses.replace(standin.make_shot(), frames=(1, 2))},
            "number of frames was 5, is 2",
        ),
    ],
    ids=["seed", "footage", "frames"],
)
def test_another_solve_in_the_folder_is_refused_then_replaced(tmp_path, change, expected):
    out = tmp_path / "x.solve"
    solve(out)
    before = contents(out)
    with pytest.raises(SolveError, match=expected) as raised:
        solve(out, **change)
    assert "--restart" in str(raised.value)
    assert contents(out) == before
    assert solve(out, restart=True, **change).finished
    assert log_steps(out) == list(range(1, 61))
    assert contents(out)["settings.json"] != before["settings.json"]


def test_a_restart_that_cannot_read_its_plate_keeps_the_earlier_solve(tmp_path):
    out = tmp_path / "x.solve"
    solve(out)
    before = contents(out)
    with pytest.raises(PlateError, match="frame 1001 is truncated"):
        solve(out, restart=True, shot=standin.make_shot(0.1, fails=True))
    assert contents(out) == before


def test_folders_that_are_no_solve_are_left_alone(tmp_path):
    (tmp_path / "holiday.jpg").write_text("precious")
    with pytest.raises(SolveError, match=r"got .* with holiday.jpg in it"):
        solve(tmp_path)
    with pytest.raises(SolveError, match="got the file"):
        solve(tmp_path / "holiday.jpg")
    assert [p.name for p in tmp_path.iterdir()] == ["holiday.jpg"]


def test_divergence_keeps_the_last_checkpoint(tmp_path):
    out = tmp_path / "x.solve"
    with pytest.raises(SolveError, match="diverged at step 10"):
        solve(out, make_solver=standin.DivergingSolver, checkpoint_s=0.0)
    _, meta = checkpoint.load(out / "checkpoint.safetensors")
    assert meta["step"] == 9
    assert log_steps(out) == list(range(1, 10))


def test_a_damaged_checkpoint_is_one_clear_line(tmp_path):
    out = tmp_path / "x.solve"
    solve(out)
    path = out / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    before = contents(out)
    with pytest.raises(SolveError, match="cannot read the checkpoint"):
        solve(out)
    assert contents(out) == before
    assert solve(out, restart=True).finished


def test_a_torn_log_is_repaired(tmp_path):
    out = tmp_path / "x.solve"
    solve(out, steps=40)
    with (out / "log.jsonl").open("a") as log:
        log.write('{"step": 41, "loss": 1.0}\n{"step": 42, "lo')  # newer than the checkpoint, torn
    solve(out, steps=60)
    assert log_steps(out) == list(range(1, 61))


def test_minutes_become_a_plan(tmp_path):
    out = tmp_path / "x.solve"
    began = time.monotonic()
    outcome = solve(out, minutes=2 / 60, delay_s=0.01)
    took = time.monotonic() - began
    assert outcome.finished
    assert 1.0 < took < 3.5
    assert 15 < outcome.step < 200  # 0.01 s a step and what a busy machine adds
    # the same command has nothing left to do; more minutes go on; fewer are refused
    assert solve(out, minutes=2 / 60, delay_s=0.01).step == outcome.step
    assert solve(out, minutes=3 / 60, delay_s=0.01).step > outcome.step
    with pytest.raises(SolveError, match=r"minutes, 0\.01 were asked for"):
        solve(out, minutes=0.01, delay_s=0.01)


class SettledSolver(standin.Solver):
    """Gains nothing more after step 100."""

    def step(self):
        report = super().step()
        return dataclasses.replace(report, psnr_reblur=20 + min(report.step, 100) / 10)


def test_a_converged_solve_ends_early_and_the_same_wherever_it_was_interrupted(tmp_path):
    options = {"steps": 400, "make_solver": SettledSolver, "until_converged": True}
    notes = Notes()
    whole = solve(tmp_path / "whole.solve", progress=notes, **options)
    assert whole.finished
    assert 300 <= whole.step < 400
    assert any(note.startswith("done early") for note in notes.notes)
    assert solve(tmp_path / "whole.solve", **options).step == whole.step  # nothing left to do

    class Interrupted(SettledSolver):
        def step(self):
            if self.step_index == 290:
                raise SolveError("interrupted")
            return super().step()

    parts = tmp_path / "parts.solve"
    with pytest.raises(SolveError, match="interrupted"):
        solve(parts, checkpoint_s=0.0, **(options | {"make_solver": Interrupted}))
    assert solve(parts, **options).step == whole.step
    assert torch.equal(texture(parts), texture(tmp_path / "whole.solve"))
    # asked for exactly so many steps, it goes on
    assert solve(parts, **(options | {"until_converged": False})).step == 400


def test_no_steps_keep_what_the_solve_starts_from(tmp_path):
    out = tmp_path / "x.solve"
    assert solve(out, steps=0).finished
    assert (texture(out) == 0).all()
    assert (out / "preview.png").exists()
    assert solve(out, steps=5).step == 5


def test_two_runs_on_one_folder_refuse(tmp_path):
    out = tmp_path / "x.solve"
    process = start(out, delay_s=0.2)
    try:
        wait_for((out / "log.jsonl").exists, process)
        with pytest.raises(SolveError, match=rf"another pullfocus \(process {process.pid}\)"):
            solve(out, delay_s=0.2)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "x.solve"
    process = start(out)
    assert process.wait(120) == 0, process.communicate()
    return texture(out)


def test_killed_at_ten_random_moments_the_end_is_the_same(tmp_path, uninterrupted):
    out = tmp_path / "x.solve"
    moments = random.Random(7)
    kills = 0
    while kills < 10:
        process = start(out, delay_s=0.01)
        log = out / "log.jsonl"
        size = log.stat().st_size if log.exists() else -1
        # from the moment that something moves (imports are no moment worth testing)
        wait_for(lambda: process.poll() is not None or _moved(log, size))  # noqa: B023
        time.sleep(moments.uniform(0, 0.12))
        process.kill()
        code = process.wait()
        process.communicate()
        if code == 0:
            break
        kills += 1
    assert kills >= 5  # it may finish before the tenth
    settings = json.loads((out / "settings.json").read_text())["settings"]
    process = start(out, delay_s=settings["delay_s"])
    _, text = process.communicate(timeout=120)
    assert process.returncode == 0, text
    assert torch.equal(texture(out), uninterrupted)
    assert log_steps(out) == list(range(1, 61))
    assert not list(out.glob(".tmp*"))


def _moved(log: Path, size: int) -> bool:
    return log.exists() and log.stat().st_size != size


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_the_same_command_goes_on(tmp_path, uninterrupted, signum, code):
    out = tmp_path / "x.solve"
    process = start(out, delay_s=0.02)
    wait_for((out / "log.jsonl").exists, process)
    time.sleep(0.2)
    process.send_signal(signum)
    assert process.wait(30) == code
    process.communicate()
    _, meta = checkpoint.load(out / "checkpoint.safetensors")
    assert 0 < meta["step"] < 60
    assert not meta["finished"]
    assert log_steps(out) == list(range(1, meta["step"] + 1))
    assert solve(out, delay_s=0.02).finished
    assert torch.equal(texture(out), uninterrupted)


def test_a_second_interrupt_leaves_at_once(tmp_path):
    out = tmp_path / "x.solve"
    process = start(out, delay_s=3.0)
    wait_for((out / "log.jsonl").exists, process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert process.poll() is None  # it waits for the step to end
    process.send_signal(signal.SIGINT)
    assert process.wait(1.0) == 130
    process.communicate()


def test_a_full_disk_keeps_the_earlier_checkpoint(tmp_path, monkeypatch):
    out = tmp_path / "x.solve"
    solve(out, steps=40)
    before = texture(out)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(SolveError, match="the disk is full"):
        solve(out, steps=60)
    assert torch.equal(texture(out), before)
