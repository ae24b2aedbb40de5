# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import numpy as np
import pytest
from pullfocus.coc.renders import radius_from_lens, read_scene, scene_folders
from pullfocus.errors import PullfocusError
from pullfocus.plate.exr import Plane, write_exr


def test_the_thin_lens():
    depth = np.array([[2.0, 4.0, 1e10]])
    radius = radius_from_lens(depth, lens_mm=50, fstop=2.0, focus_m=2.0, f_px=1000)
    # aperture 25 mm: half of it, times 1/2 - 1/4, times 1000 px
    np.testing.assert_allclose(radius, [[0, 3.125, 6.25]], rtol=1e-6)
    half = radius_from_lens(depth, lens_mm=50, fstop=4.0, focus_m=2.0, f_px=1000)
    np.testing.assert_allclose(half, radius / 2, rtol=1e-6)


def write_scene(folder: Path) -> None:
    folder.mkdir()
    light = np.random.default_rng(0).uniform(0, 2, (12, 20, 3)).astype(np.float32)
    names = tuple(f"ViewLayer.Combined.{c}" for c in "RGB")
    depth = np.full((12, 20), 3.0, np.float32)
    write_exr(
        folder / "sharp.exr",
        [
            Plane(name="light", data=light, channels=names, half=False),
            Plane(name="depth", data=depth, channels=("ViewLayer.Depth.Z",), half=False),
        ],
    )
    lens = {"file": "a0_f0.exr", "fstop": 2.0, "focus_distance_m": 6.0}
    colour = Plane(name="light", data=light, channels=("R", "G", "B"), half=True)
    write_exr(folder / lens["file"], [colour])
    facts = {"lens_mm": 36.0, "sensor_mm": 36.0, "width": 20, "height": 12, "variants": [lens]}
    (folder / "lens.json").write_text(json.dumps(facts))


def test_a_scene_comes_back_with_its_radii(tmp_path: Path):
    write_scene(tmp_path / "scene_0003")
    (tmp_path / "scene_0004").mkdir()  # not complete: no lens.json
    (scene,) = scene_folders(tmp_path)
    (sample,) = read_scene(scene)
    assert sample.blurred.shape == (12, 20, 3)
    np.testing.assert_allclose(sample.coc, 0.5 * 0.018 * (1 / 3 - 1 / 6) * 20, rtol=1e-5)
    np.testing.assert_allclose(sample.blurred, sample.sharp, atol=2e-3)
    assert 0.2 < float((sample.sharp**2.2).mean()) < 0.4  # exposed


def test_no_scenes_is_one_clear_line(tmp_path: Path):
    with pytest.raises(PullfocusError, match="expected rendered scenes"):
        scene_folders(tmp_path)
