# SPDX-License-Identifier: Apache-2.0
"""What headers hand on: read with OpenImageIO and FFmpeg themselves."""

from fractions import Fraction

import numpy as np
import OpenImageIO as oiio
import pytest
from pullfocus.plate.exr import Plane, read_metadata, write_exr
from pullfocus.plate.footage import open_shot
from pullfocus.plate.headers import StillHeaders, chromaticities, time_code, true_rate
from pullfocus.shot import Window


@pytest.mark.parametrize(
    ("given", "exact"),
    [
        ("23.976", "24000/1001"),
        ("23.98", "24000/1001"),
        ("2997/125", "24000/1001"),
        ("29.97", "30000/1001"),
        ("47.95", "48000/1001"),
        ("59.94", "60000/1001"),
        ("119.88", "120000/1001"),
        ("24000/1001", "24000/1001"),
        ("24", "24"),
        ("25", "25"),
        ("12.5", "25/2"),
        ("50", "50"),
        ("18", "18"),
    ],
)
def test_a_rounded_rate_stands_for_a_fraction(given, exact):
    assert true_rate(Fraction(given)) == Fraction(exact)


def shown(code):
    spec = oiio.ImageSpec()
    spec.attribute("smpte:TimeCode", oiio.TypeTimeCode, code.value)
    return spec.get_string_attribute("smpte:TimeCode")


@pytest.mark.parametrize(
    ("start", "frames", "rate", "right"),
    [
        ("01:00:00:00", 3, "24", "01:00:00:03"),
        ("01:00:00:23", 1, "24000/1001", "01:00:01:00"),
        ("23:59:59:24", 1, "25", "00:00:00:00"),
        # drop frames: two numbers are left out every minute but the tenth
        ("01:00:59;29", 1, "30000/1001", "01:01:00:02"),
        ("01:09:59;29", 1, "30000/1001", "01:10:00:00"),
        ("00:00:00;00", 17982, "30000/1001", "00:10:00:00"),
        ("00:00:00;00", 107892, "30000/1001", "01:00:00:00"),
        ("01:00:59:29", 1, "30000/1001", "01:01:00:00"),
    ],
)
def test_time_code_of_a_later_frame(start, frames, rate, right):
    assert shown(time_code(start, frames, Fraction(rate))) == right


def test_time_code_of_fast_clips_pairs_frames():
    """Tens of frames have two bits: 50 frames a second count to 24, twice each."""
    first, second = (time_code("01:00:00:48", n, Fraction(50)).value[0] for n in (0, 1))
    assert first & 0xFF == 0x24
    assert second ^ first == 0x8000


@pytest.mark.parametrize("text", ["", "1:2:3:4", "nonsense"])
def test_no_time_code(text):
    assert time_code(text, 0, Fraction(24)) is None


KEPT = {
    "smpte:TimeCode": ("timecode", (0x01000003, 7)),
    "smpte:KeyCode": ("keycode", (1, 2, 3, 4, 5, 6, 7)),
    "reelName": ("string", "A001C002"),
    "cameraModel": ("string", "ALEXA 35"),
    "lensModel": ("string", "Master 50"),
    "FocalLength": ("float", 50.0),
    "com.arri.camera.EI": ("int", 800),
    "worldToCamera": ("matrix", tuple(float(n) for n in range(16))),
    "DateTime": ("string", "2024:05:06 07:08:09"),
}


def test_an_exr_hands_on_all_but_what_describes_its_pixels(tmp_path):
    path = tmp_path / "a.0001.exr"
    spec = oiio.ImageSpec(8, 6, 3, "half")
    for name, (kind, value) in KEPT.items():
        spec.attribute(name, oiio.TypeDesc(kind), value)
    spec.attribute("compression", "dwaa:45")
    spec.attribute("pullfocus/coc_unit", "px_radius")
    spec.attribute("cryptomatte/abc/name", "object")
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    output.write_image(np.zeros((6, 8, 3), np.float32))
    output.close()
    kept = StillHeaders([path]).read(0)
    assert set(KEPT) <= set(kept)
    assert not [name for name in kept if name.startswith(("crypto", "pullfocus", "compression"))]
    plane = Plane(name="p", data=np.zeros((6, 8)), channels=("Y",), half=True)
    write_exr(tmp_path / "b.exr", [plane], metadata=kept)
    spec, back = (
        oiio.ImageInput.open(str(tmp_path / name)).spec() for name in ("a.0001.exr", "b.exr")
    )
    for name in KEPT:
        assert back.getattribute(name) == spec.getattribute(name), name


def test_a_dpx_hands_on_time_code_and_camera(tmp_path):
    path = tmp_path / "a.0001.dpx"
    spec = oiio.ImageSpec(8, 6, 3, "uint16")
    spec.attribute("smpte:TimeCode", oiio.TypeTimeCode, (0x01020304, 0))
    spec.attribute("dpx:InputDevice", "ALEXA")
    spec.attribute("dpx:FrameRate", 23.976)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    output.write_image(np.full((6, 8, 3), 0.5, np.float32))
    output.close()
    shot = open_shot(str(path), colorspace="srgb_texture")
    assert shot.rate == Fraction(24000, 1001)
    kept = shot.headers.read(0)
    assert kept["smpte:TimeCode"].value == (0x01020304, 0)
    assert kept["cameraModel"].value == "ALEXA"


def test_a_movie_hands_on_time_code_and_reel(tmp_path):
    import av

    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        container.metadata["timecode"] = "10:00:00:23"
        stream = container.add_stream("qtrle", rate=24)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "rgb24"
        stream.metadata["reel_name"] = "A001"
        for grey in (20, 60, 90):
            pixels = np.full((16, 32, 3), grey, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    shot = open_shot(str(path), frames="2-3")
    kept = [shot.headers.read(t) for t in (0, 1)]
    assert [shown(one["smpte:TimeCode"]) for one in kept] == ["10:00:01:00", "10:00:01:01"]
    assert kept[0].get("reelName", "A001") == "A001"


def test_a_header_that_went_away_hands_on_nothing(tmp_path):
    assert StillHeaders([tmp_path / "gone.exr"]).read(0) == {}


def test_windows_are_written(tmp_path):
    plane = Plane(name="p", data=np.zeros((6, 8)), channels=("Y",), half=True)
    write_exr(tmp_path / "a.exr", [plane], windows=(Window(12, 14, 8, 6), Window(16, 16, 4, 4)))
    spec = oiio.ImageInput.open(str(tmp_path / "a.exr")).spec()
    assert (spec.x, spec.y, spec.width, spec.height) == (12, 14, 8, 6)
    assert (spec.full_x, spec.full_y, spec.full_width, spec.full_height) == (16, 16, 4, 4)


def test_chromaticities_belong_to_the_working_space():
    assert chromaticities("ACEScg").value[:2] == (0.713, 0.293)
    assert chromaticities("lin_rec709_srgb").value[6:] == (0.3127, 0.3290)
    assert chromaticities("scene_linear") is None


def test_light_of_untold_primaries_is_not_called_acescg(tmp_path):
    from pullfocus.passes.contract import colour_metadata

    plane = Plane(name="p", data=np.zeros((6, 8)), channels=("Y",), half=True)
    for space, right in (("scene_linear", "unknown"), ("ACEScg", "lin_ap1_scene")):
        write_exr(tmp_path / "a.exr", [plane], metadata=colour_metadata(space))
        assert read_metadata(tmp_path / "a.exr")["colorInteropID"] == right
