# SPDX-License-Identifier: Apache-2.0
"""PullFocus Shot, the asset: passes linked by hand, against the lens blur of pullfocus by layer."""

import json
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
import torch
from pullfocus.plate.exr import Plane, read_exr, write_exr
from scipy.ndimage import map_coordinates

from cuda_lensblur import scatter_blur
from tests.window.by_hand import ByHand
from tests.window.conftest import ROOT
from tests.window.test_5_lens import psnr

pytestmark = pytest.mark.window

_LIBRARY = ROOT / "blender_addon/assets/shot.blend"
_EDITOR = "NODE_EDITOR"
_FRAME = 4
_FILE = f"plate.{_FRAME:04d}.exr"


@pytest.fixture(scope="module")
def shown(passes: Path) -> dict[str, np.ndarray]:
    """Every channel of the frame that is rendered."""
    return read_exr(passes / _FILE)


def stack(shown: dict[str, np.ndarray], layer: str) -> np.ndarray:
    return np.dstack([shown[f"{layer}.{c}"] for c in "RGBA"]).astype(np.float32)


def pulled(shown: dict[str, np.ndarray], shift: float, sizes: dict[str, float]) -> np.ndarray:
    """Blur every layer by its own radii, px, and lay them over each other, (h, w, 3)."""
    whole = None
    for layer in ("bg", "fg"):
        radius = sizes.get(layer, 1.0) * np.abs(shown[f"{layer}_coc.X"] + np.float32(shift))
        planes = torch.from_numpy(stack(shown, layer)).movedim(-1, 0).contiguous()
        out = scatter_blur(planes, torch.from_numpy(radius.astype(np.float32)))
        seen = out.movedim(0, -1).numpy()
        if whole is None:
            whole = seen[..., :3] / seen[..., 3:].clip(1e-4)
        else:
            whole = seen[..., :3] + (1 - seen[..., 3:]) * whole
    return whole


@pytest.fixture(scope="module")
def rendered(hand: ByHand, five: None, passes: Path, shown: dict[str, np.ndarray]) -> Path:
    folder = hand.room.work / "shot_asset"
    folder.mkdir()
    plate = json.loads((passes / "passes.json").read_text())["lens_curve"]["focus"][str(_FRAME)]
    front = -float(
        np.median(shown["fg_coc.X"][shown["fg.A"] > 0.9])
    )  # depth less the plate's focus
    painted = read_exr(passes / "atlas_fg.exr")
    picture = np.dstack([painted[c] for c in "RGB"])
    picture[: picture.shape[0] // 2] = (0.8, 0.05, 0.02)
    plane = Plane(name="atlas", data=picture, channels=tuple("RGB"), half=True)
    write_exr(folder / "atlas_painted.exr", [plane], metadata={})
    view = {"View": "Result", "Follow Plate": 0.0, "Plate Focus": plate}
    cases = {
        "as_shot": {"inputs": {**view, "Follow Plate": 1.0}},
        "front": {"inputs": {**view, "Focus": plate - front}},
        "kept": {"inputs": {**view, "Focus": plate + 4, "Front Sharp": 1.0}},
        "beauty": {"inputs": {**view, "View": "Beauty Pass", "Front Sharp": 0.0}},
        "sharp": {"inputs": {**view, "View": "Sharp"}},
        "painted": {
            "inputs": {**view, "View": "Sharp"},
            "painted": str(folder / "atlas_painted.exr"),
        },
    }
    for case in cases.values():
        case["file"] = _FILE
    (folder / "cases.json").write_text(json.dumps(cases))
    hand.room.run(
        f"{hand.room.blender} -b --factory-startup --python {ROOT}/tests/window/shot_render.py"
        f" -- {_LIBRARY} {passes} {folder} >{folder}/log.txt 2>&1"
    )
    return folder


def read(path: Path) -> np.ndarray:
    assert path.is_file(), (path.parent / "log.txt").read_text()[-1500:]
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT))[..., :3]


