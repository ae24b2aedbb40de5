# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from crossing_clip import Clip, draw, wave
from pullfocus.roto.auto import guess_subject
from pullfocus.roto.follow import follow
from pullfocus.roto.in_time import Followed
from pullfocus.roto.outline import overlap
from pullfocus.roto.settings import FollowSettings
from pullfocus.roto.shot_matte import start_matte
from pullfocus.roto.start import Clue


def shares(found: list[Followed], truth: list[np.ndarray]) -> np.ndarray:
    return np.array([overlap(f.distance > 0, a > 0.5) for f, a in zip(found, truth, strict=True)])


def test_a_key_in_the_middle_is_followed_both_ways(crossing: Clip) -> None:
    found = follow(crossing.frames, {4: crossing.alphas[4]})
    share = shares(found, crossing.alphas)
    assert share[4] > 0.99
    assert share.mean() > 0.95
    assert share.min() > 0.92
    assert found[4].confidence == 1
    # the subject goes out of focus: its edge grows softer
    assert found[8].radius_px > found[0].radius_px + 1


@pytest.mark.parametrize("gains", [None, [1, 0.9, 1, 0.8, 0.7, 0.75, 0.6]])
def test_a_part_that_moves_by_itself_is_followed(gains: list[float] | None) -> None:
    clip = wave([-60 + 20.0 * t for t in range(7)], gains)
    # the hand moves by 20 px a frame: far out of the band round where it was
    share = shares(follow(clip.frames, {3: clip.alphas[3]}), clip.alphas)
    assert share.mean() > 0.9
    assert share.min() > 0.82  # the key, held, has .7 at both ends


def test_two_keys_do_not_do_worse_than_one(crossing: Clip) -> None:
    one = shares(follow(crossing.frames, {0: crossing.alphas[0]}), crossing.alphas)
    keys = {t: crossing.alphas[t] for t in (0, 8)}
    two = shares(follow(crossing.frames, keys), crossing.alphas)
    assert two[8] > 0.99
    assert two.mean() >= one.mean() - 0.002


def test_a_subject_that_leaves_and_returns_is_empty_in_between() -> None:
    centres = [164.0 + 12 * t for t in range(8)]
    centres += centres[-2::-1]
    clip = draw(centres, blur=False)
    away = [t for t, a in enumerate(clip.alphas) if not (a > 0.5).any()]
    assert away == [6, 7, 8]
    found = follow(clip.frames, {0: clip.alphas[0]})
    assert all(found[t].empty for t in away)
    share = shares(found, clip.alphas)
    assert share[:5].min() > 0.9
    assert share[11:].min() > 0.8  # found again as soon as a good part of it shows


def test_a_box_finds_the_subject(crossing: Clip) -> None:
    ys, xs = np.nonzero(crossing.alphas[4] > 0.5)
    likely = np.zeros(crossing.alphas[4].shape, bool)
    likely[max(0, ys.min() - 4) : ys.max() + 5, xs.min() - 4 : xs.max() + 5] = True
    clue = Clue(inside=np.zeros_like(likely), outside=~likely, likely=likely)
    matte = start_matte(4, crossing.frames, clue, FollowSettings())
    assert overlap(matte, crossing.alphas[4]) > 0.9


def test_motion_betrays_a_subject_that_nobody_marked(crossing: Clip) -> None:
    guess = guess_subject(crossing.frames, FollowSettings())
    assert "motion" in guess.how
    matte = start_matte(guess.t, crossing.frames, guess.clue, FollowSettings())
    assert overlap(matte, crossing.alphas[guess.t]) > 0.85
