# SPDX-License-Identifier: Apache-2.0
import pytest
from pullfocus.plate.channels import Part, all_channels, find_channel, find_picture


def layer(prefix, ends="RGBA"):
    return tuple(f"{prefix}.{end}" if prefix else end for end in ends)


def names(parts, taken):
    return [parts[taken.part].channels[index] for index in taken.colour]


@pytest.mark.parametrize(
    ("channels", "picture"),
    [
        ((*layer("ViewLayer.Combined"), "ViewLayer.Depth.Z"), "ViewLayer.Combined"),
        (layer("rgba"), "rgba"),
        (("beauty.Z", *layer("beauty")), "beauty"),
        (layer("diffuse") + layer("") + layer("beauty"), ""),
        (layer("View Layer.DiffDir", "RGB") + layer("View Layer.Combined"), "View Layer.Combined"),
        (layer("left") + layer("right"), "left"),
        (("beauty.red", "beauty.green", "beauty.blue"), "beauty"),
        (("c.r", "c.g", "c.b", "c.a"), "c"),
    ],
)
def test_the_picture_is_found(channels, picture):
    parts = [Part(channels=channels)]
    taken = find_picture(parts, None)
    got = names(parts, taken)
    assert len(got) == 3
    assert all(name.rpartition(".")[0] == picture for name in got)
    assert [name[-1].lower() for name in got] in (list("rgb"), list("dne"))
    assert bool(taken.note) == bool(picture)


def test_two_layers_and_no_beauty_are_not_guessed():
    assert find_picture([Part(channels=layer("key") + layer("fill"))], None) is None
    assert find_picture([Part(channels=layer("A.Combined") + layer("B.Combined"))], None) is None


@pytest.mark.parametrize("wanted", ["ViewLayer.DiffDir", "viewlayer.diffdir", "DiffDir"])
def test_a_layer_is_asked_for(wanted):
    parts = [Part(channels=layer("ViewLayer.Combined") + layer("ViewLayer.DiffDir", "RGB"))]
    taken = find_picture(parts, wanted)
    assert names(parts, taken)[0] == "ViewLayer.DiffDir.R"
    assert taken.alpha is None


def test_a_layer_that_is_not_there_lists_those_that_are():
    parts = [Part(channels=layer("fill") + layer("key"))]
    with pytest.raises(LookupError, match="no layer 'rim', there is fill, key"):
        find_picture(parts, "rim")
    twice = [Part(channels=layer("A.Combined") + layer("B.Combined"))]
    with pytest.raises(LookupError, match=r"'Combined' is said of A\.Combined, B\.Combined"):
        find_picture(twice, "Combined")


def test_parts_and_views():
    parts = [
        Part(channels=("Z",), name="depth"),
        Part(channels=layer(""), name="specular"),
        Part(channels=layer(""), name="rgba.left", view="left"),
        Part(channels=layer(""), name="rgba.right", view="right"),
        Part(channels=layer(""), name="deep", deep=True),
    ]
    found = find_picture(parts[:2], None)
    assert (found.part, found.note) == (1, "part 2 of 2 (specular) is used")
    assert find_picture(parts, "right").part == 3
    assert find_picture(parts, "specular").part == 1
    assert (find_picture(parts, "depth").part, find_picture(parts, "depth").colour) == (0, (0,))
    assert all_channels(parts[:2]) == ["Z", "R", "G", "B", "A"]
    assert all_channels(parts[1:3])[0] == "specular.R"


def test_a_stereo_part_is_its_first_view_with_a_note():
    parts = [Part(channels=layer("") + layer("right"), views=("left", "right"))]
    taken = find_picture(parts, None)
    assert names(parts, taken)[0] == "R"
    assert taken.note == "its left view is used; --plate-layer takes another: right"
    assert names(parts, find_picture(parts, "right"))[0] == "right.R"
    assert names(parts, find_picture(parts, "left"))[0] == "R"


def test_chroma_at_half_size_is_no_grey_picture():
    assert find_picture([Part(channels=("Y", "RY", "BY"))], None) is None


@pytest.mark.parametrize("wanted", ["mask.A", "MASK.a", "mattes.mask.A"])
def test_one_channel(wanted):
    parts = [Part(channels=layer("")), Part(channels=("mask.A", "Z"), name="mattes")]
    assert find_channel(parts, wanted).part == 1
    assert find_channel(parts, wanted).colour == (0,)
    assert find_channel(parts, "mask.B") is None
