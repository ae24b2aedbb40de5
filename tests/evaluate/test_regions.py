# SPDX-License-Identifier: Apache-2.0
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.evaluate.regions import detail, flow_error, holes_percent, region_psnr, regions
from pullfocus.evaluate.report import Report, evaluate
from scipy.ndimage import gaussian_filter

MARKET = Path(__file__).parents[1] / "clips" / "market"


@pytest.fixture
def disc():
    """A subject of radius 30 px in the middle of 120 x 160, and how far each pixel is from it."""
    y, x = np.mgrid[:120, :160]
    away = np.hypot(y - 60, x - 80) - 30
    return (away < 0).astype(np.float32), away


def test_regions_of_a_disc(disc):
    alpha, away = disc
    found = regions(alpha)
    np.testing.assert_array_equal(found["subject"], away < 0)
    np.testing.assert_array_equal(found["background"], away >= 0)
    assert found["edge"][np.abs(away) < 11].all()
    assert not found["edge"][np.abs(away) > 13.5].any()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_frame_without_silhouette_has_no_edge(value):
    found = regions(np.full((40, 50), value))
    assert not found["edge"].any()
    assert found["subject"].all() == (value == 1)
    assert math.isnan(region_psnr(np.zeros((40, 50, 3)), np.zeros((40, 50, 3)), found["edge"]))


def test_an_error_is_found_in_its_region(disc, rng):
    alpha, _ = disc
    truth = rng.random((*alpha.shape, 3))
    where = regions(alpha)
    result = truth + 0.1 * where["subject"][..., None]
    assert region_psnr(result, truth, where["subject"]) == pytest.approx(20)
    assert region_psnr(result, truth, where["background"]) == 60
    # the edge lies over both: a little more of it outside, for the disc is round
    assert 22.5 < region_psnr(result, truth, where["edge"]) < 25


def test_detail_is_a_ratio_of_energies(rng):
    truth = rng.random((30, 40, 3))
    assert detail(truth, truth) == 1
    assert detail(0.5 + 0.5 * truth, truth) == pytest.approx(0.25)
    assert detail(gaussian_filter(truth, (2, 2, 0)), truth) < 0.1
    left = np.zeros((30, 40), bool)
    left[:, :10] = True
    double = np.where(left[..., None], truth * 2, truth)
    assert detail(double, truth, left) == pytest.approx(4, rel=0.1)
    assert detail(double, truth, ~left) == pytest.approx(1)
    assert math.isnan(detail(truth, np.ones_like(truth)))


def test_holes_count_only_beyond_doubt(disc):
    alpha, away = disc
    assert holes_percent(alpha, alpha) == 0
    # a matte six pixels too fat or too thin is a matter of doubt
    for shift in (5.5, -5.5):
        assert holes_percent((away < shift).astype(np.float32), alpha) == 0
    pepper = alpha.copy()
    pepper[60, 70:80] = 0
    pepper[5, 5:15] = 1
    sure = np.count_nonzero(np.abs(away) > 6)
    assert holes_percent(pepper, alpha) == pytest.approx(100 * 20 / sure, rel=0.03)
    assert holes_percent(1 - alpha, alpha) == 100


def test_flow_error_is_motion_that_truth_has_not(rng):
    wide = gaussian_filter(rng.random((120, 220)), 1.5)
    wide = np.repeat(((wide - wide.min()) / np.ptp(wide))[..., None], 3, -1).astype(np.float32)
    at = [wide[:, k : k + 160] for k in (20, 17, 14)]
    assert flow_error(at[0], at[1], at[0], at[1]) == 0
    assert flow_error(at[0], at[2], at[0], at[1]) == pytest.approx(3, abs=0.4)
    assert flow_error(at[0], at[0], at[0], at[1]) == pytest.approx(3, abs=0.4)


