# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from pullfocus.errors import PlateError
from pullfocus.plate.image import Window
from pullfocus.plate.reel import open_reel
from pullfocus.plate.sequence import matte_role


def test_frames_come_in_order(tmp_path, files):
    files.sequence(tmp_path / "a.####.png", range(1001, 1005))
    reel = open_reel(str(tmp_path / "a.####.png"), frames="1002-1004")
    assert (reel.frames, reel.width, reel.height) == ((1002, 1003, 1004), 24, 16)
    assert [round(float(reel.read(i).colour[0, 0, 0]) * 255) for i in (2, 0, 1)] == [50, 30, 40]


def test_size_change_names_both_sizes(tmp_path, files):
    files.sequence(tmp_path / "a.####.png", range(1, 4))
    odd = files.still(tmp_path / "a.0003.png", np.zeros((16, 26, 3)))
    with pytest.raises(PlateError) as caught:
        open_reel(str(tmp_path / "a.####.png"))
    assert str(caught.value) == (f"plate: frame 3 ({odd}) is 26x16, expected 24x16 like frame 1")


def test_size_change_after_opening(tmp_path, files):
    paths = files.sequence(tmp_path / "a.####.png", range(1, 3))
    reel = open_reel(str(tmp_path))
    files.still(paths[1], np.zeros((4, 6, 3)))
    with pytest.raises(PlateError, match=r"frame 2 \(.*\) is 6x4, expected 24x16 like frame 1"):
        reel.read(1)


def test_values_change_their_meaning(tmp_path, files):
    files.still(tmp_path / "a.0001.tif", np.zeros((4, 4, 3)), "uint8")
    odd = files.still(tmp_path / "a.0002.tif", np.zeros((4, 4, 3)), "float")
    with pytest.raises(PlateError) as caught:
        open_reel(str(tmp_path))
    assert str(caught.value) == (
        f"plate: frame 2 ({odd}) holds floating-point light, expected 8/16-bit code values like "
        "frame 1"
    )


def test_data_windows_are_noted_by_frame(tmp_path, files):
    pixels = np.ones((6, 8, 3))
    files.still(tmp_path / "a.0001.exr", pixels, "half")
    files.still(tmp_path / "a.0002.exr", np.ones((2, 2, 3)), "half", data_at=(1, 1), display=(8, 6))
    files.still(
        tmp_path / "a.0003.exr", np.ones((12, 14, 3)), "half", data_at=(-4, -3), display=(8, 6)
    )
    reel = open_reel(str(tmp_path))
    assert reel.notes == (
        "plate: a.####.exr: overscan up to 4 px beyond the 8x6 display window is left out "
        "(frames 3); --overscan keeps it",
        "plate: a.####.exr: the data window does not fill the 8x6 display window; the rest is zero "
        "(frames 2)",
    )
    assert reel.read(1).colour.sum() == 2 * 2 * 3
    assert reel.read(2).colour.shape == (6, 8, 3)


def test_stamp_changes_with_what_files_hold_and_with_nothing_else(tmp_path, files):
    import os
    import shutil

    (tmp_path / "a").mkdir()
    paths = files.sequence(tmp_path / "a" / "a.####.png", range(1, 3))
    first = open_reel(str(tmp_path / "a")).stamp()
    os.utime(paths[0], (1, 1))
    assert open_reel(str(tmp_path / "a")).stamp() == first
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert open_reel(str(tmp_path / "b")).stamp() == first
    # other contents of the same size, under the times of the old ones
    before = paths[0].stat()
    held = bytearray(paths[0].read_bytes())
    held[-1] ^= 1  # behind the end of the picture: a byte is enough
    paths[0].write_bytes(held)
    os.utime(paths[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert open_reel(str(tmp_path / "a")).stamp() != first


def test_overscan_is_kept_where_it_is_asked_for(tmp_path, files, rng):
    pixels = rng.random((12, 14, 3), np.float32)
    files.still(tmp_path / "a.0001.exr", pixels, "float", data_at=(-4, -3), display=(8, 6))
    files.still(tmp_path / "a.0002.exr", np.ones((2, 2, 3)), "half", data_at=(1, 1), display=(8, 6))
    reel = open_reel(str(tmp_path), overscan=True)
    assert (reel.width, reel.height) == (14, 12)
    assert reel.display == Window(0, 0, 8, 6)
    assert reel.data == Window(-4, -3, 14, 12)
    np.testing.assert_array_equal(reel.read(0).colour, pixels)
    second = reel.read(1).colour
    assert second.sum() == second[4:6, 5:7].sum() == 12


def test_a_matte_beside_overscan_lands_in_its_place(tmp_path, files):
    for name in ("plate", "matte"):
        (tmp_path / name).mkdir()
    files.still(
        tmp_path / "plate" / "a.0001.exr", np.ones((12, 14, 3)), "half", data_at=(-4, -3),
        display=(8, 6),
    )  # fmt: skip
    files.still(tmp_path / "matte" / "m.0001.png", np.ones((6, 8)), channels=("Y",))
    plate = open_reel(str(tmp_path / "plate"), overscan=True)
    matte = open_reel(str(tmp_path / "matte"), role=matte_role("fg"), beside=plate)
    values = matte.read(0).colour[..., 0]
    assert values.shape == (12, 14)
    assert values.sum() == values[3:9, 4:12].sum() == 48


def test_a_data_window_out_of_sight_is_no_black_picture(tmp_path, files):
    files.still(
        tmp_path / "a.0001.exr", np.ones((6, 8, 3)), "half", data_at=(50, 0), display=(8, 6)
    )
    with pytest.raises(PlateError, match="expected something in the 8x6 display window"):
        open_reel(str(tmp_path))
    assert open_reel(str(tmp_path), overscan=True).width == 58
