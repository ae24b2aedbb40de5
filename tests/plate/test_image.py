# SPDX-License-Identifier: Apache-2.0
import os
from fractions import Fraction

import numpy as np
import pytest
from pullfocus.errors import MatteError, PlateError
from pullfocus.plate.image import Window, place, read_header, read_picture
from pullfocus.plate.sequence import PLATE, coc_role, matte_role

KINDS = [
    ("a.png", "uint8", 0.5 / 255),
    ("a.png", "uint16", 0.5 / 65535),
    ("a.tif", "uint8", 0.5 / 255),
    ("a.tif", "uint16", 0.5 / 65535),
    ("a.tif", "float", 1e-7),
    ("a.dpx", "uint16", 0.5 / 65535),
    ("a.exr", "half", 2**-11),
    ("a.exr", "float", 0.0),
]


@pytest.mark.parametrize(("name", "kind", "error"), KINDS)
def test_values_arrive(tmp_path, files, rng, name, kind, error):
    pixels = rng.random((9, 14, 3), np.float32)
    path = files.still(tmp_path / name, pixels, kind)
    header, picture = read_picture(path, frame=1, role=PLATE)
    assert header.display == Window(0, 0, 14, 9)
    assert picture.colour.dtype == np.float32
    assert picture.alpha is None
    np.testing.assert_allclose(picture.colour, pixels, rtol=0, atol=error + 1e-7)


def test_jpeg(tmp_path, files):
    pixels = np.full((16, 16, 3), (0.8, 0.4, 0.2), np.float32)
    _, picture = read_picture(files.still(tmp_path / "a.jpg", pixels), frame=1, role=PLATE)
    np.testing.assert_allclose(picture.colour, pixels, atol=3 / 255)


@pytest.mark.parametrize(
    ("name", "kind", "encoding"),
    [
        ("a.png", "uint16", "encoded"),
        ("a.jpg", "uint8", "encoded"),
        ("a.tif", "uint8", "encoded"),
        ("a.tif", "float", "linear"),
        ("a.exr", "half", "linear"),
        ("a.dpx", "uint16", "log"),
    ],
)
def test_what_the_file_type_says_of_its_values(tmp_path, files, name, kind, encoding):
    path = files.still(tmp_path / name, np.zeros((4, 4, 3)), kind)
    assert read_header(path, frame=1, role=PLATE).encoding == encoding


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.exr"])
def test_grey_is_one_channel(tmp_path, files, name):
    kind = "half" if name.endswith("exr") else "uint8"
    path = files.still(tmp_path / name, np.full((4, 5), 0.2), kind, channels=("Y",))
    _, picture = read_picture(path, frame=1, role=PLATE)
    assert picture.colour.shape == (4, 5, 1)


def test_channels_are_taken_by_name(tmp_path, files, rng):
    pixels = rng.random((4, 5, 6), np.float32)
    names = ("Z", "fg.R", "B", "A", "R", "G")
    path = files.still(tmp_path / "a.exr", pixels, "float", channels=names)
    _, picture = read_picture(path, frame=1, role=PLATE)
    np.testing.assert_array_equal(picture.colour, pixels[..., [4, 5, 2]])
    np.testing.assert_array_equal(picture.alpha, pixels[..., 3])
    assert not picture.straight


@pytest.mark.parametrize(("name", "kind"), [("a.png", "uint16"), ("a.tif", "uint16")])
def test_unassociated_colour_is_not_multiplied(tmp_path, files, name, kind):
    pixels = np.full((4, 5, 4), (0.8, 0.6, 0.4, 0.25), np.float32)
    extra = {"oiio__UnassociatedAlpha": 1}
    path = files.still(tmp_path / name, pixels, kind, **extra)
    _, picture = read_picture(path, frame=1, role=PLATE)
    assert picture.straight
    np.testing.assert_allclose(picture.colour[0, 0], (0.8, 0.6, 0.4), atol=1e-4)
    np.testing.assert_allclose(picture.alpha, 0.25, atol=1e-4)


def test_layers_without_a_beauty_are_refused_with_their_names(tmp_path, files):
    channels = tuple(f"{layer}.{end}" for layer in ("diffuse", "specular") for end in "RGB")
    path = files.still(tmp_path / "a.exr", np.zeros((4, 5, 6)), "half", channels=channels)
    with pytest.raises(PlateError) as caught:
        read_picture(path, frame=7, role=PLATE)
    message = str(caught.value)
    assert message.startswith(
        f"plate: frame 7 ({path}): expected channels R, G, B or one grey channel, got diffuse.R"
    )
    assert message.endswith("--plate-layer takes one of diffuse, specular")


