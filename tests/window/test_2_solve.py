# SPDX-License-Identifier: Apache-2.0
"""From a plate on disk to a shot in the compositor, by hand."""

import time
from pathlib import Path

import numpy as np
import pytest

from tests.window.by_hand import ByHand

pytestmark = pytest.mark.window

_SETTINGS = "bpy.context.scene.pullfocus"
_EDITOR = "NODE_EDITOR"
_DEFAULT_WIDTH_PX = 295


def test_the_tab_is_in_the_compositor(hand: ByHand):
    hand.open_workspace("Compositing")
    hand.raise_editor(_EDITOR)
    hand.open_tab(_EDITOR)
    assert hand.box(_EDITOR, "UI")[2] <= _DEFAULT_WIDTH_PX, "the width that Blender starts with"
    hand.keep("solve_panel")


def test_a_plate_is_typed_in(hand: ByHand, shot: Path):
    hand.enter(_EDITOR, "plate_path", str(shot / "plate.0001.png"), share=0.6)
    assert hand.ask(f"{_SETTINGS}.plate_path") == str(shot / "plate.0001.png")


def test_a_matte_is_added_by_its_button(hand: ByHand, shot: Path):
    hand.press(_EDITOR, "matte_add", share=0.835)
    hand.until(lambda: hand.ask(f"len({_SETTINGS}.mattes)") == 1, "a matte in the list")
    hand.enter(_EDITOR, "mattes[0].path", str(shot / "alpha.0001.png"), share=0.6)
    assert hand.ask(f"{_SETTINGS}.mattes[0].name") == "fg"
    assert hand.ask(f"{_SETTINGS}.mattes[0].path") == str(shot / "alpha.0001.png")


def test_quality_is_chosen_from_its_menu(hand: ByHand):
    hand.insist(
        lambda: (hand.press(_EDITOR, "quality", share=0.6), time.sleep(0.4), hand.key("d")),
        lambda: hand.ask(f"{_SETTINGS}.quality") == "draft",
        "draft",
    )
    hand.keep("ready_to_solve")


def test_solve_runs_beside_blender(hand: ByHand):
    hand.press(_EDITOR, "pullfocus.solve", share=0.3)
    hand.until(lambda: hand.job()["running"], "a job")
    hand.until(lambda: hand.job().get("stage") == "solve", "the solve proper", 90)
    hand.keep("solving")


def test_window_answers_while_it_solves(hand: ByHand):
    """The sub-panel Options opens at a click, though a solve has the processor."""
    x, y = hand.find(_EDITOR, "pullfocus.cancel")
    before = hand.picture()
    began = time.monotonic()
    hand.click(x - 60, y + 32)  # Options
    hand.until(
        lambda: np.abs(hand.picture().astype(int) - before)[y + 50 : y + 130, x:].max() > 40,
        "the panel to open",
    )
    assert time.monotonic() - began < 3
    hand.click(x - 60, y + 32)


def test_cancel_keeps_what_was_done(hand: ByHand, shot: Path):
    hand.press(_EDITOR, "pullfocus.cancel")
    hand.until(lambda: not hand.job()["running"], "the job to stop", 30)
    assert hand.job()["stopped"]
    assert (shot / "plate.solve/checkpoint.safetensors").is_file()
    hand.settled()
    hand.keep("cancelled")


def test_resume_goes_on_and_brings_the_shot_in(hand: ByHand, shot: Path):
    time.sleep(2.2)  # the button looks at the folder that often
    hand.move(600, 500)
    hand.press(_EDITOR, "pullfocus.solve", share=0.3)
    hand.until(lambda: hand.job()["running"], "a job")
    hand.until(lambda: not hand.job()["running"], "the passes", 240)
    assert not hand.job()["error"]
    steps = [line for line in (shot / "plate.solve/log.jsonl").read_text().splitlines() if line]
    assert len(steps) > 1
    hand.until(lambda: hand.ask("node() is not None"), "the shot's node")
    assert (shot / "plate_passes/passes.json").is_file()
    hand.settled()
    hand.keep("imported")


def test_what_it_brings_in_is_selected_and_in_view(hand: ByHand):
    chosen, *box = hand.ask(
        "n = node()\nw, a, r = region_of('NODE_EDITOR', 'WINDOW')\n"
        "ends = [r.view2d.view_to_region(n.location.x + x, n.location.y - y, clip=False)"
        " for x, y in ((0, 0), (n.width, n.dimensions.y))]\n"
        "[n.select and n.id_data.nodes.active == n and sum(o.select for o in n.id_data.nodes) == 1,"
        " *ends[0], *ends[1], r.width, r.height]"
    )
    assert chosen
    left, top, right, bottom, width, height = box
    assert 0 <= left < right <= width
    assert 0 <= bottom < top <= height


def test_scene_is_that_of_the_shot(hand: ByHand):
    found = hand.ask(
        "r = bpy.context.scene.render; [r.resolution_x, r.resolution_y,"
        " bpy.context.scene.frame_start, bpy.context.scene.frame_end]"
    )
    assert found == [256, 144, 1, 8]


def test_undo_and_redo_of_what_came_in(hand: ByHand):
    shown = (
        "r = bpy.context.scene.render\n"
        "[node() is not None, bpy.context.scene.pullfocus.shot is not None, r.resolution_x]"
    )
    hand.undo_and_redo(shown, [False, False, 1920], [True, True, 256])
