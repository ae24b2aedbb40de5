# SPDX-License-Identifier: Apache-2.0
"""Camera mode against the thin lens, in metres."""

import math

import pytest
from pullfocus.errors import PullfocusError
from pullfocus.refocus.camera import Camera, parse_distance

CAMERA = Camera(filmback_mm=36.0, focal_mm=50.0, f_stop=2.0)
WIDTH = 1920


def circle_px(distance_m: float, focus_m: float, f_stop: float) -> float:
    """Signed radius of a thin lens's circle of confusion on the sensor, px."""
    focal_m = 0.05
    image, point = (1 / (1 / focal_m - 1 / z) for z in (focus_m, distance_m))
    diameter_m = focal_m / f_stop * (image - point) / point
    return diameter_m / 2 / (0.036 / WIDTH)


@pytest.mark.parametrize("focus_m", [2.0, 3.5, 12.0])
@pytest.mark.parametrize("distance_m", [1.5, 4.0, 100.0])
def test_depths_are_circles_of_a_thin_lens(focus_m: float, distance_m: float) -> None:
    """Focused at an anchor, a depth less the anchor's is the circle of confusion."""
    depth = CAMERA.depth_px(distance_m, 7.0, focus_m, WIDTH)
    expected = circle_px(distance_m, focus_m, 2.0)
    assert depth - 7.0 == pytest.approx(expected, rel=0.05 / focus_m + 0.002, abs=1e-6)
    assert CAMERA.distance_m(depth, 7.0, focus_m, WIDTH) == pytest.approx(distance_m)


def test_an_f_stop_scales_all_circles() -> None:
    wide = circle_px(4.0, 2.0, 1.4) / circle_px(4.0, 2.0, 2.0)
    assert CAMERA.aperture(1.4) == pytest.approx(wide)


def test_beyond_the_horizon_is_infinity() -> None:
    far = CAMERA.depth_px(1e9, 0.0, 3.0, WIDTH)
    assert CAMERA.distance_m(far + 1, 0.0, 3.0, WIDTH) == math.inf


@pytest.mark.parametrize(
    ("text", "metres"),
    [("3.2m", 3.2), ("320 cm", 3.2), ("10ft", 3.048), ("10'", 3.048), ("12in", 0.3048),
     ("3.2", None), ("fg", None), ("m", None), ("320,180@1001", None)],
)  # fmt: skip
def test_distances(text: str, metres: float | None) -> None:
    found = parse_distance(text)
    assert found is None if metres is None else found == pytest.approx(metres)


def test_cameras_that_cannot_be() -> None:
    with pytest.raises(PullfocusError, match="--filmback: expected a number above 0, got 0"):
        Camera(0, 50, 2)
    with pytest.raises(PullfocusError, match="--f-stop"):
        CAMERA.aperture(0)
    with pytest.raises(PullfocusError, match="distances above 0"):
        CAMERA.depth_px(0, 0, 1, WIDTH)
