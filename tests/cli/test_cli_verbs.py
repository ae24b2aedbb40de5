# SPDX-License-Identifier: Apache-2.0
"""What can be done with a solve, through the command line: good and bad input."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus import cli
from pullfocus.plate.exr import read_exr

COUNT, HEIGHT, WIDTH = 5, 48, 80


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card before a wall, pulled from the one to the other, solved for a moment."""
    folder = tmp_path_factory.mktemp("verbs")
    rng = np.random.default_rng(2)
    wall, card = (rng.integers(20, 230, (HEIGHT, WIDTH, 3)).astype(np.uint8) for _ in "ab")
    matte = np.zeros((HEIGHT, WIDTH), np.uint8)
    matte[12:36, 26:54] = 255
    for t in range(COUNT):
        far = cv2.GaussianBlur(wall, (0, 0), 0.3 + 1.2 * t / (COUNT - 1))
        near = cv2.GaussianBlur(card, (0, 0), 1.5 - 1.2 * t / (COUNT - 1))
        frame = np.where(matte[..., None] > 0, near, far)
        cv2.imwrite(str(folder / f"plate.{1001 + t}.png"), frame)
        cv2.imwrite(str(folder / f"matte.{1001 + t}.png"), matte)
    out = folder / "x.solve"
    arguments = ["solve", f"{folder}/plate.####.png", "--matte", f"fg={folder}/matte.####.png"]
    assert cli.run([*arguments, "--out", str(out), "--steps", "12", "--progress", "json"]) == 0
    return out


def last_event(capfd) -> dict:
    return json.loads(capfd.readouterr().out.splitlines()[-1])


def test_refocus_keeps_a_layer_sharp(solved: Path, tmp_path: Path, capfd) -> None:
    arguments = ["--keep-sharp", "fg", "--frames", "1001-1002", "--progress", "json"]
    assert cli.run(["refocus", str(solved), "--out", str(tmp_path), *arguments]) == 0
    event = last_event(capfd)
    assert event["frames"] == 2
    channels = read_exr(Path(event["first"]))
    assert set(channels) == {"R", "G", "B", "A", "coc.X", "alpha.A"}
    assert (channels["A"] == 1).all()
    assert channels["coc.X"][24, 40] == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_deep_focus_and_a_kernel_picture(solved: Path, tmp_path: Path, capfd) -> None:
    picture = np.zeros((20, 20), np.uint8)
    cv2.circle(picture, (10, 10), 9, 255, -1)
    cv2.imwrite(str(tmp_path / "heart.png"), picture)
    base = ["refocus", str(solved), "--frames", "1003", "--progress", "json"]
    assert cli.run([*base, "--out", str(tmp_path / "a"), "--aperture", "0"]) == 0
    deep = read_exr(Path(last_event(capfd)["first"]))
    assert (deep["coc.X"] == 0).all()
    kernel = ["--kernel", str(tmp_path / "heart.png"), "--aperture", "2"]
    assert cli.run([*base, "--out", str(tmp_path / "b"), *kernel]) == 0
    wide = read_exr(Path(last_event(capfd)["first"]))
    assert np.abs(wide["R"] - deep["R"]).max() > 0.01


def test_flow_writes_both_ways_and_says_where_there_is_none(
    solved: Path, tmp_path: Path, capfd
) -> None:
    arguments = ["--interval", "2", "--flo", "--progress", "json"]
    assert cli.run(["flow", str(solved), "--out", str(tmp_path), *arguments]) == 0
    assert last_event(capfd)["frames"] == COUNT
    first, last = (read_exr(tmp_path / f"plate_flow.{n}.exr") for n in (1001, 1005))
    assert (first["hidden_back.X"] == 1).all()
    assert (last["hidden.X"] == 1).all()
    assert first["hidden.X"].mean() < 0.5
    assert len(list(tmp_path.glob("*.flo"))) == COUNT - 2


def test_edit_paints_over_a_frame(solved: Path, tmp_path: Path, capfd) -> None:
    over = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    over[20:28, 36:44] = (0, 255, 0, 255)
    cv2.imwrite(str(tmp_path / "over.png"), over)
    arguments = ["--layer", "fg", "--paint", str(tmp_path / "over.png"), "--frame", "1002"]
    out = ["--out", str(tmp_path / "o"), "--progress", "json"]
    assert cli.run(["edit", str(solved), *arguments, *out]) == 0
    assert last_event(capfd)["frames"] == COUNT
    channels = read_exr(tmp_path / "o" / "plate.1004.exr")
    assert channels["G"][24, 40] > 0.7
    assert channels["R"][24, 40] < 0.2


