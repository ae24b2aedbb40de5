# SPDX-License-Identifier: Apache-2.0
"""A ZDefocus of Nuke's own that follows the plate's focus, by the law that its manual gives."""

import numpy as np
import pytest
import torch
from described_passes import FOCUS, described
from graph_interpreter import RGBA, Interpreter, Picture
from hypothesis import given
from hypothesis import strategies as st
from pullfocus_nuke import focus, importing, zdefocus_curve
from pullfocus_nuke.errors import GizmoError

from cuda_lensblur import scatter_blur

_ASKED = {"Distance of the front layer": "2", "Distance of the last layer": "10"}


@pytest.fixture
def group(nuke, tmp_path):
    nuke.frame(1002)
    return importing.import_passes(str(described(tmp_path / "passes")))


def coc(keys: tuple[float, float], distance: float) -> float:
    """What ZDefocus makes of a distance in its mode depth: px of radius, near negative."""
    centre, size = keys
    return size * (1 - centre / distance)


@given(
    st.floats(-10, 10), st.floats(0.1, 20), st.floats(0.1, 50), st.floats(0.1, 50), st.floats(0, 1)
)
def test_blur_is_the_difference_of_depths(near, apart, at, further, share):
    places = ((near, at), (near + apart, at + further))
    depth = near + share * apart
    keys = zdefocus_curve.lens_keys(*places, depth)
    for place, distance in places:
        assert coc(keys, distance) == pytest.approx(place - depth, abs=1e-4 * (1 + apart))


def test_makes_a_keyed_node_behind_the_selected_one(nuke, group):
    card = nuke.createNode("Read")
    for node in nuke.selectedNodes():
        node.setSelected(False)
    card.setSelected(True)
    group["focus_mode"].setValue("as shot")
    nuke.answers.append(_ASKED)
    made = zdefocus_curve.key_zdefocus()
    assert made.Class() == "ZDefocus2"
    assert made.input(0) is card
    assert nuke.messages == []
    depths = {"fg": -1.0, "bg": 0.0}  # of the passes
    for frame, wanted in FOCUS["focus"].items():
        keys = tuple(made[knob].getValueAt(int(frame)) for knob in ("center", "size"))
        if keys[0] < zdefocus_curve.FARTHEST:
            assert coc(keys, 2.0) == pytest.approx(depths["fg"] - wanted, abs=1e-6)
            assert coc(keys, 10.0) == pytest.approx(depths["bg"] - wanted, abs=1e-6)
    assert not made["center"].expressions, "baked: it works where the plug-in is not"


class ByTheManual(Interpreter):
    """Computes ZDefocus by the law of its manual, with our disc in the place of its own."""

    def do_ZDefocus2(self, node):
        picture = self.source(node, 0)
        assert node["math"].held == "depth"
        centre, size = (node[knob].getValueAt(self.frame) for knob in ("center", "size"))
        radius = np.abs(size * (1 - centre / picture[node["z_channel"].held].clip(1e-6)))
        planes = torch.from_numpy(np.float32(picture.rgba())).movedim(-1, 0).contiguous()
        held = torch.from_numpy(np.float32(radius.clip(max=node["max_size"].number())))
        out = scatter_blur(planes, held).numpy()
        return picture.with_channels(dict(zip(RGBA, out, strict=True)))


def test_cg_through_it_is_cg_through_pullfocus_lens(nuke, group, compiler):
    """Two cards, and a pull that leaves one and reaches the other, frame by frame."""
    group["focus_mode"].setValue("value")
    group["focus_value"].setAnimated()
    group["focus_value"].setValueAt(-1.2, 1001)
    group["focus_value"].setValueAt(0.1, 1003)
    group["aperture"].setValue(3)
    read = nuke.createNode("Read")
    nuke.answers.append(_ASKED)
    made = zdefocus_curve.key_zdefocus()
    lens = nuke.createNode("PullFocusLens")
    made.setInput(0, read)
    lens["follow"].execute()
    lens["near_distance"].setValue(2)
    lens["far_distance"].setValue(10)
    lens["engine"].setValue("soap bubble (Blink)")
    card = np.zeros((90, 160), np.float32)
    card[20:70, 20:65] = card[20:70, 95:140] = 1
    distance = np.where(np.arange(160) < 80, 2.5, 8).astype(np.float32)
    cg = Picture({**{name: card for name in RGBA}, "depth.Z": distance + 0 * card}, 160, 90)
    for frame in (1001, 1002, 1003):
        own = ByTheManual(frame, {read.name(): cg}).run(made)["rgba.alpha"]
        ours = Interpreter(frame, {"cg": cg}).run(lens)["rgba.alpha"]
        assert np.abs(own - ours).max() < 2e-3
    assert np.abs(own - card).max() > 0.3, "it blurs"


def test_follows_keys_of_the_node_and_its_aperture(nuke, group):
    group["focus_mode"].setValue("value")
    group["focus_value"].setValue(-1.0)
    group["aperture"].setValue(2)
    nuke.answers.append(_ASKED)
    made = zdefocus_curve.key_zdefocus()
    keys = tuple(made[knob].getValueAt(1003) for knob in ("center", "size"))
    assert coc(keys, 2.0) == pytest.approx(0, abs=1e-6)
    assert coc(keys, 10.0) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({**_ASKED, "Distance of the last layer": "1"}, "nearer than the last"),
        ({**_ASKED, "Distance of the last layer": "far"}, "expected distances"),
    ],
)
def test_what_cannot_be_is_said(nuke, group, answer, said):
    nuke.answers.append(answer)
    assert zdefocus_curve.key_zdefocus() is None
    assert said in nuke.messages[-1]
    assert nuke.allNodes("ZDefocus2") == []


def test_layers_at_one_depth_are_refused():
    with pytest.raises(GizmoError, match="different depth"):
        zdefocus_curve.lens_keys((1.0, 2), (1.0, 10), 0.0)


def test_a_shot_without_depth_says_so(nuke, group):
    group["coc_signed"].setValue(False)
    assert not focus.focus_is_known(group)
    assert zdefocus_curve.key_zdefocus() is None
    assert "not known" in nuke.messages[-1]