def test_as_shot_it_is_each_layers_own_blur(rendered: Path, shown: dict):
    value = psnr(read(rendered / "as_shot.exr"), pulled(shown, 0.0, {}))
    assert value > 38


def test_focus_moves_every_radius(rendered: Path, shown: dict):
    front = -float(np.median(shown["fg_coc.X"][shown["fg.A"] > 0.9]))
    value = psnr(read(rendered / "front.exr"), pulled(shown, front, {}))
    assert value > 38


def test_a_layer_that_is_kept_stays_sharp(rendered: Path, shown: dict):
    value = psnr(read(rendered / "kept.exr"), pulled(shown, -4.0, {"fg": 0.0}))
    assert value > 38


def test_beauty_and_sharp_are_the_passes(rendered: Path, shown: dict):
    beauty = np.dstack([shown[c] for c in "RGB"])
    np.testing.assert_allclose(read(rendered / "beauty.exr"), beauty, atol=1e-5)
    front, back = stack(shown, "fg"), stack(shown, "bg")
    over = front[..., :3] + (1 - front[..., 3:]) * back[..., :3]
    np.testing.assert_allclose(read(rendered / "sharp.exr"), over, atol=1e-3)


def test_paint_on_the_atlas_shows_where_uv_leads(rendered: Path, passes: Path, shown: dict):
    solved, painted = (
        read_exr(p) for p in (passes / "atlas_fg.exr", rendered / "atlas_painted.exr")
    )
    height, width = solved["R"].shape
    at = [(1 - shown["fg_uv.Y"]) * height - 0.5, shown["fg_uv.X"] * width - 0.5]
    change = np.dstack(
        [map_coordinates(painted[c] - solved[c], at, order=1, mode="nearest") for c in "RGB"]
    )
    wanted = read(rendered / "sharp.exr") + shown["fg_uv.Z"][..., None] * change
    seen = read(rendered / "painted.exr")
    value = psnr(seen, wanted)
    assert value > 40
    assert np.abs(wanted - read(rendered / "sharp.exr")).max() > 0.3, "paint that can be seen"


def test_it_is_dragged_from_the_shelf_into_the_tree(hand: ByHand, five: None, extension: None):
    """Blender's own shelf, searched by hand, shows the two of ours; one is dragged up."""
    # switched off and on again, a shelf lists nothing of ours until Blender starts anew
    hand.quit()
    hand.start()
    hand.begin()
    hand.open_workspace("Compositing")
    hand.raise_editor(_EDITOR)
    if not hand.ask("compositor() is not None"):
        hand.ask(
            "bpy.context.scene.compositing_node_group ="
            " bpy.data.node_groups.new('all', 'CompositorNodeTree')\nNone"
        )
    left, top, width, height = hand.box(_EDITOR, "ASSET_SHELF_HEADER")
    hand.fill(left + width - 80, top + height / 2, "PullFocus Shot")
    hand.settled()
    hand.keep("shelf_shot")
    before = hand.ask("len(compositor().nodes)")
    left, top, width, height = hand.box(_EDITOR, "ASSET_SHELF")
    over, above, *_ = hand.box(_EDITOR)
    start, end = (left + 30, top + 30), (over + 250, above + 90)
    between = [(start[0] + 20, start[1] - 20), ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)]
    hand.insist(
        lambda: hand.drag(start, *between, (end[0] - 5, end[1]), end),
        lambda: hand.ask("'PullFocus Shot' in bpy.data.node_groups"),
        "the asset",
    )
    hand.settled()
    hand.keep("shot_dropped")
    tree = "compositor().nodes"
    assert hand.ask(f"len({tree})") == before + 1
    assert hand.ask(f"[n.node_tree.name for n in {tree} if n.type == 'GROUP'][-1]") == (
        "PullFocus Shot"
    )
