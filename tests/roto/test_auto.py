# SPDX-License-Identifier: Apache-2.0
"""A subject that nobody marked, in shots in which nothing moves."""

import cv2
import numpy as np
import pytest
from crossing_clip import draw
from pullfocus.errors import MatteError
from pullfocus.roto.auto import guess_subject
from pullfocus.roto.outline import overlap
from pullfocus.roto.settings import FollowSettings
from pullfocus.roto.shot_matte import start_matte


def still(picture: np.ndarray, count: int = 5) -> list[np.ndarray]:
    """The same picture, with a camera's noise."""
    rng = np.random.default_rng(1)
    return [
        (picture + rng.normal(0, 1, picture.shape)).round().clip(0, 255).astype(np.uint8)
        for _ in range(count)
    ]


def face(height: int = 240, width: int = 320) -> np.ndarray:
    """A face as a child draws it, shaded: (h, w, 3) 0..255."""
    grey = np.full((height, width), 90, np.float32)

    def oval(x: float, y: float, a: float, b: float, value: float) -> None:
        place = (int(width / 2 + x), int(0.45 * height + y))
        cv2.ellipse(grey, place, (int(a), int(b)), 0, 0, 360, value, -1, cv2.LINE_AA)

    ovals = [(0, 60, 70, 50, 60), (0, 40, 18, 30, 165), (0, 0, 42, 56, 185), (0, -42, 42, 24, 50)]
    for side in (-17, 17):
        ovals += [(side, -12, 11, 7, 120), (side, -11, 9, 5, 90), (side, -11, 4, 4, 25)]
        ovals += [(side, -22, 12, 3, 70), (1.3 * side, 14, 10, 12, 200)]
    ovals += [(0, 2, 5, 16, 205), (0, 16, 9, 4, 140), (0, 30, 16, 5, 110), (0, 48, 14, 5, 160)]
    for one in ovals:
        oval(*one)
    return np.repeat(cv2.GaussianBlur(grey, (0, 0), 1.5)[..., None], 3, 2)


@pytest.mark.parametrize("sharp_subject", [True, False])
def test_blur_that_differs_betrays_it(sharp_subject: bool) -> None:
    t = 0 if sharp_subject else -1  # focus goes from the card to the wall
    clip = draw([100.0 + 0 * n for n in range(9)])
    frames = [
        cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        for frame in still(clip.frames[t].astype(np.float32))
    ]
    guess = guess_subject(frames, FollowSettings())
    assert "blur" in guess.how
    truth = cv2.resize(clip.alphas[t], None, fx=2, fy=2)
    found = guess.clue.likely
    assert (truth > 0.5)[found].sum() > 0.7 * (truth > 0.5).sum()
    assert found.mean() < 0.6
    if sharp_subject:  # one that is out of focus, in a shot without motion, GrabCut does not find
        matte = start_matte(guess.t, frames, guess.clue, FollowSettings())
        assert overlap(matte, truth) > 0.6


def test_a_face_betrays_it() -> None:
    if not hasattr(cv2, "CascadeClassifier"):
        pytest.skip(f"needs OpenCV's cascades, this is OpenCV {cv2.__version__} without")
    guess = guess_subject(still(face()), FollowSettings())
    assert guess.how == "a face"
    ys, xs = np.nonzero(guess.clue.likely)
    assert xs.min() < 110 < 210 < xs.max()
    assert ys.min() < 60
    assert ys.max() == 239  # down to the shoulders


def test_where_nothing_tells_a_mark_is_asked_for() -> None:
    flat = np.full((120, 200, 3), 120, np.float32)
    with pytest.raises(MatteError, match="mark one with --box or --key"):
        guess_subject(still(flat), FollowSettings())
