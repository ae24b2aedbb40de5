# SPDX-License-Identifier: Apache-2.0
import json
import math

import numpy as np
import pytest
from pullfocus.solve.convergence import Convergence


def reached_at(curve, total, *, frames=10, coarse=0, spread_db=0.0):
    """Run a solve whose frames differ by `spread_db` and come shuffled, as in the solver."""
    rng = np.random.default_rng(3)
    own = spread_db * rng.standard_normal(frames)
    watch, queue = Convergence(frames), []
    for step in range(1, total + 1):
        queue = queue or rng.permutation(frames).tolist()
        watch.follow(curve(step) + own[queue.pop()])
        if watch.reached(step, total, coarse):
            return step
    return None


@pytest.mark.parametrize("frames", [7, 20, 32, 100])
@pytest.mark.parametrize("gain_db", [0.05, 0.2])
def test_a_rising_curve_runs_to_its_end_however_frames_differ(frames, gain_db):
    def curve(step):
        return 30 + gain_db * step / 64

    assert reached_at(curve, 1900, frames=frames, spread_db=3.0) is None


def test_a_flat_curve_ends_in_the_last_quarter():
    end = reached_at(lambda step: 40 - 10 * math.exp(-step / 20), 1000, spread_db=3.0)
    assert 750 <= end < 750 + 70


def test_a_late_plateau_ends_two_stretches_after_it_began():
    end = reached_at(lambda step: min(40.0, 28 + step / 100), 1600, spread_db=2.0)
    assert 1200 + 2 * 70 <= end <= 1200 + 4 * 70


def test_coarse_steps_are_not_compared_with_fine_ones():
    """The PSNR falls where full resolution begins; that is no convergence."""
    assert (
        reached_at(lambda step: 36.0 if step <= 357 else 34 + step / 400, 420, coarse=357) is None
    )
    assert reached_at(lambda step: 36.0, 1000, coarse=900) is None


def test_short_solves_and_long_shots_run_out():
    assert reached_at(lambda step: 40.0, 120) is None
    assert reached_at(lambda step: 40.0, 1400, frames=500) is None


def test_a_resumed_watch_ends_where_the_first_one_does(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps({"psnr_reblur": 40.0}) + "\n" for _ in range(800)))
    resumed = Convergence(10)
    resumed.catch_up(log)
    for step in range(801, 1001):
        resumed.follow(40.0)
        if resumed.reached(step, 1000, 0):
            break
    assert step == 840
    assert Convergence(10).catch_up(tmp_path / "none.jsonl") is None
