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


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


OPENED = {
    # what lies on disk, what is typed, the frames that must come
    "# in a folder": (["Job #3/a.0001.exr", "Job #3/a.0002.exr"], "Job #3/a.####.exr", (1, 2)),
    "# in a folder, as folder": (["Job #3/a.0001.exr", "Job #3/a.0002.exr"], "Job #3", (1, 2)),
    "%d in a folder": (["50%d/a.0001.exr", "50%d/a.0002.exr"], "50%d/a.%04d.exr", (1, 2)),
    "# in a name": (["take#2.0001.exr", "take#2.0002.exr"], "take#2.####.exr", (1, 2)),
    "# after the number": (["a.0001.#2.exr", "a.0002.#2.exr"], "a.####.#2.exr", (1, 2)),
    "a name that is no pattern": (["a#.png"], "a#.png", (1,)),
    "a percent sign": (["50%.0001.exr", "50%.0002.exr"], "50%.####.exr", (1, 2)),
    "a percent sign, written twice": (["50%.0001.exr", "50%.0002.exr"], "50%%.%04d.exr", (1, 2)),
    "a width that no number has": (["a.%9999999999d.exr"], "a.%9999999999d.exr", (9999999999,)),
    "a colon": (["a:b.0001.exr", "a:b.0002.exr"], "a:b.####.exr", (1, 2)),
    "brackets": (["[a] (b).0001.exr", "[a] (b).0002.exr"], "[a] (b).####.exr", (1, 2)),
    "braces, star, question": (["{a}*?.0001.exr", "{a}*?.0002.exr"], "{a}*?.####.exr", (1, 2)),
    "spaces": (["a b .0001.exr", "a b .0002.exr"], "a b .####.exr", (1, 2)),
    "a leading dash": (["-a.0001.exr", "-a.0002.exr"], "-a.####.exr", (1, 2)),
    "a tilde": (["~a.0001.exr", "~a.0002.exr"], "./~a.####.exr", (1, 2)),
    "no prefix": (["0001.exr", "0002.exr"], "####.exr", (1, 2)),
    "no prefix, as folder": (["v/0001.exr", "v/0002.exr"], "v", (1, 2)),
    "unicode": (["кадр_镜头.0001.exr", "кадр_镜头.0002.exr"], "кадр_镜头.####.exr", (1, 2)),
    "accents of two letters on disk": (
        ["e\u0301cran/e\u0301.0001.exr", "e\u0301cran/e\u0301.0002.exr"],
        "\u00e9cran/\u00e9.####.exr",
        (1, 2),
    ),
    "a sign beside the padding": (
        ["a.-0002.exr", "a.-0001.exr", "a.0000.exr", "a.0001.exr"],
        "a.####.exr",
        (-2, -1, 0, 1),
    ),
    "a sign in the padding": (
        ["a.-002.exr", "a.-001.exr", "a.0000.exr", "a.0001.exr"],
        "a.####.exr",
        (-2, -1, 0, 1),
    ),
    "a sign, folder": (
        ["v/a.-0002.exr", "v/a.-0001.exr", "v/a.0000.exr", "v/a.0001.exr"],
        "v",
        (-2, -1, 0, 1),
    ),
    "a sign in the padding, folder": (
        ["v/a.-002.exr", "v/a.-001.exr", "v/a.0000.exr", "v/a.0001.exr"],
        "v",
        (-2, -1, 0, 1),
    ),
    "a sign, no padding": (["v/a.-1.exr", "v/a.0.exr", "v/a.1.exr"], "v", (-1, 0, 1)),
    "a sign, no padding, pattern": (["a.-1.exr", "a.0.exr", "a.1.exr"], "a.%d.exr", (-1, 0, 1)),
    "numbers that gain a digit": (["a.99.exr", "a.100.exr"], "a.##.exr", (99, 100)),
    "numbers that gain a digit, folder": (["v/a.9999.exr", "v/a.10000.exr"], "v", (9999, 10000)),
    "above a million": (["a.1100331.exr", "a.1100332.exr"], "a.#######.exr", (1100331, 1100332)),
    "above a million, less padding": (["a.1000000.exr", "a.1000001.exr"], "a.####.exr", None),
    "a pattern with too little padding": (
        ["a.0998.exr", "a.0999.exr", "a.1000.exr"],
        "a.###.exr",
        (998, 999, 1000),
    ),
    "one # for any padding": (["a.0001.exr", "a.0002.exr"], "a.#.exr", (1, 2)),
    "%d for any padding": (["a.0001.exr", "a.0002.exr"], "a.%d.exr", (1, 2)),
    "a number amid the name": (["v/a_1001_v2.exr", "v/a_1002_v2.exr"], "v", (1001, 1002)),
    "a number first": (["v/1001_a_v2.exr", "v/1002_a_v2.exr"], "v", (1001, 1002)),
}


@pytest.mark.parametrize("case", OPENED)
def test_what_pipelines_call_their_frames(tmp_path, monkeypatch, case):
    names, text, frames = OPENED[case]
    for name in names:
        touch((tmp_path / name).parent, (tmp_path / name).name)
    frames = frames or (1000000, 1000001)
    assert find_footage(str(tmp_path / text)).frames == frames
    monkeypatch.chdir(tmp_path)
    found = find_footage(text)
    assert found.frames == frames
    assert all(path.exists() for path in found.paths)


