# SPDX-License-Identifier: Apache-2.0
"""The table of all clips: what it knows, what it keeps, what it does not do twice."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
MARKET = ROOT / "tests" / "clips" / "market"


@pytest.fixture(scope="module")
def table(scripts_of):
    return scripts_of("benchmarks", "clips_table")[0]


def result(table, psnr=30.0):
    facts = {
        "gain_db": psnr - 25,
        "frames": 2,
        "worse_than_plate": [2],
        "regions_below": {"subject": [1, 2]},
        "figures": {
            "plate_psnr": {"mean": 25.0, "worst": 24.0},
            "psnr": {"mean": psnr, "worst": 29.0},
            "clean_psnr": {"mean": None, "worst": None},
        },
    }
    return table.Measured(facts, "33.00", table.Cost(2, 0.5, 3), table.Cost(1, 0.25, 1))


def test_every_clip_has_a_place_or_a_script_and_a_row_that_exists(table):
    names = [clip.name for clip in table.CLIPS]
    assert len(set(names)) == len(names)
    documented = (ROOT / "docs" / "clips.md").read_text()
    for clip in table.CLIPS:
        assert clip.at is not None or (ROOT / "examples" / clip.script).is_file()
        assert set(clip.rows) <= set(table.ROWS)
        assert f"`{clip.name}`" in documented or clip.name.startswith("talker_")


def test_what_is_measured_is_not_measured_again_unless_the_clip_changes(
    table, tmp_path, monkeypatch
):
    clip = tmp_path / "clip"
    clip.mkdir()
    (clip / "plate.0001.png").write_bytes(b"one")
    calls = []

    def measure(*given):
        calls.append(given)
        return result(table)

    monkeypatch.setattr(table, "measure", measure)
    out = tmp_path / "out"
    first = table.measured(clip, "standard", out, table.HERE, keep=False)
    again = table.measured(clip, "standard", out, table.HERE, keep=False)
    assert first == again == result(table)
    assert len(calls) == 1
    (clip / "plate.0001.png").write_bytes(b"two")
    table.measured(clip, "standard", out, table.HERE, keep=False)
    assert len(calls) == 2


def test_a_solve_that_fails_is_told_and_kept(table, tmp_path, monkeypatch):
    def measure(*given):
        raise SystemExit("pullfocus solve failed:\nsome\nfound a cut at frame 12")

    monkeypatch.setattr(table, "measure", measure)
    for _ in range(2):
        told = table.measured(MARKET, "standard", tmp_path / "out", table.HERE, keep=False)
        assert told == "found a cut at frame 12"
        monkeypatch.setattr(table, "measure", None)


def test_solves_and_passes_go_unless_kept(table, tmp_path, monkeypatch):
    def measure(clip, row, out, code):
        for name in ("x.solve", "passes", "report"):
            (out / name).mkdir()
        return result(table)

    monkeypatch.setattr(table, "measure", measure)
    for keep in (False, True):
        out = tmp_path / str(keep)
        table.measured(MARKET, "standard", out, table.HERE, keep=keep)
        left = {path.name for path in out.iterdir()}
        assert left == {"measured.json", "report", *(("x.solve", "passes") if keep else ())}


def test_a_line_has_a_cell_for_every_title_and_blanks_for_what_is_not_there(table):
    head, rule = table.HEADER.splitlines()
    line = table.line("clip", "standard, now", result(table))
    assert line.count("|") == head.count("|") == rule.count("|")
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    titles = [title.strip() for title in head.strip("|").split("|")]
    found = dict(zip(titles, cells, strict=True))
    assert found["gain"] == "+5.00"
    assert next(v for k, v in found.items() if k.startswith("below plate")) == "1 / 2"
    assert found["behind subject dB"] == ""
    assert found["solve + bake s"] == "2 + 1"


def test_the_summary_counts_over_all_lines(table):
    told = table.summary("now", [result(table), result(table, 32.0)])
    assert told == (
        "now: mean gain +6.00 dB over 2 lines, 2 of 4 frames below their plate, 8 CPU s"
    )


def test_code_is_named_by_what_it_says(table, tmp_path):
    (tmp_path / "core").mkdir()
    source = tmp_path / "core" / "a.py"
    source.write_text("1\n")
    first = table.fingerprint(tmp_path, "core")
    (tmp_path / "core" / "notes.txt").write_text("not code\n")
    assert table.fingerprint(tmp_path, "core") == first
    source.write_text("2\n")
    assert table.fingerprint(tmp_path, "core") != first


def test_a_reference_is_checked_out_beside_the_results(table, tmp_path):
    inside = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, check=False
    )
    if inside.returncode:
        pytest.skip("not a git checkout")
    code = table.checkout("HEAD", tmp_path)
    assert (code.root / "core" / "pullfocus" / "errors.py").is_file()
    assert table.checkout("HEAD", tmp_path) == code
    assert table.checkout(str(ROOT), tmp_path).root == ROOT
    with pytest.raises(SystemExit, match="a git reference, got nowhere"):
        table.checkout("nowhere", tmp_path)
    # that code is what runs, wherever pullfocus is installed from
    found = subprocess.run(
        [sys.executable, "-c", "import pullfocus; print(pullfocus.__file__)"],
        env=code.environment(), capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert Path(found.stdout.strip()).is_relative_to(code.root)


def test_what_cannot_be_made_is_said(table, tmp_path):
    by_name = {clip.name: clip for clip in table.CLIPS}
    assert "--movie" in table.make(by_name["talker_clean"], tmp_path, None)
    told = table.make(by_name["figure_bars"], tmp_path, None)
    assert "expected a clip" in told
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_two_codes_side_by_side(table, tmp_path, monkeypatch, capsys):
    arguments = ["--out", str(tmp_path), "--only", "market", "--rows", "fusion"]
    monkeypatch.setattr(sys, "argv", ["clips_table.py", *arguments, "--before", str(ROOT)])
    table.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[2].strip() for line in lines[2:4]] == ["fusion, before", "fusion, now"]
    # one code: solved once, twice in the table
    assert lines[2].split("|")[3:] == lines[3].split("|")[3:]
    assert (tmp_path / "worst" / "market_fusion_now.png").is_file()
    kept = list(tmp_path.glob("*/market/fusion/measured.json"))
    assert len(kept) == 1
    assert np.isfinite(json.loads(kept[0].read_text())["facts"]["gain_db"])
