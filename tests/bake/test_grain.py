# SPDX-License-Identifier: Apache-2.0
"""Restored and kept parts of a beauty have equal grain, by luminance and by frequency."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from pullfocus.bake.frame import _grained, _over_plate
from pullfocus.bake.grain import grain
from pullfocus.model.trust import PLAIN_PX
from pullfocus.observe.noise import Look, Noise, measure_noise
from pullfocus.plate.colour import display_to_linear, linear_to_display

SIZE = 256


def noise_of(rng: np.random.Generator, size: float = 0.7) -> np.ndarray:
    white = cv2.GaussianBlur(rng.standard_normal((SIZE, SIZE, 3)).astype(np.float32), (0, 0), size)
    return white / white.std()


def clean() -> np.ndarray:
    """Light from dark to bright across the frame, (h, w, 3) display-encoded."""
    light = np.linspace(0.15, 0.85, SIZE, dtype=np.float32)[None, :, None]
    return np.repeat(np.broadcast_to(light, (SIZE, SIZE, 1)), 3, -1).copy()


def measured(rng: np.random.Generator) -> Noise:
    """Noise that gets weaker with light, off plates."""
    everywhere = np.ones((SIZE, SIZE), bool)
    plates = [clean() + noise_of(rng) * (0.035 - 0.025 * clean()) for _ in range(4)]
    noise = measure_noise(Look(plate, clean(), everywhere) for plate in plates)
    assert noise is not None
    return noise


def bands(field: np.ndarray) -> np.ndarray:
    """Power of green in four rings of frequency."""
    power = np.square(np.abs(np.fft.fft2(field[..., 1] - field[..., 1].mean())))
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.fftfreq(field.shape[1])[None])
    edges = [0.02, 0.1, 0.2, 0.3, 0.5]
    rings = [(frequency >= a) & (frequency < b) for a, b in pairwise(edges)]
    return np.array([power[ring].mean() for ring in rings]) / field[..., 1].size


@pytest.mark.parametrize("kept", [0.3, 0.7, 1.0])
def test_equal_power_in_and_out_of_the_restored_part(rng: np.random.Generator, kept: float) -> None:
    """As a bake mixes them: the restored frame brings the plate's noise, smoothed, along."""
    noise = measured(rng)
    share = np.full((SIZE, SIZE), kept, np.float32)
    share[: SIZE // 2] = 0
    outside, inside = [], []
    for frame in range(6):
        own = noise_of(rng) * (0.035 - 0.025 * clean())
        plate = clean() + own
        restored = clean() + cv2.GaussianBlur(own, (0, 0), PLAIN_PX)
        restored = _grained(restored, share, noise, frame)
        mixed = _over_plate(display_to_linear(plate), restored, share)
        field = linear_to_display(mixed) - clean()
        outside.append(field[: SIZE // 2])
        inside.append(field[SIZE // 2 :])
    for columns in (slice(0, 80), slice(88, 168), slice(176, 256)):  # dark, middle, bright
        out, rebuilt = (np.stack(part)[:, :, columns].std() for part in (outside, inside))
        assert rebuilt == pytest.approx(out, rel=0.12)

    def spectrum(parts: list[np.ndarray]) -> np.ndarray:
        squares = [np.concatenate([part, part[::-1]]) for part in parts]
        return np.mean([bands(square) for square in squares], 0)

    assert spectrum(inside) == pytest.approx(spectrum(outside), rel=0.25)


def test_the_same_frame_has_the_same_grain_and_others_have_others(
    rng: np.random.Generator,
) -> None:
    noise = measured(rng)
    one, again, other = (grain(noise, clean(), frame, brought_px=0) for frame in (7, 7, 8))
    np.testing.assert_array_equal(one, again)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02


def test_what_is_kept_stays_to_the_bit(rng: np.random.Generator) -> None:
    plate = display_to_linear(clean() + noise_of(rng) * 0.02)
    none = np.zeros((SIZE, SIZE), np.float32)
    restored = _grained(clean(), none, measured(rng), 1)
    np.testing.assert_array_equal(_over_plate(plate, restored, none), plate)
