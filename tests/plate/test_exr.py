# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from pullfocus.errors import PlateError, PullfocusError
from pullfocus.plate.exr import Plane, check_whole, read_exr, read_metadata, write_exr


def planes(rng, height=9, width=14):
    return [
        Plane(
            name="beauty", data=rng.random((height, width, 4)), channels=tuple("RGBA"), half=True
        ),
        Plane(
            name="fg_uv",
            data=rng.random((height, width, 3)),
            channels=("fg_uv.X", "fg_uv.Y", "fg_uv.Z"),
            half=False,
        ),
        Plane(name="coc", data=rng.normal(0, 9, (height, width)), channels=("coc.X",), half=False),
    ]


def test_mixed_half_and_float_arrive_by_name(tmp_path, rng):
    given = planes(rng)
    write_exr(tmp_path / "a.exr", given)
    got = read_exr(tmp_path / "a.exr")
    assert set(got) == {"R", "G", "B", "A", "fg_uv.X", "fg_uv.Y", "fg_uv.Z", "coc.X"}
    for plane in given:
        data = plane.data[..., None] if plane.data.ndim == 2 else plane.data
        for index, name in enumerate(plane.channels):
            kind = np.float16 if plane.half else np.float32
            expected = data[..., index].astype(np.float32).astype(kind).astype(np.float32)
            np.testing.assert_array_equal(got[name], expected)
            assert got[name].dtype == np.float32


def test_on_disk_one_part_of_zipped_scan_lines(tmp_path, rng):
    """Read the header byte by byte: no library may have its own idea of it."""
    write_exr(tmp_path / "a.exr", planes(rng))
    data = (tmp_path / "a.exr").read_bytes()
    magic, flags = int.from_bytes(data[:4], "little"), int.from_bytes(data[5:8], "little")
    assert magic == 20000630
    assert flags & 0b11010 == 0  # neither tiled, deep nor multi-part (bit 0 of byte 1 = tiled)
    at = data.index(b"compression\0compression\0") + len(b"compression\0compression\0") + 4
    assert data[at] == 3  # ZIP, 16 scan lines a block
    at = data.index(b"channels\0chlist\0") + len(b"channels\0chlist\0") + 4
    types = {}
    while data[at]:
        end = data.index(0, at)
        types[data[at:end].decode()] = int.from_bytes(data[end + 1 : end + 5], "little")
        at = end + 17
    assert types["R"] == types["A"] == 1  # half
    assert types["fg_uv.Y"] == types["coc.X"] == 2  # float


def test_half_range_is_clamped_and_never_inf(tmp_path):
    data = np.array([[1e6, -1e6, 65504, 65519.9, np.inf, -np.inf]], np.float64)
    write_exr(
        tmp_path / "a.exr",
        [
            Plane(name="c", data=data, channels=("R",), half=True),
            Plane(
                name="z",
                data=data[:, :4].repeat(1, 0)[:, [0, 1, 2, 3, 0, 1]],
                channels=("depth.Z",),
                half=False,
            ),
        ],
    )
    got = read_exr(tmp_path / "a.exr")
    assert got["R"].tolist() == [[65504, -65504, 65504, 65504, 65504, -65504]]
    assert got["depth.Z"][0, 0] == 1e6


def test_metadata_round_trip(tmp_path, rng):
    given = {
        "framesPerSecond": Fraction(24000, 1001),
        "smpte:TimeCode": "01:02:03:23",
        "oiio:ColorSpace": "ACEScg",
        "pullfocus/version": "0.1.0",
        "pullfocus/coc_sign": "near_negative",
        "pullfocus/atlas.fg": "fg.atlas.exr",
        "pullfocus/steps": 400,
        "pullfocus/seconds": 1.5,
    }
    write_exr(tmp_path / "a.exr", planes(rng), metadata=given)
    got = read_metadata(tmp_path / "a.exr")
    for name in given.keys() - {"oiio:ColorSpace"}:
        assert got[name] == given[name], name
    assert got["oiio:ColorSpace"] in ("ACEScg", "lin_ap1_scene")  # two names of one space
    assert got["compression"] == "zip"


@pytest.mark.parametrize("space", ["lin_rec709_srgb", "scene_linear", "Linear Rec.2020"])
def test_colour_space_is_kept(tmp_path, rng, space):
    write_exr(tmp_path / "a.exr", planes(rng), metadata={"pullfocus/colorspace": space})
    assert read_metadata(tmp_path / "a.exr")["pullfocus/colorspace"] == space


