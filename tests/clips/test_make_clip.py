# SPDX-License-Identifier: Apache-2.0
"""The clip script keeps its promises: its truth describes its pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.plate.exr import read_exr

ROOT = Path(__file__).resolve().parents[2]
MARKET = ROOT / "tests/clips/market"


@pytest.fixture(scope="module")
def script(scripts_of):
    return scripts_of("examples", "make_clip", "clip_scene")


@pytest.fixture(scope="module", params=["flat", "turning"])
def clip(request, script, tmp_path_factory):
    out = tmp_path_factory.mktemp(request.param)
    script[0].make_clip(
        out, width=160, height=90, frames=4, seed=3, subject=request.param, matte_grow=3
    )
    return out


def test_focus_may_stay_away_from_the_subject(script):
    whole = script[1].Scene(160, 90, 5, 4.0, False, 3)
    part = script[1].Scene(160, 90, 5, 4.0, False, 3, (0.0, 0.3))
    subject = 1 / script[1].SUBJECT_DISTANCE
    assert abs(float(whole.coc(2, subject))) < 1e-9
    assert [round(abs(float(part.coc(t, subject))), 3) for t in (0, 2, 4)] == [4.0, 2.8, 4.0]


def test_focus_may_come_twice_and_the_subject_change_between(script, tmp_path):
    twice = script[1].Scene(160, 90, 9, 4.0, False, 3, pulls=2)
    subject = 1 / script[1].SUBJECT_DISTANCE
    assert [round(abs(float(twice.coc(t, subject))), 3) for t in (0, 2, 4, 6)] == [4.0, 0, 4.0, 0]
    size = {"width": 96, "height": 54, "frames": 5, "seed": 3, "pulls": 2}
    script[0].make_clip(tmp_path / "steady", **size)
    script[0].make_clip(tmp_path / "changing", **size, change=True)
    for frame in (1, 5):
        one, other = (picture(tmp_path / name, "sharp", frame) for name in ("steady", "changing"))
        alpha = picture(tmp_path / "changing", "alpha", frame)
        assert np.abs(one - other)[alpha > 0.9].mean() > 0.02
        outside = cv2.dilate(alpha, np.ones((5, 5))) == 0
        assert np.array_equal(one[outside], other[outside])


def picture(folder, part, frame):
    image = cv2.imread(str(folder / f"{part}.{frame:04d}.png"), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image.astype(np.float64) / 255


def decibels(a, b, where):
    return -10 * np.log10(np.mean((a - b)[where] ** 2))


def test_every_part_is_there(clip):
    for frame in range(1, 5):
        for part, shape in (("plate", (90, 160, 3)), ("alpha", (90, 160)), ("matte", (90, 160))):
            assert picture(clip, part, frame).shape == shape
        truth = read_exr(clip / f"truth.{frame:04d}.exr")
        assert set(truth) == {"coc.X", "cocfg.X", "cocbg.X", "flow.X", "flow.Y"}


def test_flow_leads_to_the_same_place_in_the_next_frame(clip):
    for frame in (1, 2, 3):
        truth = read_exr(clip / f"truth.{frame:04d}.exr")
        y, x = np.mgrid[:90, :160].astype(np.float32)
        x, y = x + truth["flow.X"], y + truth["flow.Y"]
        now, after = picture(clip, "sharp", frame), picture(clip, "sharp", frame + 1)
        moved = cv2.remap(after, x, y, cv2.INTER_CUBIC)
        alpha = picture(clip, "alpha", frame)
        alpha_after = cv2.remap(picture(clip, "alpha", frame + 1), x, y, cv2.INTER_LINEAR)
        visible = (x > 1) & (x < 158) & (y > 1) & (y < 88)
        for where in (
            visible & (alpha == 0) & (alpha_after == 0),
            visible & (cv2.erode(alpha, np.ones((5, 5))) == 1) & (alpha_after == 1),
        ):
            assert where.sum() > 500
            # With the truth's flow the frames agree far better than left where they are.
            assert decibels(moved, now, where) > decibels(after, now, where) + 5
            # The jar turns under shading that stays: not higher.
            assert decibels(moved, now, where) > 24


def test_plate_is_sharp_exactly_where_the_coc_is_small(clip):
    for frame in (1, 2, 4):
        truth = read_exr(clip / f"truth.{frame:04d}.exr")
        plate, sharp = picture(clip, "plate", frame), picture(clip, "sharp", frame)
        alpha = picture(clip, "alpha", frame)
        radius = np.abs(truth["cocbg.X"])
        # Away from the subject, whose blurred edge reaches out.
        away = cv2.dilate(alpha, np.ones((13, 13))) == 0
        in_focus, blurred = away & (radius < 0.25), away & (radius > 1.2)
        if in_focus.sum() > 200:
            assert decibels(plate, sharp, in_focus) > 35
        if blurred.sum() > 200:
            assert decibels(plate, sharp, blurred) < 30


def test_signs_and_layers_of_the_coc(clip):
    first, middle = (read_exr(clip / f"truth.{frame:04d}.exr") for frame in (1, 2))
    alpha = picture(clip, "alpha", 1)
    assert first["cocfg.X"][alpha == 1].max() < -2, "focus far: the subject is near"
    assert np.abs(first["cocbg.X"][:30]).max() < 0.1, "focus far: the wall is sharp"
    assert middle["cocbg.X"][:30].min() > 0.5, "focus nearer: the wall is far"
    inside = alpha > 0.5
    np.testing.assert_array_equal(first["coc.X"][inside], first["cocfg.X"][inside])
    np.testing.assert_array_equal(first["coc.X"][~inside], first["cocbg.X"][~inside])
    assert not first["cocfg.X"][alpha == 0].any()


def test_clean_is_sharp_without_the_subject_and_mattes_are_grown(clip):
    alpha = picture(clip, "alpha", 2)
    sharp, clean = picture(clip, "sharp", 2), picture(clip, "clean", 2)
    np.testing.assert_allclose(sharp[alpha == 0], clean[alpha == 0], atol=1.01 / 255)
    assert np.abs(sharp - clean)[alpha == 1].mean() > 0.05
    assert set(np.unique(alpha)) - {0.0, 1.0}, "soft edge"
    matte = picture(clip, "matte", 2)
    assert set(np.unique(matte)) == {0.0, 1.0}
    assert (matte[alpha > 0.5] == 1).all()
    assert 1.1 < matte.sum() / (alpha > 0.5).sum() < 2


def test_discs(script):
    disc = script[1].disc
    assert disc(0.0).shape == (1, 1)
    for radius in (1.0, 2.5, 6.3):
        kernel = disc(radius)
        assert kernel.sum() == pytest.approx(1, abs=1e-6)
        reach = len(kernel) // 2
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        # A disc of radius r has the mean square radius r^2 / 2; taking areas of taps adds 1/6.
        assert (kernel * (x**2 + y**2)).sum() == pytest.approx(radius**2 / 2 + 1 / 6, abs=0.13)
    assert disc(6.3)[6, 6] == pytest.approx(1 / (np.pi * 6.3**2), rel=0.01)


def test_blur_keeps_an_even_picture_and_its_light(script):
    blur_rows = script[1].blur_rows
    even = np.full((40, 30, 3), 0.25, np.float32)
    radii = np.linspace(-4, 6, 40)
    np.testing.assert_allclose(blur_rows(even, radii), even, rtol=1e-5)
    sharp = np.random.default_rng(0).random((40, 30, 3), np.float32)
    np.testing.assert_allclose(blur_rows(sharp, np.zeros(40)), sharp, rtol=1e-6)


def test_same_seed_same_clip(script, tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        script[0].make_clip(tmp_path / name, width=64, height=36, frames=1, seed=seed, compact=True)
    first, again, other = (picture(tmp_path / name, "plate", 1) for name in "abc")
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01
    alpha, clean = picture(tmp_path / "a", "alpha", 1), picture(tmp_path / "a", "clean", 1)
    assert not clean[alpha == 0].any()
    assert clean[alpha > 0].any()


def test_bundled_clip_is_small_and_whole():
    files = [path for path in MARKET.iterdir() if path.suffix in (".png", ".exr")]
    assert sum(path.stat().st_size for path in files) < 3_000_000
    assert len(files) == 5 * 20


def test_a_rolling_shutter_reads_every_row_at_its_time(script, tmp_path):
    """Rows are those that a camera would see that takes frames so much earlier or later."""
    make_clip, clip_scene = script
    size = {"width": 160, "height": 90, "frames": 4, "seed": 3, "shake": 4.0}
    make_clip.make_clip(tmp_path / "rolls", rolling=0.8, **size)
    make_clip.make_clip(tmp_path / "still", **size)
    scene = clip_scene.Scene(160, 90, 4, 3.2, False, 3, (0.0, 1.0), 4.0)
    rolls, still = (picture(tmp_path / name, "sharp", 3) for name in ("rolls", "still"))
    middle = slice(44, 46)
    assert decibels(rolls[middle], still[middle], ...) > 33
    earlier = np.array(scene.pan(2 - 0.8 * 0.43)) - np.array(scene.pan(2))
    assert abs(earlier[0]) > 2
    moved = cv2.warpAffine(
        still, np.float64([[1, 0, earlier[0]], [0, 1, earlier[1]]]), (160, 90),
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    inner = slice(3, 9), slice(16, -16)
    assert decibels(moved[inner], rolls[inner], ...) > decibels(still[inner], rolls[inner], ...) + 3
    assert "flow.X" not in read_exr(tmp_path / "rolls" / "truth.0002.exr")


def test_a_board_stands_between_the_wall_and_the_subject(script, tmp_path):
    make_clip, clip_scene = script
    size = {"width": 160, "height": 90, "frames": 3, "seed": 3, "slide": 4.0}
    make_clip.make_clip(tmp_path, board=4.0, **size)
    scene = clip_scene.Scene(160, 90, 3, 3.2, False, 3, slide=4.0, board=4.0)
    first, last = (np.nonzero(picture(tmp_path, "board", f)[40] > 0.5)[0] for f in (1, 3))
    slides = scene.focal / 4 * (scene.camera_x(0) - scene.camera_x(2))
    pans = scene.pan(2)[0] - scene.pan(0)[0]
    assert last.max() - first.max() == pytest.approx(slides + pans, abs=1) or first.max() == 159
    seen = picture(tmp_path, "board", 2) > 0.5
    assert 0.05 < seen.mean() < 0.5
    hidden = picture(tmp_path, "alpha", 2) > 0
    truth = read_exr(tmp_path / "truth.0002.exr")
    radius = float(scene.coc(1, 1 / 4))
    assert truth["cocbg.X"][seen] == pytest.approx(radius, abs=0.01)
    assert (seen & ~hidden).any()
    assert "flow.X" not in truth
