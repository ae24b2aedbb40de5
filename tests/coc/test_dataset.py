# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
from pullfocus.coc.dataset import ComposeSettings, Sample, compose
from pullfocus.coc.tiles import TileBank


def test_a_seed_is_a_picture(bank: TileBank, small: ComposeSettings, samples: list[Sample]):
    again = compose(bank, 4, small)
    for name in ("blurred", "sharp", "coc"):
        assert (getattr(again, name) == getattr(samples[4], name)).all()
    assert (samples[4].coc != samples[5].coc).any()


def test_pictures_are_what_they_say(samples: list[Sample]):
    for sample in samples:
        assert sample.blurred.shape == sample.sharp.shape == (64, 64, 3)
        assert sample.blurred.dtype == sample.sharp.dtype == sample.coc.dtype == np.float32
        assert 0 <= sample.blurred.min()
        assert sample.blurred.max() <= 1
        assert 0 <= sample.coc.min()
        assert sample.coc.max() <= 6


def test_what_is_in_focus_stays_and_what_is_not_loses_detail(bank: TileBank):
    settings = ComposeSettings(
        size=64, max_radius_px=6, plain_share=0, fading_share=0, procedural_share=0
    )
    kept, lost = [], []
    for seed in range(25):
        sample = compose(bank, seed, settings)
        loss = np.abs(sample.blurred - sample.sharp).mean(-1)
        far_from_blur = cv2.dilate(sample.coc, np.ones((13, 13), np.uint8)) < 0.6
        kept.extend(loss[far_from_blur])
        lost.extend(loss[sample.coc > 4])
    assert len(kept) > 500
    assert len(lost) > 500
    assert np.mean(kept) < 0.03
    assert np.mean(lost) > 4 * np.mean(kept)


def test_blur_keeps_light(bank: TileBank, small: ComposeSettings):
    means = []
    for seed in range(12):
        sample = compose(bank, seed, small)
        if sample.sharp.max() < 0.999:  # unclipped
            light = [np.mean(p.astype(np.float64) ** 2.2) for p in (sample.blurred, sample.sharp)]
            means.append(light[0] / light[1])
    assert means
    np.testing.assert_allclose(means, 1, atol=0.1)