def test_flow_of_large_frames_is_told_in_their_px(rng):
    small = gaussian_filter(rng.random((120, 480)), 2)
    small = (small - small.min()) / np.ptp(small)
    large = cv2.resize(small, (1920, 480), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    large = np.repeat(large[..., None], 3, -1).astype(np.float32)
    moved = np.roll(large, 6, axis=1)
    assert flow_error(large, moved, large, large) == pytest.approx(6, abs=1)


def faulty(change):
    return lambda fake: replace(fake, **change(fake))


def test_perfect_passes_lose_nowhere(bake_fake):
    report = evaluate(bake_fake(), MARKET)
    assert report.below() == {
        "frames_below": 0,
        "subject_below": 0,
        "edge_below": 0,
        "background_below": 0,
    }
    assert report.summary("holes").worst == 0
    assert report.summary("tof").worst < 0.05 < report.summary("plate_tof").mean
    assert report.summary("detail").mean == pytest.approx(1, abs=1e-3)
    assert report.summary("plate_subject_detail").mean < 0.8


def test_a_damaged_subject_is_told_though_the_frame_gains(bake_fake):
    def change(fake):
        # a subject sharpened into noise in an otherwise perfect frame
        noise = np.random.default_rng(1).normal(0, 0.15, fake.beauty.shape)
        inside = (fake.matte > 0.5)[..., None]
        return {
            "beauty": np.where(inside, np.clip(fake.beauty + noise, 0, 1), fake.beauty),
            "matte": fake.matte * (np.arange(256) % 4 > 0),
        }

    report = evaluate(bake_fake(faulty(change)), MARKET)
    below = report.below()
    assert below["subject_below"] > 0 == below["background_below"]
    assert report.summary("subject_detail").mean > 1.3
    assert report.summary("holes").mean > 1
    lines = report.table()
    assert "subject worse than its plate in" in lines
    assert report.facts()["regions_below"]["subject"] == list(report.regions_below["subject"])


def test_what_nobody_sees_is_no_loss():
    def told(result, plate):
        scores = {"psnr": result, "plate_psnr": plate}
        scores |= {"subject_psnr": result, "plate_subject_psnr": plate}
        return Report(frames=(7,), scores=(scores,), picture=Path("x.png")).below()

    assert told(43, 50) == {"frames_below": 0, "subject_below": 0}
    assert told(41, 50) == {"frames_below": 1, "subject_below": 1}
    # a tenth of a decibel is a part of a frame allowed, a whole frame is not
    assert told(40, 40.05) == {"frames_below": 1, "subject_below": 0}
    assert told(40, 40.005)["frames_below"] == 0


def test_the_frame_that_gains_least_is_drawn(bake_fake, tmp_path):
    report = evaluate(bake_fake(), MARKET, tmp_path / "out")
    gains = {
        frame: scores["psnr"] - scores["plate_psnr"]
        for frame, scores in zip(report.frames, report.scores, strict=True)
    }
    assert report.lowest_frame == min(gains, key=gains.get)
    picture = cv2.imread(str(tmp_path / "out" / "worst_frame.png"))
    assert picture.shape == (144 + 20, 7 * 256 + 6 * 4, 3)


def test_a_marked_region_is_measured_apart(bake_fake, tmp_path):
    clip = tmp_path / "clip"
    clip.mkdir()
    marked = np.zeros((144, 256), np.uint8)
    marked[20:40, 30:60] = 255
    for path in MARKET.glob("*.0001.*"):
        (clip / path.name).symlink_to(path)
    cv2.imwrite(str(clip / "region.0001.png"), marked)

    def change(fake):
        sign = np.where(fake.beauty > 0.5, -1, 1)
        return {"beauty": fake.beauty + 0.1 * sign * (marked > 0)[..., None]}

    report = evaluate(bake_fake(faulty(change), frames=(1,)), clip)
    assert report.summary("region_psnr").mean == pytest.approx(20, abs=0.01)
    assert report.summary("background_psnr").mean > 30
    assert report.regions_below["region"] == (1,)
    assert "marked region" in report.table()


def test_a_ghost_is_what_is_left_of_a_subject_that_left(bake_fake, tmp_path):
    clip = tmp_path / "clip"
    clip.mkdir()
    for frame in (1, 2):
        for path in MARKET.glob(f"*.{frame:04d}.*"):
            (clip / path.name).symlink_to(path)
    (clip / "alpha.0002.png").unlink()
    cv2.imwrite(str(clip / "alpha.0002.png"), np.zeros((144, 256), np.uint8))
    report = evaluate(
        bake_fake(faulty(lambda fake: {"matte": fake.matte * 0 + 0.25}), frames=(1, 2)), clip
    )
    assert ["ghost" in scores for scores in report.scores] == [False, True]
    assert report.summary("ghost").worst == pytest.approx(0.25, abs=1e-3)
    assert "subject_psnr" not in report.scores[1]
