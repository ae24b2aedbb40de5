# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from pullfocus.errors import MatteError, PlateError
from pullfocus.plate.matte import open_coc, open_matte
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
    with pytest.raises(
        MatteError,
        match=r"matte fg: frame 13 \(.*m\.0013\.exr\): expected finite values, got NaN in 384",
    ):
        open_matte("fg", text, plate=plate)


def test_empty_frames_are_allowed_but_not_all(files, folder, plate, ramp):
    text = write(files, folder, range(11, 15), np.zeros((16, 24)))
    with pytest.raises(MatteError) as caught:
        open_matte("fg", text, plate=plate)
    assert str(caught.value) == (
        "matte fg: expected something in at least one frame, got nothing in all 4 "
        "(matte fg: m.####.png, frames 11-14, colour)"
    )
    files.still(folder / "m.0014.png", ramp)
    open_matte("fg", text, plate=plate)


def test_movie_beside_a_sequence_of_the_same_length(tmp_path, files, plate):
    movie = files.movie(tmp_path / "m.mkv", 4, size=(24, 16))
    source, _ = open_matte("fg", f"{movie}:normalise", plate=plate)
    assert [round(float(source.read(i).mean()) * 50) for i in range(4)] == [20, 30, 40, 50]


def test_movie_of_another_length(tmp_path, files, plate):
    movie = files.movie(tmp_path / "m.mkv", 6, size=(24, 16))
    with pytest.raises(MatteError) as caught:
        open_matte("fg", str(movie), plate=plate)
    assert str(caught.value) == (
        "matte fg: m.mkv has 6 frames, expected 4: a movie has no frame numbers and goes with a "
        "sequence only when it is as long, or with :shift=FRAMES"
    )


def test_movie_beside_part_of_a_movie(tmp_path, files):
    plate = open_reel(str(files.movie(tmp_path / "p.mkv", 9)), frames="3-5")
    text = f"{files.movie(tmp_path / 'm.mkv', 9)}:normalise"
    source, _ = open_matte("fg", text, plate=plate)
    assert [round(float(source.read(i).mean()) * 60) for i in range(3)] == [40, 50, 60]


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


# What files call a matte, and values that are none.

FRAMES = range(11, 15)


@pytest.fixture
def box():
    """A subject that fills a quarter of the frame."""
    mask = np.zeros((16, 24), np.float32)
    mask[4:12, 6:18] = 1
    return mask


def exr(files, folder, **planes):
    """Frames whose channels hold the arrays given."""
    names = tuple(name.replace("__", ".") for name in planes)
    pixels = np.dstack(list(planes.values()))
    return write(files, folder, FRAMES, pixels, "float", "exr", channels=names)


def test_passes_of_our_own(files, folder, plate, box, ramp):
    rgb = dict.fromkeys("RGB", ramp)
    text = exr(
        files, folder, **rgb, A=ramp * 0 + 1, fg_uv__X=ramp, fg_uv__Y=ramp, fg_uv__Z=box,
        mid_uv__Z=1 - box, alpha__A=box,
    )  # fmt: skip
    for layer, expected in (("fg", box), ("mid", 1 - box), ("another", box)):
        source, notes = open_matte(layer, text, plate=plate)
        np.testing.assert_array_equal(source.read(1), expected)
        assert any("passes of pullfocus" in note for note in notes)


@pytest.mark.parametrize("channel", ["mask__A", "mask__a", "roto__alpha", "garbage__matte"])
def test_the_channel_that_is_called_like_a_matte(files, folder, plate, box, ramp, channel):
    rgb = dict.fromkeys("RGB", ramp)
    for more in ({}, {"A": ramp * 0 + 1}):
        text = exr(files, folder, **rgb, **more, **{channel: box})
        source, notes = open_matte("fg", text, plate=plate)
        np.testing.assert_array_equal(source.read(0), box)
        assert any(f"its channel {channel.replace('__', '.')} is used" in note for note in notes)


def test_several_such_channels_are_not_guessed(files, folder, plate, box, ramp):
    rgb = dict.fromkeys("RGB", ramp)
    text = exr(files, folder, **rgb, mask__A=box, roto__A=1 - box)
    with pytest.raises(MatteError, match=r"expected one matte, got mask\.A, roto\.A; choose with"):
        open_matte("fg", text, plate=plate)
    for asked in ("roto.A", "roto", "ROTO.a"):
        source, _ = open_matte("fg", f"{text}:{asked}", plate=plate)
        np.testing.assert_array_equal(source.read(0), 1 - box)


