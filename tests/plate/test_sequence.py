# SPDX-License-Identifier: Apache-2.0
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openjd.model import IntRangeExpr
from pullfocus.errors import MatteError, PlateError
from pullfocus.plate.sequence import find_footage, matte_role, openjd_range, parse_frames


@pytest.fixture
def folder(tmp_path):
    for frame in (1, 2, 3, 5):
        (tmp_path / f"shot.{frame:04d}.png").touch()
    return tmp_path


@pytest.fixture
def whole(tmp_path):
    for frame in range(998, 1003):
        (tmp_path / f"shot.{frame:04d}.exr").touch()
    return tmp_path


@pytest.mark.parametrize("pattern", ["shot.####.exr", "shot.%04d.exr"])
def test_pattern_finds_every_frame_in_order(whole, pattern):
    found = find_footage(str(whole / pattern))
    assert found.frames == (998, 999, 1000, 1001, 1002)
    assert [path.name for path in found.paths][:2] == ["shot.0998.exr", "shot.0999.exr"]
    assert (found.name, found.label, found.movie) == ("shot", pattern, False)


def test_padding_counts(whole):
    assert find_footage(str(whole / "shot.####.exr")).frames[0] == 998
    with pytest.raises(PlateError, match=r"no file matches shot\.######\.exr"):
        find_footage(str(whole / "shot.######.exr"))


@pytest.mark.parametrize("mark", ["#", "%d"])
def test_unpadded_numbers(tmp_path, mark):
    for frame in (8, 9, 10, 11):
        (tmp_path / f"v2_{frame}.jpg").touch()
    assert find_footage(str(tmp_path / f"v2_{mark}.jpg")).frames == (8, 9, 10, 11)
    assert find_footage(str(tmp_path)).frames == (8, 9, 10, 11)


def test_folder_of_one_sequence(whole):
    (whole / "notes.txt").touch()
    (whole / ".shot.0001.exr").touch()
    found = find_footage(str(whole))
    assert found.frames == (998, 999, 1000, 1001, 1002)
    assert found.label == "shot.####.exr"


def test_folder_whose_numbers_outgrow_their_padding(tmp_path):
    for frame in (98, 99, 100, 101):
        (tmp_path / f"a{frame:02d}.png").touch()
    (tmp_path / "a01.png").touch()
    found = find_footage(str(tmp_path), frames="98-101")
    assert found.frames == (98, 99, 100, 101)


def test_folder_of_several_sequences_lists_them(whole):
    (whole / "alpha.0001.png").touch()
    (whole / "ref.mov").touch()
    with pytest.raises(PlateError) as caught:
        find_footage(str(whole))
    assert str(caught.value) == (
        f"plate: expected one sequence in the folder {whole}, found alpha.####.png (1), "
        "shot.####.exr (998-1002), ref.mov; name one of them, e.g. shot.####.exr"
    )


def test_empty_folder(tmp_path):
    with pytest.raises(PlateError) as caught:
        find_footage(str(tmp_path))
    assert str(caught.value) == (
        f"plate: expected one sequence in the folder {tmp_path}, found no image or movie"
    )


def test_one_still_says_what_it_leaves_out(whole):
    found = find_footage(str(whole / "shot.1001.exr"))
    assert found.frames == (1001,)
    assert found.notes == (
        "plate: shot.1001.exr is taken as one frame; shot.####.exr names them all",
    )


def test_a_still_without_a_number_is_frame_1(tmp_path):
    (tmp_path / "still.tif").touch()
    found = find_footage(str(tmp_path / "still.tif"))
    assert (found.frames, found.notes, found.name) == ((1,), (), "still")


def test_gap_is_named(folder):
    with pytest.raises(PlateError) as caught:
        find_footage(str(folder / "shot.####.png"))
    assert str(caught.value) == (
        "plate: shot.####.png lacks frame 4: found 1-3,5; add them or choose with --frames 1-3,5"
    )


def test_frames_choose_around_a_gap(folder):
    assert find_footage(str(folder / "shot.####.png"), frames="1-5x2").frames == (1, 3, 5)
    assert find_footage(str(folder), frames="2,1").frames == (1, 2)


def test_frames_that_are_not_there(folder):
    with pytest.raises(PlateError) as caught:
        find_footage(str(folder / "shot.####.png"), frames="3-7")
    assert str(caught.value) == (
        "plate: shot.####.png lacks frames 4,6-7: --frames 3-7 asks for them; found 1-3,5"
    )


