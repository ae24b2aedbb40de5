# SPDX-License-Identifier: Apache-2.0
"""The scripts in cells run as they stand; only the solve is shortened."""

from pathlib import Path

import pytest
from pullfocus.plate.exr import read_exr

EXAMPLES = Path(__file__).parents[2] / "examples"
DRAFT = 'quality="draft"'


def run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    assert text.count(DRAFT) == 1
    assert text.count("\n# %% ") >= 5
    monkeypatch.chdir(folder)
    held: dict = {"__name__": "__main__"}
    exec(compile(text.replace(DRAFT, "steps=40"), f"{name}.py", "exec"), held)
    return held


def test_pulling_focus(tmp_path, monkeypatch):
    held = run("python_pull_focus", tmp_path, monkeypatch)
    work = tmp_path / "python_pull_focus"
    assert held["passes"]["fg_uv"].shape == (144, 256, 3)
    assert (work / "pull.png").is_file()
    assert len(list((work / "repaired").glob("*.exr"))) == 4
    assert held["solved"].layers == ("fg", "bg")


def test_painting_an_atlas(tmp_path, monkeypatch):
    held = run("python_paint_atlas", tmp_path, monkeypatch)
    assert all(share > 0.002 for share in held["changed"])
    sharp, in_plate = (
        read_exr(held[name].first.parent / n)
        for name, n in (("sharp", "plate.0010.exr"), ("in_plate", "plate_painted.0010.exr"))
    )
    red = sharp["R"] - sharp["G"]
    blurred = in_plate["R"] - in_plate["G"]
    assert red.max() > 0.6
    assert blurred.max() < red.max()  # the street is out of focus there
