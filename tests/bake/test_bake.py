# SPDX-License-Identifier: Apache-2.0
"""A small shot through the real solver and bake: contract, consistency, exact resume."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pullfocus.bake.bake import bake
from pullfocus.errors import PullfocusError
from pullfocus.flow.motion import layer_motion
from pullfocus.observe.observe import observe
from pullfocus.passes.passes_json import read_passes_json
from pullfocus.plate.exr import Plane, read_exr, read_metadata, write_exr
from pullfocus.progress import Progress
from pullfocus.solve.folder import read_settings
from pullfocus.solve.inputs import ShotInputs
from pullfocus.solve.run import run_solve
from pullfocus.solve.settings import SolveSettings, settings_from_record
from pullfocus.solve.solved import load_solve
from pullfocus.solve.solver import Solver
from scipy.ndimage import map_coordinates

FRAMES, HEIGHT, WIDTH, PAN = 6, 72, 128, 3
SETTINGS = SolveSettings(steps=24, warmup_steps=4)


def picture(seed: int, height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)
    image = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return ((image - image.min()) / np.ptp(image) * 200 + 20).astype(np.uint8)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disc that moves one way over a wall that moves the other, both sharp."""
    folder = tmp_path_factory.mktemp("footage")
    wall = picture(1, HEIGHT, WIDTH + PAN * FRAMES)
    skin = picture(2, HEIGHT, WIDTH)
    for t in range(FRAMES):
        matte = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.circle(matte, (40 + 2 * t, 36), 18, 255, -1, cv2.LINE_AA)
        a = matte[..., None] / 255
        moved = np.roll(skin, 2 * t, 1)
        frame = a * moved + (1 - a) * wall[:, PAN * t : PAN * t + WIDTH]
        cv2.imwrite(str(folder / f"plate.{1001 + t}.png"), (frame + 0.5).astype(np.uint8))
        cv2.imwrite(str(folder / f"matte.{1001 + t}.png"), matte)
    return folder


