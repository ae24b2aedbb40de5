# SPDX-License-Identifier: Apache-2.0
"""``--layers auto``: a layer more where two short solves say so; told, shown, and decided once."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus import cli
from pullfocus.roto import split
from pullfocus.solve.solved import load_solve

from tests.roto.test_parts import COUNT, two_planes


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    frames, _ = two_planes(np.random.default_rng(3))
    for t, frame in enumerate(frames, 1):
        cv2.imwrite(str(tmp_path / f"a.{t:04d}.png"), frame[..., ::-1])
    return tmp_path


def solve(plate: Path, *more: str) -> list[str]:
    out = ["--out", str(plate / "x.solve"), "--layers", "auto"]
    return ["solve", str(plate / "a.####.png"), "--steps", "0", *out, *more]


def test_a_part_becomes_a_layer_where_it_explains_more(plate: Path, monkeypatch, capfd) -> None:
    said = iter((0.05, 0.03))
    monkeypatch.setattr(split, "_misfit", lambda *_: next(said))
    assert cli.run(solve(plate)) == 0
    told = capfd.readouterr().err
    assert "bg: a part of it moves apart by " in told
    assert "layer mg, misfit round it in frames held out 0.0500 -> 0.0300" in told
    parts = plate / "x.solve" / "parts"
    assert len(list(parts.glob("mg.*.exr"))) == COUNT
    assert (parts / "preview.png").is_file()
    _, model = load_solve(plate / "x.solve")
    assert model.layer_names == ("mg", "bg")
    # the same command goes on with what was decided: no trial is left
    assert cli.run(solve(plate)) == 0
    assert "layer mg" in capfd.readouterr().err


def test_a_part_that_explains_no_more_stays_where_it_is(plate: Path, monkeypatch, capfd) -> None:
    said = iter((0.05, 0.049))
    monkeypatch.setattr(split, "_misfit", lambda *_: next(said))
    assert cli.run(solve(plate)) == 0
    assert "a layer of its own explains no more" in capfd.readouterr().err
    found = json.loads((plate / "x.solve" / "parts" / "found.json").read_text())
    assert found["layer"] is None
    _, model = load_solve(plate / "x.solve")
    assert model.layer_names == ("bg",)
    assert cli.run(solve(plate)) == 0


@pytest.mark.slow
def test_two_short_solves_decide(plate: Path, capfd) -> None:
    assert cli.run(solve(plate)) == 0
    assert "layer mg, misfit round it in frames held out" in capfd.readouterr().err
