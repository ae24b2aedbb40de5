# SPDX-License-Identifier: Apache-2.0
"""Threads go where others leave cores free, and small frames take one."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pullfocus import threads
from pullfocus.threads import CoreUse, Threads, core_use

BIG, SMALL = 512 * 288, 256 * 144


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    monkeypatch.setattr(threads, "usable_cores", lambda: 4)
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def followed(monkeypatch: pytest.MonkeyPatch, busy: list[float], pixels: int = BIG) -> list[int]:
    """Return the threads while others keep so many cores busy, a look after the other."""
    clock = itertools.count(0, 3)
    now = [0.0]
    monkeypatch.setattr(threads.time, "monotonic", lambda: now[0])
    total, uses = 0.0, [CoreUse(next(clock), 0.0)]
    for cores in busy:
        total += 3 * cores
        uses.append(CoreUse(next(clock), total))
    waiting = iter(uses)
    follower = Threads(use=lambda: next(waiting))
    out = []
    for use in uses[1:]:
        now[0] = use.at
        out.append(follower.follow(pixels))
        assert torch.get_num_threads() == out[-1]
    return out


def test_threads_leave_to_others_what_they_use_and_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert followed(monkeypatch, [0, 1, 1, 3, 4, 4, 2, 0]) == [4, 3, 3, 1, 1, 1, 2, 4]


def test_a_load_that_wavers_does_not_make_threads_waver(monkeypatch: pytest.MonkeyPatch) -> None:
    assert followed(monkeypatch, [1, 0.8, 1.2, 0.7, 1.1]) == [3] * 5


def test_small_frames_take_one_core_unless_a_number_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert followed(monkeypatch, [0, 0], SMALL) == [1, 1]
    assert Threads(3).follow(SMALL) == 3


def test_frames_at_once_share_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(4)
    follower = Threads(use=lambda: CoreUse(0.0, 0.0))
    assert (follower.follow(BIG, at_once=2), follower.hands) == (2, 2)
    assert (follower.follow(SMALL, at_once=2), follower.hands) == (1, 2)
    assert (follower.follow(BIG), follower.hands) == (4, 1)
    assert (follower.follow(1280 * 720, at_once=2), follower.hands) == (4, 1)
    assert (Threads(1).follow(BIG, at_once=2), torch.get_num_threads()) == (1, 1)


def test_a_fixed_number_stays_whatever_others_do() -> None:
    def never() -> CoreUse:
        raise AssertionError("looked")

    follower = Threads(2, use=never)
    assert [follower.follow(BIG) for _ in range(3)] == [2, 2, 2]


def test_what_was_told_to_torch_is_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    assert followed(monkeypatch, [0, 0]) == [1, 1]


def test_the_use_of_cores_is_read_from_the_system(tmp_path: Path) -> None:
    assert core_use(tmp_path / "none") is None
    stat = tmp_path / "stat"
    tick = os.sysconf("SC_CLK_TCK")
    stat.write_text(f"cpu  {100 * tick} 7 {20 * tick} 999 5 {tick} {2 * tick} 0 0 0\ncpu0 1\n")
    use = core_use(stat)
    assert use is not None
    own = os.times()
    yielded = 7 / tick if os.nice(0) > 0 else 0
    assert use.others == pytest.approx(123 + yielded - own.user - own.system, abs=0.2)