def test_bad_time_code(tmp_path, rng):
    with pytest.raises(PullfocusError, match="smpte:TimeCode: expected HH:MM:SS:FF, got 'soon'"):
        write_exr(tmp_path / "a.exr", planes(rng), metadata={"smpte:TimeCode": "soon"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("compression", ["dwaa", "dwaa:45", "b44", "zlib"])
def test_lossy_or_unknown_compression_is_refused(tmp_path, rng, compression):
    with pytest.raises(PullfocusError) as caught:
        write_exr(tmp_path / "a.exr", planes(rng), compression=compression)
    assert str(caught.value) == (
        f"{tmp_path / 'a.exr'}: expected a lossless compression (none, rle, zips, zip, piz), got "
        f"'{compression}'"
    )


@pytest.mark.parametrize("compression", ["none", "rle", "zips", "piz"])
def test_other_lossless_compressions(tmp_path, rng, compression):
    given = planes(rng)
    write_exr(tmp_path / "a.exr", given, compression=compression)
    assert read_metadata(tmp_path / "a.exr")["compression"] == compression
    np.testing.assert_array_equal(
        read_exr(tmp_path / "a.exr")["coc.X"], given[2].data.astype(np.float32)
    )


def test_planes_that_do_not_fit(tmp_path, rng):
    first, second, third = planes(rng)
    path = tmp_path / "a.exr"
    wide = Plane(name="coc", data=np.zeros((9, 15)), channels=("coc.X",), half=False)
    with pytest.raises(
        PullfocusError,
        match=r"pass coc: expected 1 channels of 14x9, got an array of shape \(9, 15\)",
    ):
        write_exr(path, [first, wide])
    with pytest.raises(PullfocusError, match=r"channels named twice: coc\.X"):
        write_exr(path, [first, second, third, third])
    bad = Plane(name="coc", data=np.full((9, 14), np.nan), channels=("coc.X",), half=False)
    with pytest.raises(PullfocusError, match="pass coc: expected numbers, got NaN in 126 px"):
        write_exr(path, [first, bad])
    with pytest.raises(PullfocusError, match="expected at least one pass to write, got none"):
        write_exr(path, [])
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_file_survives_a_failed_write(tmp_path, rng):
    path = tmp_path / "a.exr"
    write_exr(path, planes(rng))
    before = path.read_bytes()
    with pytest.raises(PullfocusError):
        write_exr(path, planes(rng), compression="b44")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_folder_that_is_not_there(tmp_path, rng):
    path = tmp_path / "gone" / "a.exr"
    with pytest.raises(PullfocusError) as caught:
        write_exr(path, planes(rng))
    assert str(caught.value) == f"cannot write {path}: No such file or directory"


def test_place_taken_by_a_folder(tmp_path, rng):
    (tmp_path / "a.exr").mkdir()
    with pytest.raises(PullfocusError, match=r"cannot write .*a\.exr: Is a directory"):
        write_exr(tmp_path / "a.exr", planes(rng))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.exr"]


def test_disk_full_leaves_nothing(tmp_path):
    """A limit on the size of files stands for the full disk: the write stops half way."""
    script = f"""
import resource, signal
import numpy as np
from pullfocus.errors import PullfocusError
from pullfocus.plate.exr import Plane, write_exr
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
noise = np.random.default_rng(0).random((128, 128))
try:
    plane = Plane(name="c", data=noise, channels=("coc.X",), half=False)
    write_exr({str(tmp_path / "a.exr")!r}, [plane])
except PullfocusError as error:
    print(str(error))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"cannot write {tmp_path / 'a.exr'}: ")
    assert list(tmp_path.iterdir()) == []


def test_reading_what_is_no_exr(tmp_path, files, truncate, rng):
    with pytest.raises(PlateError, match=r"cannot read .*gone\.exr: No such file or directory"):
        read_exr(tmp_path / "gone.exr")
    png = files.still(tmp_path / "a.png", np.zeros((4, 4, 3)))
    with pytest.raises(PlateError, match=r"a\.png: expected an EXR file, got png"):
        read_metadata(png)
    write_exr(tmp_path / "a.exr", planes(rng, 64, 64))
    truncate(tmp_path / "a.exr")
    with pytest.raises(PlateError, match=r"a\.exr is truncated or damaged: .+"):
        read_exr(tmp_path / "a.exr")


def test_data_window_is_placed(tmp_path, files):
    files.still(tmp_path / "a.exr", np.ones((2, 3, 3)), "half", data_at=(1, 1), display=(8, 6))
    got = read_exr(tmp_path / "a.exr")["R"]
    assert got.shape == (6, 8)
    assert got.sum() == 6
    assert got[1:3, 1:4].all()


def test_a_whole_file_is_told_from_a_truncated_one(tmp_path, rng, truncate):
    path = tmp_path / "a.exr"
    write_exr(path, planes(rng, 64, 64))
    check_whole(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PlateError, match=r"a\.exr is truncated or damaged"):
        check_whole(path)
    truncate(path)
    with pytest.raises(PlateError, match=r"a\.exr is truncated"):
        check_whole(path)
    with pytest.raises(PlateError, match=r"cannot read .*gone\.exr"):
        check_whole(tmp_path / "gone.exr")
