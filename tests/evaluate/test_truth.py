# SPDX-License-Identifier: Apache-2.0
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.errors import PassesError
from pullfocus.evaluate.truth import open_truth
from pullfocus.plate.exr import Plane, write_exr

MARKET = Path(__file__).parents[1] / "clips" / "market"


@pytest.fixture
def clip(tmp_path):
    """Two frames of the market clip, to break."""
    for path in MARKET.iterdir():
        if ".0001." in path.name or ".0002." in path.name:
            shutil.copy(path, tmp_path)
    return tmp_path


def test_reads_the_bundled_clip():
    clip = open_truth(MARKET)
    assert clip.frames == tuple(range(1, 21))
    assert clip.parts == ("plate", "sharp", "alpha", "clean", "truth")
    frame = clip.read(3)
    assert frame.plate.shape == frame.sharp.shape == frame.clean.shape == (144, 256, 3)
    assert frame.alpha.shape == frame.coc.shape == (144, 256)
    # OpenCV reads BGR: the door on the left of the picture is blue.
    red, _, blue = frame.sharp[60:80, 112:120].mean((0, 1))
    assert blue > 2 * red
    direct = cv2.imread(str(MARKET / "sharp.0003.png"))[..., ::-1] / 255
    np.testing.assert_allclose(frame.sharp, direct, atol=1e-6)


def test_compact_clean_is_completed_from_sharp():
    frame = open_truth(MARKET).read(5)
    outside = frame.alpha == 0
    np.testing.assert_array_equal(frame.clean[outside], frame.sharp[outside])
    assert frame.clean[~outside].mean() > 0.1


def test_full_clean_is_left_alone(clip):
    white = np.full((144, 256, 3), 255, np.uint8)
    alpha = np.full((144, 256), 255, np.uint8)
    cv2.imwrite(str(clip / "clean.0001.png"), white)
    cv2.imwrite(str(clip / "alpha.0001.png"), alpha)
    assert (open_truth(clip).read(1).clean == 1).all()


def test_16_bit_pictures(clip):
    for part in ("plate", "sharp"):
        image = np.full((144, 256, 3), 32768, np.uint16)
        cv2.imwrite(str(clip / f"{part}.0001.png"), image)
    assert open_truth(clip).read(1).plate.mean() == pytest.approx(32768 / 65535)


def test_optional_parts_may_be_absent(clip):
    for path in clip.glob("truth.*"):
        path.unlink()
    for path in clip.glob("alpha.*"):
        path.unlink()
    frame = open_truth(clip).read(2)
    assert frame.coc is None
    assert frame.alpha is None
    assert frame.clean is not None


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(lambda d: shutil.rmtree(d), "no folder", id="folder"),
        pytest.param(lambda d: [p.unlink() for p in d.glob("sharp.*")], "sharp", id="part"),
        pytest.param(lambda d: [p.unlink() for p in d.glob("*.png")], "plate", id="empty"),
        pytest.param(
            lambda d: (d / "clean.0002.png").unlink(), "clean for every.* frame 2", id="frame"
        ),
        pytest.param(lambda d: (d / "truth.0001.exr").unlink(), "truth for every", id="exr"),
        pytest.param(
            lambda d: (d / "alpha.0001.png").write_bytes(b"x"), "damaged .*alpha.0001", id="png"
        ),
        pytest.param(
            lambda d: (d / "truth.0001.exr").write_bytes(b"x"), "truth.0001.exr", id="bad-exr"
        ),
        pytest.param(
            lambda d: cv2.imwrite(str(d / "sharp.0001.png"), np.zeros((8, 9, 3), np.uint8)),
            "256x144.*got 9x8.*sharp.0001",
            id="size",
        ),
        pytest.param(
            lambda d: write_exr(
                d / "truth.0001.exr",
                [
                    Plane(
                        name="cocbg",
                        data=np.zeros((144, 256), np.float32),
                        channels=("cocbg.X",),
                        half=False,
                    )
                ],
            ),
            "coc.X, got cocbg.X",
            id="channel",
        ),
    ],
)
def test_what_is_missing_is_named(clip, spoil, message):
    spoil(clip)
    with pytest.raises(PassesError, match=message) as caught:
        open_truth(clip).read(1)
    assert "\n" not in str(caught.value)


def test_a_clip_of_one_layer_needs_no_coc_by_layer(clip):
    flat = np.full((144, 256), 2.0, np.float32)
    plane = Plane(name="coc", data=flat, channels=("coc.X",), half=True)
    write_exr(clip / "truth.0001.exr", [plane])
    frame = open_truth(clip).read(1)
    assert (frame.coc == 2).all()
    assert frame.coc_subject is None
    assert frame.coc_background is None


def test_a_frame_without_truth(clip):
    with pytest.raises(PassesError, match="1-2, got 7"):
        open_truth(clip).read(7)
