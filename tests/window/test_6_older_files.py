# SPDX-License-Identifier: Apache-2.0
"""A shot's file of Blender 4.5 opens in the newer one, renders alike, and is brought up to date."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from tests.window.by_hand import ByHand
from tests.window.conftest import ROOT

pytestmark = pytest.mark.window

_SCRIPT = ROOT / "tests/window/older_file.py"
_OLDER = ROOT / ".venv-bpy/bin/python"


@pytest.fixture(scope="module")
def folder(hand: ByHand, five: None, passes: Path) -> Path:
    """Where both have left what they found.

    Of passes without paint: where a stroke shows the atlas itself, the two sample it differently.
    """
    if not _OLDER.exists():
        pytest.skip("no Blender 4.5 beside: make blender")
    folder = hand.room.work / "older"
    folder.mkdir()
    bare = folder / "passes"
    shutil.copytree(passes, bare, ignore=shutil.ignore_patterns("atlas_*_painted.exr"))
    told = ["make", str(bare), str(folder)]
    with (folder / "make.log").open("w") as log:
        subprocess.run([_OLDER, _SCRIPT, *told], stdout=log, stderr=log, timeout=200, check=False)
    hand.room.run(
        f"{hand.room.blender} -b --factory-startup --python {_SCRIPT} -- open {bare} {folder}"
        f" >{folder}/open.log 2>&1"
    )
    return folder


def found(folder: Path, who: str) -> dict:
    path = folder / f"{who}.json"
    assert path.is_file(), (folder / f"{who}.log").read_text()[-1500:]
    return dict(json.loads(path.read_text()))


def picture(folder: Path, name: str) -> np.ndarray:
    return np.asarray(oiio.ImageBuf(str(folder / f"{name}.exr")).get_pixels(oiio.FLOAT))[..., :3]


def test_it_opens_with_its_values_and_renders_alike(folder: Path):
    made, opened = found(folder, "make"), found(folder, "open")
    assert made["version"][0] == 4
    assert opened["opened"]["values"] == made["made"]["values"]
    assert opened["opened"]["nodes"] == 1
    before = picture(folder, "made")
    assert before.std() > 0.05
    assert np.abs(picture(folder, "opened") - before).max() < 2e-3


def test_importing_again_brings_it_up_to_date(folder: Path):
    """Same node and values; View becomes a menu, atlases extend past their border."""
    opened = found(folder, "open")
    assert opened["opened"]["extends"] == ["Clip"] * 4
    again = opened["again"]
    assert again["extends"] == ["Extend"] * 4
    assert again["view"] == "NodeSocketMenu"
    assert again["values"] == opened["opened"]["values"]
    assert again["nodes"] == 1
    assert np.abs(picture(folder, "again") - picture(folder, "made")).max() < 2e-3
