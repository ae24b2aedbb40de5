# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np
import pytest
from pullfocus.errors import ColourError, MatteError, PassesError, PlateError, PullfocusError
from pullfocus.plate.footage import open_shot


def srgb(code):
    return code / 12.92 if code <= 0.04045 else ((code + 0.055) / 1.055) ** 2.4


def test_png_plate_with_matte(tmp_path, files):
    files.sequence(tmp_path / "shot_v2.####.png", range(1001, 1004))
    for frame in range(1001, 1004):
        files.still(tmp_path / f"roto.{frame}.png", np.ones((16, 24)))
    shot = open_shot(
        str(tmp_path / "shot_v2.####.png"), mattes=[("fg", str(tmp_path / "roto.####.png"))]
    )
    assert (shot.name, shot.frames) == ("shot_v2", (1001, 1002, 1003))
    assert (shot.width, shot.height, shot.rate, shot.pixel_aspect) == (24, 16, 24, 1.0)
    assert (shot.colorspace, shot.layer_names) == ("lin_rec709_srgb", ("fg", "bg"))
    assert shot.notes == (
        "colour: shot_v2.####.png is taken as srgb_texture (sRGB); --colorspace says otherwise",
        "plate: shot_v2.####.png records no frame rate; 24 is assumed",
    )
    light = shot.plate.read(2)
    assert (light.shape, light.dtype) == ((16, 24, 3), np.float32)
    assert light.flags.c_contiguous
    np.testing.assert_allclose(light, srgb(40 / 255), rtol=1e-5)
    assert shot.mattes[0][1].read(0).min() == 1.0


def test_exr_plate_is_left_as_it_is(tmp_path, files, rng):
    pixels = rng.normal(0.5, 3, (16, 24, 3)).astype(np.float32)
    files.still(tmp_path / "a.0007.exr", pixels, "float", framesPerSecond=(30000, 1001))
    shot = open_shot(str(tmp_path / "a.####.exr"))
    np.testing.assert_array_equal(shot.plate.read(0), pixels)
    assert (shot.colorspace, shot.rate, shot.layer_names) == (
        "scene_linear",
        Fraction(30000, 1001),
        ("bg",),
    )
    assert shot.notes == (
        "colour: a.####.exr is taken as scene-linear and left as it is; --colorspace names its "
        "space",
    )


def test_rate_given_wins(tmp_path, files):
    files.still(tmp_path / "a.exr", np.zeros((4, 4, 3)), "half", framesPerSecond=(25, 1))
    assert open_shot(str(tmp_path / "a.exr"), rate=Fraction(48)).rate == 48


def test_grey_plate_becomes_rgb(tmp_path, files):
    files.still(tmp_path / "a.png", np.full((4, 6), 0.5))
    light = open_shot(str(tmp_path / "a.png")).plate.read(0)
    assert light.shape == (4, 6, 3)
    np.testing.assert_allclose(light, srgb(128 / 255), rtol=1e-5)


def test_movie_plate(tmp_path, files):
    shot = open_shot(str(files.movie(tmp_path / "clip.mkv", 5, rate=25)), frames="2-4")
    assert (shot.name, shot.frames, shot.rate) == ("clip", (2, 3, 4), 25)
    np.testing.assert_allclose(shot.plate.read(2), srgb(50 / 255), rtol=1e-5)
    assert shot.notes == (
        "colour: clip.mkv is taken as srgb_texture (sRGB); --colorspace says otherwise",
    )


def test_dpx_must_be_told(tmp_path, files):
    path = files.still(tmp_path / "a.dpx", np.full((4, 6, 3), 0.18), "uint16")
    with pytest.raises(ColourError) as caught:
        open_shot(str(path))
    assert str(caught.value) == (
        "colour: a.dpx may be log or linear and does not say which: name its space, e.g. "
        "--colorspace arri_logc3_ei800, slog3_sgamut3cine, srgb_texture or scene_linear"
    )
    shot = open_shot(str(path), colorspace="arri_logc3_ei800")
    assert shot.colorspace == "ACEScg"
    np.testing.assert_allclose(shot.plate.read(0), 0.0171, atol=6e-5)


def test_unknown_colour_space(tmp_path, files):
    path = files.still(tmp_path / "a.png", np.zeros((4, 6, 3)))
    with pytest.raises(
        ColourError, match=r"no colour space named 'sgrb_texture' in .*; did you mean srgb_texture"
    ):
        open_shot(str(path), colorspace="sgrb_texture")


def test_opaque_alpha_is_no_news(tmp_path, files):
    files.still(tmp_path / "a.png", np.full((4, 6, 4), (0.5, 0.5, 0.5, 1.0)))
    shot = open_shot(str(tmp_path / "a.png"))
    assert not any("alpha" in note for note in shot.notes)


def test_unassociated_alpha_is_multiplied_in_linear_light(tmp_path, files):
    files.still(tmp_path / "a.png", np.full((4, 6, 4), (0.8, 0.8, 0.8, 0.25)), "uint16")
    shot = open_shot(str(tmp_path / "a.png"))
    np.testing.assert_allclose(shot.plate.read(0), srgb(0.8) * 0.25, rtol=1e-3)
    assert (
        "plate: a.png has an alpha channel (unassociated: colour is multiplied by it); it is "
        "taken over black and its alpha is not used as a matte"
    ) in shot.notes


