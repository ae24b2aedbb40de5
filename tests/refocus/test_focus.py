# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pullfocus.errors import PullfocusError
from pullfocus.refocus.focus import FocusKey, Place, focus_track, parse_focus

DEPTHS = {"fg": -3.0, "bg": 2.0}


def depth_of(target, t):
    if target == "plate":
        return 0.1 * t
    return DEPTHS[target] if isinstance(target, str) else float(target)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("fg", [FocusKey(None, "fg")]),
        ("-2.5", [FocusKey(None, -2.5)]),
        ("320,180.5@1001", [FocusKey(None, Place(320, 180.5, 1001))]),
        ("1030:bg 1001:fg", [FocusKey(1001, "fg"), FocusKey(1030, "bg")]),
        ("1:2.5 9:4,5@3", [FocusKey(1, 2.5), FocusKey(9, Place(4, 5, 3))]),
    ],
)
def test_what_may_be_written(text, keys):
    assert list(parse_focus(text)) == keys


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got nothing"),
        ("fg bg", "keys such as"),
        ("1001:fg bg", "keys such as"),
        ("5:fg 5:bg", "frame once"),
        ("10,20@x", "a place such as"),
        ("nan", "finite depth"),
        ("1001:-inf", "finite depth"),
    ],
)
def test_what_may_not(text, message):
    with pytest.raises(PullfocusError, match=message):
        parse_focus(text)


def test_focus_is_eased_between_keys_and_held_outside():
    frames = range(1001, 1031)
    track = focus_track(parse_focus("1005:fg 1025:bg"), frames, depth_of)
    assert (track[:5] == -3).all()
    assert (track[24:] == 2).all()
    assert track[14] == pytest.approx(-0.5)  # half way
    assert (np.diff(track) >= 0).all()
    assert np.diff(track)[4] < np.diff(track)[14] / 3  # it starts gently


def test_a_target_that_moves_is_followed_through_the_ease():
    track = focus_track(parse_focus("0:plate 10:5"), range(11), depth_of)
    assert track[0] == 0
    assert track[5] == pytest.approx(0.5 * 0.5 + 0.5 * 5)
    assert (focus_track(parse_focus("plate"), range(3), depth_of) == [0, 0.1, 0.2]).all()


@given(
    st.lists(
        st.tuples(st.integers(-50, 50), st.floats(-9, 9)), min_size=1, unique_by=lambda k: k[0]
    )
)
def test_a_track_never_leaves_what_its_keys_span(keys):
    track = focus_track(
        sorted((FocusKey(f, d) for f, d in keys), key=lambda key: key.frame),
        range(-60, 60),
        depth_of,
    )
    depths = [d for _, d in keys]
    assert track.min() >= min(depths) - 1e-9
    assert track.max() <= max(depths) + 1e-9


@pytest.mark.parametrize("keys", ["900:fg 950:bg", "1101:fg"])
def test_keys_that_miss_the_shot_are_refused(keys):
    with pytest.raises(PullfocusError, match=r"frames \(1001-1030\), got"):
        focus_track(parse_focus(keys), range(1001, 1031), depth_of)
