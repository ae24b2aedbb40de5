# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from pullfocus.observe.motion import chain_to_reference, reference_frame

SIZE = (256, 144)


def corners_error(found: np.ndarray, true: np.ndarray) -> float:
    """Largest distance between where two motions bring the corners of a frame, px."""
    points = np.array([[[0, 0], [SIZE[0] - 1, 0], [0, SIZE[1] - 1], [SIZE[0] - 1, SIZE[1] - 1]]])
    landed = [cv2.perspectiveTransform(points.astype(float), m) for m in (found, true)]
    return float(np.linalg.norm(landed[0] - landed[1], axis=-1).max())


def pan(frames: int, step: float) -> list[np.ndarray]:
    """Frame to picture: a pan with some roll, zoom and keystone."""
    out = []
    for t in range(frames):
        turn = 0.01 * np.sin(t)
        zoom = 1 + 0.002 * t
        out.append(
            np.array(
                [
                    [zoom * np.cos(turn), -np.sin(turn), 30 + step * t],
                    [np.sin(turn), zoom * np.cos(turn), 40 + 2 * np.sin(t / 3)],
                    [1e-6 * t, 0, 1],
                ]
            )
        )
    return out


@pytest.mark.parametrize(("frames", "step", "within_px"), [(9, 3.0, 0.5), (40, 16.0, 3.0)])
def test_a_pan_is_followed_without_drift(wall, seen_through, frames, step, within_px):
    """The long one slides out of its key frame several times."""
    cameras = pan(frames, step)
    greys = [seen_through(wall, m, SIZE) for m in cameras]
    whole = [np.ones(SIZE[::-1], np.float32)] * frames
    middle = reference_frame(whole)
    found = chain_to_reference(greys, whole, middle, planar=True)
    assert (found[middle] == np.eye(3)).all()
    for t in range(frames):
        true = np.linalg.inv(cameras[middle]) @ cameras[t]
        assert corners_error(found[t], true) < within_px, t


def test_a_pull_of_focus_is_no_motion(wall):
    sharp = wall[20:164, 200:456]
    greys = [cv2.GaussianBlur(sharp, (0, 0), 0.3 + 0.7 * t) for t in range(6)]
    whole = [np.ones(SIZE[::-1], np.float32)] * 6
    found = chain_to_reference(greys, whole, 0, planar=True)
    assert max(corners_error(m, np.eye(3)) for m in found) < 1.0


def test_frames_without_the_layer_stay_where_their_neighbours_are(wall, seen_through):
    cameras = pan(7, 3.0)
    greys = [seen_through(wall, m, SIZE) for m in cameras]
    regions = [np.zeros(SIZE[::-1], np.float32) for _ in cameras]
    for t in (2, 3, 4):
        regions[t][20:-20, 20:-20] = 1
    assert reference_frame(regions) == 3
    found = chain_to_reference(greys, regions, 3, planar=False)
    np.testing.assert_array_equal(found[1], found[2])
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[6], found[4])
    assert found[4][0, 2] == pytest.approx(3.0, abs=0.5)


def test_flat_frames_give_finite_motion():
    greys = [np.full(SIZE[::-1], 90, np.uint8)] * 4
    whole = [np.ones(SIZE[::-1], np.float32)] * 4
    found = chain_to_reference(greys, whole, 1, planar=True)
    assert max(corners_error(m, np.eye(3)) for m in found) < 0.5


def test_reference_is_near_the_middle_of_the_frames_that_show_enough():
    areas = [0.0, 0.1, 0.9, 1.0, 0.2, 0.2, 0.2, 0.2]
    assert reference_frame([np.full((4, 4), a) for a in areas]) == 3