REFUSED = {
    # what lies on disk, what is typed, what the line must name
    "mixed padding": (["a.08.png", "a.009.png", "a.010.png"], "a.###.png", ["a.08.png", "9-10"]),
    "mixed padding, folder": (["v/a.08.png", "v/a.009.png", "v/a.010.png"], "v", ["a.##.png (8)"]),
    "another separator midway": (
        ["a.0001.exr", "a.0002.exr", "a_0003.exr"],
        "a.####.exr",
        ["goes on as a_####.exr (3)", "--frames 1-2"],
    ),
    "another separator midway, folder": (
        ["v/a.0001.exr", "v/a.0002.exr", "v/a_0003.exr"],
        "v",
        ["a.####.exr (1-2)", "a_####.exr (3)"],
    ),
    "another case midway": (
        ["a.0001.exr", "a.0002.EXR"],
        "a.####.exr",
        ["goes on as a.####.EXR (2)"],
    ),
    "both forms of one negative number": (
        ["v/a.-0001.exr", "v/a.-001.exr", "v/a.0000.exr"],
        "v",
        ["one sequence"],
    ),
    "a Windows path": ([], "\\\\server\\share\\a.####.exr", ["\\\\server\\share\\a.####.exr", "/"]),
    "a UNC path that is not mounted": ([], "//server/share/a.####.exr", ["//server/share"]),
    "a name that no disk takes": ([], "x" * 300 + ".png", ["xxx"]),
    "a home that is nobody's": ([], "~nobody-of-that-name/a.####.exr", ["~nobody-of-that-name"]),
    "a null character": ([], "a\0b.png", ["UTF-8"]),
    "a name that is no text": ([], "a\udcff.png", ["UTF-8", "\\udcff"]),
    "frames years apart": (
        ["a.20240101.png", "a.999999999999.png"],
        "a.########.png",
        ["20240102-999999999998"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_opened_whole_is_refused_by_name(tmp_path, monkeypatch, case):
    names, text, words = REFUSED[case]
    for name in names:
        touch((tmp_path / name).parent, (tmp_path / name).name)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlateError) as caught:
        find_footage(text)
    line = str(caught.value)
    assert "\n" not in line
    assert all(word in line for word in words), line


NOTED = {
    "another padding": (["a.0001.exr", "a.0002.exr", "a.1.exr"], "a.####.exr", "a.1.exr"),
    "a second padded series": (["a.0001.exr", "a.0009.exr", "a.01.exr"], "a.####.exr", "a.01.exr"),
    "another separator": (["a.0001.exr", "a_0001.exr"], "a.####.exr", "a_####.exr (1)"),
    "another extension": (["a.0001.jpg", "a.0001.JPG"], "a.####.jpg", "a.####.JPG (1)"),
}


@pytest.mark.parametrize("case", NOTED)
def test_frames_that_are_left_out_are_named(tmp_path, case):
    names, text, word = NOTED[case]
    touch(tmp_path, *names)
    found = find_footage(str(tmp_path / text), frames="1")
    if case.startswith("another padding") or "series" in case:
        assert any("also there, left out" in note and word in note for note in found.notes)
    whole = [name for name in names if "0009" not in name]
    for name in set(names) - set(whole):
        (tmp_path / name).unlink()
    found = find_footage(str(tmp_path / text))
    assert any("also there, left out" in note and word in note for note in found.notes)


def test_frames_chosen_around_another_name(tmp_path):
    touch(tmp_path, "a.0001.exr", "a.0002.exr", "a_0003.exr")
    assert find_footage(str(tmp_path / "a.####.exr"), frames="1-2").frames == (1, 2)


def test_a_folder_or_a_pipe_is_no_frame(tmp_path):
    touch(tmp_path, "a.0001.exr", "a.0003.exr")
    (tmp_path / "a.0002.exr").mkdir()
    with pytest.raises(PlateError, match="lacks frame 2"):
        find_footage(str(tmp_path))
    (tmp_path / "a.0002.exr").rmdir()
    os.mkfifo(tmp_path / "a.0002.exr")
    with pytest.raises(PlateError, match="lacks frame 2"):
        find_footage(str(tmp_path / "a.####.exr"))
    with pytest.raises(PlateError, match="something else"):
        find_footage(str(tmp_path / "a.0002.exr"))


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("take#2.mov", "take_2"),
        ("a:b.mov", "a_b"),
        ("50%d.mov", "50_d"),
        ("кадр 01.mov", "кадр 01"),
        ("[x] y.mov", "[x] y"),
        ("###.mov", "###"),
        ("ä" * 120 + ".mov", "ä" * 100),
    ],
)
def test_a_shot_is_called_what_every_disk_takes(tmp_path, given, name):
    folder = touch(tmp_path / "plates", given)
    expected = "plates" if name == "###" else name
    assert find_footage(str(folder / given)).name == expected


def test_names_as_long_as_a_disk_takes(tmp_path):
    long = "x" * (255 - len(".1001.exr"))
    touch(tmp_path, f"{long}.1001.exr", f"{long}.1002.exr")
    found = find_footage(str(tmp_path / f"{long}.####.exr"))
    assert found.frames == (1001, 1002)
    assert len(f"{found.name}_refocus.1001.exr") <= 255
