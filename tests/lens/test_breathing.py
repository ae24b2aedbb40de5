# SPDX-License-Identifier: Apache-2.0
"""Breathing is told from dollies and zooms, and undone to the pixel."""

import cv2
import numpy as np
import pytest
from pullfocus.lens.breathing import fit_breathing, undone_colour, undone_motion

COUNT = 24
FOCUS = 4 * np.cos(np.linspace(0, 2.5 * np.pi, COUNT))  # it hunts


def sizes_of(
    rng: np.random.Generator, per_px: float, *, dolly: tuple[float, float] = (0.0, 0.0)
) -> tuple[np.ndarray, np.ndarray]:
    """Two layers, the front one measured worse and gone for some frames."""
    time = np.linspace(-1, 1, COUNT)
    noise = rng.normal(0, 1, (2, COUNT)) * np.array([[2e-3], [4e-4]])
    sizes = np.stack([3 + dolly[0] * time, dolly[1] * time]) + per_px * FOCUS + noise
    weight = np.stack([np.full(COUNT, 0.05), np.ones(COUNT)])
    weight[0, 5:9] = 0
    sizes[0, 5:9] = 99
    return sizes, weight


@pytest.mark.parametrize("dolly", [(0.0, 0.0), (0.1, 0.03), (-0.2, -0.05)])
@pytest.mark.parametrize("per_px", [0.0025, -0.004])
def test_the_curve_is_found_beside_a_dolly(
    rng: np.random.Generator, per_px: float, dolly: tuple[float, float]
) -> None:
    found = fit_breathing(*sizes_of(rng, per_px, dolly=dolly), FOCUS)
    assert found is not None
    assert found.per_px == pytest.approx(per_px, rel=0.05)
    middle = (FOCUS.min() + FOCUS.max()) / 2
    np.testing.assert_allclose(found.scale, np.exp(per_px * (FOCUS - middle)), atol=5e-4)
    record = found.record(range(1001, 1001 + COUNT))
    assert list(record["scale"])[:2] == ["1001", "1002"]
    assert record["scale"]["1004"] == pytest.approx(found.scale[3], abs=1e-6)


def test_no_breathing_is_made_up(rng: np.random.Generator) -> None:
    for _ in range(20):
        assert fit_breathing(*sizes_of(rng, 0.0, dolly=(0.2, 0.05)), FOCUS) is None
        assert fit_breathing(*sizes_of(rng, 0.0001), FOCUS) is None
    sizes, weight = sizes_of(rng, 0.01)
    assert fit_breathing(sizes[:, :4], weight[:, :4], FOCUS[:4]) is None
    assert fit_breathing(sizes, weight * 0, FOCUS) is None


def test_undone_it_is_as_before(rng: np.random.Generator) -> None:
    picture = cv2.GaussianBlur(rng.random((61, 91, 3)).astype(np.float32), (0, 0), 3)
    scale, middle = 1.03, np.array([45, 30])
    matrix = np.array([[scale, 0, (1 - scale) * middle[0]], [0, scale, (1 - scale) * middle[1]]])
    grown = cv2.warpAffine(picture, matrix, (91, 61), flags=cv2.INTER_CUBIC)
    inside = slice(4, -4), slice(4, -4)
    np.testing.assert_allclose(undone_colour(grown, scale)[inside], picture[inside], atol=4e-3)


def test_undone_motion_joins_undone_frames() -> None:
    """A place of the scene, in two frames of different sizes; it goes 3 px right and 2 up."""
    height, width, here, there = 61, 91, 1.02, 0.99
    x, y = np.meshgrid(np.arange(width) - 45.0, np.arange(height) - 30.0)
    scene_x, scene_y = x / here, y / here
    moved = np.stack([(scene_x + 3) * there - x, y - (scene_y - 2) * there], -1)
    still = undone_motion(moved.astype(np.float32), here, there)
    inside = slice(3, -3), slice(3, -3)
    np.testing.assert_allclose(still[inside][..., 0], 3, atol=0.03)
    np.testing.assert_allclose(still[inside][..., 1], 2, atol=0.03)
