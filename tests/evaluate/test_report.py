# SPDX-License-Identifier: Apache-2.0
import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.errors import PassesError
from pullfocus.evaluate.report import evaluate
from pullfocus.evaluate.truth import open_truth

MARKET = Path(__file__).parents[1] / "clips" / "market"


def brighter(amount):
    def change(fake):
        # Inwards, so that nothing is clipped.
        sign = np.where(fake.beauty > 0.5, -1, 1)
        return replace(fake, beauty=fake.beauty + amount * sign)

    return change


def test_perfect_passes(bake_fake):
    report = evaluate(bake_fake(), MARKET)
    assert report.frames == (1, 2, 10)
    # Half floats are all that is left.
    assert report.psnr > 70
    assert report.summary("clean_behind_psnr").worst > 70
    assert report.summary("clean_psnr").worst > 70
    assert report.summary("coc_radius").worst < 1e-6
    assert report.summary("coc_subject_diameter").worst < 1e-6
    assert report.summary("matte_iou").mean == 1
    assert report.summary("matte_mae").worst < 1e-3
    assert report.summary("ssim").worst == pytest.approx(1, abs=1e-4)
    assert report.worse_than_plate == ()
    assert report.gain_db == pytest.approx(report.psnr - report.plate_psnr)


def test_a_known_error_gives_the_known_figure(bake_fake):
    report = evaluate(bake_fake(brighter(0.1)), MARKET)
    assert report.psnr == pytest.approx(20, abs=0.01)


def test_the_plate_is_scored_by_its_own_pixels(bake_fake):
    report = evaluate(bake_fake(), MARKET)
    expected = []
    for frame in (1, 2, 10):
        plate, sharp = (
            cv2.imread(str(MARKET / f"{part}.{frame:04d}.png")).astype(float) / 255
            for part in ("plate", "sharp")
        )
        expected.append(-10 * math.log10(((plate - sharp) ** 2).mean()))
    assert [scores["plate_psnr"] for scores in report.scores] == pytest.approx(expected, abs=1e-4)
    assert report.plate_psnr == pytest.approx(np.mean(expected), abs=1e-4)


def test_frames_worse_than_their_plate_are_named(bake_fake):
    report = evaluate(bake_fake(brighter(0.4)), MARKET)
    assert report.worse_than_plate == (1, 2, 10)
    assert report.gain_db < 0
    assert "3 worse than their plate: 1, 2, 10" in report.table()


def test_coc_offset_matte_shift_and_background_error(bake_fake):
    def change(fake):
        return replace(
            fake,
            coc=fake.coc + 0.5,
            coc_subject=fake.coc_subject + 0.25,
            coc_background=fake.coc_background - 1,
            matte=np.clip(fake.matte * 0.9, 0, 1),
            background=np.where(fake.background > 0.5, -0.05, 0.05) + fake.background,
        )

    report = evaluate(bake_fake(change), MARKET)
    assert report.summary("coc_radius").mean == pytest.approx(0.5, abs=1e-5)
    assert report.summary("coc_diameter").mean == pytest.approx(1.0, abs=1e-5)
    assert report.summary("coc_subject_radius").mean == pytest.approx(0.25, abs=1e-5)
    assert report.summary("coc_background_radius").mean == pytest.approx(1.0, abs=1e-5)
    assert report.summary("clean_behind_psnr").mean == pytest.approx(26.02, abs=0.02)
    alpha = [open_truth(MARKET).read(frame).alpha for frame in (1, 2, 10)]
    assert report.summary("matte_mae").mean == pytest.approx(0.1 * np.mean(alpha), rel=1e-2)


def test_the_background_behind_the_subject_is_measured_apart(bake_fake):
    def change(fake):
        hole = (fake.matte > 0.5)[..., None]
        return replace(fake, background=np.where(hole, fake.beauty, fake.background))

    report = evaluate(bake_fake(change), MARKET)
    assert report.summary("clean_behind_psnr").mean < 20
    assert report.summary("clean_psnr").mean > report.summary("clean_behind_psnr").mean + 5


def test_unsigned_radii_are_compared_by_size(bake_fake):
    def change(fake):
        names = ("coc", "coc_subject", "coc_background")
        return replace(fake, **{name: np.abs(getattr(fake, name)) for name in names})

    report = evaluate(bake_fake(change, coc_signed=False), MARKET)
    assert report.summary("coc_radius").worst < 1e-6
    assert any("no sign" in note for note in report.notes)
    report = evaluate(bake_fake(change, coc_signed=True), MARKET)
    assert report.summary("coc_radius").worst > 1


def test_wide_gamut_passes_are_brought_to_the_truth_s_space(bake_fake, decode):
    from pullfocus.plate.colour import colour_transform

    to_wide = colour_transform("lin_rec709_srgb", "ACEScg")

    def change(fake):
        def curve(linear):
            return np.where(
                linear > 0.0031308, 1.055 * np.abs(linear) ** (1 / 2.4) - 0.055, 12.92 * linear
            )

        wide = curve(to_wide(decode(fake.beauty).astype(np.float32)))
        return replace(fake, beauty=wide)

    report = evaluate(bake_fake(change, colorspace="ACEScg"), MARKET)
    assert report.psnr > 60
    assert evaluate(bake_fake(change), MARKET).psnr < 40


