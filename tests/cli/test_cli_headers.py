# SPDX-License-Identifier: Apache-2.0
"""Every file of every verb hands on what the plate's headers say, frame by frame."""

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from pullfocus import cli
from pullfocus.plate.exr import read_exr

AP1 = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)
COUNT = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("headers")
    rng = np.random.default_rng(4)
    wall = rng.random((40, 90, 3)).astype(np.float32)
    for axis in (0, 1) * 2:
        wall = (np.roll(wall, 1, axis) + wall + np.roll(wall, -1, axis)) / 3
    (folder / "p").mkdir()
    for t in range(COUNT):
        path = folder / "p" / f"shot.{1001 + 2 * t}.exr"
        spec = oiio.ImageSpec(64, 40, 3, "half")
        spec.x = spec.full_x = 16
        spec.y = spec.full_y = 12
        spec.full_width, spec.full_height = 64, 40
        spec.attribute("PixelAspectRatio", 2.0)
        spec.attribute("smpte:TimeCode", oiio.TypeTimeCode, (0x01000000 + t, 0))
        spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), AP1)
        spec.attribute("framesPerSecond", oiio.TypeRational, (24000, 1001))
        spec.attribute("reelName", "A001")
        output = oiio.ImageOutput.create(str(path))
        assert output.open(str(path), spec)
        output.write_image(np.ascontiguousarray(wall[:, 2 * t : 2 * t + 64]))
        output.close()
    plate, solve = f"{folder}/p/shot.####.exr", f"{folder}/x.solve"
    odd = ["--frames", f"1001-{1001 + 2 * (COUNT - 1)}x2"]
    assert cli.run(["solve", plate, *odd, "--steps", "0", "--out", solve]) == 0
    assert cli.run(["bake", solve, "--out", f"{folder}/bake"]) == 0
    paint = ["--layer", "bg", "--in-plate", "--atlas", f"{folder}/bake/atlas_bg.exr"]
    for verb, words in {
        "refocus": [solve],
        "edit": [solve, *paint],
        "flow": [solve],
        "coc": [plate, *odd],
    }.items():
        assert cli.run([verb, *words, "--out", f"{folder}/{verb}"]) == 0
    return folder


@pytest.fixture
def written(folder: Path) -> dict[str, list[oiio.ImageSpec]]:
    verbs = ("bake", "refocus", "edit", "flow", "coc")
    return {verb: [spec_of(f) for f in sorted((folder / verb).glob("shot*.exr"))] for verb in verbs}


def spec_of(path: Path) -> oiio.ImageSpec:
    image = oiio.ImageInput.open(str(path))
    spec = oiio.ImageSpec(image.spec())
    image.close()
    return spec


@pytest.mark.parametrize("verb", ["bake", "refocus", "edit", "flow", "coc"])
def test_headers_come_back(written: dict[str, list[oiio.ImageSpec]], verb: str) -> None:
    specs = written[verb]
    assert len(specs) == COUNT
    for t, spec in enumerate(specs):
        assert spec.get_string_attribute("smpte:TimeCode") == f"01:00:00:{t:02d}"
        assert spec.get_float_attribute("PixelAspectRatio") == 2.0
        assert tuple(spec.getattribute("framesPerSecond")) == (24000, 1001)
        assert spec.getattribute("chromaticities") == pytest.approx(AP1)
        assert spec.get_string_attribute("colorInteropID") == "lin_ap1_scene"
        assert spec.get_string_attribute("reelName") == "A001"
        assert (spec.full_x, spec.full_y, spec.full_width, spec.full_height) == (16, 12, 64, 40)
        assert (spec.x, spec.y, spec.width, spec.height) == (16, 12, 64, 40)


@pytest.mark.parametrize("verb", ["bake", "flow"])
def test_motion_names_the_frames_that_it_was_taken_to(written, verb: str) -> None:
    first, second = written[verb][:2]
    assert first.getattribute("pullfocus/forward_to") == 1003
    assert first.getattribute("pullfocus/backward_to") is None
    assert second.getattribute("pullfocus/backward_to") == 1001


def test_motion_of_passes_is_that_of_one_frame_of_the_clip(folder: Path) -> None:
    """The wall runs 2 px to the left from each frame to the one after the next."""
    baked = read_exr(folder / "bake" / "shot.1003.exr")
    flow = read_exr(folder / "flow" / "shot_flow.1003.exr")
    middle = (slice(8, -8), slice(8, -8))
    assert np.median(baked["forward.u"][middle]) == pytest.approx(-1, abs=0.1)
    assert np.median(baked["backward.u"][middle]) == pytest.approx(1, abs=0.1)
    assert np.median(flow["forward.u"][middle]) == pytest.approx(-2, abs=0.2)