BAD = {
    "no solve": (["refocus", "{tmp}/none.solve"], "none.solve"),
    "two ways to focus": (
        ["refocus", "{solve}", "--focus", "fg", "--focus-point", "1,2@1001"],
        "got both",
    ),
    "place malformed": (["refocus", "{solve}", "--focus-point", "middle"], "a place such as"),
    "keys malformed": (["refocus", "{solve}", "--focus", "fg bg"], "keys such as"),
    "layer unknown": (["refocus", "{solve}", "--keep-sharp", "hero"], "fg, bg, got 'hero'"),
    "two blades": (["refocus", "{solve}", "--blades", "2"], "at least 3, got 2"),
    "ring too wide": (["refocus", "{solve}", "--inner-ring", "2"], "--inner-ring"),
    "no kernel picture": (["refocus", "{solve}", "--kernel", "{tmp}/none.png"], "none.png"),
    "aperture below zero": (["refocus", "{solve}", "--aperture", "-1"], "--aperture"),
    "frames not there": (["refocus", "{solve}", "--frames", "1-3"], "1-3"),
    "interval zero": (["flow", "{solve}", "--interval", "0"], "--interval"),
    "flow without a solve": (["flow", "{tmp}"], "settings.json"),
    "nothing painted": (["edit", "{solve}", "--layer", "fg"], "--atlas PAINTED"),
    "paint without its frame": (
        ["edit", "{solve}", "--layer", "fg", "--paint", "{tmp}/p.png"],
        "--paint and --frame",
    ),
    "paint not there": (["edit", "{solve}", "--layer", "fg", "--atlas", "{tmp}/p.png"], "p.png"),
    "layer not there": (["edit", "{solve}", "--layer", "x", "--atlas", "{tmp}/p.png"], "'x'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(solved: Path, tmp_path: Path, capfd, name: str) -> None:
    arguments, expected = BAD[name]
    filled = [a.format(solve=solved, tmp=tmp_path) for a in arguments]
    capfd.readouterr()
    code = cli.run([*filled, "--out", str(tmp_path / "out"), "--progress", "plain"])
    err = capfd.readouterr().err
    errors = [line for line in err.splitlines() if line.startswith("pullfocus: error: ")]
    assert code == 2, err
    assert len(errors) == 1
    assert expected in errors[0]
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_an_output_that_is_a_file_is_one_line(solved: Path, tmp_path: Path, capfd) -> None:
    (tmp_path / "file").write_text("precious")
    for verb in (["refocus"], ["flow"]):
        assert cli.run([*verb, str(solved), "--out", str(tmp_path / "file")]) == 2
    assert (tmp_path / "file").read_text() == "precious"


def test_refocus_shows_a_painted_atlas(solved: Path, tmp_path: Path, capfd) -> None:
    assert cli.run(["bake", str(solved), "--out", str(tmp_path / "passes")]) == 0
    atlas = read_exr(tmp_path / "passes" / "atlas_fg.exr")
    over = np.zeros((*atlas["R"].shape, 4), np.uint8)
    over[...] = (0, 255, 0, 255)
    cv2.imwrite(str(tmp_path / "over.png"), over)
    base = ["refocus", str(solved), "--frames", "1003", "--aperture", "0"]
    painted = ["--atlas", f"fg={tmp_path / 'over.png'}", "--progress", "json"]
    capfd.readouterr()
    assert cli.run([*base, "--out", str(tmp_path / "out"), *painted]) == 0
    shown = read_exr(Path(last_event(capfd)["first"]))
    assert shown["G"][24, 40] == pytest.approx(1, abs=0.02)
    assert shown["R"][24, 40] == pytest.approx(0, abs=0.02)
    assert cli.run([*base, "--out", str(tmp_path / "no"), "--atlas", "over.png"]) == 2
    assert "LAYER=PAINTED" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flow", "--interval", "5"], "less than the shot's 5 frames, got 5"),
        (["refocus", "--focus", "nan"], "finite depth"),
        (["refocus", "--frames", "7"], "frames of the solve (1001-1005), got 7"),
        (["edit", "--layer", "fg", "--atlas", __file__], "paint: "),
    ],
)
def test_one_clear_line(solved: Path, tmp_path: Path, capfd, arguments, message) -> None:
    verb, *rest = arguments
    assert cli.run([verb, str(solved), "--out", str(tmp_path / "out"), *rest]) == 2
    error = capfd.readouterr().err.strip().splitlines()
    assert message in error[-1]
    assert not any("Traceback" in line for line in error)


def test_refocus_skips_what_is_there_unless_the_lens_is_another(
    solved: Path, tmp_path: Path, capfd
) -> None:
    base = ["refocus", str(solved), "--out", str(tmp_path), "--keep-sharp", "fg,bg"]
    base += ["--skip-existing", "--progress", "json"]
    found = []
    for more in (["--frames", "1001"], [], [], ["--max-radius", "3", "--frames=", "--rim="]):
        assert cli.run([*base, *more]) == 0
        event = last_event(capfd)
        found.append((event["frames"], event["skipped"]))
    assert found == [(1, 0), (COUNT - 1, 1), (0, COUNT), (COUNT, 0)]


def test_a_farm_is_told_why_a_task_failed(tmp_path: Path, capfd) -> None:
    gone = tmp_path / "gone.solve"
    for progress in (["--progress", "openjd"], ["--progress=openjd"]):
        assert cli.run(["bake", str(gone), "--out", str(tmp_path), *progress]) == 2
        said = capfd.readouterr().out.splitlines()
        assert said == [f"openjd_fail: expected a solve folder at {gone}, found nothing there"]
