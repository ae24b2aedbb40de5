# SPDX-License-Identifier: Apache-2.0
"""A clip that comes out of black: never below its plate, and its faded frames are restored."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus import cli
from pullfocus.evaluate.report import evaluate

ROOT = Path(__file__).resolve().parents[2]
FRAMES, FADED = 10, 4


@pytest.mark.slow
@pytest.mark.parametrize("fade_from", ["black", "shot"])
def test_a_fade_over_the_first_frames(tmp_path: Path, fade_from: str) -> None:
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        import spoil_clip
    finally:
        sys.path.remove(str(ROOT / "examples"))
    clip, faded = tmp_path / "clip", tmp_path / "faded"
    clip.mkdir()
    for path in sorted((ROOT / "tests" / "clips" / "market").glob("*.png")):
        part, number, _ = path.name.split(".")
        if part in ("plate", "sharp", "alpha") and int(number) <= FRAMES:
            picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            small = cv2.resize(picture, (144, 81), interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(clip / path.name), small)
    spoil_clip.spoil(clip, faded, spoil_clip.Faults(fade=FADED, fade_from=fade_from))
    solve = ["solve", str(faded / "plate.####.png"), "--steps", "160"]
    solve += ["--matte", f"fg={faded / 'alpha.####.png'}", "--out", str(tmp_path / "x.solve")]
    assert cli.run(solve) == 0
    bake = ["bake", str(tmp_path / "x.solve"), "--out", str(tmp_path / "passes")]
    assert cli.run(bake) == 0
    report = evaluate(tmp_path / "passes", faded, metrics=[])
    gains = np.array([one["psnr"] - one["plate_psnr"] for one in report.scores])
    assert gains.min() > -0.01
    assert gains[FADED:].mean() > 2
    if fade_from == "black":
        assert gains[:FADED].mean() > 1
    else:  # told in one line, and left to the bit
        assert np.abs(gains[:FADED]).max() < 0.01
