# SPDX-License-Identifier: Apache-2.0
"""A whole solve where no tensor may meet one of another device, as on a GPU."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pullfocus.model.plate_lens import PlateLens
from pullfocus.progress import Progress
from pullfocus.solve.inputs import ShotInputs
from pullfocus.solve.run import run_solve
from pullfocus.solve.settings import SolveSettings
from pullfocus.solve.solved import load_solve

from tests.pretended_device import NAME, pretended_device

MARKET = Path(__file__).parents[1] / "clips" / "market"
INPUTS = ShotInputs(
    plate=str(MARKET / "plate.####.png"),
    mattes=(("fg", str(MARKET / "alpha.####.png")),),
    frames="1-13x6",
)
# a device works on one frame at a time: so must the CPU, to take the same steps
SETTINGS = SolveSettings(steps=4, proxy=96, coarse_share=0.5, fine_looks=1, frames_at_once=1)


class Stopping(Progress):
    def __init__(self, after):
        self._after = after

    def step(self, step, total, *, eta_s, **facts):
        if step == self._after:
            signal.raise_signal(signal.SIGTERM)


def solve(out, device, stop_after=0, settings=SETTINGS):
    return run_solve(
        INPUTS.open(), out, settings, inputs=INPUTS, device=device, progress=Stopping(stop_after)
    )


@pytest.mark.parametrize("stop_after", [2, 6], ids=["of the proxy", "of the plate"])
def test_a_solve_on_a_device_is_the_cpus_and_goes_on_there(tmp_path, stop_after):
    assert solve(tmp_path / "cpu", "cpu").finished
    with pretended_device():
        assert not solve(tmp_path / "device", NAME, stop_after).finished
        assert solve(tmp_path / "device", NAME).finished
    found, expected = (load_solve(tmp_path / name)[1] for name in ("device", "cpu"))
    for one, other in zip(found.layers, expected.layers, strict=True):
        torch.testing.assert_close(one.texture.texels, other.texture.texels, rtol=0, atol=2e-3)


@pytest.mark.slow
def test_a_solve_through_the_plates_own_lens_is_the_cpus(tmp_path):
    lens = PlateLens(blades=5, rotation_deg=20.0, cats_eye=0.8)
    settings = replace(SETTINGS, lens=json.dumps(lens.record()))
    assert solve(tmp_path / "cpu", "cpu", settings=settings).finished
    with pretended_device():
        assert solve(tmp_path / "device", NAME, settings=settings).finished
    found, expected = (load_solve(tmp_path / name)[1] for name in ("device", "cpu"))
    assert expected.lens is not None
    assert found.lens is not None
    for one, other in zip(found.layers, expected.layers, strict=True):
        # the device looks no weights up: between nodes 1/8 px apart they err by more than a disc's
        torch.testing.assert_close(one.texture.texels, other.texture.texels, rtol=0, atol=1e-2)


def test_a_pretended_device_refuses_what_a_device_does():
    with pretended_device():
        there, here = torch.ones(3, device=NAME, requires_grad=True), torch.ones(3)
        (there * there.new_tensor([1.0, 2.0, 3.0])).sum().backward()
        assert there.grad.cpu().tolist() == [1, 2, 3]
        with pytest.raises(RuntimeError, match="of the CPU beside"):
            there + here
        with pytest.raises(RuntimeError, match="indexed by one of a device"):
            here[there.detach() > 0]
        with pytest.raises(RuntimeError, match="not supported"):
            there.detach().numpy()
        assert there.detach().cpu().numpy().tolist() == [1, 1, 1]
