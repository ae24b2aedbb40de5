# SPDX-License-Identifier: Apache-2.0
"""Paint on the atlas of a small solved pan: it follows, and nothing else moves."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.bake.bake import bake
from pullfocus.edit.edit import Painting, edit
from pullfocus.edit.paint import read_paint
from pullfocus.errors import PullfocusError
from pullfocus.plate.exr import Plane, read_exr, write_exr
from pullfocus.progress import Progress
from pullfocus.solve.inputs import ShotInputs
from pullfocus.solve.run import run_solve
from pullfocus.solve.settings import SolveSettings
from pullfocus.solve.solved import load_solve

FRAMES, HEIGHT, WIDTH, PAN = 4, 72, 128, 4


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shot")
    noise = np.random.default_rng(4).random((HEIGHT, WIDTH + PAN * FRAMES, 3)).astype(np.float32)
    wall = cv2.GaussianBlur(noise, (0, 0), 1.5)
    wall = ((wall - wall.min()) / np.ptp(wall) * 150 + 30).astype(np.uint8)
    for t in range(FRAMES):
        matte = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.circle(matte, (64, 36), 16, 255, -1, cv2.LINE_AA)
        frame = wall[:, PAN * t : PAN * t + WIDTH].copy()
        frame[matte > 127] = (40, 90, 200)
        cv2.imwrite(str(folder / f"plate.{1001 + t}.png"), frame)
        cv2.imwrite(str(folder / f"matte.{1001 + t}.png"), matte)
    inputs = ShotInputs(
        plate=str(folder / "plate.####.png"), mattes=(("fg", str(folder / "matte.####.png")),)
    )
    settings = SolveSettings(steps=16, warmup_steps=4)
    run_solve(inputs.open(), folder / "x.solve", settings, inputs=inputs, progress=Progress())
    bake(folder / "x.solve", folder / "passes")
    return folder


def atlas_of(solved: Path, layer: str) -> np.ndarray:
    held = read_exr(solved / "passes" / f"atlas_{layer}.exr")
    return np.dstack([held[c] for c in "RGB"])


def sticker(atlas: np.ndarray) -> tuple[slice, slice]:
    """Where to paint: left of the middle, clear of the disc in every frame."""
    height, width = atlas.shape[:2]
    return slice(height // 3, height // 2), slice(width // 3 - 12, width // 3 + 4)


def frame_of(folder: Path, number: int) -> dict[str, np.ndarray]:
    return read_exr(folder / f"plate.{number}.exr")


def test_a_painted_copy_goes_to_every_frame_and_the_rest_stays_to_the_bit(
    solved: Path, tmp_path: Path
) -> None:
    atlas = atlas_of(solved, "bg")
    atlas[sticker(atlas)] = (0.0, 0.9, 0.0)
    write_exr(
        tmp_path / "painted.exr", [Plane(name="a", data=atlas, channels=tuple("RGB"), half=True)]
    )
    report = edit(solved / "x.solve", tmp_path / "out", Painting("bg", tmp_path / "painted.exr"))
    assert report.frames == FRAMES
    places = []
    for number in range(1001, 1001 + FRAMES):
        before, after = frame_of(solved / "passes", number), frame_of(tmp_path / "out", number)
        assert set(after) == set(before)
        changed = (after["R"] != before["R"]) | (after["G"] != before["G"])
        assert 20 < changed.sum() < 0.1 * changed.size
        green = (after["G"] > 0.7) & (after["R"] < 0.1)
        assert green.sum() > 20
        places.append(np.nonzero(green)[1].mean())
        for name in before:
            if name not in ("R", "G", "B", "bg.R", "bg.G", "bg.B"):
                np.testing.assert_array_equal(after[name], before[name], err_msg=name)
    np.testing.assert_allclose(np.diff(places), -PAN, atol=0.6)  # it rides on the wall


def test_an_8_bit_copy_changes_only_what_was_painted(solved: Path, tmp_path: Path) -> None:
    from pullfocus.plate.colour import linear_to_display

    atlas = atlas_of(solved, "bg")
    shown = (linear_to_display(atlas).clip(0, 1) * 255).round().astype(np.uint8)
    shown[sticker(atlas)] = (0, 240, 0)
    cv2.imwrite(str(tmp_path / "painted.png"), shown[..., ::-1])
    edit(solved / "x.solve", tmp_path / "out", Painting("bg", tmp_path / "painted.png"))
    before, after = frame_of(solved / "passes", 1002), frame_of(tmp_path / "out", 1002)
    changed = np.any([after[c] != before[c] for c in "RGB"], 0)
    assert 20 < changed.sum() < 0.1 * changed.size


def test_paint_with_alpha_lies_over(solved: Path, tmp_path: Path) -> None:
    height, width = atlas_of(solved, "fg").shape[:2]
    over = np.zeros((height, width, 4), np.uint8)
    over[height // 2 - 3 : height // 2 + 3, width // 2 - 3 : width // 2 + 3] = (0, 255, 0, 128)
    cv2.imwrite(str(tmp_path / "over.png"), over)
    edit(solved / "x.solve", tmp_path / "out", Painting("fg", tmp_path / "over.png"))
    before, after = frame_of(solved / "passes", 1003), frame_of(tmp_path / "out", 1003)
    middle = (36, 64)
    assert after["G"][middle] == pytest.approx(0.5 + 0.5 * before["G"][middle], abs=0.04)
    assert after["R"][middle] == pytest.approx(0.5 * before["R"][middle], abs=0.04)


def test_paint_over_a_frame_reaches_the_others(solved: Path, tmp_path: Path) -> None:
    over = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    over[10:20, 90:104] = (0, 255, 0, 255)
    over[30:42, 58:70] = (0, 255, 0, 255)  # over the disc: not the wall's
    cv2.imwrite(str(tmp_path / "over.png"), over)
    painting = Painting("bg", tmp_path / "over.png", frame=1002)
    edit(solved / "x.solve", tmp_path / "out", painting)
    for number in (1001, 1002, 1004):
        channels = frame_of(tmp_path / "out", number)
        green = (channels["G"] > 0.6) & (channels["R"] < 0.15)
        ys, xs = np.nonzero(green)
        assert green.sum() > 60
        assert xs.mean() == pytest.approx(96.5 - PAN * (number - 1002), abs=1.0)
        assert ys.max() < 24  # none on the disc


def test_paint_in_the_plate_keeps_its_grain(solved: Path, tmp_path: Path) -> None:
    atlas = atlas_of(solved, "bg")
    atlas[sticker(atlas)] = (0.0, 0.9, 0.0)
    write_exr(
        tmp_path / "painted.exr", [Plane(name="a", data=atlas, channels=tuple("RGB"), half=True)]
    )
    painting = Painting("bg", tmp_path / "painted.exr")
    edit(solved / "x.solve", tmp_path / "out", painting, in_plate=True)
    shot, _ = load_solve(solved / "x.solve")
    plate = np.asarray(shot.plate.read(1)).astype(np.float16).astype(np.float32)
    after = read_exr(tmp_path / "out" / "plate_painted.1002.exr")
    colour = np.dstack([after[c] for c in "RGB"])
    untouched = (colour == plate).all(-1)
    assert untouched.mean() > 0.7
    assert (colour[..., 1] - plate[..., 1]).max() > 0.3


@pytest.mark.parametrize(
    ("painting", "message"),
    [
        (Painting("sky", Path("paint.png")), "expected one of fg, bg, got 'sky'"),
        (Painting("bg", Path("none.png")), "no file at"),
        (Painting("bg", Path("paint.png")), "got 8x8"),
        (Painting("bg", Path("paint.png"), frame=7), r"1001-1004.*got 7"),
        (Painting("bg", Path("paint.png"), frame=1001), "expected paint of 128x72 px, got 8x8"),
    ],
)
def test_paint_that_does_not_fit(
    solved: Path, tmp_path: Path, monkeypatch, painting: Painting, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("paint.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(PullfocusError, match=message):
        edit(solved / "x.solve", tmp_path / "out", painting)


@pytest.mark.parametrize("in_plate", [False, True])
def test_opaque_paint_hides_what_lies_under_it(
    solved: Path, tmp_path: Path, in_plate: bool
) -> None:
    """Grain of the plate lies beneath the paint, not on it."""
    height, width = atlas_of(solved, "bg").shape[:2]
    over = np.zeros((height, width, 4), np.uint8)
    over[height // 3 : height // 2, width // 3 - 12 : width // 3 + 4] = (0, 0, 255, 255)
    cv2.imwrite(str(tmp_path / "over.png"), over)
    painting = Painting("bg", tmp_path / "over.png")
    edit(solved / "x.solve", tmp_path / "out", painting, in_plate=in_plate)
    name = "plate_painted" if in_plate else "plate"
    after = read_exr(tmp_path / "out" / f"{name}.1002.exr")
    inside = cv2.erode(((after["R"] > 0.6) & (after["G"] < 0.06)).astype(np.uint8), np.ones((5, 5)))
    assert inside.sum() > 10
    assert np.ptp(after["G"][inside > 0]) < 0.02
    assert np.ptp(after["R"][inside > 0]) < 0.06


def test_the_bake_leaves_a_guide_beside_each_atlas(solved: Path) -> None:
    for layer in ("fg", "bg"):
        guide = cv2.imread(str(solved / "passes" / f"atlas_{layer}_guide.png"))
        assert guide is not None
        height, width = atlas_of(solved, layer).shape[:2]
        assert guide.shape[1] >= max(width, 700)
        assert (guide.shape[0] - 40) / guide.shape[1] == pytest.approx(height / width, rel=0.02)
        dark = (guide.max(-1) < 70).mean()
        assert 0.02 < dark < 0.9  # what no frame shows


def test_linear_paint_arrives_as_it_is(tmp_path: Path) -> None:
    data = np.dstack([np.full((4, 5), v, np.float32) for v in (0.2, 3.0, 0.1, 0.5)])
    write_exr(tmp_path / "p.exr", [Plane(name="p", data=data, channels=tuple("RGBA"), half=False)])
    paint = read_paint(tmp_path / "p.exr", width=5, height=4, working_space="lin_rec709_srgb")
    np.testing.assert_allclose(paint.colour[0, 0], (0.2, 3.0, 0.1), rtol=1e-5)
    np.testing.assert_allclose(paint.alpha, 0.5)


def write_psd(path: Path, planes: np.ndarray) -> None:
    """An 8-bit Photoshop file of (channels, h, w), by Adobe's specification: one empty layer.

    A negative count of layers says that the fourth plane of the merged picture is transparency.
    """
    channels, height, width = planes.shape
    layer = struct.pack(">4iH", 0, 0, 0, 0, 0) + b"8BIMnorm" + bytes([255, 0, 0, 0])
    layer += struct.pack(">I", 12) + bytes(12)
    info = struct.pack(">h", -1 if channels == 4 else 1) + layer
    info += bytes(len(info) % 2)
    layers = struct.pack(">I", len(info)) + info + bytes(4)
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, channels, height, width, 8, 3)
    # no palette, no resources; layers; the merged picture, uncompressed, plane by plane
    merged = bytes(2) + planes.astype(np.uint8).tobytes()
    path.write_bytes(head + bytes(8) + struct.pack(">I", len(layers)) + layers + merged)


@pytest.mark.parametrize("transparent", [False, True])
def test_a_flattened_psd_is_read_like_a_png(tmp_path: Path, transparent: bool) -> None:
    rgb, alpha = np.random.default_rng(1).integers(1, 255, (3, 6, 9)), np.full((6, 9), 255)
    alpha[2:5, 3:7] = 128
    alpha[0] = 0
    # Photoshop merges onto white
    merged = (rgb * alpha + 255 * (255 - alpha) + 127) // 255 if transparent else rgb
    write_psd(tmp_path / "p.psd", np.stack([*merged, alpha]) if transparent else merged)
    straight = np.dstack([*rgb[::-1], alpha])[..., : 4 if transparent else 3].astype(np.uint8)
    cv2.imwrite(str(tmp_path / "p.png"), straight)
    psd, png = (
        read_paint(tmp_path / name, width=9, height=6, working_space="lin_rec709_srgb")
        for name in ("p.psd", "p.png")
    )
    np.testing.assert_allclose(psd.alpha, png.alpha, atol=1e-6)
    # two roundings to 8 bit under half an alpha
    np.testing.assert_allclose(psd.colour, png.colour, atol=0.012 if transparent else 1e-6)
