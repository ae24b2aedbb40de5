# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
from crossing_clip import draw, wave
from pullfocus.roto.background import Background
from pullfocus.roto.keys import Mark, Marked
from pullfocus.roto.outline import overlap, signed_distance
from pullfocus.roto.settings import FollowSettings
from pullfocus.roto.shot_matte import clue_of, start_matte


def strokes(inside: np.ndarray, outside: np.ndarray) -> Marked:
    mark = Mark(kind="scribble", layer="fg", frame=1, value="")
    return Marked(mark=mark, planes=(inside, outside))


def test_strokes_all_round_leave_thin_parts_to_the_subject() -> None:
    clip = wave([-20.0 + 6 * t for t in range(5)])
    truth = clip.alphas[2]
    distance = signed_distance(truth)
    # on the body alone; the hand is much nearer to the ring than to that
    inside, ring = distance > 14, (distance < -12) & (distance > -15)
    clue = clue_of(strokes(inside, ring), clip.frames[2], truth.shape[1])
    assert clue.likely[truth > 0.5].all()
    assert not clue.likely[distance < -16].any()
    found = start_matte(2, clip.frames, clue, FollowSettings())
    assert overlap(found, truth) > 0.9
    cv2.setRNGSeed(7)  # whatever was drawn before
    assert np.array_equal(start_matte(2, clip.frames, clue, FollowSettings()), found)


def test_a_stroke_on_one_side_does_not_end_the_subject_on_the_other() -> None:
    shape = (100, 200)
    inside, outside = np.zeros(shape, bool), np.zeros(shape, bool)
    inside[50, 90:110], outside[20:80, 130] = True, True
    clue = clue_of(strokes(inside, outside), np.zeros((*shape, 3), np.uint8), shape[1])
    assert clue.likely[50, 70]
    assert not clue.likely[50, 20]  # too far from what was marked
    assert clue.first is not None
    assert clue.first[50, 115]
    assert not clue.first[50, 125]


def test_what_was_just_uncovered_is_not_unlike_its_side() -> None:
    clip = draw([60.0 + 8 * t for t in range(9)], blur=False)
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in clip.frames]
    nothing = [np.zeros(greys[0].shape, np.float32)] * len(greys)
    unlike = Background(clip.frames, greys, nothing).unlike(4)
    truth = clip.alphas[4]
    before = (clip.alphas[2] > 0.5) & (cv2.dilate(truth, np.ones((7, 7))) < 0.1)
    assert before.sum() > 100
    assert np.median(unlike[before]) < 0.07  # a tenth is what counts as another thing
    assert np.median(unlike[truth > 0.5]) > 0.1