def test_alpha_that_varies_comes_before_named_channels(files, folder, plate, box, ramp):
    text = exr(files, folder, R=ramp, G=ramp, B=ramp, A=box, mask__A=1 - box)
    source, _ = open_matte("fg", text, plate=plate)
    np.testing.assert_array_equal(source.read(0), box)
    source, _ = open_matte("fg", f"{text}:mask", plate=plate)
    np.testing.assert_array_equal(source.read(0), 1 - box)


def test_a_channel_that_is_not_there(files, folder, plate, box):
    text = exr(files, folder, R=box, G=box, B=box)
    with pytest.raises(MatteError, match="has no channel 'mask', it has R, G, B"):
        open_matte("fg", f"{text}:mask", plate=plate)
    with pytest.raises(MatteError, match="has no alpha channel"):
        open_matte("fg", f"{text}:alpha", plate=plate)


def test_channels_without_a_matte_among_them(files, folder, plate, box):
    text = exr(files, folder, P__X=box, P__Y=box, N__X=box)
    with pytest.raises(MatteError, match="expected a matte, got channels"):
        open_matte("fg", text, plate=plate)


@pytest.mark.parametrize(("ending", "kind"), [("png", "uint8"), ("exr", "half"), ("tif", "uint16")])
def test_red_green_and_blue_mattes(files, folder, plate, box, ending, kind):
    pixels = np.dstack([box, 1 - box, box * 0])
    text = write(files, folder, FRAMES, pixels, kind, ending)
    for asked, expected in (("R", box), ("red", box), ("green", 1 - box), ("G:invert", box)):
        source, _ = open_matte("fg", f"{text}:{asked}", plate=plate)
        np.testing.assert_array_equal(source.read(3), expected)
    _, notes = open_matte("fg", text, plate=plate)
    assert any("PATH:red takes one" in note for note in notes)


def test_invert(files, folder, plate, ramp):
    text = write(files, folder, FRAMES, ramp, "uint16")
    source, _ = open_matte("fg", f"{text}:invert", plate=plate)
    np.testing.assert_allclose(source.read(0), 1 - ramp, atol=1e-4)


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_masks_of_zero_and_one_are_scaled_with_a_note(files, folder, plate, box, kind):
    top = 255 if kind == "uint8" else 65535
    text = write(files, folder, FRAMES, box / top, kind)
    source, notes = open_matte("fg", text, plate=plate)
    np.testing.assert_array_equal(source.read(0), box)
    assert f"matte fg: m.####.png holds 0 and 1 of {top}: a mask, scaled to full" in notes


def test_numbers_of_objects_are_not_guessed(files, folder, plate, box):
    labels = box + 4 * np.flipud(np.pad(box, ((8, 0), (0, 0)))[:16])
    text = write(files, folder, FRAMES, labels / 255)
    with pytest.raises(MatteError, match=r"holds values 0, 1, 4 of 255: numbers of objects\?"):
        open_matte("fg", text, plate=plate)
    source, _ = open_matte("fg", f"{text}:4", plate=plate)
    np.testing.assert_array_equal(source.read(0), labels == 4)


def test_numbers_in_a_channel(files, folder, plate, box):
    text = exr(files, folder, ViewLayer__IndexOB__X=box * 7)
    source, notes = open_matte("fg", f"{text}:ViewLayer.IndexOB.X:7", plate=plate)
    np.testing.assert_array_equal(source.read(0), box)
    _, notes = open_matte("fg", f"{text}:ViewLayer.IndexOB.X", plate=plate)
    assert any("reaches 7; what is above 1 counts as 1" in note for note in notes)


@pytest.mark.parametrize(
    ("ending", "kind", "amount"),
    [("png", "uint8", "76 of 255"), ("exr", "half", "0.3"), ("png", "uint16", "19660 of 65535")],
)
def test_faint_mattes_are_refused_or_scaled(files, folder, plate, ramp, ending, kind, amount):
    text = write(files, folder, FRAMES, ramp * 0.3, kind, ending)
    with pytest.raises(MatteError) as caught:
        open_matte("fg", text, plate=plate)
    assert f"got a largest value of {amount} in all 4 frames" in str(caught.value)
    source, notes = open_matte("fg", f"{text}:normalise", plate=plate)
    np.testing.assert_allclose(source.read(0), ramp, atol=0.015)  # 8 bit, 3.3 times larger
    assert any("scaled by" in note for note in notes)


