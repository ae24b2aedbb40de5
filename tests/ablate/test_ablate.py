# SPDX-License-Identifier: Apache-2.0
"""A whole ablation at the size of a stamp: run, resumed, tabled, drawn."""

import csv
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus import cli
from pullfocus.ablate import ablate as module
from pullfocus.ablate.ablate import Run, ablate
from pullfocus.ablate.table import csv_table, markdown_table
from pullfocus.ablate.variants import parse_variant
from pullfocus.errors import SolveError

WIDTH, HEIGHT, COUNT = 40, 24, 4
TINY = ("width=12", "noise_channels=4", "decoder_channels=8", "matte_octaves=2", "start_passes=1")


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """A still wall behind a still card, both pulled out of focus; no true COC."""
    folder = tmp_path_factory.mktemp("clips") / "card"
    folder.mkdir()
    random = np.random.default_rng(1)
    wall = cv2.GaussianBlur(random.random((HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), 0.8)
    card = np.zeros((HEIGHT, WIDTH), np.float32)
    card[6:18, 10:24] = 1
    sharp = wall * (1 - card[..., None]) + 0.7 * card[..., None]
    for t in range(COUNT):
        plate = cv2.GaussianBlur(sharp, (0, 0), 0.3 + 0.4 * t)
        for name, picture in (("plate", plate), ("sharp", sharp), ("alpha", card)):
            pixels = np.round(picture.clip(0, 1) * 255).astype(np.uint8)
            cv2.imwrite(str(folder / f"{name}.{t + 1:04d}.png"), pixels)
    return folder


def test_an_ablation_runs_resumes_and_is_drawn(clip: Path, tmp_path, monkeypatch, capfd) -> None:
    out = tmp_path / "out"
    command = ["ablate", clip, "--presets", "fast,lna,paper:start=motion", "--steps", "3"]
    command += ["--out", out, "--metrics", "none", "--progress", "plain"]
    for one in TINY:
        command += ["--set", one]
    assert cli.run([str(c) for c in command]) == 0
    said = capfd.readouterr()
    table = (out / "table.md").read_text()
    assert table in said.out
    rows = list(csv.DictReader(io.StringIO((out / "table.csv").read_text())))
    assert [row["variant"] for row in rows] == ["fast", "lna", "paper:start=motion"]
    for row in rows:
        assert row["steps"] == "3"
        assert 5 < float(row["psnr"]) < 60
        assert 5 < float(row["reblur_psnr"]) < 60
        assert row["flip"] == ""
        assert 5 < float(row["subject_psnr"]) <= 60
        assert int(row["frames_below"]) <= COUNT
        assert float(row["detail"]) > 0
    assert float(rows[0]["psnr"]) > float(rows[1]["psnr"])  # three steps of a network are none
    sheet = cv2.imread(str(out / "contact_sheet.png"))
    # plate, three variants, truth; the frame and two slices, nine times as large
    assert sheet.shape[0] > 5 * HEIGHT * 9
    assert sheet.shape[1] == 9 * (WIDTH + WIDTH + COUNT * (HEIGHT // COUNT)) + 2 * 6

    # again: nothing is solved, baked or measured twice
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*.exr")}
    monkeypatch.setattr(module, "bake", None)
    assert cli.run([str(c) for c in command]) == 0
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.exr")} == before
    assert (out / "table.md").read_text() == table


def test_a_variant_that_needs_the_true_coc_says_so_at_once(clip: Path, tmp_path) -> None:
    variants = [parse_variant(t, weights="lna") for t in ("fast", "paper-coc-given")]
    with pytest.raises(SolveError, match="paper-coc-given: expected a true circle of confusion"):
        ablate([clip], variants, tmp_path, steps=1)
    assert list(tmp_path.iterdir()) == []


def test_two_clips_of_one_name_are_refused(clip: Path, tmp_path) -> None:
    with pytest.raises(SolveError, match="clips of different names"):
        ablate([clip, clip], [parse_variant("fast", weights="lna")], tmp_path)


def test_steps_or_seconds(clip: Path, tmp_path, capfd) -> None:
    command = ["ablate", clip, "--out", tmp_path / "x", "--steps", "3", "--seconds", "4"]
    assert cli.run([str(c) for c in command]) == 2
    assert "--steps or --seconds" in capfd.readouterr().err


def test_means_over_clips_hold_what_all_clips_have() -> None:
    a = Run(Path("a"), "fast", Path(), {"psnr": 30.0, "ssim": 0.9})
    b = Run(Path("b"), "fast", Path(), {"psnr": 32.0})
    rows = list(csv.DictReader(io.StringIO(csv_table([a, b]))))
    assert [(r["clip"], r["psnr"], r["ssim"]) for r in rows] == [
        ("a", "30", "0.9"), ("b", "32", ""), ("all", "31", "")
    ]  # fmt: skip
    lines = markdown_table([a, b]).splitlines()
    assert lines[0] == "| clip | variant | sharp dB | SSIM |"
    assert lines[-1] == "| all | fast | 31.00 |  |"
