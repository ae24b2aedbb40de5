# SPDX-License-Identifier: Apache-2.0
"""Uninstalled by hand, the extension leaves nothing behind but shots: those are Blender's own."""

import time

import pytest

from tests.window.by_hand import MODULE, ByHand

pytestmark = pytest.mark.window

_PACKAGE = "user_default/pullfocus"
_HANDLERS = (
    "[f'{n}: {f}' for n in dir(bpy.app.handlers) if isinstance(getattr(bpy.app.handlers, n), list)"
    f" for f in getattr(bpy.app.handlers, n) if {MODULE!r} in getattr(f, '__module__', '')]"
)


def test_uninstall_takes_it_away(hand: ByHand, extension: None):
    folder = hand.ask("bpy.utils.user_resource('EXTENSIONS')")
    assert hand.ask(f"__import__('os').path.isdir({folder!r} + '/{_PACKAGE}')")
    hand.open_preferences("EXTENSIONS")
    left, top, width, _ = hand.box("PREFERENCES")
    hand.fill(left + 0.2 * width, top + 19, "PullFocus")
    hand.settled()
    hand.keep("uninstall_row")
    gone = f"{MODULE!r} not in bpy.context.preferences.addons"
    hand.insist(
        lambda: (
            hand.key("Escape") if not hand.ask("opens('PREFERENCES')") else None,
            hand.click(left + width - 30, top + 239),  # the menu at the end of its row
            time.sleep(0.5),
            hand.keep("uninstall_menu"),
            hand.key("u"),
        ),
        lambda: hand.ask(gone),
        "it to be uninstalled",
        10,
    )
    hand.until(
        lambda: not hand.ask(f"__import__('os').path.isdir({folder!r} + '/{_PACKAGE}')"),
        "its files to go",
    )
    hand.close_preferences()
    hand.settled()
    hand.keep("uninstalled")


def test_nothing_of_it_is_left_in_blender(hand: ByHand):
    assert not hand.ask("hasattr(bpy.types.Scene, 'pullfocus')")
    assert hand.ask("[n for n in dir(bpy.types) if 'pullfocus' in n.lower()]") == []
    assert hand.ask("dir(bpy.ops.pullfocus)") == []
    assert hand.ask(_HANDLERS) == []
    assert (
        hand.ask(
            "[one.path for one in bpy.context.preferences.filepaths.asset_libraries"
            " if 'pullfocus' in one.path.lower()]"
        )
        == []
    )
    said = "bpy.app.translations.pgettext_iface('Pick Focus', 'Operator')"
    hand.ask("bpy.context.preferences.view.language = 'de_DE'; None")
    assert hand.ask(said) == "Pick Focus"
    hand.ask("bpy.context.preferences.view.language = 'en_US'; None")
