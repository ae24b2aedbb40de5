# SPDX-License-Identifier: Apache-2.0
"""A heap of equal values at the top is a ceiling; the brightest of a scene is none."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.observe.ceiling import find_ceiling
from pullfocus.observe.observed import Observed

MARKET = Path(__file__).parents[1] / "clips" / "market"


def scene(rng: np.random.Generator) -> np.ndarray:
    """Frames (3, 96, 128, 3) with some lamps, display-encoded, up to 2.5."""
    frames = cv2.GaussianBlur(rng.random((96, 128, 3)).astype(np.float32), (0, 0), 1.0)
    frames[20:24, 30:34] = frames[50:55, 100:103] = 2.5
    return np.stack([np.roll(frames, t, 1) for t in range(3)])


@pytest.mark.parametrize("ceiling", [1.0, 0.94, 1.37])
def test_a_clipped_plate(rng: np.random.Generator, ceiling: float) -> None:
    frames = np.minimum(scene(rng), ceiling).astype(np.float16)
    assert find_ceiling(frames) == pytest.approx(ceiling, abs=1e-3)


def test_grain_on_a_clipped_plate(rng: np.random.Generator) -> None:
    noisy = np.minimum(scene(rng), 1) + rng.normal(0, 0.02, (3, 96, 128, 3))
    codes = np.round(noisy.clip(0, 1) * 255) / 255
    assert find_ceiling(codes.astype(np.float16)) == pytest.approx(1, abs=1e-3)


def test_plates_that_are_not_clipped(rng: np.random.Generator) -> None:
    market = [np.asarray(cv2.imread(str(p))) for p in sorted(MARKET.glob("plate.*.png"))]
    assert find_ceiling((np.stack(market) / 255).astype(np.float16)) is None
    slope = np.linspace(0, 0.93, 128, dtype=np.float32)
    smooth = np.broadcast_to(slope[None, None, :, None], (2, 96, 128, 3))
    assert find_ceiling(smooth) is None
    spark = smooth.copy()
    spark[0, 5, 5] = 3
    assert find_ceiling(spark.astype(np.float16)) is None


def test_a_clipped_value_only_says_at_least() -> None:
    plate = np.full((1, 8, 12, 3), 0.5, np.float16)
    plate[0, 2:4, 2:4] = 1
    seen = Observed(
        frames=(1,), layer_names=("bg",), width=12, height=8, colorspace="x", plate=plate,
        mattes=np.zeros((0, 1, 8, 12), np.uint8), coc=None, motion=np.eye(3)[None, None],
        residual=np.zeros((1, 1, 2, 2, 2), np.float32), ceiling=1.0,
    )  # fmt: skip
    shown = np.full((8, 12, 3), 0.7, np.float32)
    shown[2, 2] = 1.8
    against = seen.at_least(0, shown)
    assert (against[2, 2] == np.float32(1.8)).all()  # brighter: no contradiction
    assert (against[3, 3] == 1).all()  # darker: one
    assert (against[5, 5] == 0.5).all()
    half = seen.clipped(0, 1)
    assert half is not None
    assert half[1, 1].all()
    assert half.sum() == 3
