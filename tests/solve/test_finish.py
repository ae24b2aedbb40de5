# SPDX-License-Identifier: Apache-2.0
"""A solve on a proxy, through both of its halves."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pullfocus import checkpoint
from pullfocus.bake.bake import bake
from pullfocus.errors import SolveError
from pullfocus.plate.exr import read_exr
from pullfocus.progress import Progress
from pullfocus.solve.finish import FULL
from pullfocus.solve.inputs import ShotInputs
from pullfocus.solve.run import run_solve
from pullfocus.solve.settings import SolveSettings
from pullfocus.solve.solved import load_solve

MARKET = Path(__file__).parents[1] / "clips" / "market"
SETTINGS = SolveSettings(steps=4, proxy=96, coarse_share=0.5, fine_looks=1)


class Told(Progress):
    """Keeps what is said; raises a signal when a stage begins, or after a step."""

    def __init__(self, stop_at="", stop_after=0):
        self.notes, self.steps, self.stages = [], [], []
        self._stop_at = stop_at
        self._stop_after = stop_after

    def note(self, text):
        self.notes.append(text)

    def step(self, step, total, *, eta_s, **facts):
        self.steps.append((step, total))
        if step == self._stop_after:
            signal.raise_signal(signal.SIGTERM)

    def stage(self, name, fraction):
        if self._stop_at and name.startswith(self._stop_at):
            self._stop_at = ""
            signal.raise_signal(signal.SIGTERM)
        self.stages.append(name)


def inputs():
    matte = str(MARKET / "alpha.####.png")
    return ShotInputs(
        plate=str(MARKET / "plate.####.png"), mattes=(("fg", matte),), frames="1-13x4"
    )


def solve(out, settings=SETTINGS, **options):
    return run_solve(inputs().open(), out, settings, inputs=inputs(), **options)


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "x.solve"
    told = Told()
    outcome = solve(out, progress=told)
    assert outcome.finished
    return out, told


def texels(out):
    return [layer.texture.texels.detach() for layer in load_solve(out)[1].layers]


def test_both_halves_are_told_of_and_what_comes_out_is_of_the_plates_size(solved):
    out, told = solved
    assert any("proxy of 96x54, then all at 256x144" in note for note in told.notes)
    assert told.steps == [(step, 8) for step in range(1, 9)]
    log = [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert log == list(range(1, 9))
    assert {"drawing fg at 256x144", "drawing bg at 256x144"} <= set(told.stages)
    assert checkpoint.load_meta(out / "checkpoint.safetensors")["finished"]
    _, model = load_solve(out)
    assert model.observed.width == 256
    assert model.layers[1].texture.size[1] > 256
    assert model.sharp(0).shape == (3, 144, 256)


def test_the_same_command_does_nothing_more(solved):
    out, _ = solved
    told = Told()
    assert solve(out, progress=told).finished
    assert told.stages == []


def test_one_that_is_stopped_while_atlases_are_drawn_goes_on_there(solved, tmp_path):
    out = tmp_path / "x.solve"
    stopped = solve(out, progress=Told("drawing fg"))
    assert stopped.stop_signal == signal.SIGTERM
    assert not stopped.finished
    assert stopped.step == 4
    assert not (out / FULL).exists()
    assert load_solve(out)[1].sharp(0).isfinite().all()  # what a bake shows of it meanwhile
    told = Told()
    assert solve(out, progress=told).finished
    assert told.steps == [(step, 8) for step in (5, 6, 7, 8)]
    for one, other in zip(texels(out), texels(solved[0]), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_one_that_is_stopped_at_the_plates_size_goes_on_to_the_same_end(solved, tmp_path):
    out = tmp_path / "x.solve"
    stopped = solve(out, progress=Told(stop_after=6))
    assert stopped.stop_signal == signal.SIGTERM
    assert not checkpoint.load_meta(out / "checkpoint.safetensors")["finished"]
    assert load_solve(out)[1].sharp(0).isfinite().all()
    told = Told()
    assert solve(out, progress=told).finished
    assert told.steps == [(7, 8), (8, 8)]
    log = [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert log == list(range(1, 9))
    for one, other in zip(texels(out), texels(solved[0]), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_the_plates_size_can_be_left_to_another_run(solved, tmp_path):
    out = tmp_path / "x.solve"
    told = Told()
    half = solve(out, finish=False, progress=told)
    assert (half.finished, half.for_later, half.stop_signal, half.step) == (False, True, None, 4)
    assert told.steps == [(step, 4) for step in range(1, 5)]
    assert not (out / FULL).exists()
    assert load_solve(out)[1].sharp(0).shape == (3, 144, 256)  # what a bake shows of it meanwhile
    checkpoint_before = (out / "checkpoint.safetensors").read_bytes()
    told = Told()
    assert solve(out, finish=False, progress=told).for_later  # a task that is run again
    assert told.notes == [f"{out}: its proxy is already solved: 4 steps"]
    assert told.stages == []
    assert (out / "checkpoint.safetensors").read_bytes() == checkpoint_before

    stopped = solve(out, progress=Told(stop_after=6))
    assert (stopped.stop_signal, stopped.finished, stopped.step) == (signal.SIGTERM, False, 4)
    told = Told()
    assert solve(out, progress=told).finished
    assert told.steps == [(7, 8), (8, 8)]
    assert "going on at 256x144: the proxy is solved" in told.notes
    log = [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert log == list(range(1, 9))
    for one, other in zip(texels(out), texels(solved[0]), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    told = Told()
    assert solve(out, finish=False, progress=told).finished
    assert told.notes == [f"{out} is already solved: 4 steps"]


def test_a_plate_without_a_proxy_has_nothing_to_leave(tmp_path):
    outcome = solve(tmp_path / "x.solve", replace(SETTINGS, proxy=0, steps=1), finish=False)
    assert outcome.finished
    assert not outcome.for_later


def test_atlases_of_fewer_steps_are_not_shown_after_more(solved, tmp_path):
    out = tmp_path / "x.solve"
    solve(out)
    before = (out / FULL).read_bytes()
    assert solve(out, replace(SETTINGS, steps=5), progress=Told("drawing fg")).stop_signal
    assert (out / FULL).read_bytes() == before
    soft = texels(out)
    assert solve(out, replace(SETTINGS, steps=5)).finished
    assert (out / FULL).read_bytes() != before
    assert not torch.equal(texels(out)[1], soft[1])


def test_another_proxy_is_another_solve(solved):
    with pytest.raises(SolveError, match="proxy was 96, is 128"):
        solve(solved[0], replace(SETTINGS, proxy=128))


def test_atlases_that_do_not_belong_are_said(solved, tmp_path):
    out = tmp_path / "x.solve"
    solve(out)
    meta = checkpoint.load_meta(out / FULL)
    checkpoint.save(out / FULL, {"model.fg": torch.zeros(3, 3, 4)}, meta)
    with pytest.raises(SolveError, match=r"full.safetensors: .* does not fit"):
        load_solve(out)


def test_what_follows_sees_one_model_of_the_plates_size(solved, tmp_path):
    out, _ = solved
    bake(out, tmp_path / "passes", frames="5")
    table = json.loads((tmp_path / "passes" / "passes.json").read_text())
    assert (table["width"], table["height"]) == (256, 144)
    frame = next(path for path in (tmp_path / "passes").glob("plate.*.exr"))
    held, atlas = read_exr(frame), read_exr(tmp_path / "passes" / "atlas_bg.exr")["R"]
    height, width = load_solve(out)[1].layers[1].texture.size
    assert held["R"].shape == (144, 256)
    assert atlas.shape == (height, width)
    # the wall of the frame is the atlas under its coordinates
    column = (held["bg_uv.X"] * width).astype(int).clip(0, width - 1)
    row = ((1 - held["bg_uv.Y"]) * height).astype(int).clip(0, height - 1)
    assert abs(atlas[row, column] - held["bg.R"]).mean() < 0.03
