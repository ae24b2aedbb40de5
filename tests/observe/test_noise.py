# SPDX-License-Identifier: Apache-2.0
"""Noise is measured as it was made, whatever else a frame shows."""

import cv2
import numpy as np
import pytest
from pullfocus.observe.noise import BLOCK, Look, Noise, measure_noise

HEIGHT, WIDTH = 192, 320


def grainy(rng: np.random.Generator, sigma: float, size: float, like: float) -> np.ndarray:
    """Noise (h, w, 3) of a deviation, blurred by `size` px, colours alike by `like`."""
    white = rng.standard_normal((HEIGHT, WIDTH, 3)).astype(np.float32)
    shared = rng.standard_normal((HEIGHT, WIDTH, 1)).astype(np.float32)
    white = np.sqrt(like) * shared + np.sqrt(1 - like) * white
    if size:
        white = cv2.GaussianBlur(white, (0, 0), size)
    return white / white.std() * sigma


def scene(rng: np.random.Generator) -> np.ndarray:
    """A slope of light, detailed on two thirds of the frame."""
    light = np.linspace(0.1, 0.9, WIDTH, dtype=np.float32)[None, :, None]
    frame = np.repeat(np.broadcast_to(light, (HEIGHT, WIDTH, 1)), 3, -1).copy()
    detail = cv2.GaussianBlur(rng.standard_normal((HEIGHT, WIDTH, 1)).astype(np.float32), (0, 0), 1)
    frame[: 2 * HEIGHT // 3] += 0.4 * detail[: 2 * HEIGHT // 3, :, None]
    return frame.clip(0.05, 0.95)


def looked_at(frames: list[np.ndarray]) -> Noise:
    nothing, everywhere = np.zeros((HEIGHT, WIDTH, 3), np.float32), np.ones((HEIGHT, WIDTH), bool)
    noise = measure_noise(Look(frame, nothing, everywhere) for frame in frames)
    assert noise is not None
    return noise


def power(field: np.ndarray) -> np.ndarray:
    """Power by frequency on the bins of a measurement, mean 1, of green."""
    rows, columns = HEIGHT // BLOCK, WIDTH // BLOCK
    blocks = field[..., 1].reshape(rows, BLOCK, columns, BLOCK).transpose(0, 2, 1, 3)
    found = np.square(np.abs(np.fft.fft2(blocks))).mean((0, 1))
    return found / found.mean()


@pytest.mark.parametrize(("size", "like"), [(0.0, 0.0), (0.6, 0.0), (1.0, 0.8)])
@pytest.mark.parametrize("sigma", [0.005, 0.03])
def test_strength_size_and_colour(
    rng: np.random.Generator, sigma: float, size: float, like: float
) -> None:
    frames = [scene(rng) + grainy(rng, sigma, size, like) for _ in range(4)]
    noise = looked_at(frames)
    assert noise.strength(np.full(3, 0.5)) == pytest.approx(np.full(3, sigma), rel=0.12)
    assert noise.correlation[0, 1] == pytest.approx(like, abs=0.15)
    assert noise.spectrum.mean((0, 1)) == pytest.approx(np.ones(3))
    expected = power(grainy(rng, sigma, size, like))
    measured = noise.spectrum[..., 1]
    low, high = (2, 0), (7, 7)
    assert measured[low] == pytest.approx(expected[low], rel=0.5)
    assert measured[high] == pytest.approx(expected[high], rel=0.5, abs=0.05)


def test_strength_by_luminance(rng: np.random.Generator) -> None:
    frames = []
    for _ in range(4):
        clean = scene(rng)
        frames.append(clean + grainy(rng, 0.02, 0.6, 0.0) * 2 * clean)
    noise = looked_at(frames)
    for level in (0.2, 0.5, 0.8):
        assert noise.strength(np.full(3, level))[1] == pytest.approx(0.04 * level, rel=0.2)


def test_a_clean_frame_has_none(rng: np.random.Generator) -> None:
    frames = [np.round(scene(rng) * 255) / np.float32(255) for _ in range(2)]
    assert looked_at(frames).typical < 0.002  # the rounding of 8 bits: 1 / 255 / sqrt(12)


def test_what_is_explained_is_no_noise(rng: np.random.Generator) -> None:
    """A model of a frame that is detailed everywhere leaves its noise."""
    looks = []
    everywhere = np.ones((HEIGHT, WIDTH), bool)
    for _ in range(3):
        clean = scene(rng)
        clean[2 * HEIGHT // 3 :] = clean[: HEIGHT // 3]
        looks.append(Look(clean + grainy(rng, 0.02, 0.6, 0.0), clean, everywhere))
    noise = measure_noise(looks)
    assert noise is not None
    assert noise.typical == pytest.approx(0.02, rel=0.12)


def test_too_little_to_look_at() -> None:
    frame, nowhere = np.full((64, 64, 3), 0.5, np.float32), np.zeros((64, 64), bool)
    assert measure_noise([Look(frame, frame * 0, nowhere)]) is None
    assert measure_noise([]) is None
