# SPDX-License-Identifier: Apache-2.0
"""Frames that are shown twice are known by their pixels."""

import numpy as np
from pullfocus.observe.repeats import find_repeats


def panned(wall: np.ndarray, order: list[int]) -> np.ndarray:
    frames = [wall[:96, 2 * t : 2 * t + 128] for t in order]
    return np.repeat(np.stack(frames)[..., None], 3, -1).astype(np.float32) / 255


def test_dropped_frames_pulldown_and_twos(wall: np.ndarray) -> None:
    for order in ([0, 1, 2, 2, 4, 5], [0, 1, 2, 3, 3, 4, 5, 6, 7, 7], [0, 0, 1, 1, 2, 2, 3, 3]):
        source = find_repeats(panned(wall, order).astype(np.float16))
        expected = [order.index(t) for t in order]
        assert source.tolist() == expected


def test_compressed_repeats(wall: np.ndarray, rng: np.random.Generator) -> None:
    frames = panned(wall, [0, 1, 1, 1, 4, 5, 6])
    frames[2:4] += rng.normal(0, 0.004, frames[2:4].shape)
    assert find_repeats(frames).tolist() == [0, 1, 1, 1, 4, 5, 6]


def test_what_hardly_moves_is_no_repeat(wall: np.ndarray, rng: np.random.Generator) -> None:
    still = np.repeat(panned(wall, [0]), 6, 0)
    talks = still.copy()
    for t in range(6):
        talks[t, 40:50, 60:76] *= 1 - 0.05 * (t % 3)  # lips alone
    grainy = still + rng.normal(0, 0.01, still.shape)
    assert find_repeats(talks).tolist() == list(range(6))
    assert find_repeats(grainy).tolist() == list(range(6))
    assert find_repeats(still).tolist() == [0] * 6
    assert find_repeats(still[:1]).tolist() == [0]


def test_words_that_change_on_a_frame_shown_twice(wall: np.ndarray) -> None:
    frames = panned(wall, [0, 1, 1, 3])
    covered = np.zeros(frames.shape[1:3], bool)
    covered[80:90, 20:60] = True
    frames[:, 80:90, 20:60] = np.arange(4)[:, None, None, None] / 4  # a counter
    assert find_repeats(frames, covered).tolist() == [0, 1, 1, 3]
