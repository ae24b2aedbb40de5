# SPDX-License-Identifier: Apache-2.0
"""Focus, export and CG, driven through a stand-in for Nuke."""

import numpy as np
import pytest
from graph_interpreter import RGBA, BoxBlurs, Interpreter, Picture
from pullfocus.refocus.focus import FocusKey, focus_track
from pullfocus_nuke import focus, importing


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


def test_cg_lands_at_the_radius_of_its_distance(nuke, compiler) -> None:
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
    far = {**{name: half for name in RGBA}, "depth.Z": 8 * ones}
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


@pytest.mark.parametrize("nuke_is", [Interpreter, BoxBlurs])
def test_radii_go_on_beside_cg_as_far_as_its_light_gets(nuke, nuke_is) -> None:
    """ZDefocus cuts light where the radius falls to 0: beside each half it is that half's."""
    lens = nuke.createNode("PullFocusLens")
    lens["max_radius"].setValue(12)
    for name, value in (("near_distance", 2.0), ("near_depth", -3.0), ("far_distance", 8.0)):
        lens[name].setValue(value)
    lens["far_depth"].setValue(3.0)
    lens["focus_depth"].setValue(-1.0)
    card = np.zeros((80, 100), np.float32)
    card[30:50, 30:45] = card[30:50, 55:70] = 1
    depth = np.where(np.arange(100) < 50, 2, 8).astype(np.float32) * (card > 0)
    cg = Picture({**{name: card for name in RGBA}, "depth.Z": depth}, 100, 80)
    interpreter = nuke_is(1, {"cg": cg})
    fed = interpreter.run(lens.node("cg_with_depth"))["depth.Z"]
    size = lens.node("cg_zdefocus")["size"].number()
    radius = size * (1 - fed)
    np.testing.assert_allclose(radius[40, 18:45], -2, atol=1e-4)  # -3 - (-1)
    np.testing.assert_allclose(radius[40, 55:82], 4, atol=1e-4)
    np.testing.assert_allclose(radius[18:62, 37], -2, atol=0.5)
    coc = interpreter.run(lens.node("cg_coc"))
    np.testing.assert_array_equal(coc["rgba.alpha"], card)
    np.testing.assert_allclose(coc["rgba.green"], np.abs(radius), atol=1e-4)
    assert np.abs(radius).max() <= 4 + 1e-3
    assert radius[0, 0] == 0
