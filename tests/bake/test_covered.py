# SPDX-License-Identifier: Apache-2.0
"""Bars and words come back to the bit in whatever is written; repeated frames do not move."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus import cli
from pullfocus.plate.exr import Plane, read_exr, write_exr
from pullfocus.solve.settings import SolveSettings
from pullfocus.solve.solved import load_solve
from pullfocus.solve.solver import Solver

ORDER = (0, 1, 2, 3, 3, 5, 6)
SIZE = (80, 144)


def rgb(path: Path) -> np.ndarray:
    channels = read_exr(path)
    return np.stack([channels[c] for c in "RGB"], -1)


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pan with bars, words and a frame that is shown twice, solved for some steps."""
    folder = tmp_path_factory.mktemp("covered")
    rng = np.random.default_rng(4)
    wall = cv2.GaussianBlur(rng.random((SIZE[0], 200, 3)).astype(np.float32), (0, 0), 1.2)
    wall = (wall - 0.3) * 2.5
    words = np.zeros(SIZE, np.uint8)
    cv2.putText(words, "TAKE 7", (80, 66), cv2.FONT_HERSHEY_DUPLEX, 0.35, 255, 1)
    (folder / "p").mkdir()
    (folder / "m").mkdir()
    for t, shown in enumerate(ORDER):
        light = np.ascontiguousarray(wall[:, 4 * shown : 4 * shown + SIZE[1]]).clip(0.02, 1)
        light = cv2.GaussianBlur(light, (0, 0), 0.1 + 0.3 * shown)
        light[words > 0] = (1.5, 1.25, 0.5)
        light[:9] = light[-7:] = (0.001, 0.0013, 0.0021)
        plane = Plane(name="p", data=light, channels=tuple("RGB"), half=True)
        write_exr(folder / "p" / f"shot.{1001 + t}.exr", [plane])
        matte = np.zeros(SIZE, np.float32)
        matte[20:50, 30:60] = 1
        plane = Plane(name="m", data=matte, channels=("Y",), half=True)
        write_exr(folder / "m" / f"shot.{1001 + t}.exr", [plane])
    matte = ["--matte", f"fg={folder}/m/shot.####.exr", "--steps", "20"]
    assert cli.run(["solve", f"{folder}/p", *matte, "--out", f"{folder}/x.solve"]) == 0
    return folder


def covered(folder: Path) -> np.ndarray:
    _, model = load_solve(folder / "x.solve")
    mask = model.observed.covered
    assert mask is not None
    assert mask[:9].all()
    assert mask[-7:].all()
    assert 60 < mask[9:-7].sum() < 600
    return mask


@pytest.mark.parametrize(
    "command",
    [
        ["bake"],
        ["bake", "--no-keep-plate"],
        ["refocus", "--aperture", "2"],
        ["edit", "--layer", "bg", "--atlas", "red.exr"],
        ["edit", "--layer", "bg", "--in-plate", "--paint", "red.exr", "--frame", "1002"],
    ],
    ids=" ".join,
)
def test_what_is_covered_stays_to_the_bit(solved: Path, tmp_path: Path, command: list[str]) -> None:
    shot, model = load_solve(solved / "x.solve")
    mask = covered(solved)
    if "edit" in command:
        index = model.layer_names.index("bg")
        size = SIZE if "--in-plate" in command else model.layers[index].texture.size
        red = np.broadcast_to(np.float32([1, 0, 0, 1]), (*size, 4))
        plane = Plane(name="red", data=red, channels=tuple("RGBA"), half=True)
        write_exr(tmp_path / "red.exr", [plane])
        command = [word.replace("red.exr", str(tmp_path / "red.exr")) for word in command]
    verb, *options = command
    out = tmp_path / "out"
    assert cli.run([verb, str(solved / "x.solve"), *options, "--out", str(out)]) == 0
    frames = sorted(out.glob("shot*.1???.exr"))
    assert len(frames) == len(ORDER)
    changed = 0
    for t, path in enumerate(frames):
        shown, plate = rgb(path), shot.plate.read(t)
        np.testing.assert_array_equal(shown[mask], plate[mask])
        changed += int((shown[~mask] != plate[~mask]).sum())
    assert changed or command == ["bake"]  # which may trust nothing of so short a solve


def test_nothing_moves_between_equal_frames(solved: Path, tmp_path: Path) -> None:
    assert cli.run(["bake", str(solved / "x.solve"), "--out", str(tmp_path)]) == 0
    shown = [read_exr(path) for path in sorted(tmp_path.glob("shot.1???.exr"))]
    assert np.abs(shown[3]["forward.u"]).max() < 1e-3
    assert np.abs(shown[4]["backward.u"]).max() < 1e-3
    inside = slice(12, -10), slice(8, -8)
    # what was dropped there has moved on by two frames' way
    assert np.median(shown[4]["forward.u"][inside]) == pytest.approx(-8, abs=1)
    _, model = load_solve(solved / "x.solve")
    assert model.observed.moments == [0, 1, 2, 3, 5, 6]
    for layer in model.layers:
        for held in layer.by_frame():
            assert bool((held[3] == held[4]).all())


def test_what_is_covered_has_no_say(solved: Path) -> None:
    """Other words and other bars: the same first step."""
    _, model = load_solve(solved / "x.solve")
    observed = model.observed
    settings = SolveSettings(steps=4)

    def first_step() -> dict[str, float]:
        return Solver(observed, settings).step().terms

    before = first_step()
    plate = np.array(observed.plate)
    plate[:, covered(solved)] = 0.5
    object.__setattr__(observed, "plate", plate)
    observed.__dict__.pop("_reduced", None)  # what was reduced before
    after = first_step()
    assert before.keys() == after.keys()
    assert after["l1"] == pytest.approx(before["l1"], rel=1e-6)
