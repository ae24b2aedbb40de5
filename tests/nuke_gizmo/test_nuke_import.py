# SPDX-License-Identifier: Apache-2.0
"""Import: what passes.json says is in the node, and what is wrong is said in one line."""

import json
import shutil
from pathlib import Path

import pytest
from described_passes import FOCUS, described
from graph_interpreter import Interpreter
from pullfocus.plate.exr import Plane, read_exr, write_exr
from pullfocus_nuke import importing
from pullfocus_nuke.errors import GizmoError
from pullfocus_nuke.passes import read_passes


def test_import_starts_from_the_plates_lens(nuke, tmp_path: Path) -> None:
    lens = {"blades": 5, "rotation_deg": 20.0, "cats_eye": 0.8, "squeeze": 1.0}
    described(tmp_path / "passes", plate_lens=lens)
    node = importing.import_passes(str(tmp_path / "passes" / "passes.json"))
    shown = {knob: node[knob].value() for knob in ("blades", "rotation", "squeeze", "cats_eye")}
    assert shown == {"blades": 5, "rotation": 20.0, "squeeze": 1, "cats_eye": 0.8}
    node["blades"].setValue(7)
    importing.reload(node)
    assert node["blades"].value() == 7


def test_import_reads_what_passes_json_says(nuke, group, tmp_path: Path) -> None:
    read = group.input(0)
    folder = (tmp_path / "passes").as_posix()
    assert read["file"].value() == f"{folder}/shot_v01.%04d.exr"
    assert [read[k].value() for k in ("first", "last", "origfirst", "origlast")] == [
        1001,
        1003,
        1001,
        1003,
    ]
    assert read["raw"].value() is True
    assert [group["plate_focus"].getValueAt(f) for f in (1001, 1002, 1003)] == [0.5, 1.5, -2.0]
    assert (group["plate_width"].value(), group["plate_height"].value()) == (160, 90)
    assert group["bg_middle"].value() == 0.0
    assert group["fg_middle"].value() == -1.0
    assert group["bg_atlas"].value() == f"{folder}/atlas_bg.exr"
    assert group["bg_atlas_width"].value() == 91
    assert group["focus_depth"].number() == 1.5
    group["focus_mode"].setValue("layer")
    assert group["focus_depth"].number() == -1.0


def test_on_the_farm_an_engine_is_never_changed(nuke, group) -> None:
    group["engine"].setValue("soap bubble (Blink)")
    nuke.GUI, nuke.broken_kernels = False, True
    for child in group.nodes():
        for name in [name for name in child.all_knobs if name.startswith("PullFocus")]:
            del child.all_knobs[name]
    nuke.run_code(group["onCreate"].value(), group)
    assert group["engine"].value() == "soap bubble (Blink)"
    assert "did not compile" in nuke.messages[-1]


def test_a_bare_node_imports_by_its_own_button(nuke, tmp_path: Path) -> None:
    node = nuke.createNode("PullFocus")
    node["reload_passes"].execute()
    assert "Choose the passes.json" in nuke.messages[-1]
    node["passes_json"].setValue(str(described(tmp_path / "passes") / "passes.json"))
    node["reload_passes"].execute()
    assert node.input(0)["file"].value().endswith("shot_v01.%04d.exr")
    node["focus_point"].setValue([7.0, 9.0])
    node["reload_passes"].execute()
    assert node["focus_point"].value() == [7.0, 9.0]
    assert len(nuke.allNodes("Read")) == 1


def test_an_anamorphic_plate_keeps_its_pixels(nuke, tmp_path: Path) -> None:
    node = importing.import_passes(str(described(tmp_path / "passes", pixel_aspect=2.0)))
    name = node.input(0)["format"].value()
    assert nuke.formats[name] == (160, 90, 2.0)


@pytest.mark.parametrize(
    "layers", [("all_of_it",), ("a", "b", "c"), ("point", "focus", "lens", "sharp")]
)
def test_any_number_of_layers_gets_its_own_node(nuke, tmp_path: Path, layers) -> None:
    node = importing.import_passes(str(described(tmp_path / "passes", layers)))
    assert node["focus_layer"].values() == list(layers)
    assert sum(child.Class() == "ZDefocus2" for child in node.nodes()) == len(layers)
    node["focus_mode"].setValue("layer")
    for index, name in enumerate(layers):
        node["focus_layer"].setValue(name)
        assert node["focus_depth"].number() == index - 1.0


def test_importing_again_keeps_the_look_and_takes_the_new_shot(nuke, group, tmp_path) -> None:
    group["aperture"].setValue(1.7)
    lens = {**FOCUS, "focus": {"1001": 3.0, "1002": 4.0, "1003": 5.0}, "layers": {}}
    described(tmp_path / "passes", lens_curve=lens)
    group["reload_passes"].execute()
    assert group["plate_focus"].getValueAt(1003) == 5.0
    assert group["aperture"].value() == 1.7
    described(tmp_path / "passes", layers=("one", "two", "three"))
    group["reload_passes"].execute()
    assert "expected a node with the layers one, two, three" in nuke.messages[-1]


def test_unsigned_passes_are_only_shown_as_shot(nuke, tmp_path: Path) -> None:
    folder = described(tmp_path / "passes", coc_signed=False, lens_curve=None)
    node = importing.import_passes(str(folder))
    assert "Near and far are not told apart" in nuke.messages[0]
    assert not node["focus_mode"].enabled
    node["sample_point"].execute()
    assert "no depth to sample" in nuke.messages[-1]


