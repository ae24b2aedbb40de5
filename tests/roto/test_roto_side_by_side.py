# SPDX-License-Identifier: Apache-2.0
"""Walks side by side find what they find one after the other, and end together."""

import threading
from collections.abc import Iterator

import pytest
from pullfocus.roto.side_by_side import side_by_side


@pytest.mark.parametrize("most", [1, 2, 3])
def test_each_walk_keeps_its_order(most: int) -> None:
    found = list(side_by_side([iter(range(5)), iter(range(10, 14)), iter([7])], most))
    for number, wanted in enumerate(([0, 1, 2, 3, 4], [10, 11, 12, 13], [7])):
        assert [one for walk, one in found if walk == number] == wanted


def test_two_go_at_once() -> None:
    meet = threading.Barrier(2, timeout=20)

    def walk() -> Iterator[int]:
        meet.wait()  # breaks where one waits for the other to end
        yield 1

    assert len(list(side_by_side([walk(), walk()], 2))) == 2


@pytest.mark.parametrize("most", [1, 2])
def test_what_one_raises_ends_all(most: int) -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 1

    def fails() -> Iterator[int]:
        yield 1
        raise ValueError("no such frame")

    with pytest.raises(ValueError, match="no such frame"):
        list(side_by_side([fails(), endless()], most))


def test_a_caller_that_goes_away_ends_all() -> None:
    steps = 0

    def endless() -> Iterator[int]:
        nonlocal steps
        while True:
            steps += 1
            yield steps

    for number, _ in enumerate(side_by_side([endless(), endless()], 2)):
        if number == 5:
            break
    before = steps
    threading.Event().wait(0.02)
    assert steps == before
