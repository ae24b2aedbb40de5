# SPDX-License-Identifier: Apache-2.0
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pullfocus.errors import MatteError, SolveError
from pullfocus.observe import observe as stage
from pullfocus.observe.observe import ObserveSettings, observe
from pullfocus.plate.colour import display_to_linear
from pullfocus.shot import Shot

COUNT, HEIGHT, WIDTH = 4, 96, 128


class Source:
    """Frames in memory that counts how often it is read."""

    def __init__(self, frames: np.ndarray, name: str = "memory") -> None:
        self.frames = frames
        self.name = name
        self.reads = 0

    def read(self, index: int) -> np.ndarray:
        self.reads += 1
        return self.frames[index]

    def describe(self) -> str:
        return self.name

    def fingerprint(self) -> str:
        return f"{self.name} {self.frames.sum()}"


@pytest.fixture
def shot(wall: np.ndarray) -> Shot:
    """A camera that pans 3 px a frame, and a subject that stays in the middle of the frame."""
    display = [
        np.repeat(wall[:HEIGHT, 100 + 3 * t : 100 + 3 * t + WIDTH, None], 3, 2) / np.float32(255)
        for t in range(COUNT)
    ]
    matte = np.zeros((COUNT, HEIGHT, WIDTH), np.float32)
    matte[:3, 30:66, 48:80] = 1
    for t in range(COUNT):
        display[t][30:66, 48:80] = display[0][30:66, 48:80]
    return Shot(
        name="pan",
        frames=(1, 2, 3, 7),
        width=WIDTH,
        height=HEIGHT,
        rate=Fraction(24),
        pixel_aspect=1.0,
        colorspace="lin_rec709_srgb",
        plate=Source(np.stack([display_to_linear(d) for d in display])),
        mattes=(("fg", Source(matte, "matte")),),
    )


def test_what_is_measured(shot: Shot, tmp_path: Path):
    seen = observe(shot, tmp_path)
    assert (seen.frames, seen.layer_names) == ((1, 2, 3, 7), ("fg", "bg"))
    light = display_to_linear(seen.plate_display(2))
    np.testing.assert_allclose(light, shot.plate.read(2), atol=2e-3)
    np.testing.assert_array_equal(seen.matte(0, 1), shot.mattes[0][1].read(1))
    assert (seen.matte(1, 1) == 1).all()
    assert seen.coc_radius_px(0) is None
    # the subject does not move; behind it everything does, relative to one frame each
    steps = np.diff(seen.motion[1, :, 0, 2])
    np.testing.assert_allclose(steps, 3, atol=0.3)
    middle = np.array([64, 48, 1])
    np.testing.assert_allclose(seen.motion[0] @ middle, np.tile(middle, (COUNT, 1)), atol=0.5)


def test_a_matte_that_is_wide_all_round_is_brought_to_the_edge_and_said(shot: Shot, tmp_path: Path):
    light, wide = shot.plate.frames.copy(), np.zeros((COUNT, HEIGHT, WIDTH), np.float32)
    light[:3, 30:66, 48:80] = 0.5 + 0.5 * light[:3, 30:66, 48:80]  # another thing than the wall
    wide[:3, 25:71, 43:85] = 1
    lit = replace(shot, plate=Source(light), mattes=(("fg", Source(wide, "wide")),))
    seen = observe(lit, tmp_path)
    assert [note.split(":")[0] for note in seen.notes] == ["matte fg"]
    error = np.abs(seen.matte(0, 1) - shot.mattes[0][1].read(1)).mean()
    assert error < 0.2 * np.abs(wide[1] - shot.mattes[0][1].read(1)).mean()
    kept = observe(lit, tmp_path, ObserveSettings(matte_edges=False))
    np.testing.assert_array_equal(kept.matte(0, 1), wide[1])
    assert kept.notes == ()


def test_measured_once(shot: Shot, tmp_path: Path):
    first = observe(shot, tmp_path)
    reads = shot.plate.reads
    stages = []
    again = observe(shot, tmp_path, report=lambda stage, share: stages.append(stage))
    assert shot.plate.reads == reads
    assert stages == []
    np.testing.assert_array_equal(first.motion, again.motion)
    np.testing.assert_array_equal(first.residual, again.residual)


def test_measured_again_when_footage_or_settings_change_and_the_old_is_dropped_when_unused(
    shot: Shot, tmp_path: Path
):
    """Another machine may be reading the old one: it goes when nobody used it for a day."""
    observe(shot, tmp_path)
    (old,) = tmp_path.iterdir()
    (tmp_path / "take1").mkdir()  # no cache of ours, however old
    for folder in tmp_path.iterdir():
        os.utime(folder, (0, 0))
    observe(shot, tmp_path)
    observe(shot, tmp_path, ObserveSettings(trim_px=1))
    assert len(list(tmp_path.iterdir())) == 3  # the first was used just now
    os.utime(old, (0, 0))
    brighter = replace(shot, plate=Source(shot.plate.frames * 1.1))
    seen = observe(brighter, tmp_path, ObserveSettings(trim_px=1))
    assert not old.exists()
    assert (tmp_path / "take1").exists()
    assert len(list(tmp_path.iterdir())) == 3
    assert seen.plate_display(0).mean() > observe(shot, tmp_path).plate_display(0).mean()


