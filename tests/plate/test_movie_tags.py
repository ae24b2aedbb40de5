# SPDX-License-Identifier: Apache-2.0
"""What movies say of themselves: colours, alpha, fields, edit lists, rates, turns."""

# SPDX-License-Identifier: Apache-2.0
from fractions import Fraction

import numpy as np
import pytest
from pullfocus.errors import PlateError
from pullfocus.plate.reel import open_reel

from tests.plate.movie_greys import greys


def encode(path, planes, codec="ffv1", pix_fmt="yuv444p", **told):
    """One frame for each array (3, H, W) of YCbCr codes, with tags in the stream and frames."""
    import av

    deep = "10" in pix_fmt or "12" in pix_fmt
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24)
        stream.height, stream.width = planes[0].shape[1:]
        stream.pix_fmt = pix_fmt
        for name, value in told.items():
            setattr(stream.codec_context, name, value)
        for picture in planes:
            frame = av.VideoFrame(stream.width, stream.height, pix_fmt)
            for plane, values in zip(frame.planes, picture, strict=True):
                rows = np.zeros(
                    (plane.height, plane.line_size // (1 + deep)), "<u2" if deep else "u1"
                )
                rows[:, : plane.width] = values
                plane.update(rows.tobytes())
            for name, value in told.items():
                setattr(frame, name, value)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def flat(codes, height=48, width=64):
    planes = np.empty((3, height, width), np.uint16)
    planes[:] = np.array(codes)[:, None, None]
    return planes


@pytest.mark.parametrize(
    ("size", "matrix"),
    [
        ((64, 48), "BT.601"),
        ((1024, 576), "BT.601"),
        ((1280, 536), "BT.709"),
        ((64, 578), "BT.709"),
        ((720, 1280), "BT.709"),
    ],
)
def test_an_untold_matrix_is_guessed_as_players_guess(tmp_path, size, matrix):
    red = (82, 90, 240) if matrix == "BT.601" else (63, 102, 240)
    reel = open_reel(str(encode(tmp_path / "a.mkv", [flat(red, size[1], size[0])])))
    np.testing.assert_allclose(reel.read(0).colour[20, 20], (1, 0, 0), atol=0.006)
    assert f"plate: a.mkv: its colour matrix is not told; {matrix} by its size" in reel.notes


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("full", [False, True])
def test_ten_and_twelve_bits_are_exact(tmp_path, bits, full):
    """H.273, 8.3: white, grey and red of BT.2020, in both ranges."""
    top, step = (1 << bits) - 1, 1 << (bits - 8)

    def codes(red, green, blue):
        luma = 0.2627 * red + 0.678 * green + 0.0593 * blue
        chroma = (blue - luma) / 1.8814, (red - luma) / 1.4746
        if full:
            return round(luma * top), *(
                min(top, round(c * top + (1 << (bits - 1)))) for c in chroma
            )
        return round((219 * luma + 16) * step), *(round((224 * c + 128) * step) for c in chroma)

    colours = [(1, 1, 1), (0.5, 0.5, 0.5), (1, 0, 0), (0, 0, 0)]
    told = {"colorspace": 9, "color_range": 2 if full else 1}
    path = encode(
        tmp_path / "a.mkv", [flat(codes(*c)) for c in colours], pix_fmt=f"yuv444p{bits}le", **told
    )
    reel = open_reel(str(path))
    for index, colour in enumerate(colours):
        got = reel.read(index).colour[10, 10]
        np.testing.assert_allclose(got, colour, atol=2.5 / top)


@pytest.mark.parametrize("colorspace", [8, 10, 14])
def test_a_matrix_that_is_not_decoded_is_refused(tmp_path, colorspace):
    path = encode(tmp_path / "a.mkv", [flat((100, 100, 100))], colorspace=colorspace)
    with pytest.raises(PlateError, match=rf"colour matrix \(H\.273: {colorspace}\)"):
        open_reel(str(path))


@pytest.mark.parametrize(
    ("primaries", "transfer", "curve"),
    [(9, 18, "hlg"), (9, 16, "pq"), (1, 8, "linear"), (12, 1, "srgb"), (9, 14, "srgb")],
)
def test_tags_are_handed_on(tmp_path, primaries, transfer, curve):
    told = {"color_primaries": primaries, "color_trc": transfer, "colorspace": 1}
    reel = open_reel(str(encode(tmp_path / "a.mkv", [flat((126, 128, 128))], **told)))
    assert reel.tagged.curve == curve


def test_ordinary_tags_say_nothing(tmp_path):
    told = {"color_primaries": 1, "color_trc": 1, "colorspace": 1}
    reel = open_reel(str(encode(tmp_path / "a.mkv", [flat((126, 128, 128))], **told)))
    assert reel.tagged is None
    assert reel.notes == ()


def test_odd_sizes(tmp_path):
    path = encode(tmp_path / "a.mkv", [flat((126, 128, 128), 47, 63)])
    reel = open_reel(str(path))
    assert (reel.width, reel.height) == (63, 47)
    np.testing.assert_allclose(reel.read(0).colour, 128 / 255, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.webm", "libvpx", "yuva420p"),
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("a.mov", "prores_ks", "yuva444p10le"),
    ],
)
def test_alpha_of_every_kind(tmp_path, name, codec, pix_fmt):
    """VP8 and VP9 carry it beside the picture, where FFmpeg's own decoders do not look."""
    import av

    pixels = np.full((48, 64, 4), (200, 100, 50, 255), np.uint8)
    pixels[:, :32, 3] = 64
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        options = {"auto-alt-ref": "0"} if codec == "libvpx" else {}
        stream = container.add_stream(codec, rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        if name.endswith("webm"):
            stream.metadata["alpha_mode"] = "1"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgba")))
        container.mux(stream.encode())
    reel = open_reel(str(path))
    assert reel.has_alpha
    assert len(reel.frames) == 3
    for index in (2, 0):
        alpha = reel.read(index).alpha
        np.testing.assert_allclose(alpha[24, [10, 50]], (64 / 255, 1), atol=0.01)


def interlaced(path, count=6):
    """Fields of a bar that moves 2 px between them: combs in every frame."""
    import av
    from av.codec.context import Flags

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"qmin": "1", "qmax": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        for index in range(count):
            pixels = np.full((48, 64, 3), 40, np.uint8)
            for field in (0, 1):
                at = 10 + 2 * (2 * index + 1 - field)  # MPEG-2: the lower field first
                pixels[field::2, at : at + 12] = 220
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_interlaced_is_refused(tmp_path):
    path = interlaced(tmp_path / "a.mpg")
    with pytest.raises(PlateError) as caught:
        open_reel(str(path))
    assert str(caught.value) == (
        f"plate: {path} is interlaced: expected whole frames; --deinterlace makes them, "
        "--progressive takes frames as they are"
    )


def combing(picture):
    """How far rows differ from the mean of their neighbours, summed."""
    grey = picture.colour[..., 1]
    return float(np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2).sum())


