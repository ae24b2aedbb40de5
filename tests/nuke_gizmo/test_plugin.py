# SPDX-License-Identifier: Apache-2.0
"""init, menu, import, focus, painting and export, driven through a stand-in for Nuke."""

import json
import re
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from graph_interpreter import Interpreter, read_picture
from pullfocus.passes.contract import LayerEntry, Passes
from pullfocus.passes.passes_json import write_passes_json
from pullfocus.plate.colour import linear_to_display
from pullfocus.plate.exr import Plane, read_exr, write_exr
from pullfocus.refocus.focus import FocusKey, focus_track
from pullfocus_nuke import focus, importing, painting
from pullfocus_nuke.errors import GizmoError
from pullfocus_nuke.passes import read_passes

FOLDER = Path(__file__).parents[2] / "nuke_gizmo"
FOCUS = {"unit": "px_radius", "focus": {"1001": 0.5, "1002": 1.5, "1003": -2.0}}


def described(folder: Path, layers=("fg", "bg"), **changes) -> Path:
    """A passes.json as the core writes it, with empty files beside it."""
    entries = tuple(
        LayerEntry(name, f"atlas_{name}.exr", 90 + i, 70, name == layers[-1])
        for i, name in enumerate(layers)
    )
    values = {
        "frames": (1001, 1002, 1003),
        "file_pattern": "shot_v01.####.exr",
        "width": 160,
        "height": 90,
        "rate": "24000/1001",
        "colorspace": "lin_rec709_srgb",
        "coc_signed": True,
        "lens_curve": {**FOCUS, "layers": {name: i - 1.0 for i, name in enumerate(layers)}},
    }
    folder.mkdir(exist_ok=True)
    write_passes_json(folder / "passes.json", Passes(entries, **{**values, **changes}))
    for name in layers:
        (folder / f"atlas_{name}.exr").touch()
    for frame in changes.get("frames", values["frames"]):
        (folder / f"shot_v01.{frame}.exr").touch()
    return folder


@pytest.fixture
def group(nuke, tmp_path: Path):
    nuke.frame(1002)
    node = importing.import_passes(str(described(tmp_path / "passes")))
    assert nuke.messages == []
    return node


def test_init_adds_paths_and_menu_adds_menus(nuke, monkeypatch) -> None:
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(FOLDER)])
    runpy.run_path(str(FOLDER / "init.py"))
    assert nuke.plugin_paths == [(FOLDER / "gizmos").as_posix()]
    assert str(FOLDER) in sys.path
    assert nuke.menus["Nuke"].menus == {}
    runpy.run_path(str(FOLDER / "menu.py"))
    commands = nuke.menus["Nuke"].menus["PullFocus"].commands
    assert list(commands) == [
        "Solve...",
        "Follow matte...",
        "Send to farm...",
        "Import passes...",
        "Paint atlas...",
        "Key a ZDefocus...",
        "Set program...",
    ]
    for name, command in nuke.menus["Nodes"].menus["PullFocus"].commands.items():
        exec(command, {"nuke": nuke})
        assert nuke.toNode(name).Class() == "Group"


@pytest.mark.parametrize("name", ["init.py", "menu.py"])
def test_a_failure_lets_nuke_start(nuke, monkeypatch, capsys, name: str) -> None:
    def fails(*_args):
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(nuke, "pluginAddPath", fails)
    monkeypatch.setattr(nuke, "menu", fails)
    runpy.run_path(str(FOLDER / name))
    assert "pullfocus: no" in capsys.readouterr().err


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


def test_a_point_is_sampled_where_it_is_seen(nuke, group) -> None:
    asked = []

    def sampled(node, channel, x, y, dx, dy):
        asked.append((node.Class(), channel, x, y))
        return -0.75

    nuke.sampled = sampled
    group["focus_point"].setValue([20.5, 30.0])
    group["sample_point"].execute()
    assert asked == [("Read", "coc.X", 20.5, 30.0)]
    assert group["point_depth"].value() == pytest.approx(0.75)  # coc + the plate's focus, 1.5
    assert group["focus_mode"].value() == "point"
    nuke.frame(1003)  # the place keeps its depth while the plate's focus moves
    assert group["focus_depth"].number() == pytest.approx(0.75)
    group["focus_point"].setValue([500, 30])
    group["sample_point"].execute()
    assert "outside the plate, 160 x 90" in nuke.messages[-1]
    group.setInput(0, None)
    group["sample_point"].execute()
    assert "Connect the passes" in nuke.messages[-1]


