# SPDX-License-Identifier: Apache-2.0
"""Restored and kept parts of a beauty have equal grain, by luminance and by frequency."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from pullfocus.bake.frame import _grained, _over_plate
from pullfocus.bake.grain import Grain, grain, grain_of
from pullfocus.model.trust import PLAIN_PX
from pullfocus.observe.noise import Look, Noise, measure_noise
from pullfocus.observe.plain import fine_power, finest_power, plainest
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
        restored = _grained(restored, share, Grain(noise), frame)
        mixed = _over_plate(display_to_linear(plate), restored, share)
        field = linear_to_display(mixed) - clean()
        outside.append(field[: SIZE // 2])
        inside.append(field[SIZE // 2 :])
    for columns in (slice(0, 80), slice(88, 168), slice(176, 256)):  # dark, middle, bright
        out, rebuilt = (np.stack(part)[:, :, columns].std() for part in (outside, inside))
        assert rebuilt == pytest.approx(out, rel=0.05)

    def spectrum(parts: list[np.ndarray]) -> np.ndarray:
        squares = [np.concatenate([part, part[::-1]]) for part in parts]
        return np.mean([bands(square) for square in squares], 0)

    assert spectrum(inside) == pytest.approx(spectrum(outside), rel=0.2)


def test_the_same_frame_has_the_same_grain_and_others_have_others(
    rng: np.random.Generator,
) -> None:
    missing, kept = Grain(measured(rng)), np.full((SIZE, SIZE), 0.8, np.float32)
    one, again, other = (grain(missing, clean(), kept, frame) for frame in (7, 7, 8))
    np.testing.assert_array_equal(one, again)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02


def test_what_is_kept_stays_to_the_bit(rng: np.random.Generator) -> None:
    plate = display_to_linear(clean() + noise_of(rng) * 0.02)
    none = np.zeros((SIZE, SIZE), np.float32)
    restored = _grained(clean(), none, Grain(measured(rng)), 1)
    np.testing.assert_array_equal(_over_plate(plate, restored, none), plate)


WALL = slice(0, SIZE // 6)  # rows that are plain


def solved(rng: np.random.Generator, noise: float) -> tuple[Grain | None, Noise]:
    """What is found in plates with a plain wall over texture, of which a solve holds half."""
    texture = cv2.GaussianBlur(rng.standard_normal((SIZE, SIZE, 3)).astype(np.float32), (0, 0), 1)
    texture[WALL] = 0
    sharp = clean() * 0.4 + 0.3 + 0.3 * texture
    everywhere, looks, plates, restored = np.ones((SIZE, SIZE), bool), [], [], []
    for _ in range(2):
        plate = (sharp + noise_of(rng) * noise).astype(np.float32)
        shown = sharp - 0.15 * texture
        looks.append(Look(plate, shown, everywhere))
        powers = finest_power(plate), finest_power(plate - shown), fine_power(plate)
        plates.append(plainest(shown, everywhere, *powers))
        own = shown + noise_of(rng) * noise / 2  # that an atlas keeps
        own += cv2.GaussianBlur(plate - shown, (0, 0), PLAIN_PX)
        restored.append(plainest(shown, everywhere, fine_power(own)))
    told = measure_noise(looks)
    assert told is not None
    return grain_of(told, plates[0], restored[0], brought_px=PLAIN_PX), told


@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_errors_of_a_solve_are_no_grain(rng: np.random.Generator, noise: float) -> None:
    """Against noise that is known: its finest differences, and what restored parts lack of it."""
    found, told = solved(rng, noise)
    assert told.typical > 1.2 * noise  # what nothing explains
    assert found is not None
    laid = grain(found, clean(), np.ones((SIZE, SIZE), np.float32), 3)
    own = noise_of(rng) * noise / 2
    brought = noise_of(rng) * noise
    brought = cv2.GaussianBlur(brought, (0, 0), PLAIN_PX)
    aim, have = (
        np.sqrt(finest_power(field.astype(np.float32)).mean())
        for field in (noise_of(rng) * noise, laid + own + brought)
    )
    assert have == pytest.approx(aim, rel=0.1)
    assert found.amount < 0.9


def test_a_clean_plate_gets_none_however_wrong_its_solve(rng: np.random.Generator) -> None:
    found, told = solved(rng, 0.001)
    assert told.typical > 0.005
    assert found is None
