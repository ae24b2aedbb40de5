# SPDX-License-Identifier: Apache-2.0
from fractions import Fraction

import numpy as np
import pytest
from pullfocus.errors import PlateError
from pullfocus.plate.reel import open_reel

from tests.plate.movie_greys import greys

CODECS = [
    ("a.mkv", "ffv1", "bgr0", {}, 0),
    ("a.mp4", "libx264", "yuv420p", {"g": "5", "bf": "2", "crf": "4"}, 2),
    ("a.mov", "prores_ks", "yuv422p10le", {}, 2),
    ("a.avi", "mjpeg", "yuvj420p", {"qmin": "1", "q": "1"}, 4),
    ("a.mpg", "mpeg2video", "yuv420p", {"g": "4", "bf": "2", "qmin": "1", "qmax": "1"}, 3),
]


@pytest.mark.parametrize(("name", "codec", "pix_fmt", "options", "error"), CODECS)
def test_every_frame_in_any_order(tmp_path, files, rng, name, codec, pix_fmt, options, error):
    path = files.movie(tmp_path / name, 17, codec=codec, pix_fmt=pix_fmt, **options)
    reel = open_reel(str(path))
    assert reel.frames == tuple(range(1, 18))
    assert (reel.width, reel.height, reel.rate, reel.encoding) == (64, 48, 24, "encoded")
    expected = np.array([10 * index + 20 for index in range(17)])
    np.testing.assert_allclose(greys(reel), expected, atol=error)
    order = rng.permutation(17)
    np.testing.assert_allclose(greys(open_reel(str(path)), order), expected[order], atol=error)


def test_reading_in_order_decodes_each_frame_once(tmp_path, files):
    path = files.movie(tmp_path / "a.mkv", 12)
    reel = open_reel(str(path))
    opened = []
    open_container = reel._open
    reel._open = lambda: opened.append(1) or open_container()
    greys(reel)
    assert opened == []


def test_memory_is_bounded(tmp_path, files):
    reel = open_reel(str(files.movie(tmp_path / "a.mkv", 20)))
    greys(reel)
    assert len(reel._kept) <= 4


def test_frames_option(tmp_path, files):
    path = files.movie(tmp_path / "a.mkv", 12)
    reel = open_reel(str(path), frames="4-8x2")
    assert reel.frames == (4, 6, 8)
    assert greys(reel) == [50, 70, 90]
    with pytest.raises(PlateError) as caught:
        open_reel(str(path), frames="10-15")
    assert str(caught.value) == (
        "plate: a.mkv lacks frames 13-15: --frames 10-15 asks for them; found 1-12"
    )


@pytest.mark.parametrize(("height", "matrix"), [(48, "smpte170m"), (720, "bt709")])
def test_colour_matrix_follows_the_size_where_it_is_not_told(tmp_path, files, height, matrix):
    """A saturated colour tells the two matrices apart by more than 10 codes."""
    path = tmp_path / "a.mkv"
    colour = (30, 190, 60)
    kr, kb = (0.299, 0.114) if matrix == "smpte170m" else (0.2126, 0.0722)
    red, green, blue = (value / 255 for value in colour)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    codes = (
        round(16 + 219 * luma),
        round(128 + 224 * (blue - luma) / (2 - 2 * kb)),
        round(128 + 224 * (red - luma) / (2 - 2 * kr)),
    )
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, height, "yuv444p"
        planes = np.empty((3, height, 64), np.uint8)
        planes[:] = np.array(codes)[:, None, None]
        container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv444p")))
        container.mux(stream.encode())
    got = open_reel(str(path)).read(0).colour[20, 20] * 255
    np.testing.assert_allclose(got, colour, atol=2)


def test_ten_bits_are_kept(tmp_path):
    import av

    path = tmp_path / "a.mkv"
    ramp = np.tile(np.arange(256, 320, dtype=np.uint16) * 2, (48, 1))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray10le"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(ramp, format="gray10le")))
        container.mux(stream.encode())
    values = open_reel(str(path)).read(0).colour[10, :, 1]
    assert len(np.unique(values)) == 64


