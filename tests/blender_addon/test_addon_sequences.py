# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames Blender writes mattes for: those that pullfocus finds under the same words."""

from pathlib import Path

import pytest
from pullfocus.plate.sequence import find_footage

from blender_addon.sequences import footage_pattern, sequence_file, sequence_numbers


def test_a_frame_stands_for_its_sequence(tmp_path: Path) -> None:
    for name in ("p.0998.png", "p.1001.png", "q.0001.png", "one.png", "v2.0001.exr", "v2.0002.exr"):
        (tmp_path / name).touch()
    assert footage_pattern(str(tmp_path / "p.1001.png")) == str(tmp_path / "p.####.png")
    assert footage_pattern(str(tmp_path / "v2.0001.exr")) == str(tmp_path / "v2.####.exr")
    for same in ("q.0001.png", "one.png", "p.####.png", "."):
        assert footage_pattern(str(tmp_path / same)) == str(tmp_path / same)
    assert sequence_numbers(str(tmp_path / "p.####.png")) == [998, 1001]
    assert sequence_numbers(str(tmp_path / "one.png")) == []
    assert sequence_numbers("/nowhere/p.####.png") == []


PLATES = {
    "a folder": (["p.1001.png", "p.1002.png", "notes.txt", ".p.1003.png"], ""),
    "printf": (["p.0001.png", "p.0002.png"], "p.%04d.png"),
    "hashes": (["p.0001.png", "p.0002.png"], "p.####.png"),
    "unpadded": (["p.8.png", "p.9.png", "p.10.png"], "p.%d.png"),
    "unpadded folder": (["p8.png", "p9.png", "p10.png"], ""),
    "negative": (["p.-0002.png", "p.-0001.png", "p.0000.png"], "p.####.png"),
    "negative folder": (["p.-0002.png", "p.-0001.png", "p.0000.png"], ""),
    "above a million": (["p.1100331.png", "p.1100332.png"], "p.#######.png"),
    "a hash in the name": (["take#2.0001.png", "take#2.0002.png"], "take#2.####.png"),
}


@pytest.mark.parametrize("case", PLATES)
def test_numbers_are_those_that_pullfocus_finds(tmp_path: Path, case: str) -> None:
    names, typed = PLATES[case]
    for name in names:
        (tmp_path / name).touch()
    plate = str(tmp_path / typed)
    found = find_footage(plate)
    assert sequence_numbers(plate) == list(found.frames)
    assert [sequence_file(plate, number) for number in found.frames] == list(found.paths)


def test_two_sequences_in_a_folder_have_no_numbers(tmp_path: Path) -> None:
    for name in ("a.1.png", "b.1.png"):
        (tmp_path / name).touch()
    assert sequence_numbers(str(tmp_path)) == []
