# SPDX-License-Identifier: Apache-2.0
"""A lens known here, seen only as radii without sign, from some places, with noise."""

import numpy as np
import pytest
from pullfocus.lens.fit import fit_lens


def shot(rng, places=60, frames=24, pull=8.0, noise=0.0, seen=0.7):
    depth = rng.uniform(-4, 4, places)
    focus = pull * (np.sin(np.linspace(0, 4, frames)) / 2)
    radius = np.abs(np.abs(depth[:, None] - focus) + noise * rng.standard_normal((places, frames)))
    weight = (rng.random((places, frames)) < seen).astype(float)
    weight[0] = 0  # never seen
    return depth, focus, radius, weight


@pytest.mark.parametrize(("noise", "within"), [(0.0, 0.02), (0.2, 0.25)])
def test_depth_focus_and_every_sign_come_back(rng, noise, within):
    depth, focus, radius, weight = shot(rng, noise=noise)
    fit = fit_lens(radius, weight, nearer=-depth)
    assert np.isnan(fit.depth[0])
    true = depth[1:, None] - focus
    found = fit.depth[1:, None] - fit.focus
    far = np.abs(true) > 0.5
    assert (np.sign(found) == np.sign(true))[far].all()
    assert np.sqrt(np.mean((found - true) ** 2)) < within
    assert fit.rmse_px < max(0.01, 1.1 * noise)
    assert 0.8 * np.ptp(focus) < fit.pull_px < np.ptp(focus) + 2 * within


def test_the_order_of_layers_settles_which_way_round(rng):
    depth, _, radius, weight = shot(rng)
    near_low = fit_lens(radius, weight, nearer=-depth)
    near_high = fit_lens(radius, weight, nearer=depth)
    assert np.corrcoef(near_low.depth[1:], depth[1:])[0, 1] > 0.99
    assert np.corrcoef(near_high.depth[1:], depth[1:])[0, 1] < -0.99


def test_frames_without_a_view_take_their_neighbours_focus(rng):
    _, _, radius, weight = shot(rng)
    weight[:, 7] = 0
    fit = fit_lens(radius, weight)
    assert fit.focus[7] == pytest.approx((fit.focus[6] + fit.focus[8]) / 2)


def test_two_depths_alone_are_enough(rng):
    depth = np.repeat([-2.0, 3.0], 20)
    focus = np.linspace(-4, 5, 16)
    fit = fit_lens(np.abs(depth[:, None] - focus), np.ones((40, 16)), nearer=-depth)
    found = fit.depth[:, None] - fit.focus
    np.testing.assert_allclose(found, depth[:, None] - focus, atol=0.05)


def test_a_lens_that_does_not_move_says_that_it_does_not(rng):
    depth = rng.uniform(1, 4, 30)
    fit = fit_lens(np.tile(depth[:, None], 12), np.ones((30, 12)))
    assert fit.pull_px < 0.5
    assert np.isfinite(fit.depth).all()


@pytest.mark.parametrize("noise", [0.1, 0.3])
def test_jitter_of_a_lens_that_stays_is_no_travel(rng, noise):
    """Radii of a solve err by a few tenths, frame by frame."""
    for _ in range(6):
        depth = rng.uniform(1, 4, 60)
        radius = np.abs(depth[:, None] + noise * rng.standard_normal(32)[None])
        assert fit_lens(radius, np.ones((60, 32))).pull_px < 1


def test_nothing_seen_is_refused():
    with pytest.raises(ValueError, match="with weights"):
        fit_lens(np.ones((3, 4)), np.zeros((3, 4)))
