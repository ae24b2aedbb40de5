# SPDX-License-Identifier: Apache-2.0
"""Two shots in one file: each has its node, its focus and its atlases, and they stay apart."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.window.by_hand import ByHand
from tests.window.conftest import CLIP, FRAMES, draft

pytestmark = pytest.mark.window

_EDITOR = "NODE_EDITOR"
_TREE = "compositor()"
_SHOT = "bpy.context.scene.pullfocus.shot.name"
_FOCUS = (
    "[round(n.inputs['Focus'].default_value, 4)"
    f" for n in {_TREE}.nodes if n.type == 'GROUP' and 'Follow Plate' in n.inputs]"
)


@pytest.fixture(scope="module")
def other(hand: ByHand) -> Path:
    """Passes of a second shot: the clip as a mirror shows it."""
    folder = hand.room.work / "other"
    folder.mkdir()
    for frame in FRAMES:
        for name in ("plate", "alpha"):
            turned = cv2.imread(str(CLIP / f"{name}.{frame:04d}.png"), cv2.IMREAD_UNCHANGED)[
                :, ::-1
            ]
            new = {"plate": "mirror", "alpha": "alpha"}[name]
            cv2.imwrite(str(folder / f"{new}.{frame:04d}.png"), np.ascontiguousarray(turned))
    return draft(folder, "mirror")


@pytest.fixture(scope="module", autouse=True)
def alone(hand: ByHand, extension: None) -> None:
    """A new file, and the compositor's tab."""
    hand.ask("bpy.ops.wm.read_homefile(app_template='')\nNone")
    hand.settled()
    hand.open_workspace("Compositing")
    hand.raise_editor(_EDITOR)
    hand.open_tab(_EDITOR)


def bring_in(hand: ByHand, passes: Path, count: int) -> None:
    hand.insist(
        lambda: hand.press(_EDITOR, "pullfocus.import_passes", share=0.5, scrolls=4),
        lambda: hand.ask("opens('FILE_BROWSER')"),
        "the file browser",
    )
    hand.choose(passes / "passes.json")
    hand.until(lambda: len(hand.ask(_FOCUS)) == count, f"shot {count}", 30)


def test_a_second_shot_stands_beside_the_first(hand: ByHand, passes: Path, other: Path):
    bring_in(hand, passes, 1)
    first = hand.ask(_SHOT)
    bring_in(hand, other, 2)
    assert hand.ask(_SHOT) != first, "the panels are about what came in last"
    trees = hand.ask(f"[n.node_tree.name for n in {_TREE}.nodes if n.type == 'GROUP']")
    assert len(set(trees)) == 2
    shown = hand.ask("[i.name for i in bpy.data.images if i.name.endswith('paint')]")
    assert len(shown) == len(set(shown)) == 4, "an atlas to paint on for each layer of each"
    hand.settled()
    hand.keep("two_shots")


def test_focus_of_one_leaves_the_other(hand: ByHand):
    before = hand.ask(_FOCUS)
    hand.press(_EDITOR, 'focus_layer(layer="bg"', share=0.7, scrolls=4)
    hand.until(lambda: hand.ask(_FOCUS) != before, "focus on bg")
    after = hand.ask(_FOCUS)
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_the_menu_of_shots_goes_back_to_the_first(hand: ByHand):
    last, before = hand.ask(_SHOT), hand.ask(_FOCUS)
    hand.insist(
        lambda: (
            hand.press(_EDITOR, "pullfocus.shot", share=0.1, scrolls=4),
            hand.settled(),
            hand.key("Down", "Return"),
        ),
        lambda: hand.ask(_SHOT) != last,
        "the other shot",
    )
    assert hand.ask("node().node_tree.name") == hand.ask(_SHOT)
    assert hand.ask("n = node()\nn.select and n.id_data.nodes.active == n"), "and shows its node"
    hand.press(_EDITOR, 'focus_layer(layer="bg"', share=0.7, scrolls=4)
    hand.until(lambda: hand.ask(_FOCUS) != before, "its focus on bg")
    changed = [a != b for a, b in zip(before, hand.ask(_FOCUS), strict=True)]
    assert sum(changed) == 1
    hand.settled()
    hand.keep("first_of_two")


def test_a_button_shows_the_shot_on_a_strip(hand: ByHand, five: None, shot: Path):
    strip = "bpy.context.scene.sequence_editor.strips['plate']"
    path = str(shot / "plate.0001.png")
    hand.ask(
        "e = bpy.context.scene.sequence_editor_create()\n"
        f"e.active_strip = e.strips.new_image('plate', {path!r}, 1, 1)\nNone"
    )
    hand.press(_EDITOR, "pullfocus.use_on_strip", scrolls=4)
    hand.until(lambda: hand.ask(f"len({strip}.modifiers)") == 1, "a modifier")
    shown = (
        f"[n.node_tree.name for n in {strip}.modifiers[0].node_group.nodes if n.type == 'GROUP']"
    )
    assert hand.ask(shown) == [hand.ask(_SHOT)]
    hand.settled()
    hand.keep("on_strip")


def test_both_are_there_when_it_opens_again(hand: ByHand):
    path = hand.room.work / "two.blend"
    focus = hand.ask(_FOCUS)
    hand.ask(f"bpy.ops.wm.save_as_mainfile(filepath={str(path)!r})\nNone")
    hand.ask("bpy.ops.wm.read_homefile(app_template='')\nNone")
    hand.ask(f"bpy.ops.wm.open_mainfile(filepath={str(path)!r})\nNone")
    hand.settled()
    assert hand.ask(_FOCUS) == focus
    assert hand.ask("node() is not None")
