# SPDX-License-Identifier: Apache-2.0
"""Works a Blender's editors by mouse and keyboard, and looks at what they show.

Buttons are found as a hand finds them: the mouse goes down an editor's sidebar until what lies
under it is the wanted one, as Blender itself says (what Ctrl-C over it would copy).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.window.hands import Hands
from tests.window.room import SCREEN_PX

_STEP_PX = 9
MODULE = "bl_ext.user_default.pullfocus"


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same, numbers to .001."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < 1e-3
    return bool(one == other)


class ByHand(Hands):
    """One Blender with a window, by its editors and buttons."""

    def begin(self) -> None:
        """Click the splash screen away."""
        self.settled()
        for _ in range(2):
            self.click(1000, 505)
            self.settled()
        self.ask("bpy.context.preferences.view.show_splash = False")

    def close_preferences(self) -> None:
        """Close their window."""
        self.ask(
            "found = area_of('PREFERENCES')[0]\n"
            "with bpy.context.temp_override(window=found):\n    bpy.ops.wm.window_close()"
        )
        self.until(lambda: not self.ask("opens('PREFERENCES')"), "the preferences to close")

    def unfold_addon(self, name: str) -> None:
        """Open the row of an extension in the preferences, found by searching for its name."""
        left, top, width, height = self.box("PREFERENCES")
        self.fill(left + 0.2 * width, top + 19, name)
        self.settled()
        self.insist(
            lambda: (self.click(left + 22, top + 55), self.settled()),
            lambda: self._changed_below(left, top + 80, width, height - 90),
            "the extension's row to open",
            1,
        )

    def _changed_below(self, left: int, top: int, width: int, height: int) -> bool:
        """Whether a part of the screen shows more than its plain background."""
        seen = self.picture()[top : top + height, left : left + width - 30]
        return bool(seen.reshape(-1, 3).std(0).max() > 8)

    def raise_editor(self, editor: str, to_px: int = 240) -> None:
        """Drag the upper edge of an editor, px of the screen from the top."""
        left, top, width, _ = self.box(editor, "HEADER")
        x = left + width // 2
        self.drag((x, top - 2), (x, (top + to_px) // 2), (x, to_px + 20), (x, to_px))
        self.settled()

    def open_preferences(self, section: str) -> None:
        """Open a section of the preferences, such as ADDONS, through the Edit menu."""
        if not self.ask("opens('PREFERENCES')"):
            self.insist(
                lambda: (
                    self.key("Escape"),
                    self.click(80, 15),
                    time.sleep(0.3),
                    self.click(130, 284),
                ),
                lambda: self.ask("opens('PREFERENCES')"),
                "the preferences",
            )
        left, top, *_ = self.box("PREFERENCES", "UI")
        for y in range(top + 145, top + 250, 13):  # rows lie elsewhere in 4.3
            self.click(left + 60, y)
            if self.ask(f"bpy.context.preferences.active_section == {section!r}"):
                break
        else:
            self.keep("no_section")
            raise AssertionError(f"no section {section} in the preferences")
        self.settled()

    def open_tab(self, editor: str, tab: str = "PullFocus") -> None:
        """Click the tab of an editor's sidebar."""
        shown = f"region_of({editor!r}, 'UI')[2].active_panel_category == {tab!r}"
        if self.ask(shown):
            return
        left, top, width, height = self.box(editor, "UI")
        for y in range(top + 20, top + height, 22):
            self.click(left + width - 12, y)
            time.sleep(0.15)
            if self.ask(shown):
                return
        self.keep("no_tab")
        raise AssertionError(f"no tab {tab} in {editor}")

    def fold_panel(self, editor: str, label: str) -> None:
        """Click the header of a sidebar's first panel: what is below comes up, or it opens."""
        del label  # for the reader
        self.scroll(*self.middle(editor, "UI"), -40)
        left, top, _, _ = self.box(editor, "UI")
        self.click(left + 60, top + 14)
        self.settled()

    def open_workspace(self, name: str) -> None:
        """Click a tab of the window's top bar, where 1600 px wide windows have it."""
        at = {"Layout": 300, "Compositing": 909}[name]
        self.insist(
            lambda: self.click(at, 15),
            lambda: self.ask(f"bpy.context.window_manager.windows[0].workspace.name == {name!r}"),
            f"the workspace {name}",
        )
        if name == "Compositing":
            self.ask("lay_out_as_five()")
        self.settled()

    def box(self, editor: str, region: str = "WINDOW") -> tuple[int, int, int, int]:
        """Left, top, width, height of a region of an editor, px of the screen."""
        left, bottom, width, height = self.ask(f"box({editor!r}, {region!r})")
        return left, SCREEN_PX[1] - bottom - height, width, height

    def see(self, editor: str, region: str = "WINDOW") -> np.ndarray:
        """What a region of an editor shows, (h, w, 3)."""
        left, top, width, height = self.box(editor, region)
        return self.settled()[top : top + height, left : left + width]

    def image_box(self) -> tuple[int, int, int, int]:
        """Left, top, width, height of the picture that the Image editor shows, px of the screen."""
        left, bottom, right, top = self.ask("image_box()")
        return left, SCREEN_PX[1] - top, right - left, top - bottom

    def shown_image(self, width: int, height: int) -> np.ndarray:
        """The picture that the Image editor shows, scaled to a size, (height, width, 3), 0..1."""
        self.took()
        composing = "bpy.app.is_job_running('COMPOSITE')"
        self.until(lambda: not self.ask(composing), "the compositor", 30)
        seen = self.settled()
        left, top, across, down = self.image_box()
        part = np.ascontiguousarray(seen[top : top + down, left : left + across])
        scaled = Image.fromarray(part).resize((width, height), Image.Resampling.BOX)
        return np.asarray(scaled, np.float32) / 255

    def on_image(self, x: float, y: float) -> tuple[float, float]:
        """Where on the screen a place of the shown image is, 0..1 from its top left."""
        left, top, width, height = self.image_box()
        return left + x * width, top + y * height

    def undo_and_redo(self, asked: str, before: Any, after: Any) -> None:
        """Ctrl-Z over the Image editor, then Ctrl-Shift-Z; what Blender says to `asked` follows.

        Args:
            asked: Python whose value is looked at.
            before: that value before what is undone.
            after: and after it, as it is now.
        """
        left, top, width, height = self.box("IMAGE_EDITOR")
        self.move(left + 0.2 * width, top + 0.8 * height)
        for key, wanted in (("ctrl+z", before), ("ctrl+shift+z", after)):
            self.key(key)
            self.until(lambda: same(self.ask(asked), wanted), f"{wanted} after {key}")  # noqa: B023

    def under(self, editor: str, region: str = "UI") -> str:
        """What lies under the mouse: the call or the data path that Blender would copy."""
        return str(self.ask(f"under({editor!r}, {region!r})"))

    def find(
        self, editor: str, wanted: str, *, region: str = "UI", share: float = 0.5, scrolls: int = 0
    ) -> tuple[int, int]:
        """Move down a region until the mouse is over a button; returns the place.

        Args:
            editor: type of the area.
            wanted: part of the call or data path.
            region: of the editor.
            share: where across the region, 0..1.
            scrolls: how often to turn the wheel and look again, from the top down.
        """
        left, top, width, height = self.box(editor, region)
        x, seen = left + round(width * share), []
        for turn in range(scrolls + 2):
            self.rest()
            if turn:  # to the top first
                self.scroll(x, top + height // 2, -60 if turn == 1 else 6)
            for y in range(top + 4, top + height - 2, _STEP_PX):
                self.move(x, y)
                found = self.under(editor, region)
                if wanted in found:
                    self.move(x, min(y + 4, top + height - 3))
                    return x, min(y + 4, top + height - 3)
                if found and found not in seen:
                    seen.append(found)
        self.keep("not_found")
        raise AssertionError(f"no {wanted} in {editor}, found: {seen}")

    def press(self, editor: str, wanted: str, **where: Any) -> tuple[int, int]:
        """Find a button and click it; returns where."""
        x, y = self.find(editor, wanted, **where)
        self.click(x, y)
        return x, y

    def enter(self, editor: str, wanted: str, text: str, **where: Any) -> None:
        """Double-click a field, type over what it holds, Return."""
        self.fill(*self.find(editor, wanted, **where), text)

    def fill(self, x: float, y: float, text: str) -> None:
        """Double-click a field, type over what it holds, Return."""
        self.move(x, y)
        self.room.xdotool("click", "--repeat", 2, "--delay", 60, 1)
        self.took()
        self.key("ctrl+a")
        self.type(text)
        self.key("Return")

    def choose(self, path: Path) -> None:
        """Choose a file in the file browser that is open, and confirm."""
        self.until(lambda: self.ask("opens('FILE_BROWSER')"), "a file browser")
        self.settled()
        left, top, width, height = self.box("FILE_BROWSER", "UI")
        self.fill(left + 0.4 * width, top + height / 2, f"{path.parent}/")
        left, top, width, height = self.box("FILE_BROWSER", "EXECUTE")
        self.fill(left + 0.3 * width, top + height / 2, path.name)
        self.click(left + 0.87 * width, top + height / 2)
        self.until(lambda: not self.ask("opens('FILE_BROWSER')"), "the file browser to close")

    def add_matte(self, editor: str, kind: tuple[str, str], field: str) -> None:
        """Add the first matte in the panel: its kind by its key in the menu, then the first found.

        Args:
            editor: where the panel is.
            kind: the key, and the name that the source then has.
            field: where the matte holds what is chosen.
        """
        mattes, (letter, source) = "bpy.context.scene.pullfocus.mattes", kind
        self.press(editor, "matte_add", share=0.835)
        self.until(lambda: self.ask(f"len({mattes})") == 1, "a matte in the list")
        for wanted, keys, asked in (
            ("source", [letter], f"{mattes}[0].source == {source!r}"),
            (field, ["Down", "Return"], f"bool({mattes}[0].{field})"),
        ):
            self.insist(
                lambda: (
                    self.press(editor, f"mattes[0].{wanted}", share=0.6),  # noqa: B023
                    self.settled(),
                    self.key(*keys),  # noqa: B023
                ),
                lambda: self.ask(asked),  # noqa: B023
                wanted,
            )

    def middle(self, editor: str, region: str = "WINDOW") -> tuple[float, float]:
        """The middle of a region of an editor, px of the screen."""
        left, top, width, height = self.box(editor, region)
        return left + width / 2, top + height / 2
