# SPDX-License-Identifier: Apache-2.0
"""From the zip to an answer of pullfocus, by hand."""

import time
from pathlib import Path

import pytest
from pullfocus.hosts import lay_out_blender

from tests.window.by_hand import MODULE, ByHand

pytestmark = pytest.mark.window

_HELD = f"bpy.context.preferences.addons[{MODULE!r}].preferences"


def test_installs_the_zip_from_disk(hand: ByHand):
    zip_file = lay_out_blender(hand.room.work / "zip")
    hand.open_preferences("EXTENSIONS")
    left, top, width, _ = hand.box("PREFERENCES")
    hand.insist(
        lambda: (hand.click(left + width - 19, top + 19), time.sleep(0.5), hand.key("f")),
        lambda: hand.ask("opens('FILE_BROWSER')"),
        "Install from Disk",
    )
    hand.keep("install_from_disk")
    hand.choose(zip_file)
    hand.until(
        lambda: hand.ask(f"{MODULE!r} in bpy.context.preferences.addons"), "the extension", 30
    )


def test_its_preferences_open(hand: ByHand):
    hand.open_preferences("ADDONS")
    hand.unfold_addon("PullFocus")
    hand.find("PREFERENCES", "pullfocus.test", region="WINDOW", share=0.2)
    hand.keep("preferences")


def test_a_command_that_is_missing_is_told_beside_the_button(hand: ByHand):
    x, y = hand.find("PREFERENCES", "pullfocus.test", region="WINDOW", share=0.2)
    hand.fill(x + 250, y - 29, "/nowhere/pullfocus")
    hand.click(x, y)
    found = hand.until(lambda: hand.ask(f"{_HELD}.found"), "a word about it")
    assert "/nowhere/pullfocus" in found
    hand.key("Escape")  # the report that Blender pops up
    hand.settled()
    hand.keep("missing_command")


def test_button_finds_pullfocus(hand: ByHand):
    x, y = hand.find("PREFERENCES", "pullfocus.test", region="WINDOW", share=0.2)
    hand.fill(x + 250, y - 29, str(hand.room.launcher))
    hand.click(x, y)
    found = hand.until(
        lambda: "CPU" in hand.ask(f"{_HELD}.found") and hand.ask(f"{_HELD}.found"),
        "what Test found",
        60,
    )
    assert found.startswith("pullfocus ")
    assert ": " not in found, "nothing is wrong on this machine"
    assert Path(hand.ask(f"{_HELD}.launcher")) == hand.room.launcher
    hand.keep("found")
    hand.close_preferences()