def test_keys_ease_as_the_command_eases(nuke, group) -> None:
    group["focus_mode"].setValue("layer")
    for frame, layer in ((1001, "fg"), (1011, "bg")):
        nuke.frame(frame)
        group["focus_layer"].setValue(layer)
        group["key_focus"].execute()
    group["focus_mode"].setValue("value")
    frames = list(range(999, 1014))
    track = focus_track(
        [FocusKey(1001, "fg"), FocusKey(1011, "bg")],
        frames,
        lambda target, t: {"fg": -1.0, "bg": 0.0}[target],
    )
    ours = [group["focus_depth"].number(0, frame) for frame in frames]
    np.testing.assert_allclose(ours, track, atol=1e-9)


def test_an_engine_that_does_not_compile_says_so_and_stays_with_the_other(nuke, group) -> None:
    nuke.broken_kernels = True
    group["engine"].setValue("soap bubble (Blink)")
    assert group["engine"].value() == "ZDefocus (native)"
    assert "does not run here" in nuke.messages[-1]
    nuke.broken_kernels = False
    for child in group.nodes():
        child.error = False
    group["engine"].setValue("soap bubble (Blink)")
    assert group["engine"].value() == "soap bubble (Blink)"
    assert group.node("fg_weights")["PullFocusWeights_MaxRadius"].number() == 64


@pytest.mark.parametrize(
    ("kind", "made"),
    [("ZDefocus: depth", "ZDefocus2"), ("ZDefocus: 1/z", "ZDefocus2"), ("Bokeh: depth", "Bokeh")],
)
def test_export_makes_the_node(nuke, group, kind: str, made: str) -> None:
    group["export_for"].setValue(kind)
    group["max_radius"].setValue(20)
    group["create_export"].execute()
    (node,) = nuke.allNodes(made)
    assert node.input(0) is group
    assert group["output"].value() == "sharp"
    if made == "ZDefocus2":
        assert node["size"].number() == 41
        assert node["math"].value() == ("depth" if "depth" in kind else "far=0")


def test_export_to_a_node_that_is_not_there_says_so(nuke, group) -> None:
    group["export_for"].setValue("OpenDefocus: direct")
    group["create_export"].execute()
    assert "no OpenDefocus node" in nuke.messages[-1]
    assert group["output"].value() == "refocused"
    group["export_for"].setValue("coc")
    group["create_export"].execute()
    assert "Choose first" in nuke.messages[-1]


def test_cg_follows_the_plate(nuke, group) -> None:
    lens = nuke.createNode("PullFocusLens")
    lens["follow"].execute()
    group["aperture"].setValue(1.4)
    assert lens["aperture"].number() == 1.4
    for frame in (1001, 1003):
        assert lens["focus_depth"].number(0, frame) == group["plate_focus"].getValueAt(frame)
    assert (lens["near_depth"].number(), lens["far_depth"].number()) == (-1.0, 0.0)
    second = importing.import_passes(group["passes_json"].value())
    lens["follow"].execute()
    assert "Select the PullFocus" in nuke.messages[-1]
    second.setSelected(True)
    lens["follow"].execute()
    assert "PullFocus1.focus_depth" in lens["focus_depth"].expressions.values()


def test_follow_without_a_leader_says_so(nuke) -> None:
    lens = nuke.createNode("PullFocusLens")
    focus.follow(lens)
    assert "no PullFocus" in nuke.messages[-1]


def test_painting_an_atlas_wires_everything_up(nuke, group, tmp_path: Path) -> None:
    nuke.answers = [{"Layer": "bg"}]
    atlas = painting.paint_atlas()
    assert atlas.input(0)["file"].value().endswith("/atlas_bg.exr")
    assert atlas.input(1) is group.input(0)
    assert group.input(3) is atlas
    assert group["bg_edit"].value() == "painted input"
    assert atlas["guide"].value().endswith("/atlas_bg_guide.png")
    assert atlas["atlas_width"].number() == 91
    nuke.answers = [None]
    assert painting.paint_atlas() is None