def test_alpha(tmp_path):
    import av

    path = tmp_path / "a.mov"
    pixels = np.full((48, 64, 4), (200, 100, 50, 128), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("qtrle", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "argb"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgba")))
        container.mux(stream.encode())
    reel = open_reel(str(path))
    picture = reel.read(0)
    assert reel.has_alpha
    assert picture.straight
    np.testing.assert_allclose(picture.alpha, 128 / 255)
    np.testing.assert_allclose(picture.colour[0, 0] * 255, (200, 100, 50))


def test_rate_and_pixel_aspect(tmp_path, files):
    path = files.movie(
        tmp_path / "a.mov", 3, codec="prores_ks", pix_fmt="yuv422p10le", rate=25, aspect=(64, 45)
    )
    reel = open_reel(str(path))
    assert reel.rate == Fraction(25)
    assert reel.pixel_aspect == pytest.approx(64 / 45)


def test_rotation_is_applied_and_noted(tmp_path, files):
    """A phone held upright: the track header asks for a quarter turn clockwise."""
    path = files.movie(tmp_path / "a.mov", 2, codec="qtrle", pix_fmt="rgb24")
    import av

    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:24, :32] = 255  # top left; a quarter turn clockwise brings it to the top right
    with av.open(str(path), "w") as container:
        stream = container.add_stream("qtrle", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version and flags, times, id, ..., then the matrix
    turn = [0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30]
    data[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in turn)
    path.write_bytes(data)
    reel = open_reel(str(path))
    assert (reel.width, reel.height) == (48, 64)
    picture = reel.read(0).colour[..., 0]
    assert picture[:32, 24:].min() == 1.0
    assert picture[32:].max() == picture[:, :24].max() == 0.0
    assert reel.notes == ("plate: a.mov: turned 90 degrees clockwise, as the file asks",)


def test_truncated_movie_names_the_first_missing_frame(tmp_path, files, truncate, rng):
    path = truncate(files.movie(tmp_path / "a.avi", 20, codec="mjpeg", pix_fmt="yuvj420p"))
    with pytest.raises(PlateError) as caught:
        open_reel(str(path))
    found = int(str(caught.value).split(" frames promised, ")[1].split()[0])
    assert 5 < found < 18
    assert str(caught.value) == (
        f"plate: {path} is truncated: 20 frames promised, {found} found; frame {found + 1} is the "
        f"first missing; choose with --frames 1-{found}"
    )
    reel = open_reel(str(path), frames="1-5")
    assert greys(reel, [4]) == [pytest.approx(60, abs=5)]
    assert "is truncated: 20 frames promised" in reel.notes[0]


def test_frame_that_cannot_be_decoded_is_named(tmp_path, files):
    path = files.movie(tmp_path / "a.mov", 20, codec="png", pix_fmt="rgb24")
    data = bytearray(path.read_bytes())
    signatures = [i for i in range(len(data) - 8) if data[i : i + 4] == b"\x89PNG"]
    assert len(signatures) == 20
    data[signatures[9] : signatures[9] + 60] = bytes(60)  # frame 10
    path.write_bytes(data)
    reel = open_reel(str(path))
    assert len(reel.frames) == 20
    greys(reel, range(9))
    with pytest.raises(PlateError) as caught:
        reel.read(9)
    assert str(caught.value) == (
        f"plate: frame 10 ({path}) cannot be decoded: truncated or damaged"
    )


@pytest.mark.parametrize("content", [b"", b"not a movie" * 50])
def test_no_movie(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(PlateError) as caught:
        open_reel(str(path))
    assert str(caught.value).startswith(f"plate: {path} is truncated or ")


def test_mp4_cut_off_before_its_index(tmp_path, files, truncate):
    path = truncate(files.movie(tmp_path / "a.mp4", 10, codec="libx264", pix_fmt="yuv420p"))
    with pytest.raises(PlateError, match=r"a\.mp4 is truncated or (no movie|holds no picture)"):
        open_reel(str(path))


def test_sound_alone_is_no_movie(tmp_path):
    import av

    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(PlateError, match="holds no picture stream"):
        open_reel(str(path))


def test_missing_movie(tmp_path):
    with pytest.raises(PlateError, match="no such file or folder"):
        open_reel(str(tmp_path / "a.mp4"))


# What players and phones write.
