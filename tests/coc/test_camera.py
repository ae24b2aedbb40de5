# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from pullfocus.coc.camera import Grade, compress, random_grade, record


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


@pytest.mark.parametrize(("codec", "quality"), [("jpeg", 90), ("h264", 18)])
def test_compression_damages_a_little(codec, quality):
    rng = np.random.default_rng(3)
    picture = (ramp() * 200 + rng.integers(0, 40, (48, 48, 1))).astype(np.uint8)
    back = compress(picture, codec=codec, quality=quality)
    assert back.shape == picture.shape
    error = np.abs(back.astype(int) - picture).mean()
    assert 0 < error < 12


def test_a_recording_lies_on_8_bits_and_near_what_was_seen():
    for seed in range(10):
        seen = record(np.random.default_rng(seed), ramp())
        steps = seen * 255
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
        assert np.abs(seen - ramp()).mean() < 0.08