def test_the_painted_atlas_is_written_and_used(nuke, group, tmp_path: Path) -> None:
    nuke.answers = [{"Layer": "bg"}]
    atlas = painting.paint_atlas()
    path = tmp_path / "painted.exr"
    nuke.answers = [str(path)[:-4]]
    atlas["output"].setValue("checker on frames")

    def writes(node, *_):
        assert node["file"].value() == str(path)
        assert atlas["output"].value() == "painted atlas"
        path.touch()

    nuke.on_execute = writes
    atlas["write_atlas"].execute()
    assert nuke.messages == []
    assert atlas["output"].value() == "checker on frames"
    assert nuke.allNodes("Write") == []
    assert group["bg_paint_file"].value() == str(path)
    assert group["bg_edit"].value() == "painted file"
    nuke.answers = [str(tmp_path / "other.exr")]
    nuke.on_execute = None
    atlas["write_atlas"].execute()
    assert "was not written" in nuke.messages[-1]

    def fails(*_):
        raise RuntimeError("disk full")

    nuke.answers = [str(tmp_path / "other.exr")]
    nuke.on_execute = fails
    atlas["write_atlas"].execute()
    assert "other.exr: disk full" in nuke.messages[-1]
    assert nuke.allNodes("Write") == []
    assert atlas["output"].value() == "checker on frames"
    assert group["bg_paint_file"].value() == str(path)


def test_paint_atlas_without_passes_says_so(nuke) -> None:
    assert painting.paint_atlas() is None
    assert "no PullFocus" in nuke.messages[-1]


@pytest.fixture
def painting_node(nuke, market: Path):
    nuke.frame(4)
    importing.import_passes(str(market / "passes"))
    nuke.answers = [{"Layer": "fg"}]
    return painting.paint_atlas()


def test_paint_shows_on_the_frames_at_once(nuke, painting_node, market: Path) -> None:
    atlas = read_picture(market / "passes" / "atlas_fg.exr")
    dot = np.zeros((atlas.height, atlas.width), np.float32)
    dot[80:120, 60:90] = 1
    paint = atlas.with_channels(
        {
            "rgba.red": dot,
            "rgba.green": 0.1 * dot,
            "rgba.blue": 0 * dot,
            "rgba.alpha": dot,
        }
    )

    def seen() -> np.ndarray:
        return Interpreter(4, {"paint": paint}).run(painting_node)

    painted = seen()
    np.testing.assert_allclose(painted["rgba.red"][80:120, 60:90], 1)
    np.testing.assert_array_equal(painted.rgb()[:80], atlas.rgb()[:80])
    painting_node["output"].setValue("on frames")
    beauty = read_picture(market / "passes" / "plate.0004.exr")
    change = np.abs(seen().rgb() - beauty.rgb()).max(-1)
    assert change.max() > 0.3
    assert 0.01 < (change > 0.05).mean() < 0.2
    assert change[beauty["fg_uv.Z"] == 0].max() == 0
    painting_node["output"].setValue("checker on frames")
    checker = seen().rgb()
    inside, _outside = beauty["fg_uv.Z"] > 0.999, beauty["fg_uv.Z"] == 0
    assert len(np.unique(checker[inside].round(2), axis=0)) >= 2
    np.testing.assert_array_equal(
        checker[beauty["fg_uv.Z"] == 0], beauty.rgb()[beauty["fg_uv.Z"] == 0]
    )


