# SPDX-License-Identifier: Apache-2.0
"""Cuts are found, also between alike shots; nothing else that a camera does is one."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus import cli
from pullfocus.errors import PlateError
from pullfocus.observe.cuts import check_one_shot, find_cuts, likeness

MARKET = Path(__file__).parents[1] / "clips" / "market"
SIZE = (256, 144)


def market(part: str = "plate") -> list[np.ndarray]:
    paths = sorted(MARKET.glob(f"{part}.*.png"))
    return [np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) for path in paths]


def lit(frame: np.ndarray, gain: float, lift: float = 0.0) -> np.ndarray:
    return (frame * np.float32(gain) + lift).clip(0, 255).astype(np.uint8)


def zoomed(frame: np.ndarray, times: float) -> np.ndarray:
    height, width = frame.shape
    dx, dy = round(width * (1 - 1 / times) / 2), round(height * (1 - 1 / times) / 2)
    return np.asarray(cv2.resize(frame[dy : height - dy, dx : width - dx], (width, height)))


def whip(frame: np.ndarray) -> list[np.ndarray]:
    """A pan that gets faster, to a sixth of the frame a frame, with its motion blur."""
    wide = np.concatenate([frame, frame[:, ::-1], np.flipud(frame), frame], 1)
    shots, x = [], 0.0
    for speed in (1, 5, 12, 30, 42, 30, 12, 5, 1):
        moments = []
        for k in range(9):
            matrix = np.array([[1, 0, -(x + speed * k / 16)], [0, 1, 0]], np.float32)
            moments.append(cv2.warpAffine(wide, matrix, SIZE).astype(np.float32))
        shots.append(np.mean(moments, 0).astype(np.uint8))
        x += speed
    return shots


def racked(frames: list[np.ndarray]) -> list[np.ndarray]:
    """Focus goes from sharp to hopeless within three frames."""
    sigmas = (0.1, 0.1, 2, 4, 6, 7, 7)
    return [cv2.GaussianBlur(f, (0, 0), s) for f, s in zip(frames, sigmas, strict=False)]


def flash(frames: list[np.ndarray], level: float) -> list[np.ndarray]:
    return [lit(f, level, 60) if t in (4, 5) else f for t, f in enumerate(frames)]


def fade(frames: list[np.ndarray]) -> list[np.ndarray]:
    return [lit(f, (t / 5) ** 2) for t, f in enumerate(frames[:8])]


def grainy(frames: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    return [lit(f, 1, rng.normal(0, 12, f.shape)) for f in frames]


def test_what_cameras_do_is_no_cut(rng: np.random.Generator) -> None:
    plates, sharp = market(), market("sharp")
    once_in_six = [plates[t - 1] if t % 6 == 5 else f for t, f in enumerate(plates)]
    cases = {
        "plate": plates,
        "a flash": flash(plates, 3),
        "a flash that burns out": flash(plates, 255),
        "a ramp of .7 stops a frame": [
            lit(f, 2 ** (-3 + 0.7 * t)) for t, f in enumerate(sharp[:8])
        ],
        "a strobe": [lit(f, 1 if t % 2 else 0.15) for t, f in enumerate(plates)],
        "out of black": fade(plates),
        "whip pan": whip(sharp[0]),
        "focus racked": racked(sharp),
        "noise of 5 %": grainy(plates, rng),
        "repeated frames": once_in_six,
        "every third frame": plates[::3],
        "a still": [plates[0]] * 4,
        "one frame": plates[:1],
        "nothing to see": [np.full((40, 64), 90, np.uint8)] * 4,
    }
    found = {name: find_cuts(frames) for name, frames in cases.items()}
    assert {name: cuts for name, cuts in found.items() if cuts} == {}


@pytest.mark.parametrize("degrade", ["as it is", "grainy", "barred", "blurred"])
def test_cuts_between_alike_shots_are_found(rng: np.random.Generator, degrade: str) -> None:
    frames = market()
    mirrored, nearer = [f[:, ::-1] for f in frames], [zoomed(f, 1.33) for f in frames]
    shots = [frames[:5], mirrored[5:9], nearer[9:12], mirrored[12:13], frames[13:16]]
    joined = [np.ascontiguousarray(f) for shot in shots for f in shot]
    if degrade == "grainy":
        joined = grainy(joined, rng)
    if degrade == "barred":
        for f in joined:
            f[:14] = f[-14:] = 0
    if degrade == "blurred":
        joined = [cv2.GaussianBlur(f, (0, 0), 3) for f in joined]
    assert find_cuts(joined) == [5, 9, 12, 13]


def test_a_black_frame_between_two_shots_hides_no_cut() -> None:
    frames = market()
    black = np.zeros_like(frames[0])
    assert find_cuts([*frames[:4], black, black, *(f[:, ::-1] for f in frames[4:8])]) == [6]
    assert find_cuts([*frames[:4], black, black, *frames[4:8]]) == []


def test_likeness_is_that_of_pictures() -> None:
    frames = market()
    assert likeness(frames[3], frames[3]) > 0.98
    assert likeness(frames[3], np.ascontiguousarray(frames[3][::-1])) < 0.2


def test_the_line_names_the_frame_and_the_shots() -> None:
    frames = market()
    joined = [*frames[:4], *(np.ascontiguousarray(f[:, ::-1]) for f in frames[4:8])]
    with pytest.raises(PlateError) as caught:
        check_one_shot(range(1001, 1009), joined)
    assert str(caught.value) == (
        "plate: expected one shot, got a cut at frame 1005; solve one with --frames 1001-1004 or"
        " --frames 1005-1008, or take it as one with --ignore-cuts"
    )


def test_solve_refuses_a_cut_and_takes_it_when_told(tmp_path: Path, capfd) -> None:
    for t, frame in enumerate(market()[:6], 1):
        shown = frame if t < 4 else frame[:, ::-1]
        small = cv2.resize(shown, (128, 72), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(tmp_path / f"a.{t:04d}.png"), small)
    command = ["solve", f"{tmp_path}/a.####.png", "--steps", "0", "--out", f"{tmp_path}/x.solve"]
    assert cli.run(command) == 2
    told = capfd.readouterr().err.strip().splitlines()[-1]
    assert "a cut at frame 4" in told
    assert "--frames 1-3" in told
    assert not (tmp_path / "x.solve" / "settings.json").exists()
    marked = [*command, "--box", "fg:2=45,10,30,40"]
    assert cli.run(marked) == 2  # before the work of following
    assert not (tmp_path / "x.solve" / "mattes").exists()
    assert cli.run([*command, "--ignore-cuts"]) == 0
