# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pullfocus.roto.band import edge_radius
from pullfocus.roto.outline import (
    bent,
    contour_points,
    fit_affine,
    overlap,
    signed_distance,
    warped_distance,
)
from pullfocus.roto.shot_matte import disc_edge


def blob(matrix: np.ndarray | None = None) -> np.ndarray:
    matte = np.zeros((120, 160), np.float32)
    cv2.ellipse(matte, (80, 60), (40, 24), 20, 0, 360, 1.0, -1)
    cv2.rectangle(matte, (96, 20), (104, 60), 1.0, -1)
    if matrix is None:
        return matte
    return cv2.warpAffine(matte, matrix[:2], (160, 120), flags=cv2.INTER_LINEAR)


@given(
    turn=st.floats(-0.12, 0.12), grow=st.floats(0.92, 1.08), x=st.floats(-7, 7), y=st.floats(-7, 7)
)
@settings(max_examples=40, deadline=None)
def test_the_fit_finds_how_an_outline_moved(turn: float, grow: float, x: float, y: float) -> None:
    c, s = grow * np.cos(turn), grow * np.sin(turn)
    around = np.array([[1, 0, 80], [0, 1, 60], [0, 0, 1.0]])
    matrix = around @ np.array([[c, -s, x], [s, c, y], [0, 0, 1]]) @ np.linalg.inv(around)
    key, seen = signed_distance(blob()), signed_distance(blob(matrix))
    found = fit_affine(contour_points(key), seen, np.eye(3))
    # the thin part too, though it is 9 px wide and starts up to 10 px beside itself
    assert overlap(warped_distance(key, found) > 0, seen > 0) > 0.97


def test_a_fit_to_nothing_stays_where_it_was() -> None:
    key = signed_distance(blob())
    nothing = signed_distance(np.zeros((120, 160), np.float32))
    start = np.array([[1, 0, 3], [0, 1, 0], [0, 0, 1.0]])
    assert np.allclose(fit_affine(contour_points(key), nothing, start)[:2, :2], np.eye(2), atol=0.3)
    assert (fit_affine(np.zeros((0, 2)), key, start) == start).all()


def test_bending_stops_at_a_few_px_and_keeps_thin_parts() -> None:
    thin, whole = blob(), blob()
    thin[20:36, 92:108] = 0  # a frame in which the thin part was lost
    out = bent(signed_distance(whole), signed_distance(thin), 12.0)
    assert overlap(out > 0, whole > 0.5) > overlap(thin > 0.5, whole > 0.5)


def test_distances_of_nothing_and_everything_are_far() -> None:
    assert signed_distance(np.zeros((10, 10), np.float32)).max() < -10
    assert signed_distance(np.ones((10, 10), np.float32)).min() > 10


@pytest.mark.parametrize("radius", [2.0, 3.5, 5.0])
def test_the_softness_of_an_edge_tells_its_radius(radius: float) -> None:
    distance = np.tile(np.arange(-30, 30, dtype=np.float32) + 0.5, (40, 1))
    # an independent disc: the share of a disc's area on one side of a line
    y, x = np.mgrid[-1:1:401j, -1:1:401j]
    inside = x**2 + y**2 <= 1
    alpha = np.array([(x[inside] < d).mean() for d in (distance[0] / radius)], np.float32)
    alpha = np.tile(alpha, (40, 1))
    assert np.abs(alpha - disc_edge(distance, radius)).max() < 0.01
    assert edge_radius(alpha, distance, 6.0) == pytest.approx(radius, rel=0.05)
