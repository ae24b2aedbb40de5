# SPDX-License-Identifier: Apache-2.0
"""What is told of noise in plain places."""

import cv2
import numpy as np
import pytest
from pullfocus.observe.plain import Plain, fine_power, finest_power, plainest, unevenness

SIZE = 200


def noisy(rng: np.random.Generator, sigma: float) -> np.ndarray:
    return (0.5 + sigma * rng.standard_normal((SIZE, SIZE, 3))).astype(np.float32)


def test_the_finest_differences_of_white_noise_are_its_variance(rng: np.random.Generator) -> None:
    assert np.sqrt(finest_power(noisy(rng, 0.02)).mean()) == pytest.approx(0.02, rel=0.02)
    slope = np.linspace(0, 1, SIZE, dtype=np.float32)[None, :, None].repeat(SIZE, 0).repeat(3, 2)
    assert finest_power(slope)[:, 1:-1].max() < 1e-10


def test_what_is_fine_is_what_a_gaussian_leaves_out(rng: np.random.Generator) -> None:
    frequency = np.fft.fftfreq(SIZE)
    square = frequency[:, None] ** 2 + frequency[None] ** 2
    passed = np.square(1 - np.exp(-2 * np.pi**2 * 1.5**2 * square)).mean()
    found = fine_power(noisy(rng, 0.02)).mean()
    assert found == pytest.approx(0.02**2 * passed, rel=0.03)


def test_texture_is_uneven_and_noise_is_less_so(rng: np.random.Generator) -> None:
    noise = noisy(rng, 0.02)
    texture = 0.5 + 4 * (cv2.GaussianBlur(noise, (0, 0), 2) - 0.5)  # weaker, and coarser
    assert np.median(unevenness(texture)) > 1.3 * np.median(unevenness(noise))


def test_the_plainest_are_chosen_clear_of_what_may_not_be_seen(rng: np.random.Generator) -> None:
    frame = noisy(rng, 0.001)
    frame[:, SIZE // 2 :] = noisy(rng, 0.1)[:, SIZE // 2 :]
    where = np.ones((SIZE, SIZE), bool)
    where[0] = False
    seen = plainest(frame, where, finest_power(frame))
    # two px less on every side
    assert len(seen.level) == (SIZE - 5) * (SIZE - 4)
    few = seen.among(0.3, 100)
    assert len(few.level) == round(0.3 * len(seen.level))
    assert few.uneven.max() <= np.quantile(seen.uneven, 0.31)
    assert np.sqrt(few.power.mean()) == pytest.approx(0.001, rel=0.1)
    assert not len(seen.among(0.3, 20_000).level)


def test_none_of_nothing() -> None:
    assert not len(Plain(np.zeros(0), np.zeros(0), np.zeros((0, 1))).among(0.5, 1).level)
