# SPDX-License-Identifier: Apache-2.0
import json
import math

import pytest
from pullfocus.solve.convergence import Convergence


def reached_at(curve, total, frames=10):
    watch = Convergence(frames)
    for step in range(1, total + 1):
        watch.follow(curve(step))
        if watch.reached(step, total):
            return step
    return None


def test_a_rising_curve_runs_to_its_end():
    assert reached_at(lambda step: 30 + 5 * step / 1000, 1000) is None


def test_a_flat_curve_ends_in_the_last_quarter():
    assert reached_at(lambda step: 40 - 10 * math.exp(-step / 20), 1000) == 750


def test_a_late_plateau_ends_two_windows_after_it_began():
    end = reached_at(lambda step: min(40.0, 28 + step / 100), 1400)
    assert 1200 + 64 < end <= 1200 + 2 * 64 + 1


def test_short_solves_and_long_shots_run_out():
    assert reached_at(lambda step: 40.0, 120) is None
    assert reached_at(lambda step: 40.0, 1400, frames=800) is None


def test_frames_that_differ_do_not_fool_it():
    """A saw over the frames is no gain; a window holds whole passes."""
    frames = 32
    assert reached_at(lambda step: 35 + (step % frames) / 8 + step / 500, 1400, frames) is None


@pytest.mark.parametrize("lines", [0, 50, 400])
def test_a_resumed_watch_sees_what_the_first_one_saw(tmp_path, lines):
    log = tmp_path / "log.jsonl"
    values = [30 + math.sin(i) for i in range(lines)]
    log.write_text("".join(json.dumps({"psnr_reblur": v}) + "\n" for v in values))
    straight, resumed = Convergence(40), Convergence(40)
    for value in values:
        straight.follow(value)
    resumed.catch_up(log)
    assert list(straight._psnr) == list(resumed._psnr)