def test_a_matte_takes_any_channel(tmp_path, files):
    path = files.still(tmp_path / "a.exr", np.full((4, 5), 0.5), "half", channels=("roto.mask",))
    _, picture = read_picture(path, frame=1, role=matte_role("fg"))
    assert picture.colour.max() == 0.5


def test_coc_takes_its_own_channel(tmp_path, files, rng):
    pixels = rng.random((4, 5, 4), np.float32)
    path = files.still(tmp_path / "a.exr", pixels, "float", channels=("R", "G", "B", "coc.X"))
    _, picture = read_picture(path, frame=1, role=coc_role())
    np.testing.assert_array_equal(picture.colour[..., 0], pixels[..., 3])


def test_the_first_part_with_rgb(tmp_path):
    import OpenImageIO as oiio

    path = tmp_path / "a.exr"
    specs = []
    for name, channels in (("depth", ("Z",)), ("beauty", ("R", "G", "B"))):
        spec = oiio.ImageSpec(6, 4, len(channels), "half")
        spec.channelnames = channels
        spec.attribute("oiio:subimagename", name)
        specs.append(spec)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), specs)
    output.write_image(np.full((4, 6, 1), 9, np.float32))
    output.open(str(path), specs[1], "AppendSubimage")
    output.write_image(np.full((4, 6, 3), 0.5, np.float32))
    output.close()
    header, picture = read_picture(path, frame=1, role=PLATE)
    assert (header.taken.part, len(header.parts)) == (1, 2)
    assert (picture.colour == 0.5).all()


def test_data_window_smaller_and_larger(tmp_path, files, rng):
    pixels = rng.random((6, 8, 3), np.float32)
    small = files.still(tmp_path / "s.exr", pixels, "float", data_at=(3, 2), display=(20, 10))
    _, picture = read_picture(small, frame=1, role=PLATE)
    expected = np.zeros((10, 20, 3), np.float32)
    expected[2:8, 3:11] = pixels
    np.testing.assert_array_equal(picture.colour, expected)
    large = files.still(tmp_path / "l.exr", pixels, "float", data_at=(-2, -1), display=(5, 4))
    _, picture = read_picture(large, frame=1, role=PLATE)
    np.testing.assert_array_equal(picture.colour, pixels[1:5, 2:7])


def test_a_data_window_outside_is_all_zero():
    out = place(np.ones((2, 2, 1)), Window(50, 50, 2, 2), Window(0, 0, 4, 3))
    assert out.shape == (3, 4, 1)
    assert not out.any()


def test_rate_and_pixel_aspect(tmp_path, files):
    path = files.still(
        tmp_path / "a.exr",
        np.zeros((4, 4, 3)),
        "half",
        framesPerSecond=(24000, 1001),
        PixelAspectRatio=2.0,
    )
    header = read_header(path, frame=1, role=PLATE)
    assert (header.rate, header.pixel_aspect) == (Fraction(24000, 1001), 2.0)


@pytest.mark.parametrize(("name", "kind"), [*((n, k) for n, k, _ in KINDS), ("a.jpg", "uint8")])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_names_file_and_frame(tmp_path, files, truncate, rng, name, kind, share):
    path = truncate(files.still(tmp_path / name, rng.random((64, 64, 3)), kind), share)
    with pytest.raises(PlateError) as caught:
        read_picture(path, frame=1017, role=PLATE)
    message = str(caught.value)
    assert message.startswith(f"plate: frame 1017 ({path}) is truncated or ")
    assert "\n" not in message


def test_empty_and_foreign_files(tmp_path):
    for name, content in (("a.exr", b""), ("b.png", b"no picture at all")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PlateError, match=r"frame 3 \(.*\) is truncated or no picture: .+"):
            read_picture(tmp_path / name, frame=3, role=PLATE)


