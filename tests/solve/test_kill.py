# SPDX-License-Identifier: Apache-2.0
"""The real solver, killed again and again: the end is the one that it reaches undisturbed."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from pullfocus import checkpoint

MARKET = Path(__file__).parents[1] / "clips" / "market"
DRIVER = """
import sys
from pathlib import Path
from pullfocus.solve.inputs import ShotInputs
from pullfocus.solve.run import run_solve
from pullfocus.solve.settings import SolveSettings

clip, out = sys.argv[1:]
inputs = ShotInputs(
    plate=f"{clip}/plate.####.png", mattes=(("fg", f"{clip}/alpha.####.png"),), frames="1-8"
)
settings = SolveSettings(steps=160)
run_solve(inputs.open(), Path(out), settings, inputs=inputs, checkpoint_s=0.3)
"""


def start(out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", DRIVER, str(MARKET), str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(out: Path) -> dict[str, torch.Tensor]:
    process = start(out)
    _, words = process.communicate(timeout=200)
    assert process.returncode == 0, words.decode()
    tensors, meta = checkpoint.load(out / "checkpoint.safetensors")
    assert meta["finished"]
    return tensors


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_ten_random_moments_the_real_solver_ends_the_same(tmp_path: Path) -> None:
    undisturbed = finish(tmp_path / "whole.solve")
    out = tmp_path / "killed.solve"
    moments = random.Random(11)
    reached = []
    for _ in range(10):
        process = start(out)
        time.sleep(moments.uniform(2.0, 5.0))
        process.kill()
        process.communicate()
        saved = out / "checkpoint.safetensors"
        reached.append(checkpoint.load_meta(saved)["step"] if saved.exists() else 0)
    assert reached == sorted(reached)
    assert 0 < reached[4]
    tensors = finish(out)
    assert tensors.keys() == undisturbed.keys()
    for name, tensor in tensors.items():
        assert torch.equal(tensor, undisturbed[name]), name
    assert not list(out.glob(".tmp*"))