def test_signed_passes_without_a_focus_are_only_shown_as_shot(nuke, tmp_path: Path) -> None:
    node = importing.import_passes(str(described(tmp_path / "passes")))
    node["focus_mode"].setValue("layer")
    described(tmp_path / "passes", coc_signed=True, lens_curve=None)
    node["reload_passes"].execute()
    assert node["focus_mode"].value() == "as shot"
    buttons = ("focus_mode", "sample_point", "key_focus")
    assert not any(node[name].enabled for name in buttons)
    for button, what in (("sample_point", "sample"), ("key_focus", "key")):
        node[button].execute()
        assert "focus is not known in this shot: there is no depth to " + what in nuke.messages[-1]
    lens = nuke.createNode("PullFocusLens")
    lens["follow"].execute()
    assert "no depth to follow" in nuke.messages[-1]
    assert lens["focus_depth"].expressions == {}
    said = len(nuke.messages)
    importing.import_passes(str(tmp_path / "passes"))
    assert "plate's focus is not known" in nuke.messages[said]
    described(tmp_path / "passes")
    node["reload_passes"].execute()
    assert all(node[name].enabled for name in buttons)


def test_remarks_name_gaps_lost_atlases_and_other_spaces(nuke, tmp_path: Path) -> None:
    folder = described(tmp_path / "passes", frames=(1001, 1004))
    (folder / "atlas_fg.exr").unlink()
    nuke.root()["workingSpaceLUT"].held = "ACEScg"
    importing.import_passes(str(folder))
    said = nuke.messages[0]
    assert "The plate left out 1002-1003: the nearest frame is shown there" in said
    read = next(node for node in nuke.allNodes("Read") if node["file"].value())
    assert read["on_error"].value() == "nearest frame"
    assert "atlas_fg.exr" in said
    assert "lin_rec709_srgb, this script works in ACEScg" in said
    nuke.root()["workingSpaceLUT"].held = "linear rec709 (sRGB)"
    assert not any("works in" in line for line in importing.remarks(read_passes(str(folder))))


def test_frames_that_are_listed_but_not_there_are_named(nuke, tmp_path: Path, market) -> None:
    """bake --frames 3 writes one file; passes.json lists the whole solve."""
    from pullfocus.cli import run

    out = tmp_path / "one"
    assert run(["bake", str(market / "x.solve"), "--frames", "3", "--out", str(out)]) == 0
    (note,) = importing.remarks(read_passes(str(out)))
    assert note == "19 of 20 frames have no file: 1-2, 4-20. Bake them too."
    folder = described(tmp_path / "100% of it", frames=tuple(range(1, 20)))
    for frame in range(1, 20, 3):
        (folder / f"shot_v01.{frame}.exr").rename(folder / f"shot_v01.{frame:04d}.exr")
    (note,) = importing.remarks(read_passes(str(folder)))
    assert note.startswith("12 of 19 frames have no file: 2-3, 5-6, 8-9, 11-12, 14-15, ...")


def test_passes_without_confidence_are_told_and_show_nothing(nuke, tmp_path: Path, market) -> None:
    folder = tmp_path / "older"
    shutil.copytree(market / "passes", folder)
    node = importing.import_passes(str(folder))
    assert nuke.messages == []
    node["output"].setValue("confidence")
    assert Interpreter(4).run(node)["rgba.alpha"].min() == 1
    for path in folder.glob("plate.*.exr"):
        planes = [
            Plane(name=name, data=data, channels=(name,), half=False)
            for name, data in read_exr(path).items()
            if name != "confidence.X"
        ]
        write_exr(path, planes, metadata={})
    node["reload_passes"].execute()
    assert not Interpreter(4).run(node).rgba().any()
    (note,) = importing.remarks(read_passes(str(folder)))
    assert note == "These passes hold no confidence: bake them again to see it."


def test_passes_whose_frames_cannot_be_read_are_not_said_to_lack_any(nuke, tmp_path: Path) -> None:
    folder = described(tmp_path / "passes")
    passes = read_passes(str(folder))
    assert passes.holds("confidence.X") is None
    for text in (b"v/1\x01", b"\x76\x2f\x31\x01\x02\0\0\0channels\0chlist\0"):
        (folder / "shot_v01.1001.exr").write_bytes(text)
        assert passes.holds("confidence.X") is None
    assert importing.remarks(passes) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "expected passes.json"),
        ("{", "expected passes.json"),
        ("{}", "something else"),
        ('{"version": "9.0", "layers": []}', "newer plug-in"),
    ],
)
def test_what_is_no_passes_json_is_refused_in_one_line(nuke, tmp_path, text, says) -> None:
    if text is not None:
        (tmp_path / "passes.json").write_text(text)
    assert importing.import_passes(str(tmp_path)) is None
    (message,) = nuke.messages
    assert says in message
    assert "\n" not in message
    assert nuke.allNodes() == []


def test_a_layer_name_cannot_smuggle_a_script_in(nuke, tmp_path: Path) -> None:
    folder = described(tmp_path / "passes")
    document = json.loads((folder / "passes.json").read_text())
    document["layers"][0]["name"] = "fg}\nexec {rm"
    (folder / "passes.json").write_text(json.dumps(document))
    with pytest.raises(GizmoError, match="layer names"):
        read_passes(str(folder))
