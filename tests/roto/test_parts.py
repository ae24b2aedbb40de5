# SPDX-License-Identifier: Apache-2.0
"""What stands before a far wall is found whole, an arm before its body, and nothing else."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.roto.halves import halves
from pullfocus.roto.parts import find_part

MARKET = Path(__file__).parents[1] / "clips" / "market"
HEIGHT, WIDTH, COUNT = 144, 256, 12
BOARD = slice(20, 118), slice(150, 205)
Frames = list[np.ndarray]


def texture(rng: np.random.Generator, width: int = 500) -> np.ndarray:
    total = np.zeros((HEIGHT, width, 3), np.float32)
    for sigma in (1.0, 3.0, 8.0):
        layer = cv2.GaussianBlur(
            rng.standard_normal((HEIGHT, width, 3)).astype(np.float32), (0, 0), sigma
        )
        total += layer / layer.std()
    return (total * 30 + 128).clip(0, 255).astype(np.uint8)


def shifted(picture: np.ndarray, dx: float) -> np.ndarray:
    matrix = np.array([[1, 0, dx], [0, 1, 0]], np.float32)
    return cv2.warpAffine(picture, matrix, (picture.shape[1], HEIGHT), flags=cv2.INTER_LINEAR)


def two_planes(
    rng: np.random.Generator, near: float = -3.0, far: float = -1.0
) -> tuple[Frames, Frames]:
    """A camera that slides, so many px a frame near and far; frames and where the board is."""
    wall, board = texture(rng), texture(rng, WIDTH)
    cover = np.zeros((HEIGHT, WIDTH), np.float32)
    cover[BOARD] = 1
    frames, truth = [], []
    for t in range(COUNT):
        back = shifted(wall, far * t)[:, 60 : 60 + WIDTH]
        where = shifted(cover, near * t)
        front = shifted(board, near * t)
        mixed = where[..., None] * front + (1 - where[..., None]) * back
        frames.append(mixed.astype(np.uint8))
        truth.append(where > 0.5)
    return frames, truth


def arm_before_body(rng: np.random.Generator) -> tuple[Frames, np.ndarray, np.ndarray]:
    """A body that walks by 1 px a frame and an arm that moves 3: frames, matte of both, of the arm.

    The wall stands still. Mattes (T, h, w) uint8.
    """
    wall, cloth, skin = texture(rng, WIDTH), texture(rng, WIDTH), texture(rng, WIDTH)
    body, arm = np.zeros((HEIGHT, WIDTH), np.float32), np.zeros((HEIGHT, WIDTH), np.float32)
    body[24:144, 60:160] = 1
    arm[50:96, 66:90] = 1
    frames, whole, parts = [], [], []
    for t in range(COUNT):
        one, other = shifted(body, t), shifted(arm, 3 * t)
        mixed = one[..., None] * shifted(cloth, t) + (1 - one[..., None]) * wall
        mixed = other[..., None] * shifted(skin, 3 * t) + (1 - other[..., None]) * mixed
        frames.append(mixed.astype(np.uint8))
        whole.append((np.maximum(one, other) * 255).astype(np.uint8))
        parts.append((other * 255).astype(np.uint8))
    return frames, np.stack(whole), np.stack(parts)


NOTHING = np.zeros((COUNT, HEIGHT, WIDTH), np.uint8)


def test_a_board_before_a_wall_is_found_in_every_frame(rng: np.random.Generator) -> None:
    frames, truth = two_planes(rng)
    part = find_part(frames, NOTHING)
    assert part is not None
    assert part.apart_px == pytest.approx(2 * (COUNT - 1), rel=0.15)
    assert part.agreed > 0.5
    for matte, true in zip(part.mattes, truth, strict=True):
        found = matte > 0.5
        assert (found & true).sum() / (found | true).sum() > 0.85
    left, top, right, bottom = part.box()
    assert abs(right - left - 55) < 10
    assert abs(bottom - top - 98) < 12


def test_an_arm_before_its_body_is_cut_from_it(rng: np.random.Generator) -> None:
    frames, whole, arm = arm_before_body(rng)
    part = find_part(frames, NOTHING, whole)
    assert part is not None
    assert part.apart_px == pytest.approx(2 * (COUNT - 1), rel=0.15)
    for t in range(0, COUNT, 3):
        np.testing.assert_allclose(part.around[t], np.array(
            [[1, 0, part.key - t], [0, 1, 0], [0, 0, 1]]), atol=0.5)  # fmt: skip
    before, rest = halves(part, whole, in_front=True)
    own = whole.astype(np.float32) / 255
    for t in range(COUNT):
        found, true = before.alpha(t, own[t]) > 0.5, arm[t] > 127
        assert (found & true).sum() / (found | true).sum() > 0.85
        # what the arm hides of the body is known from other frames
        assert (rest.alpha(t, own[t])[true] > 0.5).mean() > 0.55
        both = np.maximum(before.alpha(t, own[t]), rest.alpha(t, own[t]))
        assert (np.abs(both - own[t]) > 0.5).mean() < 0.005
    # were it behind, it would be seen through a hole that goes with the body
    behind, front = halves(part, whole, in_front=False)
    t = part.key
    assert (front.alpha(t, own[t])[arm[t] > 127] < 0.5).mean() > 0.85
    for t in range(COUNT):
        hole = shifted((arm[part.key] > 127).astype(np.float32), t - part.key) > 0.5
        assert (front.alpha(t, own[t])[~hole & (own[t] > 0.5)] > 0.5).mean() > 0.93
        assert (behind.alpha(t, own[t])[arm[t] > 127] > 0.5).mean() > 0.85


def test_somebody_before_both_hides_it_for_a_while(rng: np.random.Generator) -> None:
    frames, truth = two_planes(rng)
    walker = texture(rng, WIDTH)
    fronts = NOTHING.copy()
    for t in range(COUNT):
        x = 40 + 14 * t
        frames[t][30:144, x : x + 24] = walker[30:144, :24]
        fronts[t, 30:144, x : x + 24] = 255
    part = find_part(frames, fronts)
    assert part is not None
    assert part.apart_px == pytest.approx(2 * (COUNT - 1), rel=0.2)
    overlap = [
        ((m > 0.5) & t).sum() / ((m > 0.5) | t).sum()
        for m, t in zip(part.mattes, truth, strict=True)
    ]
    assert np.mean(overlap) > 0.75


def test_nothing_else_is_a_part(rng: np.random.Generator) -> None:
    wall = texture(rng)
    floor, zoom, halo = [], [], []
    fronts = NOTHING.copy()
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    for t in range(COUNT):
        near = 1 + 2 * (y / HEIGHT - 0.5).clip(0)
        floor.append(cv2.remap(wall, x + 60 + t * near, y, cv2.INTER_LINEAR))
        matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 0.5 * t, 1 + 0.01 * t)
        zoom.append(cv2.warpAffine(wall[:, 100 : 100 + WIDTH], matrix, (WIDTH, HEIGHT)))
        # a subject whose matte is too small
        moved = shifted(wall, 0)[:, 60 : 60 + WIDTH].copy()
        moved[30:120, 40 + 5 * t : 100 + 5 * t] = wall[30:120, 300:360]
        fronts[t, 34:116, 44 + 5 * t : 80 + 5 * t] = 255
        halo.append(moved)
    blurred, _ = two_planes(rng)
    still, _ = two_planes(rng, near=-1.0, far=-1.0)
    cases = {
        "a wall and its floor": (floor, NOTHING),
        "zoom and roll": (zoom, NOTHING),
        "a halo": (halo, fronts),
        "one motion": (still, NOTHING),
        "few frames": (blurred[:4], NOTHING[:4]),
        "nothing to see": ([np.full((HEIGHT, WIDTH, 3), 90, np.uint8)] * COUNT, NOTHING),
    }
    found = {name: find_part(*case) for name, case in cases.items()}
    assert {name for name, part in found.items() if part is not None} == set()


def test_the_bundled_clip_has_none() -> None:
    frames = [cv2.imread(str(p))[..., ::-1] for p in sorted(MARKET.glob("plate.*.png"))]
    fronts = [cv2.imread(str(p), 0) for p in sorted(MARKET.glob("alpha.*.png"))]
    assert find_part(frames, np.stack(fronts)) is None
