# SPDX-License-Identifier: Apache-2.0
"""What follows from a solve is worked out once a state of it, wherever that can be written down."""

from pathlib import Path

import pytest
import torch
from pullfocus.kept import KEPT, Keep


class Made:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
        self.times += 1
        return {"a": torch.arange(4.0) / 3}, {"b": 0.1}


def same(held) -> bool:
    return torch.equal(held[0]["a"], torch.arange(4.0) / 3) and held[1]["b"] == 0.1


def test_a_result_is_worked_out_once(tmp_path: Path) -> None:
    make = Made()
    assert same(Keep(tmp_path, "x").of(KEPT[0], make))
    assert same(Keep(tmp_path, "x").of(KEPT[0], make))
    assert make.times == 1
    assert [path.name for path in tmp_path.iterdir()] == [KEPT[0]]


def test_another_state_of_the_solve_finds_nothing(tmp_path: Path) -> None:
    make = Made()
    Keep(tmp_path, "x").of(KEPT[0], make)
    assert same(Keep(tmp_path, "y").of(KEPT[0], make))
    assert make.times == 2


@pytest.mark.parametrize("content", [b"", b"{}", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_file_is_made_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEPT[0]).write_bytes(content)
    make = Made()
    assert same(Keep(tmp_path, "x").of(KEPT[0], make))
    assert same(Keep(tmp_path, "x").of(KEPT[0], make))
    assert make.times == 1


def test_where_nothing_can_be_written_results_are_worked_out_each_time(tmp_path: Path) -> None:
    make, keep = Made(), Keep(tmp_path / "gone", "x")
    assert same(keep.of(KEPT[0], make))
    assert same(keep.of(KEPT[0], make))
    assert make.times == 2