def test_stages_run_to_their_end(shot: Shot, tmp_path: Path):
    last = {}
    observe(shot, tmp_path, report=last.__setitem__)
    assert set(last) == {"reading plate", "reading matte fg", "motion of fg", "motion of bg"}
    assert set(last.values()) == {1}


def test_a_matte_that_is_empty_everywhere_is_refused(shot: Shot, tmp_path: Path):
    empty = Source(np.zeros((COUNT, HEIGHT, WIDTH), np.float32), "empty.####.png")
    with pytest.raises(MatteError, match=r"matte fg.*4 empty frames.*empty\.####\.png"):
        observe(replace(shot, mattes=(("fg", empty),)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_measurement_leaves_the_earlier_one(shot: Shot, tmp_path: Path, monkeypatch):
    before = observe(shot, tmp_path).motion

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stage.np, "save", full)
    with pytest.raises(SolveError, match="No space left on device"):
        observe(shot, tmp_path, ObserveSettings(trim_px=1))
    monkeypatch.undo()
    reads = shot.plate.reads
    np.testing.assert_array_equal(observe(shot, tmp_path).motion, before)
    assert shot.plate.reads == reads


def test_no_matte_is_one_layer(shot: Shot, tmp_path: Path):
    seen = observe(replace(shot, mattes=()), tmp_path)
    assert seen.layer_names == ("bg",)
    assert seen.motion.shape == (1, COUNT, 3, 3)
    assert (seen.matte(0, 0) == 1).all()


def test_a_given_coc_is_kept_and_halved_with_the_picture(shot: Shot, tmp_path: Path):
    radius = np.full((COUNT, HEIGHT, WIDTH), -6.0, np.float32)
    seen = observe(replace(shot, coc=Source(radius, "coc")), tmp_path)
    assert (seen.coc_radius_px(1) == 6).all()
    half = seen.coc_radius_px(1, 1)
    assert half.shape == (HEIGHT // 2, WIDTH // 2)
    assert (half == 3).all()


def test_two_processes_that_measure_at_once_leave_each_other_alone(
    shot: Shot, tmp_path: Path, monkeypatch
):
    """While this one measures another one finishes the same, and a third is still at it."""
    real, other = stage._layer_motion, tmp_path / "measuring-other"

    def slow(*arguments):
        other.mkdir()
        monkeypatch.setattr(stage, "_layer_motion", real)
        stage.observe(shot, tmp_path)
        return real(*arguments)

    monkeypatch.setattr(stage, "_layer_motion", slow)
    found = stage.observe(shot, tmp_path)
    assert np.isfinite(found.motion).all()
    assert other.is_dir()
    assert len(list(tmp_path.iterdir())) == 2
    os.utime(other, (0, 0))  # left behind by a kill, long ago
    stage._drop_others(tmp_path, keep="")
    assert not other.exists()


def test_a_fade_is_taken_out_before_motion_is_measured(wall: np.ndarray, tmp_path: Path):
    count, shares = 10, np.array([0.1, 0.3, 0.5, 0.75])

    def panned(fade: bool) -> Shot:
        frames = []
        for t in range(count):
            seen = wall[:HEIGHT, 100 + 3 * t : 100 + 3 * t + WIDTH, None] / np.float32(255)
            light = display_to_linear(np.repeat(seen, 3, 2))
            frames.append(light * np.float32(shares[t]) if fade and t < len(shares) else light)
        return Shot(
            name="pan",
            frames=tuple(range(1, count + 1)),
            width=WIDTH,
            height=HEIGHT,
            rate=Fraction(24),
            pixel_aspect=1.0,
            colorspace="lin_rec709_srgb",
            plate=Source(np.stack(frames), f"fade {fade}"),
            mattes=(),
        )

    faded = observe(panned(True), tmp_path / "faded")
    assert faded.notes == (
        "plate: fades in from black in frames 1-4; kept as shot, its light is taken out for the"
        " solve",
    )
    assert faded.light is not None
    np.testing.assert_allclose(faded.light[: len(shares), 0].mean(-1), shares, rtol=0.1)
    assert (faded.light[len(shares) :, 0] == 1).all()
    assert (faded.told, faded.moments) == (list(range(count)), list(range(count)))
    as_shot = observe(panned(True), tmp_path / "as_shot", ObserveSettings(fades=False))
    assert (as_shot.notes, as_shot.light) == ((), None)
    whole = observe(panned(False), tmp_path / "whole")
    assert whole.light is None
    middle = np.array([64, 48, 1])

    def off(seen):
        moved = (seen.motion[0] - whole.motion[0])[: len(shares)] @ middle
        return float(np.abs(moved).max())

    assert off(faded) < 0.3
    assert off(faded) < 0.5 * off(as_shot)
