# SPDX-License-Identifier: Apache-2.0
"""A matte from a view layer: geometry that stands where the subject is, rendered when asked."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.plate.exr import read_exr

from tests.window.by_hand import ByHand

pytestmark = pytest.mark.window

_EDITOR = "NODE_EDITOR"
_SETTINGS = "bpy.context.scene.pullfocus"
_SIZE = (256, 144)
_FROM, _TO = (0.55, 0.15), (0.85, 0.95)  # of the picture, from the left and the bottom
_STAND_IN = f"""
c = bpy.context.scene
for one in list(bpy.data.objects):
    if one.type == 'MESH':
        bpy.data.objects.remove(one)
c.render.engine = 'BLENDER_WORKBENCH'
c.render.resolution_x, c.render.resolution_y = {_SIZE}
c.frame_start, c.frame_end = 1, 8
camera = c.camera
camera.location, camera.rotation_euler = (0, 0, 10), (0, 0, 0)
camera.data.type, camera.data.ortho_scale = 'ORTHO', {_SIZE[0]}
mesh = bpy.data.meshes.new('stand in')
x, y = [[(s - 0.5) * n for s in sides] for sides, n in zip(zip({_FROM}, {_TO}), {_SIZE})]
corners = [(x[0], y[0], 0), (x[1], y[0], 0), (x[1], y[1], 0), (x[0], y[1], 0)]
mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
c.collection.objects.link(bpy.data.objects.new('stand in', mesh))
None
"""


@pytest.fixture(scope="module", autouse=True)
def scene(hand: ByHand, extension: None, shot: Path) -> None:
    """A new file with a card before the camera, where the mask of the matte is to be."""
    hand.ask("bpy.ops.wm.read_homefile(app_template='')\nNone")
    hand.settled()
    hand.open_workspace("Compositing")
    hand.raise_editor(_EDITOR, 400)
    hand.open_tab(_EDITOR)
    hand.ask(_STAND_IN)
    hand.ask(
        f"{_SETTINGS}.plate_path = {str(shot / 'plate.0001.png')!r}\n"
        f"{_SETTINGS}.solve_path = {str(shot / 'rendered.solve')!r}\n"
        f"{_SETTINGS}.passes_path = {str(shot / 'rendered_passes')!r}\n"
        f"{_SETTINGS}.quality = 'draft'\nNone"
    )


def test_the_panel_takes_a_view_layer_as_matte(hand: ByHand):
    hand.add_matte(_EDITOR, ("v", "LAYER"), "view_layer")
    assert hand.ask(f"{_SETTINGS}.mattes[0].view_layer") == "ViewLayer"
    hand.keep("view_layer_as_matte")


def test_solve_renders_it_where_the_card_stands(hand: ByHand, shot: Path):
    hand.press(_EDITOR, "pullfocus.solve", share=0.3)
    hand.until(lambda: hand.job()["running"], "a job", 60)
    hand.until(lambda: not hand.job()["running"], "the passes", 240)
    assert not hand.job()["error"]
    wanted = np.zeros(_SIZE[::-1], bool)
    (left, low), (right, high) = ((x * _SIZE[0], y * _SIZE[1]) for x, y in (_FROM, _TO))
    wanted[round(_SIZE[1] - high) : round(_SIZE[1] - low), round(left) : round(right)] = True
    written = sorted(shot.glob("rendered*/**/matte.0001.png"))
    assert written, "the view layer as pictures"
    seen = cv2.imread(str(written[-1]), cv2.IMREAD_GRAYSCALE) > 127
    assert (seen & wanted).sum() / (seen | wanted).sum() > 0.95
    alpha = read_exr(shot / "rendered_passes/plate.0001.exr")["fg.A"] > 0.5
    core, around = (f(np.uint8(seen), np.ones((25, 25))) > 0 for f in (cv2.erode, cv2.dilate))
    assert alpha[core].mean() > 0.98
    assert not alpha[~around].any()
    assert hand.ask("bpy.context.scene.render.film_transparent") is False
    hand.settled()
    hand.keep("view_layer_solved")
