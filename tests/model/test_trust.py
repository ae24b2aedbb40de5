# SPDX-License-Identifier: Apache-2.0
"""How far a solve may replace its plate: right ones do, wrong ones do not."""

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pullfocus.model.trust import gather, share_kept

SIZE = 96


def picture(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).random((SIZE, SIZE, 3)).astype(np.float32)
    image = cv2.GaussianBlur(noise, (0, 0), 1.0)
    return (image - image.min()) / np.ptp(image)


def soft(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), 2.0)


def kept_of(plate: np.ndarray, sharp: np.ndarray, reblurred: np.ndarray, radius: float = 3.0):
    evidence = gather(plate, sharp, reblurred, np.full((SIZE, SIZE), radius, np.float32))
    kept = share_kept(evidence)
    return evidence.restored, kept, plate + kept[..., None] * (evidence.restored - plate)


def error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.square(a - b).mean())


def test_a_solve_that_explains_its_plate_is_kept_whole():
    truth = picture(1)
    restored, kept, shown = kept_of(soft(truth), truth, soft(truth))
    assert kept.min() > 0.999
    assert np.allclose(restored, truth, atol=1e-6)
    assert error(shown, truth) < 1e-8


@pytest.mark.parametrize("wrong", [2, 3, 4])
def test_a_solve_of_something_else_leaves_the_plate(wrong):
    truth, other = picture(1), picture(wrong)
    plate = soft(truth)
    _, kept, shown = kept_of(plate, other, soft(other))
    assert kept.mean() < 0.2
    assert error(shown, truth) < 1.05 * error(plate, truth)  # .2 dB: nobody sees it


def test_where_the_plate_is_in_focus_it_stays():
    truth = picture(1)
    grain = np.random.default_rng(0).normal(0, 0.02, truth.shape).astype(np.float32)
    plate = truth + grain
    _, kept, _ = kept_of(plate, truth, truth, radius=0.0)  # the change is nothing but the grain
    assert kept.max() < 0.01


def test_low_frequencies_that_the_solve_lacks_come_back_from_the_plate():
    truth = picture(1)
    shade = np.linspace(0, 0.2, SIZE, dtype=np.float32)[None, :, None]
    plate = soft(truth) + shade
    restored, _, _ = kept_of(plate, truth, soft(truth))
    inner = slice(8, -8)
    assert np.abs(restored - truth - shade)[inner, inner].max() < 0.01


@settings(max_examples=20, deadline=None)
@given(
    mistake=st.floats(0, 1),
    seed=st.integers(5, 50),
    noise=st.floats(0, 0.03),
)
@example(mistake=1.0, seed=5, noise=0.0)
def test_never_much_below_the_plate_however_wrong_the_solve(mistake, seed, noise):
    truth, other = picture(1), picture(seed)
    grain = np.random.default_rng(seed).normal(0, noise, truth.shape).astype(np.float32)
    plate = soft(truth) + grain
    solved = (1 - mistake) * truth + mistake * other
    _, _, shown = kept_of(plate, solved, soft(solved))
    assert error(shown, truth) < 1.05 * error(plate, truth)
