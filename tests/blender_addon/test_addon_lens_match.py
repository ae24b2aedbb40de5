# SPDX-License-Identifier: Apache-2.0
"""A camera tied to the shot's depth: f-stop and distance against the thin lens, worked out anew."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.errors import AddonError
from blender_addon.lens_match import FARTHEST, Tie, f_stop, focal_length_px

depths = st.floats(-20, 20)
distances = st.floats(0.1, 500)


@given(depths, st.floats(0.1, 20), distances, st.floats(0.1, 500), distances, st.floats(0, 1))
def test_blur_of_the_camera_is_the_difference_of_depths(near, apart, near_at, further, at, share):
    tie = Tie(near, near_at, near + apart, near_at + further)
    focus = near + share * apart
    stop = f_stop(tie, focal_mm=50, focal_px=1000)
    in_focus = tie.distance_of(focus)
    hole = 50 / 1000 / (2 * stop)  # radius of the aperture, scene units
    for distance, depth in ((near_at, near), (near_at + further, near + apart)):
        # on the plane in focus the cone through the hole has this radius; seen from there, px
        blur = hole * (distance - in_focus) / distance / in_focus * 1000
        if stop < 128 and in_focus < FARTHEST:
            assert blur == pytest.approx(depth - focus, abs=1e-6 + 1e-6 * apart)


def test_places_are_found_where_they_stand():
    tie = Tie(-3.0, 2.0, 1.0, 10.0)
    assert tie.distance_of(-3.0) == pytest.approx(2.0)
    assert tie.distance_of(1.0) == pytest.approx(10.0)
    assert tie.distance_of(50.0) == FARTHEST, "beyond infinity"


def test_aperture_opens_the_stop():
    tie = Tie(-3.0, 2.0, 1.0, 10.0)
    one = f_stop(tie, focal_mm=50, focal_px=1000)
    assert f_stop(tie, focal_mm=50, focal_px=1000, aperture=2.0) == pytest.approx(one / 2)
    assert f_stop(tie, focal_mm=50, focal_px=1000, aperture=0.0) == 128


@pytest.mark.parametrize(
    ("tie", "said"),
    [
        (Tie(0, 10, 1, 2), "near place before the far one"),
        (Tie(0, 0, 1, 2), "near place before the far one"),
        (Tie(1, 2, 1, 10), "different depth"),
    ],
)
def test_ties_that_say_nothing_are_refused(tie, said):
    with pytest.raises(AddonError, match=said):
        tie.strength_px()


@pytest.mark.parametrize(
    ("fit", "wanted"), [("AUTO", 2560), ("HORIZONTAL", 2560), ("VERTICAL", 50 / 24 * 720)]
)
def test_focal_length_as_blender_fits_the_sensor(fit, wanted):
    assert focal_length_px(50, (25, 24), fit, (1280, 720)) == pytest.approx(wanted)
