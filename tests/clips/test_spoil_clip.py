# SPDX-License-Identifier: Apache-2.0
"""Faults put on a clip are the faults that were asked for, and its truth follows."""

import itertools
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.evaluate.truth import open_truth
from pullfocus.plate.exr import read_exr

ROOT = Path(__file__).resolve().parents[2]
MARKET = ROOT / "tests" / "clips" / "market"
COUNT = 4


@pytest.fixture(scope="module")
def script(scripts_of):
    return scripts_of("examples", "spoil_clip")[0]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The first frames of the bundled clip, background whole."""
    folder = tmp_path_factory.mktemp("clip")
    for part in ("plate", "sharp", "alpha", "truth"):
        for frame in range(1, COUNT + 1):
            path = next(MARKET.glob(f"{part}.{frame:04d}.*"))
            shutil.copyfile(path, folder / path.name)
    return folder


@pytest.fixture
def spoilt(script, clip, tmp_path):
    def spoil(**faults):
        script.spoil(clip, tmp_path / "out", script.Faults(**faults))
        return tmp_path / "out"

    return spoil


def picture(folder, part, frame):
    return cv2.imread(str(folder / f"{part}.{frame:04d}.png"), -1).astype(np.float64) / 255


def linear(display):
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)


def test_no_fault_changes_no_pixel(spoilt, clip):
    out = spoilt()
    for part in ("plate", "sharp", "alpha"):
        for frame in range(1, COUNT + 1):
            np.testing.assert_array_equal(picture(out, part, frame), picture(clip, part, frame))
    for name, values in read_exr(clip / "truth.0002.exr").items():
        np.testing.assert_array_equal(read_exr(out / "truth.0002.exr")[name], values)
    assert open_truth(out).frames == (1, 2, 3, 4)


def test_a_fade_comes_from_what_was_asked(spoilt, clip):
    out = spoilt(fade=3, fade_from="white")
    for part in ("plate", "sharp"):
        before, white = picture(clip, part, 2), picture(out, part, 2)
        np.testing.assert_allclose(white, 0.5 * before + 0.5, atol=0.003)
        np.testing.assert_array_equal(picture(out, part, 4), picture(clip, part, 4))


def test_a_dissolve_shows_both_shots(spoilt, clip):
    out = spoilt(fade=3, fade_from="shot")
    before, seen = picture(clip, "plate", 1), picture(out, "plate", 1)
    np.testing.assert_allclose(seen, 0.25 * before + 0.75 * before[:, ::-1], atol=0.003)


def test_a_time_code_runs(spoilt, clip):
    out = spoilt(time_code=True)
    changed = [
        (np.abs(picture(out, "plate", f) - picture(clip, "plate", f)).max(-1) > 0.02)
        for f in range(1, COUNT + 1)
    ]
    assert all(0.001 < one.mean() < 0.02 for one in changed)
    assert not any((a == b).all() for a, b in itertools.pairwise(changed))
    np.testing.assert_array_equal(picture(out, "alpha", 2), picture(clip, "alpha", 2))


def test_exposure_is_scene_linear_and_the_truth_has_it(spoilt, clip):
    out = spoilt(ramp=-1.0, flicker=0.05)
    gains = json.loads((out / "faults.json").read_text())["gains"]
    assert gains[0] == 1
    assert gains[3] == pytest.approx(0.5 * (1 + 0.05 * np.sin(6.3)))
    for part in ("plate", "sharp"):
        for frame in (1, 2, 4):
            light, dimmed = (linear(picture(f, part, frame)) for f in (clip, out))
            bright = light > 0.05  # 8 bit in the dark
            ratio = dimmed[bright] / light[bright]
            assert np.median(ratio) == pytest.approx(gains[frame - 1], rel=0.01)
    np.testing.assert_array_equal(picture(out, "alpha", 4), picture(clip, "alpha", 4))


def test_a_fade_comes_out_of_black(spoilt, clip):
    out = spoilt(fade=3)
    gains = json.loads((out / "faults.json").read_text())["gains"]
    assert gains == pytest.approx([0.25, 0.5, 0.75, 1])
    light, dimmed = (linear(picture(folder, "sharp", 2)) for folder in (clip, out))
    assert np.median(dimmed[light > 0.1] / light[light > 0.1]) == pytest.approx(0.5, rel=0.01)


def test_burnt_in_words_stand_still_in_plate_and_truth(spoilt, clip):
    out = spoilt(text="REEL 7")
    changed = [
        np.abs(picture(out, part, frame) - picture(clip, part, frame)).max(-1) > 0
        for part, frame in (("plate", 1), ("plate", 4), ("sharp", 4))
    ]
    rows, columns = np.nonzero(changed[0] | changed[1])
    assert rows.min() > 0.8 * 144
    assert abs(columns.mean() - 128) < 12
    white = [(picture(out, "plate", frame) == 1).all(-1) & changed[0] for frame in (1, 4)]
    assert white[0].any()
    np.testing.assert_array_equal(*white)


def test_larger_is_as_large_in_all_frames(spoilt, clip):
    out = spoilt(larger=0.04)
    assert json.loads((out / "faults.json").read_text())["scales"] == [1.04] * COUNT
    for frame in (1, COUNT):
        before, after = picture(clip, "sharp", frame), picture(out, "sharp", frame)
        height, width = before.shape[:2]
        back = cv2.resize(after, None, fx=1 / 1.04, fy=1 / 1.04, interpolation=cv2.INTER_AREA)
        top, left = (round((n - m) / 2) for n, m in zip((height, width), back.shape, strict=False))
        inner = before[top : top + back.shape[0], left : left + back.shape[1]]
        assert np.abs(back - inner).mean() < 0.5 * np.abs(after - before).mean()


def test_breathing_scales_pictures_radii_and_motion(spoilt, clip):
    out = spoilt(breathing=0.04)
    scales = json.loads((out / "faults.json").read_text())["scales"]
    assert min(scales) == pytest.approx(1, abs=1e-6)
    frame = 2
    scale, after = scales[frame - 1], scales[frame]
    old, new = read_exr(clip / "truth.0002.exr"), read_exr(out / "truth.0002.exr")
    middle = (slice(60, 84), slice(100, 156))
    ratio = np.median(new["cocbg.X"][middle]) / np.median(old["cocbg.X"][middle])
    assert ratio == pytest.approx(scale, rel=0.02)
    # in the right top corner the change of scale adds to the motion
    y, x = 10, 240
    expected = old["flow.X"][y, x] * after + (x - 127.5) / scale * (after - scale)
    assert new["flow.X"][y, x] == pytest.approx(expected, abs=0.15)
    # and leads to the same place in the next frame
    rows, columns = np.mgrid[:144, :256].astype(np.float32)
    sharp = picture(out, "sharp", 2)
    moved = cv2.remap(
        picture(out, "sharp", 3), columns + new["flow.X"], rows + new["flow.Y"], cv2.INTER_CUBIC
    )
    where = cv2.dilate(picture(out, "alpha", 2), np.ones((25, 25))) == 0
    where[:8], where[-8:], where[:, :8], where[:, -8:] = False, False, False, False
    errors = [np.square(found - sharp)[where].mean() for found in (moved, picture(out, "sharp", 3))]
    assert errors[0] < errors[1] / 4


def test_noise_is_of_the_strength_asked_for_and_not_in_the_truth(spoilt, clip):
    out = spoilt(noise=0.02)
    noise = picture(out, "plate", 1) - picture(clip, "plate", 1)
    grey = np.abs(picture(clip, "plate", 1) - 0.5) < 0.35
    assert noise[grey].std() == pytest.approx(0.02, rel=0.05)
    other = picture(out, "plate", 2) - picture(clip, "plate", 2)
    assert abs(np.corrcoef(noise[grey], other[grey])[0, 1]) < 0.05
    np.testing.assert_array_equal(picture(out, "sharp", 1), picture(clip, "sharp", 1))


def test_h264_keeps_the_frames_and_loses_detail(spoilt, clip):
    out = spoilt(h264=30)
    assert (out / "plate.mp4").stat().st_size > 1000
    for frame in (1, 4):
        error = np.square(picture(out, "plate", frame) - picture(clip, "plate", frame)).mean()
        assert 22 < -10 * np.log10(error) < 45
    np.testing.assert_array_equal(picture(out, "sharp", 4), picture(clip, "sharp", 4))


def test_bars_are_black_and_nothing_else_is(spoilt, clip):
    out = spoilt(bars=2.0, noise=0.02)
    rows = round((144 - 256 / 2) / 2)
    for part in ("plate", "sharp", "alpha"):
        image = picture(out, part, 1)
        assert not image[:rows].any()
        assert not image[-rows:].any()
        assert image[rows:-rows].any()
    np.testing.assert_array_equal(picture(out, "sharp", 1)[rows:-rows],
                                  picture(clip, "sharp", 1)[rows:-rows])  # fmt: skip
    assert not read_exr(out / "truth.0001.exr")["coc.X"][:rows].any()


def test_bars_that_would_not_show_are_refused(script, clip, tmp_path):
    with pytest.raises(SystemExit, match=r"bars above 1\.78, got 1\.5"):
        script.spoil(clip, tmp_path / "out", script.Faults(bars=1.5))


def test_after_a_cut_all_is_mirrored_and_no_motion_is_told(spoilt, clip):
    out = spoilt(cut=True)
    np.testing.assert_array_equal(picture(out, "plate", 2), picture(clip, "plate", 2))
    for part in ("plate", "sharp", "alpha"):
        mirrored = picture(clip, part, 4)[:, ::-1]
        np.testing.assert_array_equal(picture(out, part, 3), mirrored)
    assert "flow.X" not in read_exr(out / "truth.0003.exr")
    assert "coc.X" in read_exr(out / "truth.0003.exr")


def test_repeated_frames(spoilt, clip):
    out = spoilt(repeat=2)
    for frame, source in ((1, 1), (2, 1), (3, 3), (4, 3)):
        np.testing.assert_array_equal(picture(out, "plate", frame), picture(clip, "plate", source))


def test_nothing_is_overwritten_and_no_clip_is_an_error(script, clip, tmp_path):
    out = tmp_path / "there"
    out.mkdir()
    with pytest.raises(FileExistsError):
        script.spoil(clip, out, script.Faults())
    with pytest.raises(SystemExit, match=r"expected a clip with plate\.####\.png"):
        script.spoil(out, tmp_path / "new", script.Faults())