def test_vanished_file(tmp_path):
    with pytest.raises(MatteError) as caught:
        read_picture(tmp_path / "a.png", frame=2, role=matte_role("fg"))
    assert str(caught.value) == (
        f"matte fg: frame 2 ({tmp_path / 'a.png'}) cannot be read: No such file or directory"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_unreadable_file(tmp_path, files):
    path = files.still(tmp_path / "a.png", np.zeros((4, 4, 3)))
    path.chmod(0)
    with pytest.raises(PlateError, match="cannot be read: Permission denied"):
        read_picture(path, frame=2, role=PLATE)


@pytest.mark.parametrize(("value", "kinds"), [(np.nan, "NaN"), (np.inf, "Inf"), (-np.inf, "Inf")])
@pytest.mark.parametrize("kind", ["half", "float"])
def test_nan_and_inf_are_counted_and_located(tmp_path, files, kind, value, kinds):
    pixels = np.zeros((6, 8, 3), np.float32)
    pixels[2, 5, 1] = pixels[4, 1, :] = value
    path = files.still(tmp_path / "a.exr", pixels, kind)
    with pytest.raises(PlateError) as caught:
        read_picture(path, frame=12, role=PLATE)
    assert str(caught.value) == (
        f"plate: frame 12 ({path}): expected finite values, got {kinds} in 2 pixels, "
        "first at x 5, y 2"
    )


def test_nan_in_a_channel_that_is_not_used(tmp_path, files):
    pixels = np.zeros((4, 4, 4), np.float32)
    pixels[..., 3] = np.inf
    path = files.still(tmp_path / "a.exr", pixels, "float", channels=("R", "G", "B", "Z"))
    _, picture = read_picture(path, frame=1, role=PLATE)
    assert picture.alpha is None


def test_a_folder_in_the_place_of_a_file(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(PlateError) as caught:
        read_picture(tmp_path / "a.png", frame=4, role=PLATE)
    assert str(caught.value) == (
        f"plate: frame 4 ({tmp_path / 'a.png'}) cannot be read: Is a directory"
    )


def test_every_exif_orientation(tmp_path, files):
    """Stored, then shown: what EXIF's table says of the corner that is marked."""
    stored = np.full((48, 64, 3), 0.1, np.float32)
    stored[:24, :32] = 0.9
    right = {
        1: (64, 48, "top left"),
        2: (64, 48, "top right"),
        3: (64, 48, "bottom right"),
        4: (64, 48, "bottom left"),
        5: (48, 64, "top left"),
        6: (48, 64, "top right"),
        7: (48, 64, "bottom right"),
        8: (48, 64, "bottom left"),
    }
    for ending, kind in (("jpg", "uint8"), ("tif", "uint8"), ("png", "uint8")):
        for value, (width, height, corner) in right.items():
            path = files.still(tmp_path / f"{value}.{ending}", stored, kind, Orientation=value)
            header, picture = read_picture(path, frame=1, role=PLATE)
            assert header.size == (width, height)
            assert picture.colour.shape == (height, width, 3)
            halves = {"top": slice(height // 2), "bottom": slice(height // 2, None)}
            sides = {"left": slice(width // 2), "right": slice(width // 2, None)}
            means = {
                f"{h} {s}": picture.colour[halves[h], sides[s]].mean()
                for h in halves
                for s in sides
            }
            assert max(means, key=means.get) == corner


def test_offsets_on_paper_are_no_display_window(tmp_path, files, rng):
    """PNG's oFFs and TIFF's XPosition would push the picture out of sight."""
    pixels = rng.random((6, 8, 3), np.float32)
    for name in ("a.png", "a.tif"):
        path = files.still(tmp_path / name, pixels, "uint16", data_at=(40, 30))
        header, picture = read_picture(path, frame=1, role=PLATE)
        assert header.size == (8, 6)
        np.testing.assert_allclose(picture.colour, pixels, atol=1e-4)


def test_whole_numbers_of_an_exr_are_read_as_they_are(tmp_path, minimal_exr):
    path = minimal_exr(tmp_path / "a.exr", {"id.X": np.full((3, 4), 7, np.uint32)})
    header, picture = read_picture(path, frame=1, role=matte_role("fg"))
    assert header.encoding == "linear"
    assert (picture.colour == 7).all()


@pytest.mark.parametrize("side", [100_000, 2**31 - 1])
def test_a_picture_too_large_is_refused_before_it_is_allocated(tmp_path, minimal_exr, side):
    import tracemalloc

    path = minimal_exr(tmp_path / "a.exr", {"R": np.zeros((3, 4), np.float32)}, claim=side)
    tracemalloc.start()
    with pytest.raises(PlateError, match=r"million pixels|truncated or no picture"):
        read_picture(path, frame=1, role=PLATE)
    assert tracemalloc.get_traced_memory()[1] < 1e7
    tracemalloc.stop()
