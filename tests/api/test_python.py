# SPDX-License-Identifier: Apache-2.0
"""`import pullfocus`: six names, numpy in and out, the same numbers as the command writes."""

import shutil
import subprocess
import sys

import cv2
import numpy as np
import pullfocus
import pytest
from pullfocus import cli
from pullfocus.plate.colour import display_to_linear
from pullfocus.plate.exr import read_exr

COUNT, HEIGHT, WIDTH = 5, 48, 80
INSIDE = (slice(12, 36), slice(26, 54))


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """A card before a wall, focus pulled from the one to the other: 8-bit plate and matte."""
    rng = np.random.default_rng(2)
    wall, card = (rng.integers(20, 230, (HEIGHT, WIDTH, 3)).astype(np.uint8) for _ in "ab")
    matte = np.zeros((HEIGHT, WIDTH), np.uint8)
    matte[INSIDE] = 255
    frames = []
    for t in range(COUNT):
        far = cv2.GaussianBlur(wall, (0, 0), 0.3 + 1.2 * t / (COUNT - 1))
        near = cv2.GaussianBlur(card, (0, 0), 1.5 - 1.2 * t / (COUNT - 1))
        frames.append(np.where(matte[..., None] > 0, near, far))
    return np.stack(frames), np.repeat(matte[None], COUNT, 0)


@pytest.fixture(scope="module")
def solved(tmp_path_factory) -> pullfocus.SolvedShot:
    """Solved for a moment, from memory."""
    plate, matte = pictures()
    told = []
    shot = pullfocus.open_shot(plate, mattes={"fg": matte})
    folder = tmp_path_factory.mktemp("python") / "x.solve"
    out = pullfocus.solve_shot(
        shot, folder, steps=12, seed=1, threads=1, progress=lambda *what: told.append(what)
    )
    assert ("solving", 1.0) in told
    return out


