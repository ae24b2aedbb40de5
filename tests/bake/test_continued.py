# SPDX-License-Identifier: Apache-2.0
"""Radii past a silhouette: bounded, smooth, and such that a blur that gathers cuts nothing."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pullfocus.bake.continued import continued

HEIGHT, WIDTH = 72, 128
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)


def disc(radius: float, soft: float = 1.0) -> np.ndarray:
    return ((radius - np.hypot(X - 60, Y - 34)) / soft + 0.5).clip(0, 1).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.floats(1.0, 60.0),
    soft=st.floats(0.5, 12.0),
    low=st.floats(-20.0, 20.0),
)
def test_solid_radii_stay_and_the_rest_lies_between_them(seed, size, soft, low) -> None:
    rng = np.random.default_rng(seed)
    field = cv2.resize(rng.random((4, 5), np.float32), (WIDTH, HEIGHT), interpolation=1)
    radius, alpha = low + 6 * field, disc(size, soft)
    inside = np.where(alpha > 0, radius, np.float32(0))  # as a layer's box leaves it
    out = continued(inside, alpha)
    solid = alpha >= 0.25
    np.testing.assert_array_equal(out[solid], radius[solid])
    far = alpha == 0
    seen = radius[alpha > 0]
    assert out[far].size == 0 or out[far].min() >= seen.min() - 1e-4
    assert out[far].size == 0 or out[far].max() <= seen.max() + 1e-4


def test_a_level_layer_goes_on_level() -> None:
    alpha = disc(20)
    out = continued(np.where(alpha > 0, np.float32(-7.5), 0), alpha)
    np.testing.assert_allclose(out, -7.5, atol=1e-5)


def test_there_is_no_step_at_the_silhouette_nor_beyond() -> None:
    slope, alpha = 0.08, disc(22)
    out = continued(np.where(alpha > 0, 4 + slope * (X - 60), 0).astype(np.float32), alpha)
    for axis in (0, 1):
        assert np.abs(np.diff(out, axis=axis)).max() < 3.5 * slope


def test_a_layer_that_is_not_shown_has_no_radius() -> None:
    assert not continued(np.full((HEIGHT, WIDTH), 3.0, np.float32), 0 * X).any()


def test_a_complete_layer_is_left_alone() -> None:
    radius = (X / 10).astype(np.float32)
    assert continued(radius, np.ones_like(radius)) is radius


def scattered(light: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Every pixel spreads its light evenly over its disc: the definition, slow and in float64."""
    out = np.zeros((HEIGHT, WIDTH))
    for y, x in np.argwhere(light > 0):
        disc_at = np.hypot(X - x, Y - y) <= abs(radius[y, x])
        out += np.where(disc_at, light[y, x] / disc_at.sum(), 0)
    return out


def gathered(light: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Every pixel averages over the disc of its own radius, as hosts' nodes do."""
    out = np.zeros((HEIGHT, WIDTH))
    for y, x in np.ndindex(HEIGHT, WIDTH):
        out[y, x] = light[np.hypot(X - x, Y - y) <= abs(radius[y, x])].mean()
    return out


def test_a_blur_that_gathers_does_not_cut_the_silhouette() -> None:
    alpha = disc(18).astype(np.float64)
    own = np.where(alpha > 0, 6 + 0.05 * (X - 60), 0).astype(np.float32)
    truth = scattered(alpha, own)

    def psnr(radius: np.ndarray) -> float:
        return float(10 * np.log10(1 / np.mean((gathered(alpha, radius) - truth) ** 2)))

    assert psnr(own) < 26
    assert psnr(continued(own, alpha.astype(np.float32))) == pytest.approx(44, abs=4)