def test_one_layer_has_no_matte_and_nothing_behind(bake_fake):
    report = evaluate(bake_fake(layers=("bg",)), MARKET)
    assert report.summary("psnr").mean > 70
    for name in ("matte_iou", "clean_psnr", "coc_subject_radius"):
        assert report.summary(name) is None
    assert "matte" not in report.table()


def test_tpsnr_needs_the_frame_before(bake_fake):
    report = evaluate(bake_fake(), MARKET)
    assert ["tpsnr" in scores for scores in report.scores] == [False, True, False]


def test_files(bake_fake, tmp_path):
    out = tmp_path / "some" / "report"
    report = evaluate(bake_fake(brighter(0.1)), MARKET, out)
    assert sorted(path.name for path in out.iterdir()) == [
        "contact_sheet.png",
        "report.csv",
        "report.json",
        "worst_frame.png",
    ]
    assert report.picture == out / "contact_sheet.png"
    sheet = cv2.imread(str(report.picture))
    assert sheet.shape == (3 * (144 + 20), 7 * 256 + 6 * 4, 3)
    document = json.loads((out / "report.json").read_text())
    assert document["psnr"] == pytest.approx(20, abs=0.01)
    assert document["by_frame"]["10"]["psnr"] == pytest.approx(20, abs=0.01)
    assert json.loads(json.dumps(report.facts(), allow_nan=False))["frames"] == 3
    with (out / "report.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["frame"] for row in rows] == ["1", "2", "10"]
    assert float(rows[0]["psnr"]) == pytest.approx(20, abs=0.01)
    assert rows[0]["tpsnr"] == ""


def test_by_default_the_files_lie_beside_the_passes(bake_fake):
    folder = bake_fake(frames=(4,))
    report = evaluate(folder, MARKET)
    assert report.picture == folder / "evaluation" / "contact_sheet.png"
    assert report.picture.exists()


def test_the_sheet_shows_the_worst_frame(bake_fake):
    report = evaluate(bake_fake(brighter(0.1), frames=tuple(range(1, 13))), MARKET)
    rows = cv2.imread(str(report.picture)).shape[0] / (144 + 20)
    assert rows in (4, 5)


def test_table_is_plain_text_of_moderate_width(bake_fake):
    table = evaluate(bake_fake(), MARKET).table()
    assert "sharp PSNR" in table
    assert "clean plate PSNR, behind subject" in table
    assert "COC RMSE, seen (diameter)" in table
    assert max(len(line) for line in table.splitlines()) <= 100
    assert "\x1b" not in table


def test_frames_in_common_are_measured_and_the_others_said(bake_fake):
    report = evaluate(bake_fake(frames=(19, 20, 21, 22)), MARKET)
    assert report.frames == (19, 20)
    assert "no truth for 2 frames of passes: 21, 22" in report.table()
    assert "no passes for 18 frames of truth: 1 to 18" in report.table()


def test_no_frame_in_common(bake_fake):
    folder = bake_fake()
    text = (folder / "passes.json").read_text()
    for frame in (1, 2, 10):
        text = text.replace(f"    {frame},\n", f"    {1000 + frame},\n")
        text = text.replace(f"    {frame}\n", f"    {1000 + frame}\n")
    (folder / "passes.json").write_text(text)
    with pytest.raises(PassesError, match=r"1001, 1002, 1010 .* and 1 to 20"):
        evaluate(folder, MARKET)


def test_missing_frame_channel_and_size(bake_fake):
    folder = bake_fake(frames=(1,))
    (folder / "shot.0001.exr").unlink()
    with pytest.raises(PassesError, match=r"shot\.0001\.exr"):
        evaluate(folder, MARKET)
    folder = bake_fake(lambda fake: fake, frames=(1,), layers=("front", "bg"))
    text = (folder / "passes.json").read_text().replace('"front"', '"other"')
    (folder / "passes.json").write_text(text)
    with pytest.raises(PassesError, match=r"channel other_coc\.X, got none in .*shot\.0001\.exr"):
        evaluate(folder, MARKET)

    def cropped(fake):
        return replace(fake, **{name: value[:-8] for name, value in vars(fake).items()})

    with pytest.raises(PassesError, match="256x144 px like the truth, got 256x136 in frame 1"):
        evaluate(bake_fake(cropped, frames=(1,)), MARKET)


def test_errors_leave_no_report_behind(bake_fake, tmp_path):
    folder = bake_fake(frames=(1,))
    (folder / "shot.0001.exr").write_bytes(b"no exr")
    with pytest.raises(PassesError):
        evaluate(folder, MARKET, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").touch()
    with pytest.raises(PassesError, match="folder to write"):
        evaluate(bake_fake(frames=(1,)), MARKET, tmp_path / "file" / "out")
