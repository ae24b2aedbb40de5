# SPDX-License-Identifier: Apache-2.0
"""Mattes that contradict their neighbours."""

import cv2
import numpy as np
import pytest
from pullfocus.observe.matte_doubt import carried_matte, doubted_frames

COUNT, HEIGHT, WIDTH = 20, 90, 160


def walker() -> tuple[np.ndarray, np.ndarray]:
    """A figure that walks 4 px a frame, with what brings every frame to the first."""
    mattes = np.zeros((COUNT, HEIGHT, WIDTH), np.uint8)
    motion = np.tile(np.eye(3), (COUNT, 1, 1))
    for t in range(COUNT):
        x = 30 + 4 * t
        cv2.circle(mattes[t], (x, 25), 10, 255, -1)
        cv2.rectangle(mattes[t], (x - 12, 32), (x + 12, 80), 255, -1)
        motion[t, 0, 2] = -4 * t
    return mattes, motion


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_mattes_that_agree_are_believed():
    mattes, motion = walker()
    assert not doubted_frames(mattes, motion).any()


def test_a_subject_that_bends_and_turns_is_believed():
    mattes, motion = walker()
    for t in range(COUNT):
        swing = round(14 * np.sin(t / 2))
        x = 30 + 4 * t
        cv2.line(mattes[t], (x, 45), (x + 2 * swing, 70), 255, 6)
        cv2.line(mattes[t], (x, 45), (x - 2 * swing, 70), 255, 6)
    assert not doubted_frames(mattes, motion).any()


@pytest.mark.parametrize("wrong", [[9], [6, 7, 8], [3, 4, 12, 13, 14]])
def test_halves_and_strangers_are_doubted_and_nothing_else(wrong):
    mattes, motion = walker()
    for i, t in enumerate(wrong):
        if i % 2:
            cv2.circle(mattes[t], (60 + 4 * t, 40), 18, 255, -1)
        else:
            mattes[t, 50:] = 0
    assert np.flatnonzero(doubted_frames(mattes, motion)).tolist() == wrong


@pytest.mark.parametrize("wrong", [[0, 1, 2], [18, 19], [0, 8, 9, 19]])
def test_halves_at_the_ends_are_doubted(wrong):
    mattes, motion = walker()
    for t in wrong:
        mattes[t, 45:] = 0
    assert np.flatnonzero(doubted_frames(mattes, motion)).tolist() == wrong


@pytest.mark.parametrize("rest", [8, 13])
def test_what_lasts_for_half_of_its_neighbours_is_how_the_subject_looks(rest):
    mattes, motion = walker()
    mattes[rest:, 45:] = 0
    assert not doubted_frames(mattes, motion).any()


def test_a_limb_that_is_put_out_at_the_end_is_believed():
    mattes, motion = walker()
    for t in (18, 19):
        x = 30 + 4 * t
        cv2.line(mattes[t], (x, 45), (x - 40, 50), 255, 8)
    assert not doubted_frames(mattes, motion).any()


def test_a_frame_that_was_forgotten_is_doubted_and_a_subject_that_is_away_is_not():
    mattes, motion = walker()
    mattes[5] = 0
    mattes[12:] = 0
    assert np.flatnonzero(doubted_frames(mattes, motion)).tolist() == [5]


def test_neighbours_carry_the_matte_to_where_the_subject_is():
    mattes, motion = walker()
    given = mattes[8] > 127
    mattes[8, 50:] = 0
    trusted = np.arange(COUNT) != 8
    carried = carried_matte(mattes, motion, 8, trusted)
    assert carried.dtype == np.float32
    assert 0 <= carried.min()
    assert carried.max() <= 1
    assert overlap(carried > 0.5, given) > 0.97