def test_interlaced_is_made_whole_on_request(tmp_path):
    path = str(interlaced(tmp_path / "a.mpg"))
    woven, whole = open_reel(path, deinterlace=False), open_reel(path, deinterlace=True)
    assert whole.frames == woven.frames == tuple(range(1, 7))
    for index in (3, 0, 5):
        assert combing(whole.read(index)) < 0.3 * combing(woven.read(index))
        bright = np.flatnonzero(whole.read(index).colour[24, :, 1] > 0.6)
        assert abs(bright.mean() - (10 + 4 * index + 5.5)) < 1.5  # the first field's time
    assert any("interlaced" in note for note in whole.notes)
    assert any("taken as whole frames" in note for note in woven.notes)


def test_an_edit_list_shows_what_players_show(tmp_path, files):
    """Cut without coding again: 12 frames lie in the file, the last 7 are shown."""
    import av

    whole = files.movie(
        tmp_path / "a.mp4", 12, codec="libx264", pix_fmt="yuv444p", g="12", bf="2", qp="0"
    )
    path = tmp_path / "b.mp4"
    options = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    with av.open(str(whole)) as source, av.open(str(path), "w", options=options) as target:
        stream = source.streams.video[0]
        copied = target.add_stream_from_template(stream)
        back = round(5 / 24 / stream.time_base)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.pts, packet.dts = packet.pts - back, packet.dts - back
                packet.stream = copied
                target.mux(packet)
    reel = open_reel(str(path))
    assert reel.frames == tuple(range(1, 8))
    assert greys(reel, [6, 0, 3]) == pytest.approx([130, 70, 100], abs=2)
    assert reel.rate == 24


