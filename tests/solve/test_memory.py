# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
from pullfocus.errors import SolveError
from pullfocus.solve.memory import memory_estimate_mb, within_memory
from pullfocus.solve.settings import SolveSettings
from solve import standin

PLAIN = SolveSettings()


def shot(width, height, frames):
    return replace(
        standin.make_shot(), width=width, height=height, frames=tuple(range(1, frames + 1))
    )


def test_on_a_proxy_memory_follows_the_atlas_not_the_frames():
    hd = [memory_estimate_mb(shot(1920, 1080, n), replace(PLAIN, proxy=640)) for n in (8, 32, 300)]
    assert hd[1] < 1.1 * hd[0]
    assert hd[2] < 1.8 * hd[0]
    assert hd[1] < memory_estimate_mb(shot(1920, 1080, 32), PLAIN)


def test_memory_is_kept_to_by_a_smaller_proxy_or_refused():
    large = shot(1920, 1080, 32)
    wide = replace(PLAIN, proxy=640)
    assert within_memory(large, wide, 64, any_proxy=True) == wide
    least = memory_estimate_mb(large, replace(PLAIN, proxy=256)) / 1000
    tight = within_memory(large, wide, least + 0.01, any_proxy=True)
    assert 256 <= tight.proxy < 640
    assert memory_estimate_mb(large, tight) <= 1000 * (least + 0.01)
    with pytest.raises(SolveError, match=r"--memory: expected \d+\.\d GB or more for 32 frames of"):
        within_memory(large, wide, least / 2, any_proxy=True)
    with pytest.raises(SolveError, match="--memory"):
        within_memory(large, wide, least + 0.01, any_proxy=False)


def test_a_small_plate_may_get_a_proxy_for_want_of_memory():
    small = shot(800, 450, 100)
    assert within_memory(small, PLAIN, 64, any_proxy=True).proxy == 0


def test_halves_in_processes_of_their_own_take_less_than_both_in_one():
    hd = shot(1920, 1080, 32)
    settings = replace(PLAIN, proxy=640)
    whole, proxy, finish = (
        memory_estimate_mb(hd, settings, part) for part in ("all", "proxy", "finish")
    )
    assert proxy < finish < whole
    assert memory_estimate_mb(hd, PLAIN, "proxy") == memory_estimate_mb(hd, PLAIN)
