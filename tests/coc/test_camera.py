# SPDX-License-Identifier: Apache-2.0
import sys

import numpy as np
import pytest
from pullfocus.coc.camera import (
    Grade,
    compress,
    denoise,
    random_grade,
    record,
    sharpen,
    soften,
    subsample_chroma,
)


def ramp(side: int = 48) -> np.ndarray:
    line = np.linspace(0, 1, side, dtype=np.float32)
    return np.stack(np.broadcast_arrays(line, line[:, None], 0.5 * line), -1).astype(np.float32)


def test_a_grade_left_as_shot_changes_nothing():
    plain = Grade(gain=(1.0, 1.0, 1.0), gamma=1.0, saturation=1.0, lift=0.0)
    np.testing.assert_allclose(plain.apply(ramp()), ramp(), atol=1e-6)
    assert any(random_grade(np.random.default_rng(seed)) == plain for seed in range(20))


def test_without_saturation_all_is_grey():
    grey = Grade(gain=(1.0, 0.8, 1.1), gamma=1.2, saturation=0.0, lift=0.05).apply(ramp())
    np.testing.assert_allclose(grey[..., 0], grey[..., 2], atol=1e-6)
    assert grey.min() >= 0.05 - 1e-6


@pytest.mark.parametrize(("codec", "quality"), [("jpeg", 90), ("vp8", 80), ("h264", 18)])
def test_compression_damages_a_little(codec, quality):
    rng = np.random.default_rng(3)
    picture = (ramp() * 200 + rng.integers(0, 40, (48, 48, 1))).astype(np.uint8)
    back = compress(picture, codec=codec, quality=quality)
    assert back.shape == picture.shape
    error = np.abs(back.astype(int) - picture).mean()
    assert 0 < error < 12


def test_a_soft_camera_dims_a_grating_as_a_gaussian_does():
    x = np.arange(96, dtype=np.float32)
    for period, sigma in ((8.0, 0.7), (8.0, 0.9), (12.0, 1.2)):
        wave = 0.5 + 0.3 * np.cos(2 * np.pi * x / period)
        picture = np.broadcast_to(wave[None, :, None], (32, 96, 3)).astype(np.float32).copy()
        soft = soften(picture, sigma_px=sigma)[:, 12:-12]
        wanted = np.exp(-2 * (np.pi * sigma / period) ** 2)
        assert np.ptp(soft) / np.ptp(picture) == pytest.approx(wanted, abs=0.02)


def test_fewer_pixels_keep_the_size_and_what_is_even():
    assert np.abs(soften(ramp(), scale=0.6) - ramp())[4:-4, 4:-4].max() < 0.02
    checker = np.indices((48, 48)).sum(0) % 2
    picture = np.repeat(checker[..., None], 3, axis=2).astype(np.float32)
    soft = soften(picture, scale=0.55)
    assert soft.shape == picture.shape
    assert soft.std() < 0.5 * picture.std()


def test_sharpening_overshoots_at_edges_alone():
    step = np.full((32, 32, 3), 0.3, np.float32)
    step[:, 16:] = 0.6
    found = sharpen(step, sigma_px=1.0, amount=0.8)
    np.testing.assert_allclose(found[:, :8], 0.3, atol=1e-5)
    # An ideal step rises above its top by amount x half its height, less the pixel's own width.
    halo = float(found.max() - 0.6)
    assert 0.2 < halo / (0.8 * 0.3) <= 0.5
    assert found.min() == pytest.approx(0.3 - halo, abs=1e-5)


def test_noise_reduction_flattens_noise_and_keeps_edges():
    rng = np.random.default_rng(0)
    step = np.full((64, 64, 3), 0.2, np.float32)
    step[:, 32:] = 0.8
    noisy = step + rng.normal(0, 0.02, step.shape).astype(np.float32)
    found = denoise(noisy, strength=0.08)
    assert found[:, :28].std() < 0.6 * noisy[:, :28].std()
    assert float(found[:, 32].mean() - found[:, 31].mean()) > 0.58


@pytest.mark.parametrize("rows", [False, True])
def test_subsampled_colour_keeps_luma(rows):
    picture = np.random.default_rng(1).uniform(0.2, 0.8, (48, 48, 3)).astype(np.float32)
    found = subsample_chroma(picture, rows=rows)
    luma = np.array([0.299, 0.587, 0.114], np.float32)
    np.testing.assert_allclose(found @ luma, picture @ luma, atol=2e-3)
    kept = (found - (found @ luma)[..., None]).std() / (picture - (picture @ luma)[..., None]).std()
    assert 0.1 < kept < (0.55 if rows else 0.75)
    grey = np.repeat(picture[..., :1], 3, axis=2)
    np.testing.assert_allclose(subsample_chroma(grey, rows=rows), grey, atol=1e-3)


def test_a_recording_is_near_what_was_seen():
    """With grain up to 3 %, halos and codecs; the same numbers give the same recording."""
    for seed in range(20):
        found = record(np.random.default_rng(seed), ramp())
        assert found.dtype == np.uint8
        assert found.shape == ramp().shape
        assert np.abs(found / 255 - ramp()).mean() < 0.08
        again = record(np.random.default_rng(seed), ramp())
        np.testing.assert_array_equal(found, again)


def test_without_pyav_h264_is_vp8(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "av", None)
    for seed in range(30):
        record(np.random.default_rng(seed), ramp(), h264=False)
    with pytest.raises(ImportError):
        [record(np.random.default_rng(seed), ramp()) for seed in range(30)]
