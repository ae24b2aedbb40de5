# SPDX-License-Identifier: Apache-2.0
"""``--layers auto``: layers more where short solves say so; told, shown, and decided once."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus import cli
from pullfocus.passes.passes_json import read_passes_json
from pullfocus.roto import split
from pullfocus.roto.trial import Tried
from pullfocus.solve.solved import load_solve

from tests.roto.test_parts import COUNT, HEIGHT, WIDTH, arm_before_body, two_planes


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    frames, _ = two_planes(np.random.default_rng(3))
    for t, frame in enumerate(frames, 1):
        cv2.imwrite(str(tmp_path / f"a.{t:04d}.png"), frame[..., ::-1])
    return tmp_path


@pytest.fixture
def body(tmp_path: Path) -> Path:
    frames, whole, _ = arm_before_body(np.random.default_rng(5))
    for t, (frame, matte) in enumerate(zip(frames, whole, strict=True), 1):
        cv2.imwrite(str(tmp_path / f"a.{t:04d}.png"), frame[..., ::-1])
        cv2.imwrite(str(tmp_path / f"m.{t:04d}.png"), matte)
    return tmp_path


def saying(monkeypatch, **misfits: float) -> None:
    """Have trials miss so much, by the names of their layers."""

    def tried(small, layers, *_):
        named = "_".join(name for name, _ in layers) or "none"
        return Tried({3: np.full((HEIGHT, WIDTH), misfits[named] ** 2)})

    monkeypatch.setattr(split, "try_layers", tried)


def solve(plate: Path, *more: str) -> list[str]:
    out = ["--out", str(plate / "x.solve"), "--layers", "auto"]
    return ["solve", str(plate / "a.####.png"), "--steps", "0", *out, *more]


def test_a_part_becomes_a_layer_where_it_explains_more(plate: Path, monkeypatch, capfd) -> None:
    saying(monkeypatch, none=0.05, mg=0.03, mg_mg2=0.03, mg2_mg=0.03)
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
    saying(monkeypatch, none=0.05, mg=0.049)
    assert cli.run(solve(plate)) == 0
    assert "a layer of its own explains no more" in capfd.readouterr().err
    found = json.loads((plate / "x.solve" / "parts" / "found.json").read_text())
    assert found["made"] == []
    _, model = load_solve(plate / "x.solve")
    assert model.layer_names == ("bg",)
    assert cli.run(solve(plate)) == 0


@pytest.mark.parametrize(
    ("order", "expected"), [("before", 0), pytest.param("behind", 1, marks=pytest.mark.slow)]
)
def test_a_part_of_a_subject_lies_before_or_behind_the_rest(
    body: Path, monkeypatch, capfd, order: str, expected: int
) -> None:
    better = (
        {"fg2_fg": 0.03, "fg_fg2": 0.04} if order == "before" else {"fg2_fg": 0.04, "fg_fg2": 0.03}
    )
    saying(monkeypatch, fg=0.05, **better)
    assert cli.run(solve(body, "--matte", f"fg={body}/m.####.png")) == 0
    assert f"layer fg2 {order} it, misfit round it" in capfd.readouterr().err
    _, model = load_solve(body / "x.solve")
    assert model.layer_names.index("fg2") == expected
    assert model.layer_names[-1] == "bg"
    parts = body / "x.solve" / "parts"
    assert len(list(parts.glob("fg*.exr"))) == 2 * COUNT
    if order == "behind":  # baked like any other: hosts see three layers
        assert cli.run(["bake", str(body / "x.solve"), "--out", str(body / "passes")]) == 0
        assert read_passes_json(body / "passes").layer_names == ("fg", "fg2", "bg")


@pytest.mark.slow
def test_short_solves_decide(plate: Path, capfd) -> None:
    assert cli.run(solve(plate)) == 0
    assert "layer mg, misfit round it in frames held out" in capfd.readouterr().err


@pytest.mark.slow
def test_short_solves_tell_what_lies_in_front(body: Path, capfd) -> None:
    assert cli.run(solve(body, "--matte", f"fg={body}/m.####.png")) == 0
    told = [line for line in capfd.readouterr().err.splitlines() if "misfit" in line]
    assert len(told) == 1
    assert "layer fg2 before it, misfit round it in frames" in told[0]