def test_the_guide_lies_over_the_atlas(nuke, painting_node, market: Path) -> None:
    """Cut and shrunk, what bake enlarged and framed is the atlas's size again, in its place."""
    import cv2
    from graph_interpreter import Picture

    guide = cv2.imread(str(market / "passes" / "atlas_fg_guide.png"))[..., ::-1] / 255
    planes = np.moveaxis(guide.astype(np.float32), -1, 0)
    names = ("rgba.red", "rgba.green", "rgba.blue")
    held = Picture(dict(zip(names, planes, strict=True)), guide.shape[1], guide.shape[0])
    empty = Picture({}, *(int(painting_node[f"atlas_{a}"].number()) for a in ("width", "height")))
    painting_node["output"].setValue("used area")
    painting_node["guide_mix"].setValue(1)
    out = Interpreter(4, {"guide_read": held, "paint": empty}).run(painting_node)
    atlas = read_picture(market / "passes" / "atlas_fg.exr")
    assert (out.width, out.height) == (atlas.width, atlas.height)
    light = linear_to_display(atlas.rgb()).clip(0, 1)
    # bake lays a checker of 0.9 and 1.1 over it and darkens what no frame shows to a quarter
    factors = [0.9, 1.1, 0.225, 0.275]
    apart = [np.abs(out.rgb() - (factor * light).clip(0, 1)).max(-1) for factor in factors]
    assert (np.min(apart, 0) < 0.02).mean() > 0.9


def test_cg_lands_at_the_radius_of_its_distance(nuke, compiler) -> None:
    from graph_interpreter import Picture

    lens = nuke.createNode("PullFocusLens")
    for name, value in (
        ("near_distance", 2.0),
        ("near_depth", -3.0),
        ("far_distance", 8.0),
        ("far_depth", 3.0),
        ("focus_depth", -1.0),
    ):
        lens[name].setValue(value)
    lens["engine"].setValue("soap bubble (Blink)")
    ones = np.ones((40, 40), np.float32)
    half = np.zeros_like(ones)
    half[10:30, 10:30] = 1
    names = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")
    far = {**{name: half for name in names}, "depth.Z": 8 * ones}
    cg = Picture(far, 40, 40)
    out = Interpreter(1, {"cg": cg}).run(lens)
    np.testing.assert_allclose(out["coc.X"][half > 0], 4.0, atol=1e-5)  # 3 - (-1)
    np.testing.assert_allclose(out["pullfocus_depth.Z"], 3.0, atol=1e-5)
    assert out["rgba.alpha"].sum() == pytest.approx(half.sum(), rel=1e-3)
    assert 0.1 < out["rgba.alpha"][8, 20] < 0.9
    lens["distance_from"].setValue("depth.Z: 1/distance")
    inverse = Picture({**far, "depth.Z": ones / 2}, 40, 40)
    out = Interpreter(1, {"cg": inverse}).run(lens)
    np.testing.assert_allclose(out["coc.X"][half > 0], -2.0, atol=1e-5)  # -3 - (-1)
    lens["distance_from"].setValue("one distance")
    lens["distance"].setValue(3.2)  # half-way in one over distance
    lens["output"].setValue("circle of confusion")
    out = Interpreter(1, {"cg": cg}).run(lens)
    np.testing.assert_allclose(out["rgba.red"][half > 0], 1.0, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["plain", "[client] ad", "50%d", "a [b] 100%done", "with $HOME", "sp ace & co", "a\\b"]
)
def test_paths_survive_what_a_file_knob_does_to_them(nuke, tmp_path: Path, name: str) -> None:
    """Tcl runs brackets, variables and backslashes; then the frame number is put in by printf."""
    tcl = pytest.importorskip("tkinter").Tcl()

    def as_nuke_reads(text: str, frame: int) -> str:
        said = tcl.call("subst", text)
        return re.sub(
            r"%%|%(0?[0-9]*)d", lambda m: "%" if m[0] == "%%" else f"{frame:{m[1]}d}", said
        )

    folder = described(tmp_path / name)
    group = importing.import_passes(str(folder))
    read = group.input(0)["file"].value()
    assert as_nuke_reads(read, 1002) == f"{folder}/shot_v01.1002.exr"
    assert as_nuke_reads(group["bg_atlas"].value(), 1) == f"{folder}/atlas_bg.exr"


def test_a_hash_in_a_folder_is_told(nuke, tmp_path: Path) -> None:
    folder = described(tmp_path / "Job #3")
    assert any(
        "takes # for the frame number" in line
        for line in importing.remarks(read_passes(str(folder)))
    )