@pytest.fixture(scope="module")
def solved(footage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    inputs = ShotInputs(
        plate=str(footage / "plate.####.png"), mattes=(("fg", str(footage / "matte.####.png")),)
    )
    folder = tmp_path_factory.mktemp("solves") / "shot.solve"
    run_solve(inputs.open(), folder, SETTINGS, inputs=inputs, progress=Progress())
    return folder


@pytest.fixture(scope="module")
def baked(solved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("passes")
    report = bake(solved, out)
    assert report.frames == FRAMES
    return out


def test_every_pass_of_the_contract_is_there_and_nothing_else(baked: Path) -> None:
    passes = read_passes_json(baked)
    expected = {channel for p in passes.pass_table() for channel in p.channels}
    for frame in passes.frames:
        channels = read_exr(baked / passes.file_name(frame))
        assert set(channels) == expected
        assert all(plane.shape == (HEIGHT, WIDTH) for plane in channels.values())
    assert read_metadata(baked / passes.file_name(1001))["pullfocus/coc_sign"] == "unsigned"


@pytest.mark.parametrize("layer", ["fg", "bg"])
def test_sampling_the_atlas_with_the_uv_gives_the_layer(baked: Path, layer: str) -> None:
    passes = read_passes_json(baked)
    atlas = read_exr(baked / f"atlas_{layer}.exr")
    height, width = atlas["R"].shape
    channels = read_exr(baked / passes.file_name(1004))
    x = channels[f"{layer}_uv.X"] * width - 0.5
    y = (1 - channels[f"{layer}_uv.Y"]) * height - 0.5
    matte = channels[f"{layer}_uv.Z"]
    solid = matte > 0.99
    assert solid.sum() > 500
    for c in "RGB":
        looked_up = map_coordinates(atlas[c], [y, x], order=1, mode="nearest")
        error = np.abs(looked_up * matte - channels[f"{layer}.{c}"])[solid]
        # hosts filter bilinearly, the solve bicubically: detail differs, nothing is displaced
        assert error.mean() < 0.01
        shifted = map_coordinates(atlas[c], [y, x + 1.25], order=1, mode="nearest")
        assert np.abs(shifted - channels[f"{layer}.{c}"])[solid].mean() > 4 * error.mean()


def test_layers_composite_to_the_beauty(solved: Path, tmp_path: Path) -> None:
    bake(solved, tmp_path, keep_plate=False, frames="1003")
    channels = read_exr(tmp_path / read_passes_json(tmp_path).file_name(1003))
    for c in "RGB":
        over = channels[f"fg.{c}"] + (1 - channels["fg.A"]) * channels[f"bg.{c}"]
        np.testing.assert_allclose(channels[c], over, atol=2e-3)  # half floats near 1
    assert (channels["bg.A"] == 1).all()
    np.testing.assert_array_equal(channels["fg.A"], channels["alpha.A"])


def test_motion_is_that_of_the_layers(baked: Path) -> None:
    passes = read_passes_json(baked)
    channels = read_exr(baked / passes.file_name(1003))
    wall = np.zeros((HEIGHT, WIDTH), bool)
    wall[10:-10, 80:-10] = True
    disc = channels["alpha.A"] > 0.99
    for region, dx in ((wall, -PAN), (disc, 2)):
        assert np.median(channels["forward.u"][region]) == pytest.approx(dx, abs=0.3)
        assert np.median(channels["backward.u"][region]) == pytest.approx(-dx, abs=0.3)
        assert np.median(channels["forward.v"][region]) == pytest.approx(0, abs=0.3)
    assert (read_exr(baked / passes.file_name(1006))["forward.u"] == 0).all()


def test_motion_lands_on_the_same_texel(solved: Path) -> None:
    _, model = load_solve(solved)
    mapping, frame = model.layers[-1].mapping, model.frame_box()
    motion = layer_motion(mapping, 1, 3, frame, 16)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    at = np.stack([x + motion[..., 0], y + motion[..., 1]], -1).astype(np.float32)
    inside = ((at > 1) & (at < (WIDTH - 2, HEIGHT - 2))).all(-1)
    with torch.no_grad():
        here = np.moveaxis(mapping(1, frame).numpy(), 0, -1)[inside]
        landed = mapping.texels_at(3, torch.from_numpy(at[inside])).numpy()
    # pictures of the mapping are looked up at places rounded to 1/32 px, 1.25 texels each
    assert np.abs(landed - here).max() < 1.25 / 64 + 0.002


def test_going_on_from_a_state_is_exact(solved: Path, footage: Path) -> None:
    shot, _ = load_solve(solved)
    observed = observe(shot, solved / "observe", SETTINGS.observe)
    settings = replace(SETTINGS, steps=16)
    straight = Solver(observed, settings)
    for _ in range(16):
        straight.step()
    first = Solver(observed, settings)
    for _ in range(9):  # past the coarse phase
        first.step()
    tensors = {name: value.clone() for name, value in first.state().items()}
    second = Solver(observed, settings)
    second.load_state(tensors)
    while not second.finished:
        second.step()
    for name, value in straight.state().items():
        assert torch.equal(value, second.state()[name]), name


def test_settings_survive_the_solve_folder(solved: Path) -> None:
    from pullfocus.solve.folder import read_settings

    assert settings_from_record(read_settings(solved)["settings"]) == SETTINGS


def test_a_solve_of_an_earlier_version_is_rebuilt_as_that_version_was(solved: Path) -> None:
    from pullfocus.solve.folder import read_settings

    record = read_settings(solved)["settings"]
    del record["model"]["change"], record["model"]["change_cell_px"]
    del record["model"]["background_frames_per_knot"], record["model"]["background_flutter"]
    model = settings_from_record(record).model
    assert model.change is False
    assert (model.background_frames_per_knot, model.background_flutter) == (1, False)


def test_what_differs_in_another_solve_is_named_alone(solved: Path) -> None:
    from pullfocus.solve.folder import check_same_solve, read_settings

    old, new = read_settings(solved), read_settings(solved)
    new["settings"]["model"]["mapping_cell_px"] = 9.0
    with pytest.raises(
        PullfocusError, match=r"another solve: model\.mapping_cell_px was .*, is 9\.0;"
    ):
        check_same_solve(solved, old, new)
    del old["settings"]["model"]["change"]  # as an earlier version wrote it: it held none
    expected = (
        r"another solve, of an earlier version of pullfocus: model\.change was False, is True"
    )
    with pytest.raises(PullfocusError, match=expected):
        check_same_solve(solved, old, new)


def test_frames_that_were_not_solved_are_named(solved: Path, tmp_path: Path) -> None:
    with pytest.raises(PullfocusError, match=r"1001-1006.*1009"):
        bake(solved, tmp_path / "out", frames="1005,1009")


def test_a_pull_of_focus_gives_signs_and_depth(footage: Path, tmp_path: Path) -> None:
    """The radii are given; that the wall lies behind the disc is not."""
    for t in range(FRAMES):
        focus = -3 + 6 * t / (FRAMES - 1)
        radius = np.full((HEIGHT, WIDTH), abs(2.0 - focus), np.float32)
        matte = cv2.imread(str(footage / f"matte.{1001 + t}.png"), cv2.IMREAD_GRAYSCALE)
        radius[matte > 127] = abs(-2.0 - focus)
        plane = Plane(name="coc", data=radius, channels=("coc.X",), half=False)
        write_exr(tmp_path / f"radius.{1001 + t}.exr", [plane])
    inputs = ShotInputs(
        plate=str(footage / "plate.####.png"),
        mattes=(("fg", str(footage / "matte.####.png")),),
        coc=str(tmp_path / "radius.####.exr"),
    )
    folder = tmp_path / "shot.solve"
    settings = replace(SETTINGS, steps=2)
    run_solve(inputs.open(), folder, settings, inputs=inputs, progress=Progress())
    report = bake(folder, tmp_path / "passes")
    assert report.signed
    passes = read_passes_json(tmp_path / "passes")
    assert passes.coc_signed
    assert passes.lens_curve is not None
    assert passes.solve == "../shot.solve"
    path = tmp_path / "passes" / passes.file_name(1002)
    assert read_metadata(path)["pullfocus/coc_sign"] == "near_negative"
    channels = read_exr(path)
    focus = -3 + 6 / (FRAMES - 1)
    disc = channels["alpha.A"] > 0.99
    wall = np.zeros_like(disc)
    wall[10:-10, 90:-10] = True
    assert np.median(channels["fg_coc.X"][disc]) == pytest.approx(-2 - focus, abs=0.3)
    assert np.median(channels["bg_coc.X"][wall]) == pytest.approx(2 - focus, abs=0.3)
    assert np.median(channels["coc.X"][disc]) == pytest.approx(-2 - focus, abs=0.3)
    depth = channels["depth.Z"]
    assert np.median(depth[wall]) - np.median(depth[disc]) == pytest.approx(4, abs=0.4)
    # a radius at another focus f is coc + focus - f: at its own depth the disc is sharp
    at = passes.lens_curve["focus"]["1002"]
    assert channels["fg_coc.X"][disc].mean() + at == pytest.approx(np.median(depth[disc]), abs=0.2)
    # and focusing on a layer means its own middle depth
    assert passes.lens_curve["layers"] == pytest.approx(
        {"fg": np.median(depth[disc]), "bg": np.median(depth[wall])}, abs=0.2
    )


def _times(folder: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in folder.iterdir() if p.name != "passes.json"}


def test_what_is_there_is_skipped_what_is_torn_or_gone_is_made(
    solved: Path, tmp_path: Path
) -> None:
    first = bake(solved, tmp_path, frames="1001-1002", skip_existing=True)
    assert (first.frames, first.skipped) == (2, 0)
    before = _times(tmp_path)
    whole = (tmp_path / "plate.1002.exr").read_bytes()
    torn = read_exr(tmp_path / "plate.1002.exr")
    (tmp_path / "plate.1002.exr").write_bytes(whole[: len(whole) // 2])
    again = bake(solved, tmp_path, frames="1001-1003", skip_existing=True)
    assert (again.frames, again.skipped) == (2, 1)
    after = _times(tmp_path)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"plate.1002.exr", "plate.1003.exr"}
    remade = read_exr(tmp_path / "plate.1002.exr")  # its header tells the second it was made
    assert all((remade[name] == plane).all() for name, plane in torn.items())


def test_frames_of_other_options_or_of_an_earlier_solve_are_made_again(
    solved: Path, footage: Path, tmp_path: Path
) -> None:
    bake(solved, tmp_path, frames="1001")
    kept = bake(solved, tmp_path, frames="1001", keep_plate=False, skip_existing=True)
    assert (kept.frames, kept.skipped) == (1, 0)
    other = tmp_path / "other.solve"
    shutil.copytree(solved, other)
    inputs = ShotInputs.from_record(read_settings(solved)["inputs"])
    more = replace(SETTINGS, steps=SETTINGS.steps + 2)
    run_solve(inputs.open(), other, more, inputs=inputs, progress=Progress())
    later = bake(other, tmp_path, frames="1001", keep_plate=False, skip_existing=True)
    assert (later.frames, later.skipped) == (1, 0)
