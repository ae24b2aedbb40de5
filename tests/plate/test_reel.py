# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from pullfocus.errors import PlateError
from pullfocus.plate.reel import open_reel


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
        "(frames 3)",
        "plate: a.####.exr: the data window does not fill the 8x6 display window; the rest is zero "
        "(frames 2)",
    )
    assert reel.read(1).colour.sum() == 2 * 2 * 3
    assert reel.read(2).colour.shape == (6, 8, 3)


def test_stamp_changes_with_the_files(tmp_path, files):
    import os

    paths = files.sequence(tmp_path / "a.####.png", range(1, 3))
    first = open_reel(str(tmp_path)).stamp()
    assert open_reel(str(tmp_path)).stamp() == first
    os.utime(paths[0], (1, 1))
    assert open_reel(str(tmp_path)).stamp() != first
