# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from pullfocus.errors import MatteError, PlateError
from pullfocus.plate.matte import check_not_empty, open_coc, open_matte
from pullfocus.plate.reel import open_reel


@pytest.fixture
def plate(tmp_path, files):
    (tmp_path / "plate").mkdir()
    files.sequence(tmp_path / "plate" / "p.####.png", range(11, 15))
    return open_reel(str(tmp_path / "plate"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "matte").mkdir()
    return tmp_path / "matte"


def write(files, folder, frames, pixels, kind="uint8", ending="png", **more):
    for frame in frames:
        files.still(folder / f"m.{frame:04d}.{ending}", pixels, kind, **more)
    return str(folder / f"m.####.{ending}")


@pytest.fixture
def ramp():
    return np.tile(np.linspace(0, 1, 24, dtype=np.float32), (16, 1))


@pytest.mark.parametrize(
    ("ending", "kind"), [("png", "uint16"), ("tif", "uint16"), ("exr", "half")]
)
def test_grey_values_are_raw(files, folder, plate, ramp, ending, kind):
    source, notes = open_matte(
        "fg", write(files, folder, range(11, 15), ramp, kind, ending), plate=plate
    )
    got = source.read(0)
    assert (got.shape, got.dtype) == ((16, 24), np.float32)
    np.testing.assert_allclose(got, ramp, atol=5e-4)  # half precision; no curve was applied
    assert notes == ()


def test_alpha_is_used_where_it_says_something(files, folder, plate, ramp):
    pixels = np.dstack([np.full((16, 24, 3), 0.7), ramp])
    source, notes = open_matte(
        "fg", write(files, folder, range(11, 15), pixels, "uint16"), plate=plate
    )
    np.testing.assert_allclose(source.read(2), ramp, atol=1e-4)
    assert notes == ("matte fg: m.####.png has an alpha channel, which is used",)


def test_alpha_that_is_one_everywhere_is_not(files, folder, plate, ramp):
    pixels = np.dstack([ramp, ramp, ramp, np.ones_like(ramp)])
    source, notes = open_matte(
        "fg", write(files, folder, range(11, 15), pixels, "uint16"), plate=plate
    )
    np.testing.assert_allclose(source.read(2), ramp, atol=1e-4)
    assert notes == ("matte fg: the alpha of m.####.png is 1 everywhere; brightness is used",)


def test_a_red_roto_is_as_full_as_a_white_one(files, folder, plate, ramp):
    pixels = np.dstack([ramp, np.zeros_like(ramp), np.zeros_like(ramp)])
    source, _ = open_matte("fg", write(files, folder, range(11, 15), pixels, "uint16"), plate=plate)
    np.testing.assert_allclose(source.read(0), ramp, atol=1e-4)


def test_exr_alpha_only(files, folder, plate, ramp):
    text = write(files, folder, range(11, 15), ramp, "half", "exr", channels=("A",))
    source, notes = open_matte("fg", text, plate=plate)
    np.testing.assert_allclose(source.read(0), ramp, atol=5e-4)
    assert notes == ()


def test_values_beyond_the_range_are_clipped(files, folder, plate, ramp):
    source, _ = open_matte(
        "fg", write(files, folder, range(11, 15), ramp * 3 - 1, "half", "exr"), plate=plate
    )
    got = source.read(0)
    assert (got.min(), got.max()) == (0.0, 1.0)


def test_more_frames_than_the_plate_are_fine(files, folder, plate, ramp):
    text = write(files, folder, range(1, 31), ramp)
    files.still(folder / "m.0013.png", 1 - ramp)
    source, _ = open_matte("fg", text, plate=plate)
    assert source.frames == (11, 12, 13, 14)
    np.testing.assert_allclose(source.read(2), 1 - ramp, atol=1 / 255)


def test_missing_frames_are_named(files, folder, plate, ramp):
    with pytest.raises(MatteError) as caught:
        open_matte("fg", write(files, folder, (10, 11, 14), ramp), plate=plate)
    assert str(caught.value) == (
        "matte fg: m.####.png lacks frames 12-13: the plate has frames 11-14; found 10-11,14"
    )


def test_size_must_be_the_plates(files, folder, plate):
    with pytest.raises(MatteError) as caught:
        open_matte("fg", write(files, folder, range(11, 15), np.ones((16, 25))), plate=plate)
    assert str(caught.value) == "matte fg: m.####.png is 25x16, expected 24x16 like the plate"


def test_nothing_there(folder, plate):
    with pytest.raises(
        MatteError,
        match=r"matte fg: no file matches m\.####\.png: looked for names like m\.0001\.png",
    ):
        open_matte("fg", str(folder / "m.####.png"), plate=plate)


def test_nan_is_refused(files, folder, plate):
    text = write(files, folder, range(11, 15), np.full((16, 24), np.nan), "half", "exr")
    source, _ = open_matte("fg", text, plate=plate)
    with pytest.raises(
        MatteError,
        match=r"matte fg: frame 12 \(.*m\.0012\.exr\): expected finite values, got NaN in 384",
    ):
        source.read(1)


def test_empty_frames_are_allowed_but_not_all(files, folder, plate, ramp):
    text = write(files, folder, range(11, 15), np.zeros((16, 24)))
    source, _ = open_matte("fg", text, plate=plate)
    with pytest.raises(MatteError) as caught:
        check_not_empty(source, 4, name="fg")
    assert str(caught.value) == (
        "matte fg: expected something in at least one frame, got nothing in all 4 "
        "(matte fg: m.####.png, frames 11-14, colour)"
    )
    files.still(folder / "m.0014.png", ramp)
    check_not_empty(source, 4, name="fg")


def test_the_check_stops_at_the_first_frame_that_is_not_empty():
    class Counted:
        reads = 0

        def read(self, index):
            self.reads += 1
            return np.full((4, 4), float(index == 5))

        def describe(self):
            return "counted"

        def fingerprint(self):
            return ""

    source = Counted()
    check_not_empty(source, 10, name="fg")
    assert source.reads == 1


def test_movie_beside_a_sequence_of_the_same_length(tmp_path, files, plate):
    movie = files.movie(tmp_path / "m.mkv", 4, size=(24, 16))
    source, _ = open_matte("fg", str(movie), plate=plate)
    assert [round(float(source.read(i).mean()) * 255) for i in range(4)] == [20, 30, 40, 50]


def test_movie_of_another_length(tmp_path, files, plate):
    movie = files.movie(tmp_path / "m.mkv", 6, size=(24, 16))
    with pytest.raises(MatteError) as caught:
        open_matte("fg", str(movie), plate=plate)
    assert str(caught.value) == (
        "matte fg: m.mkv has 6 frames, expected 4: a movie has no frame numbers and goes with a "
        "sequence only when it is as long"
    )


def test_movie_beside_part_of_a_movie(tmp_path, files):
    plate = open_reel(str(files.movie(tmp_path / "p.mkv", 9)), frames="3-5")
    source, _ = open_matte("fg", str(files.movie(tmp_path / "m.mkv", 9)), plate=plate)
    assert [round(float(source.read(i).mean()) * 255) for i in range(3)] == [40, 50, 60]


def test_coc_is_raw_pixels(files, folder, plate, ramp):
    pixels = np.dstack([ramp, ramp * 18 - 9])
    text = write(
        files, folder, range(11, 15), pixels, "float", "exr", channels=("cocbg.X", "coc.X")
    )
    source, notes = open_coc(text, plate=plate)
    np.testing.assert_array_equal(source.read(1), np.float32(ramp * 18 - 9))
    assert notes == ("coc: m.####.exr: its channel coc.X is used",)


def test_coc_falls_back_to_the_first_channel(files, folder, plate, ramp):
    text = write(files, folder, range(11, 15), ramp * 5, "float", "exr", channels=("radius",))
    source, _ = open_coc(text, plate=plate)
    np.testing.assert_array_equal(source.read(1), np.float32(ramp * 5))


def test_coc_must_be_floating_point(files, folder, plate, ramp):
    with pytest.raises(PlateError) as caught:
        open_coc(write(files, folder, range(11, 15), ramp), plate=plate)
    assert str(caught.value) == (
        "coc: expected float files (EXR) with a radius in px, got m.####.png, which holds code "
        "values"
    )