def test_frames_a_matte_lacks(folder):
    with pytest.raises(MatteError) as caught:
        find_footage(str(folder / "shot.####.png"), frames=(3, 4, 5), role=matte_role("fg"))
    assert str(caught.value) == (
        "matte fg: shot.####.png lacks frame 4: the plate has frames 3-5; found 1-3,5"
    )


@pytest.mark.parametrize("text", ["a-b", "", "1.5", "1-1000000000000", "x"])
def test_frames_that_are_no_range(text):
    with pytest.raises(PlateError, match=r"plate: expected .*frame.*, got '.*'") as caught:
        parse_frames(text)
    assert "\n" not in str(caught.value)


def test_nothing_matches_says_what_was_looked_for(folder):
    with pytest.raises(PlateError) as caught:
        find_footage(str(folder / "shto.####.png"))
    assert str(caught.value) == (
        f"plate: no file matches shto.####.png: looked for names like shto.0001.png in {folder}; "
        "the folder holds shot.####.png (1-3,5)"
    )


def test_no_such_folder(tmp_path):
    with pytest.raises(PlateError) as caught:
        find_footage(str(tmp_path / "gone" / "a.png"))
    assert str(caught.value) == (
        f"plate: no such file or folder: {tmp_path / 'gone' / 'a.png'}; "
        f"the folder {tmp_path / 'gone'} does not exist"
    )


def test_pattern_in_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(PlateError, match=r"cannot list .*gone: No such file or directory"):
        find_footage(str(tmp_path / "gone" / "a.####.png"))


def test_unknown_kind_of_file(tmp_path):
    (tmp_path / "shot.psd").touch()
    with pytest.raises(PlateError) as caught:
        find_footage(str(tmp_path / "shot.psd"))
    assert str(caught.value) == (
        "plate: expected one of .dpx .exr .jpeg .jpg .png .tif .tiff, or a movie, got 'shot.psd'"
    )


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_given(text):
    with pytest.raises(
        PlateError, match=r"expected a file, a folder or shot\.####\.exr, got nothing"
    ):
        find_footage(text)


def test_two_frame_numbers(tmp_path):
    with pytest.raises(
        PlateError, match=r"expected one frame number in the name, got 'a\.##\.##\.png'"
    ):
        find_footage(str(tmp_path / "a.##.##.png"))


def test_frame_number_in_a_folder_name(tmp_path):
    with pytest.raises(PlateError, match="the frame number belongs in the file name"):
        find_footage(str(tmp_path / "####" / "a.png"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_folder_that_may_not_be_listed(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    with pytest.raises(PlateError, match=r"cannot list .*closed: Permission denied"):
        find_footage(str(closed / "a.####.png"))


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("1-5:2,9-11,15", (1, 3, 5, 9, 10, 11, 15)),
        ("1-5x2,9-11,15", (1, 3, 5, 9, 10, 11, 15)),
        ("10-1:-3", (1, 4, 7, 10)),
        ("-5--1", (-5, -4, -3, -2, -1)),
        (" 1 - 5 : 2 , 7 ", (1, 3, 5, 7)),
    ],
)
def test_ranges_of_both_kinds(text, frames):
    assert parse_frames(text) == frames


_PARTS = st.tuples(st.integers(-50, 50), st.integers(0, 9), st.integers(1, 4))


@given(st.lists(_PARTS, min_size=1, max_size=4))
def test_a_range_expression_means_what_open_job_description_says(parts):
    expressions, at = [], -60
    for first, count, step in sorted(parts):  # its ranges may not overlap
        first = max(first, at + 1)
        at = first + count * step
        expressions.append(f"{first}-{at}:{step}" if count else f"{first}")
    text = ",".join(expressions)
    assert parse_frames(text) == tuple(sorted(IntRangeExpr.from_str(text)))


@given(st.sets(st.integers(-200, 2000), min_size=1, max_size=40))
def test_open_job_description_reads_our_ranges(frames):
    assert set(IntRangeExpr.from_str(openjd_range(sorted(frames)))) == frames


@pytest.mark.parametrize("text", ["1 5", "1-5:0", "1-3:2:2", "1:3", ":", "1-"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(PlateError, match="expected"):
        parse_frames(text)
