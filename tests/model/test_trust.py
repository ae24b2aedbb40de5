# SPDX-License-Identifier: Apache-2.0
"""How far a solve may replace its plate: right ones do, wrong ones do not."""

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pullfocus.model.trust import Evidence, gather, share_kept

SIZE = 96


def picture(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).random((SIZE, SIZE, 3)).astype(np.float32)
    image = cv2.GaussianBlur(noise, (0, 0), 1.0)
    return (image - image.min()) / np.ptp(image)


def soft(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), 2.0)


def kept_of(
    plate: np.ndarray,
    sharp: np.ndarray,
    reblurred: np.ndarray,
    radius: float = 3.0,
    own: float | None = None,
):
    share = None if own is None else np.full((SIZE, SIZE), own, np.float32)
    evidence = gather(plate, sharp, reblurred, np.full((SIZE, SIZE), radius, np.float32), share)
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


def mistaken(mistake: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A plate far out of focus, a solve that is right but for a part, and that out of focus."""
    truth, other = picture(1), picture(2)
    plate = cv2.GaussianBlur(truth, (0, 0), 2.0)
    sharp = (1 - mistake) * truth + mistake * other
    return plate, sharp, cv2.GaussianBlur(sharp, (0, 0), 2.0)


def test_what_a_frame_says_of_itself_counts_for_less():
    for share in (0.0, 0.4, 0.7):
        plate, sharp, blurred = mistaken(0.15)
        _, less, _ = kept_of(plate, sharp, blurred, radius=2.0, own=share + 0.2)
        _, kept, _ = kept_of(plate, sharp, blurred, radius=2.0, own=share)
        assert less.mean() < kept.mean()
    _, alone, _ = kept_of(plate, sharp, blurred, radius=2.0)
    _, nothing, _ = kept_of(plate, sharp, blurred, radius=2.0, own=0.0)
    assert np.allclose(alone, nothing, atol=1e-5)


def test_a_residual_of_a_mean_grows_by_what_is_left_out():
    """Of n equal views the mean misses one by (n - 1) / n of what the mean of the others does."""
    views = np.stack([picture(seed) for seed in range(4)])
    mean, others = views.mean(0), views[1:].mean(0)
    flat = np.zeros((SIZE, SIZE), np.float32)
    quarter = gather(views[0], mean, mean, flat, flat + np.float32(0.25))
    left_out = gather(views[0], others, others, flat)
    assert np.allclose(quarter.misfit, left_out.misfit, rtol=1e-4)


def test_a_part_of_a_doubtful_change_is_kept_far_out_of_focus_only():
    """The same misfit and change: near focus it is doubted, far out the part that is best stays."""
    one = np.ones((SIZE, SIZE), np.float32)
    empty = np.zeros((SIZE, SIZE, 3), np.float32)

    def share(unexplained: float, radius: float) -> float:
        evidence = Evidence(empty, unexplained * 0.01 * one, 0.01 * one, radius * one)
        return float(share_kept(evidence)[0, 0])

    assert share(0.15, 6.0) == pytest.approx(0.5, abs=0.01)  # Wiener's, of equal energies
    assert share(0.25, 8.0) > 0.1
    assert share(0.35, 2.5) < 0.1
    assert share(0.4, 6.0) == share(0.8, 3.0) == 0
    for radius in (1.0, 3.0, 8.0):
        assert share(1e-4, radius) > 0.98


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
