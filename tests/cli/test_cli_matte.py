# SPDX-License-Identifier: Apache-2.0
"""Following a matte through the command line, alone and inside a solve."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus import cli
from pullfocus.plate.exr import read_exr

CLIP = Path(__file__).parents[1] / "clips" / "market"


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four frames of the bundled clip."""
    folder = tmp_path_factory.mktemp("plate")
    for t in range(9, 13):
        name = f"plate.{t:04d}.png"
        (folder / name).write_bytes((CLIP / name).read_bytes())
    return folder / "plate.####.png"


KEY = f"10={CLIP}/alpha.0010.png"


def test_the_verb_writes_a_matte_a_frame(plate: Path, tmp_path: Path, capfd) -> None:
    arguments = ["matte", str(plate), "--out", str(tmp_path / "m"), "--progress", "json"]
    assert cli.run([*arguments, "--key", KEY]) == 0
    event = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert event["frames"] == 4
    assert set(event["mattes"]) == {"fg"}
    for t in (9, 12):
        alpha = read_exr(tmp_path / "m" / f"fg.{t:04d}.exr")["A"]
        truth = cv2.imread(str(CLIP / f"alpha.{t:04d}.png"), 0) > 127
        found = alpha > 0.5
        assert (found & truth).sum() / (found | truth).sum() > 0.93
    facts = json.loads((tmp_path / "m" / "mattes.json").read_text())["layers"]["fg"]
    assert facts["frames"] == list(range(9, 13))
    assert facts["confidence"][1] == 1
    assert (tmp_path / "m" / "preview.png").is_file()
    # again, as PNG and under another name, into the same folder
    more = ["--name", "woman", "--format", "png", "--frames", "10-11"]
    assert cli.run([*arguments, *more, "--box", "10=110,0,80,144"]) == 0
    assert cv2.imread(str(tmp_path / "m" / "woman.0010.png"), -1).dtype == np.uint16


def test_nothing_is_written_over_the_key(plate: Path, tmp_path: Path, capfd) -> None:
    key = tmp_path / "fg.0010.png"
    key.write_bytes((CLIP / "alpha.0010.png").read_bytes())
    before = key.read_bytes()
    arguments = ["matte", str(plate), "--out", str(tmp_path), "--format", "png"]
    assert cli.run([*arguments, "--key", f"10={key}"]) == 2
    assert "--key 10" in capfd.readouterr().err
    assert key.read_bytes() == before


def test_a_solve_follows_once_and_goes_on(plate: Path, tmp_path: Path, capfd) -> None:
    out = tmp_path / "x.solve"
    arguments = ["solve", str(plate), "--out", str(out), "--key", f"fg:{KEY}", "--progress", "json"]
    assert cli.run([*arguments, "--steps", "4"]) == 0
    first = (out / "mattes" / "fg.0009.exr").stat().st_mtime_ns
    capfd.readouterr()
    assert cli.run([*arguments, "--steps", "6"]) == 0
    assert (out / "mattes" / "fg.0009.exr").stat().st_mtime_ns == first
    assert "following" not in capfd.readouterr().out
    assert cli.run(["bake", str(out), "--out", str(tmp_path / "p"), "--frames", "10"]) == 0


def test_a_solve_finds_its_mattes_again(plate: Path, tmp_path: Path, capfd) -> None:
    out = tmp_path / "x.solve"
    matte = f"fg={CLIP}/alpha.####.png"
    arguments = ["solve", str(plate), "--out", str(out), "--matte", matte, "--rematte"]
    assert cli.run([*arguments, "--steps", "4", "--progress", "json"]) == 0
    said = capfd.readouterr().out
    assert "matte fg: found again in" in said
    assert (out / "first" / "checkpoint.safetensors").is_file()
    record = json.loads((out / "settings.json").read_text())
    assert "rematte" in json.dumps(record["inputs"]["mattes"])
    assert len(list((out / "rematte").glob("fg.*.exr"))) == 4
    done = (out / "rematte" / "mattes.json").stat().st_mtime_ns
    assert cli.run([*arguments, "--steps", "4", "--progress", "json"]) == 0
    assert (out / "rematte" / "mattes.json").stat().st_mtime_ns == done
    assert "already solved" in capfd.readouterr().out


def test_mattes_are_found_again_where_there_are_any(plate: Path, tmp_path: Path, capfd) -> None:
    assert cli.run(["solve", str(plate), "--out", str(tmp_path / "x.solve"), "--rematte"]) == 2
    assert "--rematte: expected --matte, --key" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--key", "99=x.png"], "expected a frame of 9-12, got 99"),
        (["--key", "10=x.png"], "found no file x.png"),
        (["--box", "10=0,0,256,144"], "got the whole frame"),
        ([], "expected --key, --box, --scribble or --auto, got none"),
        (["--auto", "--key", KEY], "expected no mark for it, got one"),
        (["--key", KEY, "--matte-command", "tool"], "expected {plate} in it"),
        (["--key", KEY, "--matte-model", "sam"], "got 'sam'"),
    ],
)
def test_bad_marks_get_one_line(plate: Path, tmp_path: Path, capfd, arguments, said) -> None:
    assert cli.run(["matte", str(plate), "--out", str(tmp_path / "m"), *arguments]) == 2
    err = capfd.readouterr().err
    assert said in err.splitlines()[-1]
    assert not list(tmp_path.glob("m/fg.*"))


def test_a_layer_is_given_or_followed(plate: Path, tmp_path: Path, capfd) -> None:
    arguments = ["--matte", f"fg={CLIP}/alpha.####.png", "--key", f"fg:{KEY}"]
    assert cli.run(["solve", str(plate), "--out", str(tmp_path / "x.solve"), *arguments]) == 2
    assert "expected a matte or marks to follow, got both" in capfd.readouterr().err
