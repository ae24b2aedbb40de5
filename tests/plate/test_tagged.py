# SPDX-License-Identifier: Apache-2.0
import struct
import zlib

import numpy as np
import pytest
from pullfocus.errors import ColourError
from pullfocus.plate.colour import colour_transform, plan_colour, to_working_space
from pullfocus.plate.footage import open_shot
from pullfocus.plate.tagged import (
    PRIMARIES,
    Tagged,
    from_chromaticities,
    from_h273,
    from_icc,
    to_linear_rec709,
)


def light(tagged, *codes):
    return to_linear_rec709(tagged)(np.array([codes], np.float32))[0]


def grey(tagged, *values):
    return light(tagged, *([value] * 3 for value in values))[:, 1]


@pytest.mark.parametrize(("transfer", "white"), [(18, 0.75), (16, 0.58)])
def test_hlg_and_pq_become_light_of_the_scene(transfer, white):
    """BT.2408, table 1: an 18 % card lies at 38 % in both, diffuse white at 75 % HLG, 58 % PQ."""
    tagged = from_h273(9, transfer)
    got = grey(tagged, 0.0, 0.38, white)
    np.testing.assert_allclose(got, (0, 0.18, 1), atol=0.006)


def test_hlg_peak_is_twelve_times_its_knee():
    """BT.2100: the inverse OETF at 1 is 1, at 1/2 it is 1/12."""
    low, high = grey(from_h273(9, 18), 0.5, 1.0)
    assert high / low == pytest.approx(12, rel=1e-3)


def test_primaries_of_rec2020_by_bt2087():
    """ITU-R BT.2087-0, the linear matrix from BT.2020 to BT.709."""
    matrix = np.array(
        [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    )
    wide = Tagged(said="", curve="linear", primaries=PRIMARIES["Rec.2020"])
    got = light(wide, (1, 0, 0), (0, 1, 0), (0, 0, 1))
    np.testing.assert_allclose(got.T, matrix, atol=2e-4)


@pytest.mark.parametrize(
    ("space", "tagged"),
    [
        ("srgb_texture", Tagged(said="", curve="srgb")),
        ("srgb_displayp3", from_h273(12, 13)),
        ("lin_rec2020", from_chromaticities(PRIMARIES["Rec.2020"], said="")),
        ("ACEScg", from_chromaticities(PRIMARIES["AP1"], said="")),
        ("aces2065_1", from_chromaticities(PRIMARIES["AP0"], said="")),
    ],
)
def test_what_has_a_name_is_what_the_configuration_says(rng, space, tagged):
    pixels = rng.random((5, 6, 3), np.float32)
    assert tagged.space == space
    ours = to_linear_rec709(tagged)(pixels)
    theirs = colour_transform(space, "lin_rec709_srgb")(pixels)
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


@pytest.mark.parametrize("transfer", [1, 2, 6, 13, 14, 15])
def test_sdr_video_is_taken_as_players_show_it(transfer):
    assert from_h273(1, transfer) is None
    assert from_h273(2, transfer) is None
    assert from_h273(9, transfer).curve == "srgb"


def test_linear_and_gamma():
    np.testing.assert_allclose(grey(from_h273(1, 8), 0.25), 0.25, atol=1e-6)
    np.testing.assert_allclose(grey(from_h273(1, 4), 0.5), 0.5**2.2, atol=1e-5)
    np.testing.assert_allclose(grey(from_h273(1, 5), 0.5), 0.5**2.8, atol=1e-5)


@pytest.mark.parametrize("numbers", [(1, 9), (1, 10), (10, 17)])
def test_log_must_be_told(numbers):
    with pytest.raises(ColourError, match="--colorspace"):
        plan_colour("encoded", label="a.mp4", tagged=from_h273(*numbers))


def xyz_type(*values):
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def icc(name, columns, curve, more=()):
    """A matrix profile by hand (ICC.1:2022): columns of XYZ at D50, and one curve."""
    text = name.encode() + b"\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    tags = [(b"desc", description), (b"wtpt", xyz_type(0.9642, 1, 0.8249))]
    tags += [(k, xyz_type(*c)) for k, c in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)]
    tags += [(kind, curve) for kind in (b"rTRC", b"gTRC", b"bTRC")]
    tags += more
    tags = [(kind, data + bytes(-len(data) % 4)) for kind, data in tags]
    at, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for kind, data in tags:
        table += kind + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4sI4s4s4s", at + len(body), b"none", 0x04000000, b"mntr", b"RGB ", b"XYZ "
    )
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += b"".join(struct.pack(">i", round(v * 65536)) for v in (0.9642, 1, 0.8249))
    return head.ljust(128, b"\0") + table + body


SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
PARAMETRIC_SRGB = b"para\0\0\0\0" + struct.pack(
    ">HHiiiii",
    3,
    0,
    *(round(v * 65536) for v in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)),
)
GAMMA = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(1.8 * 256))


def test_icc_profiles_of_known_spaces_are_those_spaces():
    assert from_icc(icc("sRGB IEC61966-2.1", SRGB, PARAMETRIC_SRGB), "").space == "srgb_texture"
    assert from_icc(icc("Display P3", P3, PARAMETRIC_SRGB), "Display P3").space == "srgb_displayp3"
    linear = b"curv\0\0\0\0\0\0\0\0"
    assert from_icc(icc("linear", SRGB, linear), "").space == "lin_rec709_srgb"


def test_an_icc_profile_of_its_own_is_followed():
    tagged = from_icc(icc("old Mac", P3, GAMMA), "old Mac")
    assert (tagged.curve, str(tagged)) == ("profile", "ICC profile 'old Mac'")
    np.testing.assert_allclose(grey(tagged, 0.25, 1), (0.25 ** (461 / 256), 1), atol=1e-3)
    np.testing.assert_allclose(light(tagged, (1, 0, 0))[0], (1.2249, -0.042, -0.0196), atol=2e-3)


def test_a_cicp_tag_in_a_profile_wins():
    """What phones write beside an HDR still: curves for old readers, and the truth."""
    more = [(b"cicp", b"cicp\0\0\0\0" + bytes((12, 16, 0, 1)))]
    tagged = from_icc(icc("Display P3 PQ", P3, GAMMA, more), "Display P3 PQ")
    assert (tagged.curve, tagged.primaries) == ("pq", PRIMARIES["P3-D65"])


@pytest.mark.parametrize("profile", [b"", b"no profile", icc("cut", P3, GAMMA)[:300]])
def test_a_profile_that_is_not_followed_is_named(profile):
    tagged = from_icc(profile, "broken")
    assert tagged.curve == "unread"
    plan = plan_colour("encoded", label="a.png", tagged=tagged)
    assert any("ICC profile 'broken'" in note for note in plan.notes)
    assert plan.working == "lin_rec709_srgb"


