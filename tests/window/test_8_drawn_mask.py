# SPDX-License-Identifier: Apache-2.0
"""A matte drawn by hand: a mask in the Image editor, over the plate, becomes the layer."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.plate.exr import read_exr

from tests.window.by_hand import ByHand

pytestmark = pytest.mark.window

_EDITOR, _IMAGE = "NODE_EDITOR", "IMAGE_EDITOR"
_SETTINGS = "bpy.context.scene.pullfocus"
_SPACE = "region_of('IMAGE_EDITOR', 'WINDOW')[1].spaces.active"
_SIZE = (256, 144)
_CORNERS = [(0.55, 0.15), (0.85, 0.15), (0.85, 0.95), (0.55, 0.95)]  # of the picture


@pytest.fixture(scope="module", autouse=True)
def plate(hand: ByHand, extension: None, shot: Path) -> Path:
    """A new file with the plate in the Image editor, ready for a mask."""
    hand.ask("bpy.ops.wm.read_homefile(app_template='')\nNone")
    hand.settled()
    hand.open_workspace("Compositing")
    hand.raise_editor(_EDITOR, 400)
    hand.open_tab(_EDITOR)
    path = shot / "plate.0001.png"
    hand.ask(
        f"s = {_SPACE}\ns.image = bpy.data.images.load({str(path)!r})\n"
        f"c = bpy.context.scene\nc.render.resolution_x, c.render.resolution_y = {_SIZE}\n"
        f"c.frame_start, c.frame_end = 1, 8\n{_SETTINGS}.plate_path = {str(path)!r}\n"
        f"{_SETTINGS}.solve_path = {str(shot / 'masked.solve')!r}\n"
        f"{_SETTINGS}.passes_path = {str(shot / 'masked_passes')!r}\n"
        f"{_SETTINGS}.quality = 'draft'\nNone"
    )
    return path


def test_a_mask_is_drawn_over_the_plate(hand: ByHand):
    """Ctrl and clicks in the editor's mask mode set its corners; Alt C closes it."""
    hand.ask(f"{_SPACE}.ui_mode = 'MASK'\n{_SPACE}.mask = bpy.data.masks.new('drawn')\nNone")
    hand.move(*hand.middle(_IMAGE))
    hand.key("Home")
    hand.settled()
    points = "sum(len(s.points) for l in bpy.data.masks['drawn'].layers for s in l.splines)"
    for count, corner in enumerate(_CORNERS, 1):
        hand.insist(
            lambda: (
                hand.move(*hand.on_image(*corner)),  # noqa: B023
                hand.room.xdotool("keydown", "ctrl"),
                hand.took(),
                hand.click(*hand.on_image(*corner)),  # noqa: B023
                hand.room.xdotool("keyup", "ctrl"),
                hand.took(),
            ),
            lambda: hand.ask(points) >= count,  # noqa: B023
            f"corner {count}",
            2,
        )
    hand.key("alt+c")
    closed = "bpy.data.masks['drawn'].layers[0].splines[0].use_cyclic"
    hand.until(lambda: hand.ask(closed), "a closed line")
    hand.key("a", "v")  # straight corners
    hand.settled()
    hand.key("v")
    hand.settled()
    hand.keep("mask_drawn")
    hand.key("Escape")
    assert hand.ask(points) == len(_CORNERS)


def test_the_panel_takes_it_as_matte(hand: ByHand):
    hand.add_matte(_EDITOR, ("m", "MASK"), "mask")
    assert hand.ask(f"{_SETTINGS}.mattes[0].mask.name") == "drawn"
    hand.keep("mask_as_matte")


def test_solve_writes_it_out_where_it_was_drawn(hand: ByHand, shot: Path):
    hand.press(_EDITOR, "pullfocus.solve", share=0.3)
    hand.until(lambda: hand.job()["running"], "a job")
    hand.until(lambda: not hand.job()["running"], "the passes", 240)
    assert not hand.job()["error"]
    drawn = np.zeros(_SIZE[::-1], np.uint8)
    corners = np.array([[x * _SIZE[0], y * _SIZE[1]] for x, y in _CORNERS]).round().astype(int)
    cv2.fillPoly(drawn, [corners], 255)
    wanted = drawn > 127
    written = sorted(shot.rglob("matte.0001.png"))
    assert written, "the mask as pictures"
    seen = cv2.imread(str(written[-1]), cv2.IMREAD_GRAYSCALE) > 127
    assert (seen & wanted).sum() / (seen | wanted).sum() > 0.85
    alpha = read_exr(shot / "masked_passes/plate.0001.exr")["fg.A"] > 0.5
    # a solve moves edges by a few px, and nothing of the plate ends where this mask does
    core, around = (f(np.uint8(seen), np.ones((25, 25))) > 0 for f in (cv2.erode, cv2.dilate))
    assert alpha[core].mean() > 0.98
    assert not alpha[~around].any()
    hand.settled()
    hand.keep("mask_solved")