def indexed(path, indices, palette):
    """A PNG with a palette, by hand."""
    import struct
    import zlib

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width = indices.shape
    rows = b"".join(b"\0" + row.tobytes() for row in indices.astype(np.uint8))
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"PLTE", bytes(palette))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


COLOURS = (0, 0, 0, 128, 0, 0, 0, 128, 0)


def test_an_indexed_png_of_one_object(folder, plate, box):
    for frame in FRAMES:
        indexed(folder / f"m.{frame:04d}.png", box, COLOURS)
    source, _ = open_matte("fg", str(folder / "m.####.png"), plate=plate)
    np.testing.assert_array_equal(source.read(0), box)


def test_an_indexed_png_of_several_objects(folder, plate, box):
    other = np.flipud(box) * (1 - box)
    other[0, :5] = 1
    for frame in FRAMES:
        indexed(folder / f"m.{frame:04d}.png", box + 2 * other, COLOURS)
    text = str(folder / "m.####.png")
    with pytest.raises(MatteError, match="is indexed and holds objects 1, 2; choose with"):
        open_matte("fg", text, plate=plate)
    for number, expected in ((1, box), (2, other)):
        source, _ = open_matte("fg", f"{text}:{number}", plate=plate)
        np.testing.assert_array_equal(source.read(2), expected)


def test_another_object_that_comes_later_is_not_dropped(folder, plate, box):
    for frame in FRAMES:
        indexed(folder / f"m.{frame:04d}.png", box * (1 + (frame == 13)), COLOURS)
    with pytest.raises(MatteError, match="holds objects 1, 2"):
        open_matte("fg", str(folder / "m.####.png"), plate=plate)


def test_a_palette_of_greys_is_a_grey_picture(folder, plate, box):
    for frame in FRAMES:
        indexed(folder / f"m.{frame:04d}.png", box * 2, (0, 0, 0, 90, 90, 90, 204, 204, 204))
    source, _ = open_matte("fg", str(folder / "m.####.png"), plate=plate)
    np.testing.assert_allclose(source.read(0), box * 0.8, atol=1e-3)


@pytest.mark.parametrize("name", ["mask.png", "mask_v02.png"])
def test_one_picture_is_held_for_all_frames(files, folder, plate, box, name):
    files.still(folder / name, box, channels=("Y",))
    source, notes = open_matte("fg", str(folder / name), plate=plate)
    for index in range(4):
        np.testing.assert_array_equal(source.read(index), box)
    assert notes == (f"matte fg: {name} is one picture, held for all frames",)


def test_one_picture_of_a_sequence_is_refused_unless_it_is_to_be_held(files, folder, plate, box):
    write(files, folder, FRAMES, box)
    one = str(folder / "m.0011.png")
    with pytest.raises(MatteError, match=r"m\.####\.png names them all; expected that"):
        open_matte("fg", one, plate=plate)
    source, _ = open_matte("fg", f"{one}:hold", plate=plate)
    np.testing.assert_array_equal(source.read(3), box)


def test_numbers_that_start_elsewhere_are_refused_and_shifted_on_request(files, folder, plate):
    for frame in range(1, 5):
        files.still(folder / f"m.{frame:04d}.png", np.full((16, 24), frame / 4))
    text = str(folder / "m.####.png")
    with pytest.raises(MatteError, match="PATH:shift=10 moves them there"):
        open_matte("fg", text, plate=plate)
    source, notes = open_matte("fg", f"{text}:shift=10", plate=plate)
    np.testing.assert_allclose(
        [source.read(i).mean() for i in range(4)], (0.25, 0.5, 0.75, 1), atol=1e-2
    )
    assert any("frames 1-4 go with the plate's 11-14, as asked" in note for note in notes)


def test_a_matte_movie_with_alpha(tmp_path, plate, box):
    import av

    path = tmp_path / "m.mov"
    pixels = np.dstack([np.full((16, 24, 3), 90), box * 255]).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("qtrle", rate=24)
        stream.width, stream.height, stream.pix_fmt = 24, 16, "argb"
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgba")))
        container.mux(stream.encode())
    source, _ = open_matte("fg", str(path), plate=plate)
    np.testing.assert_array_equal(source.read(2), box)
    source, _ = open_matte("fg", f"{path}:alpha:invert", plate=plate)
    np.testing.assert_array_equal(source.read(2), 1 - box)