def test_premultiplied_alpha_is_taken_over_black(tmp_path, files):
    files.still(tmp_path / "a.exr", np.full((4, 6, 4), (0.2, 0.1, 0.3, 0.5)), "float")
    shot = open_shot(str(tmp_path / "a.exr"))
    np.testing.assert_allclose(shot.plate.read(0)[0, 0], (0.2, 0.1, 0.3))
    assert (
        "plate: a.exr has an alpha channel (premultiplied); it is taken over black and its alpha "
        "is not used as a matte"
    ) in shot.notes


def test_pixel_aspect_is_kept_and_said(tmp_path, files):
    files.still(tmp_path / "a.exr", np.zeros((4, 6, 3)), "half", PixelAspectRatio=2.0)
    shot = open_shot(str(tmp_path / "a.exr"))
    assert (shot.pixel_aspect, shot.width) == (2.0, 6)
    assert (
        "plate: pixel aspect 2; everything is worked out in pixels, and the passes keep it"
    ) in shot.notes


def test_all_empty_matte(tmp_path, files):
    files.sequence(tmp_path / "p.####.png", (1, 2))
    for frame in (1, 2):
        files.still(tmp_path / f"m.{frame:04d}.png", np.zeros((16, 24)))
    with pytest.raises(MatteError, match="matte fg: expected something in at least one frame"):
        open_shot(str(tmp_path / "p.####.png"), mattes=[("fg", str(tmp_path / "m.####.png"))])


@pytest.mark.parametrize("name", ["Fg", "depth", "a_uv", "", "f" * 49])
def test_layer_names_that_hosts_refuse(tmp_path, name):
    with pytest.raises(PassesError, match="expected a layer name"):
        open_shot(str(tmp_path), mattes=[(name, "m.png")])


def test_layer_names_that_clash(tmp_path):
    with pytest.raises(MatteError, match="matte fg: expected each layer name once, got it twice"):
        open_shot(str(tmp_path), mattes=[("fg", "m.png"), ("fg", "n.png")])
    with pytest.raises(
        MatteError, match="matte bg: expected another layer name: 'bg' is the layer behind"
    ):
        open_shot(str(tmp_path), mattes=[("bg", "m.png")])


def test_damage_in_the_first_frame_is_found_at_once(tmp_path, files):
    path = files.still(tmp_path / "a.0001.exr", np.full((4, 6, 3), np.nan), "half")
    with pytest.raises(PlateError) as caught:
        open_shot(str(path))
    assert str(caught.value) == (
        f"plate: frame 1 ({path}): expected finite values, got NaN in 24 pixels, first at x 0, y 0"
    )


def test_damage_further_on_is_found_when_read(tmp_path, files, truncate, rng):
    for frame in (1, 2):
        path = files.still(tmp_path / f"a.{frame:04d}.png", rng.random((64, 64, 3)))
    truncate(path)
    shot = open_shot(str(tmp_path))
    with pytest.raises(
        PlateError, match=r"plate: frame 2 \(.*a\.0002\.png\) is truncated or damaged: "
    ):
        shot.plate.read(1)


def test_fingerprint_follows_files_and_settings(tmp_path, files):
    files.sequence(tmp_path / "p.####.png", (1, 2, 3))
    text = str(tmp_path / "p.####.png")
    first = open_shot(text).fingerprint()
    assert open_shot(text).fingerprint() == first
    others = [
        open_shot(text, frames="1-2"),
        open_shot(text, colorspace="ACEScg"),
        open_shot(text, working_space="ACEScg"),
        open_shot(text, mattes=[("fg", f"{text}:normalise")]),
        open_shot(text, mattes=[("key", f"{text}:normalise")]),
    ]
    files.still(tmp_path / "p.0002.png", np.ones((16, 24, 3)))
    others.append(open_shot(text))
    assert len({first, *(shot.fingerprint() for shot in others)}) == 1 + len(others)


@pytest.mark.parametrize(
    "arguments",
    [
        {"plate": "gone.####.png"},
        {"plate": "."},
        {"plate": "shot.psd"},
        {"plate": "p.png", "frames": "x"},
    ],
)
def test_every_message_is_one_line(tmp_path, files, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    files.still(tmp_path / "p.png", np.zeros((4, 4, 3)))
    files.still(tmp_path / "q.png", np.zeros((4, 4, 3)))
    with pytest.raises(PullfocusError) as caught:
        open_shot(**arguments)
    assert len(str(caught.value).splitlines()) == 1


def test_reading_is_quick(tmp_path, files, rng):
    """Processor time, so that a busy machine does not fail it; 0.4 s where it was written."""
    noise = rng.random((288, 512, 3))
    for frame in range(1, 33):
        files.still(tmp_path / f"a.{frame:04d}.png", noise)
    shot = open_shot(str(tmp_path))
    start = time.process_time()
    for index in range(32):
        shot.plate.read(index)
    assert time.process_time() - start < 1.0


def test_importing_costs_nothing():
    code = (
        "import sys, pullfocus.shot, pullfocus.plate.footage, pullfocus.plate.exr;"
        "heavy = {'OpenImageIO', 'PyOpenColorIO', 'av', 'fileseq', 'torch'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
