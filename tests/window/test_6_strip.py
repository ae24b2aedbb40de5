# SPDX-License-Identifier: Apache-2.0
"""PullFocus Shot as a modifier of a strip: the sequencer shows what the compositor shows."""

import json
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest

from tests.window.by_hand import ByHand
from tests.window.conftest import ROOT
from tests.window.test_5_lens import psnr

pytestmark = pytest.mark.window


@pytest.fixture(scope="module")
def folder(hand: ByHand, five: None, shot: Path, passes: Path) -> Path:
    folder = hand.room.work / "strip"
    folder.mkdir()
    hand.room.run(
        f"{hand.room.blender} -b --factory-startup --python {ROOT}/tests/window/strip_render.py"
        f" -- {passes} {shot / 'plate.0004.png'} {folder} >{folder}/log.txt 2>&1"
    )
    assert (folder / "found.json").is_file(), (folder / "log.txt").read_text()[-1500:]
    return folder


def read(folder: Path, name: str) -> np.ndarray:
    return np.asarray(oiio.ImageBuf(str(folder / f"{name}.exr")).get_pixels(oiio.FLOAT))[..., :3]


@pytest.mark.parametrize("case", ["keyed", "values"])
def test_strip_shows_what_the_compositor_shows(folder: Path, case: str):
    seen, wanted = read(folder, f"strip_{case}"), read(folder, f"compositor_{case}")
    assert wanted.std() > 0.05
    assert psnr(seen, wanted) > 60


def test_keys_and_values_make_a_difference(folder: Path, shot: Path):
    assert psnr(read(folder, "strip_keyed"), read(folder, "strip_values")) < 30
    coded = cv2.imread(str(shot / "plate.0004.png"))[..., ::-1].astype(np.float32) / 255
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    assert psnr(read(folder, "strip_muted"), light) > 45, "without it, the strip is the plate"


def test_pressed_twice_it_is_one_modifier(folder: Path):
    found = json.loads((folder / "found.json").read_text())
    assert found["modifiers"] == ["COMPOSITOR"]
    assert found["drivers"] > 8
    assert "expected a chosen strip" in found["without a strip"]


def test_strip_follows_when_painted_passes_take_the_place(folder: Path):
    assert json.loads((folder / "found.json").read_text())["follows other passes"]
