# SPDX-License-Identifier: Apache-2.0
"""Mattes that lie beside the plate's edges all round are found and moved, others are left alone."""

import cv2
import numpy as np
import pytest
from pullfocus.observe.matte_edges import EdgeProfile, bring_to_edges, moved_edge

HEIGHT, WIDTH, COUNT = 120, 200, 4


def texture(seed: int, low: float, high: float) -> np.ndarray:
    noise = np.random.default_rng(seed).random((HEIGHT, WIDTH, 3)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return low + (high - low) * (noise - noise.min()) / np.ptp(noise)


def disc(x: int, radius: float) -> np.ndarray:
    rows, columns = np.indices((HEIGHT, WIDTH))
    return (radius + 0.5 - np.hypot(columns - x, rows - 60)).clip(0, 1).astype(np.float32)


def clip(radius: float = 35, blur: float = 0.0) -> tuple[np.ndarray, list[int]]:
    """A disc of 35 px that moves over a wall, some frames out of focus."""
    frames, places = [], [80 + 12 * t for t in range(COUNT)]
    for t, x in enumerate(places):
        alpha = disc(x, radius)[..., None]
        picture = alpha * texture(1, 0.5, 1.0) + (1 - alpha) * texture(2, 0.0, 0.5)
        sigma = blur or 3.0 * (t % 2)
        frames.append(cv2.GaussianBlur(picture, (0, 0), sigma) if sigma else picture)
    return np.stack(frames), places


def mattes(places: list[int], radius: float) -> np.ndarray:
    return (np.stack([disc(x, radius) for x in places])[None] * 255 + 0.5).astype(np.uint8)


@pytest.mark.parametrize("wide", [6, 4, -5])
def test_a_matte_that_is_wide_or_tight_is_brought_to_the_edge(wide):
    plate, places = clip()
    held = mattes(places, 35 + wide)
    notes = bring_to_edges(plate, held, ("fg", "bg"))
    error = np.abs(held[0] / 255.0 - np.stack([disc(x, 35) for x in places]))
    before = np.abs(mattes(places, 35 + wide)[0] / 255.0 - [disc(x, 35) for x in places])
    assert error.mean() < 0.2 * before.mean()
    assert len(notes) == 1
    assert ("outside" if wide > 0 else "inside") in notes[0]


@pytest.mark.parametrize("wide", [0, 1, -2])
def test_a_matte_that_is_right_stays_to_the_bit(wide):
    plate, places = clip()
    held = mattes(places, 35 + wide)
    assert bring_to_edges(plate, held, ("fg", "bg")) == []
    assert np.array_equal(held, mattes(places, 35 + wide))


def test_where_no_edge_is_plain_nothing_moves():
    plate, places = clip(blur=7.0)
    noise = np.stack([texture(seed, 0, 1) for seed in range(COUNT)])
    for picture in (plate, noise):
        assert bring_to_edges(picture, mattes(places, 41), ("fg", "bg")) == []


@pytest.mark.parametrize(("ink", "light"), [(2, 0.0), (4, 0.15), (6, 0.15)])
def test_an_outline_of_ink_inside_of_an_exact_matte_is_no_edge_of_it(ink, light):
    plate, places = clip()
    for t, x in enumerate(places):
        ring, inside = (disc(x, 35) - disc(x, 35 - ink))[..., None], disc(x, 35)[..., None]
        plate[t] = plate[t] * (1 - ring) + light * (1 - inside)
    held = mattes(places, 35)
    assert bring_to_edges(plate, held, ("fg", "bg")) == []


def test_where_a_layer_in_front_has_its_edge_is_not_asked():
    plate, places = clip()
    held = np.concatenate([mattes(places, 35), mattes(places, 42)])  # the second is nowhere seen
    assert bring_to_edges(plate, held, ("fg", "mid", "bg")) == []


def test_a_matte_stays_as_soft_as_it_is():
    wide = cv2.GaussianBlur(disc(100, 41), (0, 0), 2.0)
    moved = moved_edge(wide, 6.0)
    right = cv2.GaussianBlur(disc(100, 35), (0, 0), 2.0)
    assert np.abs(moved - right).max() < 0.06


def test_a_matte_without_an_edge_says_nothing():
    profile = EdgeProfile.empty()
    for value in (0.0, 1.0):
        profile.add(texture(1, 0, 1), np.full((HEIGHT, WIDTH), np.float32(value)))
    assert profile.offset_px() == 0
    empty = np.zeros((HEIGHT, WIDTH), np.float32)
    assert moved_edge(empty, 3.0) is empty