def test_importing_it_takes_no_torch() -> None:
    code = (
        "import pullfocus, sys; print(sorted(pullfocus.__all__), 'numpy' in sys.modules);"
        "print([getattr(pullfocus, name).__name__ for name in sorted(pullfocus.__all__)])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    offered, fetched = told.stdout.splitlines()
    names = ["PullfocusError", "Shot", "SolvedShot", "open_shot", "open_solve", "solve_shot"]
    assert offered == f"{names} False"
    assert fetched == str(names)
    with pytest.raises(AttributeError, match="no attribute 'sharpen'"):
        pullfocus.sharpen  # noqa: B018


def test_a_shot_from_memory_is_what_it_was() -> None:
    plate, matte = pictures()
    shot = pullfocus.open_shot(plate, mattes={"fg": matte}, frames="7-11", rate="25")
    assert (shot.frames, shot.layer_names, shot.rate) == ((7, 8, 9, 10, 11), ("fg", "bg"), 25)
    expected = display_to_linear(plate[2].astype(np.float32) / 255)
    np.testing.assert_array_equal(shot.plate.read(2), expected)
    np.testing.assert_array_equal(shot.mattes[0][1].read(0), matte[0] / np.float32(255))
    linear = np.full((2, 4, 6, 3), 2.5, np.float16)
    np.testing.assert_array_equal(pullfocus.open_shot(linear).plate.read(1), linear[1])


NAN = np.full((2, 4, 6, 3), np.nan, np.float32)
PLAIN = np.zeros((2, 4, 6, 3), np.float32)


@pytest.mark.parametrize(
    ("plate", "options", "said"),
    [
        (PLAIN[0], {}, r"plate: expected an array \(T, H, W, 3\), got \(4, 6, 3\)"),
        (NAN, {}, "plate: expected finite numbers"),
        (PLAIN.astype(np.int64), {}, "expected floats, uint8 or uint16, got int64"),
        (PLAIN, {"mattes": {"fg": PLAIN[..., 0][:1]}}, r"matte fg: expected an array \(2, 4, 6\)"),
        (PLAIN, {"mattes": {"bg": PLAIN[..., 0]}}, "matte bg: expected another name"),
        (PLAIN, {"mattes": {"fg": "roto.exr"}}, "expected pictures beside a plate of them"),
        (PLAIN, {"frames": "1-3"}, "expected 2 numbers from 0 on, got 1-3"),
        ("none.####.exr", {"mattes": {"fg": PLAIN[..., 0]}}, "matte fg: expected a path"),
        ("none.####.exr", {}, "none"),
    ],
)
def test_what_does_not_fit_is_refused(plate, options, said) -> None:
    with pytest.raises(pullfocus.PullfocusError, match=said):
        pullfocus.open_shot(plate, **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quality": "superb"}, "draft, standard, high, got 'superb'"),
        ({"device": "abacus"}, "cpu or cuda"),
        ({"steps": 3, "minutes": 2.0}, "--steps or --minutes"),
        ({"proxy": "tiny"}, "--proxy"),
        ({"box": ["fg:1001=1,2"]}, "box"),
        ({"shutter": 400}, "--shutter"),
        ({"layers": "many"}, "layers: expected given or auto, got 'many'"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_written(tmp_path, options, said) -> None:
    shot = pullfocus.open_shot(pictures()[0])
    with pytest.raises(pullfocus.PullfocusError, match=said):
        pullfocus.solve_shot(shot, tmp_path / "x.solve", **options)
    assert not (tmp_path / "x.solve" / "settings.json").exists()


def test_a_solve_is_opened_again_and_solved_no_second_time(solved) -> None:
    plate, matte = pictures()
    before = (solved.folder / "checkpoint.safetensors").read_bytes()
    footage = solved.folder / "footage"
    times = {path.name: path.stat().st_mtime_ns for path in footage.iterdir()}
    shot = pullfocus.open_shot(plate, mattes={"fg": matte})
    again = pullfocus.solve_shot(shot, solved.folder, steps=12, seed=1, threads=1)
    assert again.frames == solved.frames == (1001, 1002, 1003, 1004, 1005)
    assert (solved.folder / "checkpoint.safetensors").read_bytes() == before
    assert {path.name: path.stat().st_mtime_ns for path in footage.iterdir()} == times
    assert repr(again).endswith("fg, bg; 80x48, 1001-1005>")
    other = pullfocus.open_shot(plate[::-1].copy(), mattes={"fg": matte})
    with pytest.raises(pullfocus.PullfocusError, match="another solve"):
        pullfocus.solve_shot(other, solved.folder, steps=12, seed=1)
    assert {path.name: path.stat().st_mtime_ns for path in footage.iterdir()} == times


def test_a_frame_is_what_bake_writes(solved, tmp_path) -> None:
    shown = solved.frame(1002)
    report = solved.bake(tmp_path, frames="1002")
    assert report.frames == 1
    written = read_exr(tmp_path / f"{solved.shot.name}.1002.exr")
    assert shown["beauty"].shape == (HEIGHT, WIDTH, 4)
    for index, channel in enumerate("RGBA"):
        np.testing.assert_allclose(shown["beauty"][..., index], written[channel], atol=1e-3)
    np.testing.assert_array_equal(shown["fg_uv"][..., 0], written["fg_uv.X"])
    np.testing.assert_array_equal(shown["coc"].reshape(HEIGHT, WIDTH), written["coc.X"])
    assert {"fg", "bg", "confidence", "forward"} <= set(shown)
    with pytest.raises(pullfocus.PullfocusError, match="a frame of 1001-1005, got 7"):
        solved.frame(7)


def test_a_frame_through_another_lens_is_what_refocus_writes(solved, tmp_path) -> None:
    shown = solved.refocused(1003, keep_sharp="fg", aperture=1.5, blades=5)
    command = ["refocus", str(solved.folder), "--out", str(tmp_path), "--keep-sharp", "fg"]
    assert cli.run([*command, "--aperture", "1.5", "--blades", "5", "--frames", "1003"]) == 0
    written = read_exr(tmp_path / f"{solved.shot.name}_refocus.1003.exr")
    np.testing.assert_allclose(shown["beauty"][..., 1], written["G"], atol=1e-3)
    np.testing.assert_array_equal(shown["coc"], written["coc.X"])
    for wrong, said in (
        ({"aperture": -1}, "aperture: expected a number from 0"),
        ({"apperture": 1}, "got 'apperture'"),
        ({"keep_sharp": ("hero",)}, "a layer of fg, bg, got 'hero'"),
        ({"focus": "hero"}, "--focus"),
    ):
        with pytest.raises(pullfocus.PullfocusError, match=said):
            solved.refocused(1003, **wrong)


def test_paint_in_memory_lies_in_every_frame(solved, tmp_path) -> None:
    atlas = solved.atlas("fg")
    over = np.zeros((*atlas.shape[:2], 4), np.float32)
    over[...] = (0, 1, 0, 1)
    shown = solved.refocused(1003, painted={"fg": over}, aperture=0)["beauty"]
    assert shown[24, 40, :3] == pytest.approx([0, 1, 0], abs=0.02)
    report = solved.edit(tmp_path / "edited", "fg", over, frames="1001-1002")
    assert report.frames == 2
    for number in (1001, 1002):
        written = read_exr(tmp_path / "edited" / f"{solved.shot.name}.{number}.exr")
        assert written["G"][24, 40] == pytest.approx(1, abs=0.02)
        assert written["R"][24, 40] == pytest.approx(0, abs=0.02)
    copy = solved.edit(tmp_path / "copy", "fg", atlas, frames="1001")
    assert copy.frames == 1
    plain = solved.frame(1001)["beauty"]
    written = read_exr(tmp_path / "copy" / f"{solved.shot.name}.1001.exr")
    np.testing.assert_allclose(written["R"], plain[..., 0], atol=1e-3)
    for wrong, said in (
        (over[:4], "expected paint of"),
        (over[..., 0], r"expected an array \(h, w, 3 or 4\)"),
        (over * np.nan, "finite"),
    ):
        with pytest.raises(pullfocus.PullfocusError, match=said):
            solved.edit(tmp_path / "none", "fg", wrong)


def test_motion_is_what_flow_writes(solved, tmp_path) -> None:
    found = solved.motion(1001, 1003)
    report = solved.flow(tmp_path, interval=2, frames="1001")
    written = read_exr(report.first)
    np.testing.assert_array_equal(found.px[..., 0], written["forward.u"])
    np.testing.assert_array_equal(-found.px[..., 1], written["forward.v"])
    np.testing.assert_array_equal(found.hidden, written["hidden.X"] > 0)
    with pytest.raises(pullfocus.PullfocusError, match="1 or more"):
        solved.flow(tmp_path, interval=0)


def test_footage_that_moved_is_found_where_it_is_said_to_be(solved, tmp_path) -> None:
    moved = tmp_path / "x.solve"
    shutil.copytree(solved.folder, moved)
    shutil.move(moved / "footage", tmp_path / "elsewhere")
    where = tmp_path / "elsewhere"
    opened = pullfocus.open_solve(
        moved, plate=where / "plate.####.exr", mattes={"fg": where / "fg.####.exr"}
    )
    assert opened.layers == ("fg", "bg")
    assert opened.focus is None or opened.focus.shape == (COUNT,)
    with pytest.raises(pullfocus.PullfocusError, match="solve folder"):
        pullfocus.open_solve(tmp_path / "none")
