# SPDX-License-Identifier: Apache-2.0
"""Two processes on one solve, started by torchrun, on CPUs (gloo)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from pullfocus import checkpoint
from pullfocus.solve.parallel import ALONE, Leader, follow

ROOT = Path(__file__).parents[2]


def torchrun(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    paths = [str(ROOT / "core"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    return subprocess.run(
        [*command, "--nproc-per-node", "2", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=240,
    )


@pytest.mark.parametrize("facts", [{"unsettled": True}, {"unsettled": False}, {}])
def test_several_processes_end_no_sooner_than_one_would(facts: dict[str, bool]) -> None:
    leader = Leader(SimpleNamespace(**facts), ALONE)  # type: ignore[arg-type]
    assert leader.unsettled is facts.get("unsettled", False)


def test_alone_nothing_is_exchanged() -> None:
    assert (ALONE.rank, ALONE.size) == (0, 1)
    assert [ALONE.agree(True), ALONE.agree(False)] == [True, False]


def test_a_follower_does_what_it_hears() -> None:
    class Group:
        messages = iter(
            [("observed", "settings"), ("step", ()), ("plan", (7,)), ("step", ()), "done"]
        )

        def hear(self):
            return next(self.messages)

    class Solver:
        calls: list = []  # noqa: RUF012

        def step(self):
            self.calls.append("step")

        def plan(self, *, steps):
            self.calls.append(steps)

    solver = Solver()

    def make(settings):
        solver.calls.append(settings)
        return solver

    follow(Group(), make)  # type: ignore[arg-type, return-value]
    assert solver.calls == ["settings", "step", 7, "step"]


def test_gradients_are_averaged_and_processes_stay_together(tmp_path: Path) -> None:
    done = torchrun(Path(__file__).with_name("parallel_worker.py"), tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    for found in (first, second):
        assert found["mean"] == [1.5] * 6
        assert found["agreed"] == [True, False]
        assert found["apart"] == 0
        assert found["finite"]
        assert found["diverged"]  # one process broke, none waits for the other
    assert first["losses"] != second["losses"]
    both = first["frames"] + second["frames"]
    assert sorted(both) == list(range(6))  # three steps of two frames are one pass


@pytest.mark.slow
def test_the_command_line_under_torchrun_writes_one_solve(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for t in (1, 2, 3, 4):
        picture = (random.random((24, 40, 3)) * 255).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"plate.{t:04d}.png"), picture)
    command = ["-m", "pullfocus.cli", "solve", tmp_path / "plate.####.png", "--steps", "4"]
    command += ["--out", tmp_path / "x.solve", "--progress", "plain", "--ignore-cuts"]
    done = torchrun(*command)
    assert done.returncode == 0, done.stderr[-3000:]
    meta = checkpoint.load_meta(tmp_path / "x.solve" / "checkpoint.safetensors")
    assert (meta["step"], meta["finished"]) == (4, True)
    assert len((tmp_path / "x.solve" / "log.jsonl").read_text().splitlines()) == 4
    again = torchrun(*command)  # solved already: nobody waits for anybody
    assert again.returncode == 0, again.stderr[-3000:]
    assert "already solved" in again.stderr + again.stdout
