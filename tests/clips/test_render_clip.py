# SPDX-License-Identifier: Apache-2.0
"""Figures that move without tearing, and clips of them whose truth describes their pictures."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.plate.exr import read_exr

ROOT = Path(__file__).resolve().parents[2]
BPY = ROOT / ".venv-bpy" / "bin" / "python"


@pytest.fixture(scope="module")
def scripts(scripts_of):
    names = "clip_recipes figure_mesh figure_paint head_mesh render_clip tube_mesh".split()
    return dict(zip(names, scripts_of("examples", *names), strict=True))


def test_a_tube_is_round_and_follows_its_path(scripts):
    path = np.stack([np.zeros(9), np.zeros(9), np.linspace(0, 2, 9)], -1)
    part = scripts["tube_mesh"].tube("skin", path, np.full(9, 0.3), np.array([1.0, 0, 0]), around=8)
    assert part.vertices.shape == (9 * 9, 3)
    np.testing.assert_allclose(np.hypot(*part.vertices[:, :2].T), 0.3, atol=1e-9)
    assert part.faces.shape == (8 * 8, 4)
    assert part.faces.max() < len(part.vertices)
    # all quads look outwards, or shading would be black
    a, b, _, d = (part.vertices[part.faces[:, k]] for k in range(4))
    normal = np.cross(b - a, d - a)
    outwards = part.vertices[part.faces].mean(1) * [1, 1, 0]
    signs = np.sign((normal * outwards).sum(1))
    assert abs(signs.sum()) == len(signs)


def test_a_path_bends_round_its_joints(scripts):
    joints = np.array([[0.0, 0, 1], [0, 0, 0.5], [0.5, 0, 0.5]])
    path = scripts["tube_mesh"].smooth_path(joints, 30)
    np.testing.assert_allclose(path[[0, -1]], joints[[0, 2]])
    steps = np.diff(path, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    assert (steps[1:] * steps[:-1]).sum(1).min() > 0.95


@pytest.mark.parametrize("name", ["figure", "figure_turns", "leaves", "head"])
def test_parts_keep_their_topology_and_move_without_a_leap(scripts, name):
    recipe = scripts["clip_recipes"].RECIPES[name]
    before = None
    for frame in range(-1, 10):
        parts = recipe.subject(frame / 24)
        assert {part.texture for part in parts} <= set(scripts["figure_paint"].NAMES)
        for part in parts:
            assert np.isfinite(part.vertices).all()
        if before is not None:
            assert len(parts) == len(before)
            for old, new in zip(before, parts, strict=True):
                np.testing.assert_array_equal(old.faces, new.faces)
                np.testing.assert_array_equal(old.uv, new.uv)
                assert np.abs(new.vertices - old.vertices).max() < 0.3  # metres a frame
        before = parts


def test_the_figure_bends(scripts):
    """Not a rigid cut-out: no affine map takes one frame's vertices to another's."""
    module = scripts["figure_mesh"]

    def points(time):
        return np.concatenate([p.vertices for p in module.figure(module.Walk(), time)])

    first, later = points(0.0), points(0.3)
    homogeneous = np.concatenate([first, np.ones((len(first), 1))], 1)
    fitted = homogeneous @ np.linalg.lstsq(homogeneous, later, rcond=None)[0]
    assert np.sqrt(((fitted - later) ** 2).sum(1).mean()) > 0.03


def test_a_walk_that_comes_back_is_where_it_was(scripts):
    walk = scripts["figure_mesh"].Walk(back_after=0.5)
    np.testing.assert_allclose(walk.place(0.8), walk.place(0.2))


def test_the_mouth_opens_and_the_skull_stays(scripts):
    module = scripts["head_mesh"]
    shut, wide = module.head(0.0), module.head(1.0)
    np.testing.assert_array_equal(shut[0].vertices, wide[0].vertices)  # the upper part
    drop = shut[1].vertices[:, 2] - wide[1].vertices[:, 2]
    columns = 73
    lips = drop[:columns]
    assert lips[columns // 2] > 0.02
    assert lips[0] == lips[-1] == 0
    assert abs(drop[columns // 2 :: columns][-1]) < 0.01  # where the neck is
    # closed, upper and lower lip are one line
    np.testing.assert_allclose(shut[0].vertices[-columns:], shut[1].vertices[:columns])
    box = module.mouth_corners(1.0)
    assert box[:, 2].min() < module.mouth_corners(0.0)[:, 2].min() - 0.015


def test_the_head_turns_sixty_degrees(scripts):
    pose = scripts["clip_recipes"].head_pose
    # where the nose points, seen from above
    faces = np.array([pose(frame / 24)[0] @ [0, -1.0, 0] for frame in range(28)])
    angle = np.degrees(np.arctan2(faces[:, 0], -faces[:, 1]))
    assert 57 < np.ptp(angle) < 63
    mouths = np.array([pose(frame / 24)[2] for frame in range(28)])
    assert mouths.min() < 0.05
    assert mouths.max() > 0.7


def test_skins_have_detail_and_are_the_seeds(scripts):
    paint = scripts["figure_paint"].paint_skins
    one, again, other = (paint(np.random.default_rng(seed), 64) for seed in (1, 1, 2))
    assert sorted(one) == sorted(scripts["figure_paint"].NAMES)
    for name, skin in one.items():
        assert skin.shape[2] == 3
        assert 0 < skin.min() <= skin.max() < 1
        np.testing.assert_array_equal(skin, again[name])
    assert np.abs(one["plaid"] - other["plaid"]).max() > 0.01
    assert all(one[name].std() > 0.04 for name in ("plaid", "knit", "wicker", "face"))


def test_rough_mattes_are_near_the_subject_and_lose_thin_parts(scripts):
    y, x = np.mgrid[:120, :160]
    alpha = ((np.hypot(y - 60, x - 80) < 30) | ((np.abs(x - 80) < 1.5) & (y < 60))).astype(float)
    rough = scripts["render_clip"].rough_matte
    first, second = (rough(alpha, np.random.default_rng(seed)) for seed in (0, 1))
    assert set(np.unique(first)) == {0.0, 1.0}
    assert not first[:15, 78:83].any()
    away = np.hypot(y - 60, x - 80) - 30
    assert (first[away < -14] == 1).all()
    assert not first[(away > 14)].any()
    assert 0.01 < (first != second).mean() < 0.2
    assert not rough(np.zeros((40, 50)), np.random.default_rng(0)).any()


def test_a_hole_in_the_depth_takes_its_neighbours(scripts):
    depth = np.full((5, 6), 1e10)
    depth[2, 3] = 4.0
    np.testing.assert_array_equal(scripts["render_clip"].filled(depth, depth < 1e3), 4.0)


def test_the_box_is_where_the_camera_sees_the_points(scripts):
    job = {"width": 100, "height": 60, "focal_px": 100}
    points = np.array([[0.1, 2.0, 1.2], [-0.1, 2.0, 1.0]])
    mask = scripts["render_clip"].projected_box(points, (0.0, 0.0, 1.0), job)
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max() + 1) == (20, 30)
    assert (columns.min(), columns.max() + 1) == (45, 55)
    behind = scripts["render_clip"].projected_box(points - [5, 0, 0], (0.0, 0.0, 1.0), job)
    assert not behind.any()


def test_the_job_names_what_it_wrote(scripts, tmp_path, monkeypatch):
    module = scripts["render_clip"]
    paint = module.paint_skins
    monkeypatch.setattr(module, "paint_skins", lambda rng: paint(rng, 64))
    monkeypatch.setattr(module, "paint_street", lambda rng: rng.random((600, 300, 3)))
    job = module.describe(
        module.RECIPES["lamps"], tmp_path, width=64, height=36, frames=2, samples=4, seed=1,
        max_radius=2.0, threads=1,
    )  # fmt: skip
    meshes = np.load(tmp_path / "meshes.npz")
    for surface in job["surfaces"]:
        assert (tmp_path / surface["picture"]).exists()
        places = meshes[f"{surface['name']}.vertices"]
        assert len(places) == (4 if surface["subject"] else 1)  # one more at both ends
        assert meshes[f"{surface['name']}.uv"].shape == (places.shape[1], 2)
    assert max(surface["strength"] for surface in job["surfaces"]) > 5
    assert json.loads(json.dumps(job)) is not None
    near, far = 1 / module.RECIPES["lamps"].distance, 1 / module.WALL_DISTANCE
    assert job["radius_px_per_dioptre"] * (near - far) == pytest.approx(2)


@pytest.mark.slow
@pytest.mark.host
@pytest.mark.skipif(not BPY.exists(), reason="no bpy: make blender")
@pytest.mark.parametrize("name", ["figure_blur", "head"])
def test_a_rendered_clip_is_what_its_truth_says(scripts, tmp_path, name):
    out = tmp_path / "clip"
    scripts["render_clip"].render_clip(
        name, out, width=160, height=90, frames=2, samples=32, threads=2
    )
    assert not (out / "render").exists()
    check(out, name)


def check(out, name):
    def picture(part, frame):
        return cv2.imread(str(out / f"{part}.{frame:04d}.png"), -1).astype(np.float64) / 255

    def decibels(a, b, where):
        return -10 * np.log10(np.mean((a - b)[where] ** 2))

    still = "still" if name == "figure_blur" else "sharp"
    truth = read_exr(out / "truth.0001.exr")
    alpha = picture("alpha", 1)
    height, width = alpha.shape
    outside = cv2.dilate(alpha, np.ones((15, 15))) == 0
    # focus far: the wall is sharp, the subject near and blurred
    assert np.abs(truth["cocbg.X"][: height // 6, : width * 3 // 4]).max() < 0.2
    assert truth["cocfg.X"][alpha == 1].max() < -1.5
    sharp, plate = picture("sharp", 1), picture("plate", 1)
    assert decibels(plate, sharp, outside & (np.abs(truth["cocbg.X"]) < 0.2)) > 32
    assert decibels(plate, sharp, alpha == 1) < 27
    np.testing.assert_allclose(
        picture("clean", 1)[outside & (alpha == 0)], sharp[outside & (alpha == 0)], atol=0.05
    )
    # the truth's motion leads to the same place in the next frame
    y, x = np.mgrid[:height, :width].astype(np.float32)
    after = cv2.remap(picture(still, 2), x + truth["flow.X"], y + truth["flow.Y"], cv2.INTER_CUBIC)
    inner = (x > 6) & (x < width - 6) & (y > 6) & (y < height - 6)
    for where in (outside & inner, cv2.erode(alpha, np.ones((5, 5))) == 1):
        # the wall moves by a quarter of a pixel only
        gained = decibels(after, picture(still, 1), where)
        assert gained > decibels(picture(still, 2), picture(still, 1), where) + 2.5
    if name == "figure_blur":  # a fast subject is smeared in sharp, not in still
        from pullfocus.evaluate.regions import detail

        assert detail(sharp, picture("still", 1), alpha > 0.5) < 0.8
    else:
        assert picture("region", 2).any()
    assert {"focus_m", "radius_px_per_dioptre"} <= set(json.loads((out / "lens.json").read_text()))