def write_png(path, *chunks):
    """(200, 40, 40) of 255 everywhere, with chunks before its pixels."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = (b"\0" + bytes((200, 40, 40)) * 8) * 6
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 6, 8, 2, 0, 0, 0))
        + b"".join(chunk(kind, data) for kind, data in chunks)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return path


def chroma(primaries):
    order = (6, 7, 0, 1, 2, 3, 4, 5)
    return (b"cHRM", struct.pack(">8I", *(round(primaries[i] * 100_000) for i in order)))


CICP_P3 = (b"cICP", bytes((12, 13, 0, 1)))
ICCP_P3 = (b"iCCP", b"p3\0\0" + zlib.compress(icc("Display P3", P3, PARAMETRIC_SRGB)))
ICCP_GAMMA = (b"iCCP", b"x\0\0" + zlib.compress(icc("x", SRGB, GAMMA)))
IS_SRGB = (b"sRGB", b"\0")
LINEAR = (b"gAMA", struct.pack(">I", 100_000))
USUAL = (b"gAMA", struct.pack(">I", 45_455))
GAMMA_18 = (b"gAMA", struct.pack(">I", 55_556))
RED, LOW = 200 / 255, 40 / 255
S_RED, S_LOW = (((v + 0.055) / 1.055) ** 2.4 for v in (RED, LOW))


@pytest.mark.parametrize(
    ("chunks", "source", "expected"),
    [
        ((), "sRGB Encoded Rec.709 (sRGB)", (S_RED, S_LOW, S_LOW)),
        ((IS_SRGB, LINEAR), "sRGB Encoded Rec.709 (sRGB)", (S_RED, S_LOW, S_LOW)),
        ((USUAL, chroma(PRIMARIES["Rec.709"])), "sRGB Encoded Rec.709 (sRGB)", None),
        ((LINEAR,), "Linear Rec.709 (sRGB)", (RED, LOW, LOW)),
        ((GAMMA_18,), "gamma 1.8, Rec.709", (RED**1.8, LOW**1.8, LOW**1.8)),
        ((CICP_P3, ICCP_GAMMA, IS_SRGB), "sRGB Encoded P3-D65", None),
        ((ICCP_P3, IS_SRGB, LINEAR), "sRGB Encoded P3-D65", None),
        ((USUAL, chroma(PRIMARIES["Rec.2020"])), "sRGB curve, Rec.2020", None),
        ((chroma(PRIMARIES["P3-D65"]),), "sRGB Encoded P3-D65", None),
        (((b"cICP", bytes((1, 13, 0, 1))), ICCP_P3), "sRGB Encoded Rec.709 (sRGB)", None),
    ],
)
def test_png_chunks_by_their_rank(tmp_path, chunks, source, expected):
    shot = open_shot(str(write_png(tmp_path / "a.png", *chunks)), working_space="lin_rec709_srgb")
    assert f"{source} ->" in shot.plate.describe()
    if expected is not None:
        np.testing.assert_allclose(shot.plate.read(0)[2, 2], expected, atol=1e-3)


def test_red_of_p3_lies_outside_rec709(tmp_path):
    shot = open_shot(str(write_png(tmp_path / "a.png", CICP_P3)), working_space="lin_rec709_srgb")
    red, green, _ = shot.plate.read(0)[2, 2]
    assert red > S_RED
    assert green < S_LOW
    assert any("P3-D65" in note for note in shot.notes)


def test_the_user_wins_over_the_file(tmp_path):
    path = str(write_png(tmp_path / "a.png", LINEAR))
    shot = open_shot(path, colorspace="srgb_texture")
    np.testing.assert_allclose(shot.plate.read(0)[0, 0, 0], S_RED, atol=1e-4)


def test_chromaticities_of_an_exr_name_its_light(tmp_path, files):
    import OpenImageIO as oiio

    for name, space in (("AP1", "ACEScg"), ("Rec.709", "lin_rec709_srgb"), ("Rec.2020", None)):
        path = tmp_path / f"{name}.exr"
        spec = oiio.ImageSpec(8, 6, 3, "half")
        kind = oiio.TypeDesc("float[8]")
        spec.attribute("chromaticities", kind, PRIMARIES[name])
        out = oiio.ImageOutput.create(str(path))
        assert out.open(str(path), spec)
        assert out.write_image(np.full((6, 8, 3), 0.25, np.float32))
        out.close()
        shot = open_shot(str(path))
        assert shot.colorspace == (space or "Linear Rec.2020")
        assert (shot.plate.read(0) == 0.25).all()


def test_a_plan_without_a_named_space_is_known_by_its_numbers(rng):
    first = plan_colour("encoded", label="a", tagged=from_h273(9, 18))
    assert str(first) == "HLG, Rec.2020 -> ACEScg"
    pixels = rng.random((3, 4, 3), np.float32)
    assert to_working_space(first)(pixels).min() > -0.01
    one, other = (
        plan_colour("encoded", label="a", tagged=from_icc(icc("n", P3, curve), "n"))
        for curve in (GAMMA, b"curv\0\0\0\0" + struct.pack(">IH", 1, 400))
    )
    assert str(one) != str(other)
