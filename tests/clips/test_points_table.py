# SPDX-License-Identifier: Apache-2.0
"""The table of points: each has its row, both sides differ, and docs/clips.md shows all of them."""

import json
import sys
from pathlib import Path

import pytest
from pullfocus.bake.bake import bake
from pullfocus.errors import SolveError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def table(scripts_of):
    return scripts_of("benchmarks", "points_table")[0]


def test_every_point_has_a_row_on_a_clip_that_can_be_made(table):
    assert {row.point for row in table.ROWS} == set(range(1, 11))
    names = [clip.name for clip in table.CLIPS]
    assert len(set(names)) == len(names)
    for row in table.ROWS:
        assert row.clip in names
        assert row.clip != table.NONE
        assert row.truth in (None, *names)
    for clip in table.CLIPS:
        assert clip.at is not None or (ROOT / "examples" / clip.script).is_file()


def test_both_sides_differ_in_what_the_solver_or_the_bake_takes(table):
    flags = bake.__kwdefaults__
    for row in table.ROWS:
        for quality in ("draft", "standard"):
            settings = [table.settings_of(side, quality) for side in (row.off, row.on)]
            shown = [(side.split, side.bake) for side in (row.off, row.on)]
            assert settings[0] != settings[1] or shown[0] != shown[1]
            for side in (row.off, row.on):
                assert set(side.bake) <= flags.keys()
                # each setting by itself changes something: none says what is so anyway
                for one in side.settings:
                    without = table.Side(tuple(other for other in side.settings if other != one))
                    assert table.settings_of(without, quality) != table.settings_of(side, quality)


def test_a_setting_that_does_not_exist_is_refused(table):
    with pytest.raises(SolveError, match="expected a field of the settings"):
        table.settings_of(table.without("observe.nothing=false"), "draft")


def test_the_docs_show_every_row(table):
    text = (ROOT / "docs" / "clips.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    for row in table.ROWS:
        start = f"| {row.point} | `{row.clip}` | {row.fault} | {table.told(row)} |"
        assert any(line.startswith(start) for line in lines), start
        assert any(
            line.startswith(f"| {row.point} | `{table.NONE}` |") and table.told(row) in line
            for line in lines
        ), start


def test_what_was_measured_is_read_until_the_clip_changes(table, tmp_path, monkeypatch):
    clip = tmp_path / "clip"
    clip.mkdir()
    (clip / "plate.0001.png").write_bytes(b"one")
    calls = []

    def measure(*given):
        calls.append(given)
        return table.Found({"plate": 20.0}, grain=(0.1, 0.2))

    monkeypatch.setattr(table, "measure", measure)
    first, again = (
        table.kept(clip, clip, table.AS_IT_IS, "draft", tmp_path / "out") for _ in range(2)
    )
    assert first == again
    assert len(calls) == 1
    (clip / "plate.0001.png").write_bytes(b"two")
    table.kept(clip, clip, table.AS_IT_IS, "draft", tmp_path / "out")
    assert len(calls) == 2
    assert not list((tmp_path / "out").rglob("*.tmp"))


def test_a_line_has_a_cell_for_every_title(table):
    row = next(row for row in table.ROWS if row.point == 9)
    figures = {"plate": 20.0, "model": 25.0, "beauty": 26.0, "below": 0}
    figures |= {"plate_subject": 18.0, "beauty_subject": 24.0}
    off = table.Found(figures, grain=(0.0169, 0.0107))
    on = table.Found(figures | {"beauty": 25.9}, grain=(0.0169, 0.0164))
    line = table.line(row, row.clip, off, on)
    assert line.count("|") == table.HEADER.splitlines()[0].count("|")
    assert "+5.0 / +6.0 | +5.0 / +5.9 | +6.0 -> +6.0" in line
    assert "plate 0.0169, 0.0107 -> 0.0164" in line
    cut = table.Found(refused="found a cut at frame 11")
    assert "refused: found a cut at frame 11" in table.line(row, row.clip, off, cut)
    assert "the same to the bit" in table.line(row, table.NONE, off, off)


def test_rows_that_are_not_there_are_refused(table, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["points_table.py", "--out", str(tmp_path), "--only", "11"])
    with pytest.raises(SystemExit):
        table.main()
    assert "expected points 1 to 10 or clips of theirs, got 11" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(
        sys,
        "argv",
        ["points_table.py", "--out", str(tmp_path), "--only", "10", "--made", str(tmp_path)],
    )
    monkeypatch.setattr(table, "kept", lambda *given: table.Found(json.loads("{}"), "not run"))
    table.main()
    assert "left out, small_never: --make makes it" in capsys.readouterr().out
