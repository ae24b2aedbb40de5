# SPDX-License-Identifier: Apache-2.0
"""Bars and burnt-in words are found where they are, and nowhere else."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.observe.observed import Observed
from pullfocus.observe.overlay import find_overlay

MARKET = Path(__file__).parents[1] / "clips" / "market"
HEIGHT, WIDTH, COUNT = 144, 256, 10


def panned(wall: np.ndarray, speed: int = 3) -> np.ndarray:
    """A camera that pans so many px a frame, (T, h, w, 3) display-encoded."""
    frames = [wall[:HEIGHT, speed * t : speed * t + WIDTH] for t in range(COUNT)]
    return np.repeat(np.stack(frames)[..., None], 3, -1).astype(np.float32) / 255


def lettered(frames: np.ndarray, words: str = "REEL 7", tone: float = 1.0) -> np.ndarray:
    """The same with words on it; returns the frames and where they cover by half."""
    cover = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.putText(cover, words, (90, 130), cv2.FONT_HERSHEY_DUPLEX, 0.4, 255, 1, cv2.LINE_AA)
    share = (cover / np.float32(255))[..., None]
    return frames * (1 - share) + share * tone, cover > 127  # type: ignore[return-value]


@pytest.mark.parametrize("ringing", [0.0, 0.004])
@pytest.mark.parametrize("level", [0.0, 0.0627])
def test_bars_are_found_to_the_pixel(
    wall: np.ndarray, rng: np.random.Generator, level: float, ringing: float
) -> None:
    frames = panned(wall)
    frames[:, :17] = frames[:, -19:] = frames[:, :, :5] = level
    frames[:, :17] += rng.uniform(-ringing, ringing, frames[:, :17].shape)
    found = find_overlay(frames.astype(np.float16))
    assert found.bars == (17, 19, 5, 0)
    assert found.mask[:17].all()
    assert found.mask[:, :5].all()
    assert not found.mask[17:-19, 5:].any()
    assert found.notes() == [
        "plate: bars (17 px above, 19 px below, 5 px left) are no part of the scene and stay as"
        " they are"
    ]


def test_a_row_that_is_half_bar_is_part_of_it(wall: np.ndarray) -> None:
    frames = panned(wall)
    frames[:, :12] = 0
    frames[:, 12] *= 0.5
    assert find_overlay(frames).bars == (13, 0, 0, 0)


@pytest.mark.parametrize("words", ["REEL 7", "MARKET HALL, TAKE 3"])
def test_words_are_found_with_their_rim(wall: np.ndarray, words: str) -> None:
    frames, cover = lettered(panned(wall), words)
    found = find_overlay(frames.astype(np.float16)).words
    assert found[cover].mean() > 0.97
    near = cv2.dilate(cover.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert not (found & ~near).any()
    assert "what is burnt in at" in find_overlay(frames).notes()[0]


def test_words_are_found_in_noise_and_in_a_fade(wall: np.ndarray, rng) -> None:
    frames = panned(wall) * np.linspace(0.2, 1, COUNT, dtype=np.float32)[:, None, None, None]
    frames, cover = lettered(frames)
    noisy = frames + rng.normal(0, 0.02, frames.shape)
    assert find_overlay(noisy.astype(np.float16)).words[cover].mean() > 0.9


def test_scenes_without_bars_and_words(wall: np.ndarray, rng: np.random.Generator) -> None:
    moving = panned(wall)
    still = np.repeat(lettered(moving[:1])[0], COUNT, 0)  # a sign before a camera that stands still
    light = 1 + 0.1 * np.sin(np.arange(COUNT, dtype=np.float32))[:, None, None, None]
    night = moving.copy()
    night[:, :40] = (rng.random((COUNT, 40, WIDTH, 1)) > 0.999) * 0.5  # stars
    box = still.copy()
    box[:, 40:110, 60:140] = moving[:, 40:110, 60:140]  # somebody before a wall that stands still
    market = [np.asarray(cv2.imread(str(p))) for p in sorted(MARKET.glob("plate.*.png"))]
    scenes = {
        "pan": moving,
        "still": still,
        "flicker": still * light,
        "night": night,
        "black": np.zeros_like(moving),
        "somebody moves": box,
        "two frames": moving[:2],
        "market": np.stack(market).astype(np.float32) / 255,
    }
    assert [name for name, one in scenes.items() if find_overlay(one).mask.any()] == []


def test_what_is_covered_shrinks_with_the_frames(wall: np.ndarray) -> None:
    frames = panned(wall)
    covered = np.zeros((HEIGHT, WIDTH), bool)
    covered[:11] = True

    def seen(width: int, height: int) -> Observed:
        none = np.zeros((0, 1, height, width), np.uint8)
        return Observed(
            frames=(1,), layer_names=("bg",), width=width, height=height, colorspace="x",
            plate=frames[:1], mattes=none, coc=None, motion=np.eye(3)[None, None],
            residual=np.zeros((1, 1, 2, 2, 2), np.float32), covered=covered,
        )  # fmt: skip

    half = seen(WIDTH, HEIGHT).covered_at(1)
    assert half is not None
    assert half.shape == (HEIGHT // 2, WIDTH // 2)
    assert half[:6].all()
    assert not half[6:].any()
    proxy = seen(WIDTH // 2, HEIGHT // 2).covered_at(0)  # the mask is held at its own size
    np.testing.assert_array_equal(proxy, half)