def test_a_cover_is_no_moving_picture(tmp_path, files):
    import av
    from av.stream import Disposition

    cover = files.still(tmp_path / "c.png", np.full((480, 640, 3), 0.9))
    movie = files.movie(tmp_path / "m.mp4", 5, codec="libx264", pix_fmt="yuv444p", qp="0")
    path = tmp_path / "a.mp4"
    with av.open(str(cover)) as art, av.open(str(movie)) as source, av.open(str(path), "w") as to:
        first = to.add_stream_from_template(art.streams.video[0])
        first.disposition = Disposition.attached_pic
        second = to.add_stream_from_template(source.streams.video[0])
        for container, stream in ((art, first), (source, second)):
            for packet in container.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    to.mux(packet)
    reel = open_reel(str(path))
    assert (reel.width, reel.height, len(reel.frames)) == (64, 48, 5)
    assert greys(reel)[0] == pytest.approx(20, abs=2)
    assert any("1 other stream" in note for note in reel.notes)


@pytest.mark.parametrize("rate", ["24000/1001", "25", "30000/1001", "60000/1001", "25/2"])
@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
def test_rates_are_true_fractions(tmp_path, files, rate, ending):
    """Matroska's clock of 1 ms and AVI's decimals are no excuse."""
    path = files.movie(
        tmp_path / f"a.{ending}", 10, codec="mjpeg", pix_fmt="yuvj420p", rate=Fraction(rate)
    )
    reel = open_reel(str(path))
    assert reel.rate == Fraction(rate)
    assert not any("vary" in note for note in reel.notes)


def test_frame_times_that_vary_are_noted(tmp_path):
    import av

    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for index in range(8):
            pixels = np.full((48, 64, 3), 10 * index + 20, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = index if index < 4 else 2 * index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    reel = open_reel(str(path))
    assert greys(reel) == [10 * index + 20 for index in range(8)]
    assert any("frame times vary; frames are numbered in order" in note for note in reel.notes)


@pytest.mark.parametrize(
    ("matrix", "corner", "size"),
    [
        ((-1, 0, 0, 1), "top right", (64, 48)),
        ((1, 0, 0, -1), "bottom left", (64, 48)),
        ((-1, 0, 0, -1), "bottom right", (64, 48)),
        ((0, 1, 1, 0), "top left", (48, 64)),
        ((0, -1, -1, 0), "bottom right", (48, 64)),
        ((0, -1, 1, 0), "bottom left", (48, 64)),
    ],
)
def test_display_matrices_flip_and_turn(tmp_path, matrix, corner, size):
    import av

    path = tmp_path / "a.mov"
    pixels = np.full((48, 64, 3), 20, np.uint8)
    pixels[:24, :32] = 230
    with av.open(str(path), "w") as container:
        stream = container.add_stream("qtrle", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    a, b, c, d = (entry << 16 for entry in matrix)
    values = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    data[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in values)
    path.write_bytes(data)
    reel = open_reel(str(path))
    width, height = size
    assert (reel.width, reel.height) == size
    grey = reel.read(0).colour[..., 0]
    row = 0 if "top" in corner else height // 2
    column = 0 if "left" in corner else width // 2
    assert grey[row : row + height // 2, column : column + width // 2].min() > 0.8
    assert len(reel.notes) == 1
