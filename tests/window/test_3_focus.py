# SPDX-License-Identifier: Apache-2.0
"""Views and focus, by hand; what the window shows against the passes themselves."""

import itertools
import json
import time
from pathlib import Path

import numpy as np
import pytest
from pullfocus import cli
from pullfocus.plate.exr import read_exr

from tests.window.by_hand import ByHand

pytestmark = pytest.mark.window

_EDITOR = "NODE_EDITOR"
_FOCUS = "node().inputs['Focus'].default_value"
_WALL, _SUBJECT = (0.12, 0.3), (0.69, 0.45)  # of the picture, from its top left, at frame 1
_SIZE = (256, 144)
_BORDER = 2


def display(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def psnr(seen: np.ndarray, wanted: np.ndarray, where: np.ndarray | None = None) -> float:
    """Of what the window shows, dB; the editor may place a picture a pixel aside, and outlines it.

    Args:
        seen: (h, w) or (h, w, 3), 0..1.
        wanted: of the same shape.
        where: (h, w), true where it counts; None: all but the border.
    """
    inner = slice(_BORDER, -_BORDER)
    counts = (np.ones(wanted.shape[:2], bool) if where is None else where)[inner, inner]
    best = 0.0
    for shift in itertools.product(range(-_BORDER, _BORDER + 1), repeat=2):
        apart = np.roll(seen, shift, (0, 1))[inner, inner] - wanted[inner, inner]
        best = max(best, -10 * np.log10(max(float(np.square(apart[counts]).mean()), 1e-10)))
    return best


def rgb(channels: dict, layer: str = "") -> np.ndarray:
    return np.dstack([channels[f"{layer}.{c}" if layer else c] for c in "RGB"])


@pytest.fixture(scope="module")
def passes(shot: Path) -> Path:
    return shot / "plate_passes"


@pytest.fixture(scope="module")
def first(passes: Path) -> dict:
    return read_exr(passes / "plate.0001.exr")


@pytest.fixture(scope="module")
def refocused(shot: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What pullfocus itself makes of the first frame, by layer in focus, display-encoded."""
    out = tmp_path_factory.mktemp("refocused")
    found = {}
    for layer in ("fg", "bg"):
        command = ["refocus", str(shot / "plate.solve"), "--focus", layer, "--frames", "1"]
        assert cli.run([*command, "--out", str(out / layer), "--progress", "json"]) == 0
        (path,) = (out / layer).glob("*.exr")
        found[layer] = display(rgb(read_exr(path)))
    return found


def depths_of(passes: Path) -> dict[str, float]:
    document = json.loads((passes / "passes.json").read_text())
    return dict(document["lens_curve"]["layers"])


def choose_view(hand: ByHand, key: str, name: str) -> np.ndarray:
    """Pick a view from the panel's menu; returns what the Image editor then shows."""
    hand.insist(
        lambda: (hand.press(_EDITOR, "pullfocus.view", share=0.6), hand.key(key)),
        lambda: hand.ask("bpy.context.scene.pullfocus.view") == name.upper().replace(" ", "_"),
        name,
    )
    hand.rest()
    return hand.shown_image(*_SIZE)


def test_picture_is_shown_pixel_by_pixel(hand: ByHand):
    hand.ask("bpy.context.scene.view_settings.view_transform = 'Standard'; None")
    hand.raise_editor(_EDITOR, 400)
    hand.fold_panel(_EDITOR, "Solve")
    hand.ask("show_viewer()")
    left, top, width, height = hand.box("IMAGE_EDITOR")
    hand.move(left + width / 2, top + height / 2)
    hand.key("Home")
    hand.until(lambda: hand.image_box()[2:] == _SIZE, "the picture at its own size")
    hand.move(*hand.middle(_EDITOR))
    hand.key("Home")
    hand.settled()
    hand.keep("shot_panel")


def test_result_is_what_pullfocus_refocuses(hand: ByHand, refocused: dict):
    seen = choose_view(hand, "r", "Result")
    assert psnr(seen, refocused["fg"]) > 32
    hand.keep("view_result")


def test_sharp_is_both_layers_in_focus(hand: ByHand, first: dict):
    seen = choose_view(hand, "s", "Sharp")
    over = rgb(first, "fg") + (1 - first["fg.A"])[..., None] * rgb(first, "bg")
    assert psnr(seen, display(over)) > 35
    hand.keep("view_sharp")


def test_beauty_is_the_pass(hand: ByHand, first: dict):
    seen = choose_view(hand, "b", "Beauty Pass")
    assert psnr(seen, display(rgb(first))) > 35


def test_layer_is_the_subject_alone(hand: ByHand, first: dict):
    seen = choose_view(hand, "l", "Layer")
    inside = first["fg.A"] > 0.99
    assert psnr(seen, display(rgb(first, "fg")), inside) > 35
    hand.keep("view_layer")


def test_matte_is_white_on_the_subject_only(hand: ByHand, first: dict):
    seen = choose_view(hand, "m", "Matte").mean(axis=2)
    assert seen[first["fg.A"] > 0.99].mean() > 0.9
    assert seen[first["fg.A"] == 0].mean() < 0.1
    hand.keep("view_matte")


def test_coc_is_dark_where_in_focus(hand: ByHand, first: dict):
    seen = choose_view(hand, "c", "COC").mean(axis=2)
    inside = first["fg.A"] > 0.99
    assert seen[inside].mean() < 0.5 * seen[first["fg.A"] == 0].mean()
    hand.keep("view_coc")


def test_focal_plane_is_green_on_the_subject(hand: ByHand, first: dict):
    seen = choose_view(hand, "f", "Focal Plane")
    inside, outside = first["fg.A"] > 0.99, first["fg.A"] == 0
    green = seen[..., 1] - seen[..., [0, 2]].max(axis=2)
    red = seen[..., 0] - seen[..., [1, 2]].max(axis=2)
    assert np.median(green[inside]) > 0.05
    assert np.median(red[outside]) > 0.05
    hand.keep("view_focal_plane")


def test_confidence_is_the_pass(hand: ByHand, first: dict):
    seen = choose_view(hand, "o", "Confidence").mean(axis=2)
    assert psnr(seen, display(first["confidence.X"])) > 30
    hand.keep("view_confidence")


def test_undo_and_redo_of_a_view(hand: ByHand):
    hand.undo_and_redo("bpy.context.scene.pullfocus.view", "FOCAL_PLANE", "CONFIDENCE")


def test_button_of_a_layer_focuses_on_it(hand: ByHand, passes: Path, refocused: dict):
    choose_view(hand, "r", "Result")
    wanted = depths_of(passes)["bg"]
    hand.press(_EDITOR, 'focus_layer(layer="bg"', share=0.7)
    hand.until(lambda: abs(hand.ask(_FOCUS) - wanted) < 1e-3, "focus on bg")
    hand.rest()
    seen = hand.shown_image(*_SIZE)
    assert psnr(seen, refocused["bg"]) > 30
    assert psnr(seen, refocused["bg"]) > psnr(seen, refocused["fg"]) + 3
    hand.keep("focus_on_bg")


def test_undo_and_redo_of_it(hand: ByHand, passes: Path):
    depths = depths_of(passes)
    hand.undo_and_redo(_FOCUS, depths["fg"], depths["bg"])


def depth_of(first: dict, passes: Path, place: tuple[float, float]) -> float:
    """Depth of what a place shows, from the passes themselves."""
    x, y = int(place[0] * _SIZE[0]), int(place[1] * _SIZE[1])
    focus = json.loads((passes / "passes.json").read_text())["lens_curve"]["focus"]
    layer = "fg" if first["fg_uv.Z"][y, x] > 0.5 else "bg"
    return float(first[f"{layer}_coc.X"][y, x]) + focus["1"]


@pytest.mark.parametrize("place", [_SUBJECT, _WALL], ids=["subject", "wall"])
def test_pick_focus_in_the_image_editor(
    hand: ByHand, first: dict, passes: Path, place: tuple[float, float]
):
    hand.press(_EDITOR, "pullfocus.pick_focus")
    hand.click(*hand.on_image(*place))
    wanted = depth_of(first, passes, place)
    hand.until(lambda: abs(hand.ask(_FOCUS) - wanted) < 0.05, f"focus at {wanted:.2f}")
    hand.rest()
    hand.settled()
    hand.keep(f"picked_{place[0]:.2f}")


def test_undo_and_redo_of_a_pick(hand: ByHand, first: dict, passes: Path):
    picked = hand.ask(_FOCUS)
    before = depth_of(first, passes, _SUBJECT)
    assert abs(picked - before) > 0.5
    hand.undo_and_redo(f"abs({_FOCUS} - {before}) < 0.05", before=True, after=False)
    hand.until(lambda: abs(hand.ask(_FOCUS) - picked) < 1e-3, "the pick again")


def test_pick_focus_can_be_left(hand: ByHand):
    before = hand.ask(_FOCUS)
    hand.press(_EDITOR, "pullfocus.pick_focus")
    hand.click(*hand.on_image(*_SUBJECT), button=3)
    assert hand.ask(_FOCUS) == before


def test_pick_focus_on_the_backdrop(hand: ByHand, first: dict, passes: Path):
    hand.insist(
        lambda: hand.press(_EDITOR, "show_backdrop", region="HEADER", share=0.87),
        lambda: hand.ask("region_of('NODE_EDITOR', 'WINDOW')[1].spaces.active.show_backdrop"),
        "the backdrop",
    )
    hand.settled()
    hand.keep("backdrop")
    left, top, width, height = hand.box(_EDITOR)
    zoom, dx, dy = hand.ask(
        "s = region_of('NODE_EDITOR', 'WINDOW')[1].spaces.active\n"
        "[s.backdrop_zoom, *s.backdrop_offset]"
    )
    x = left + width / 2 + dx + (_SUBJECT[0] - 0.5) * _SIZE[0] * zoom
    y = top + height / 2 - dy + (_SUBJECT[1] - 0.5) * _SIZE[1] * zoom
    hand.press(_EDITOR, "pullfocus.pick_focus")
    hand.click(x, y)
    wanted = depth_of(first, passes, _SUBJECT)
    hand.until(lambda: abs(hand.ask(_FOCUS) - wanted) < 0.05, f"focus at {wanted:.2f}")
    hand.ask("region_of('NODE_EDITOR', 'WINDOW')[1].spaces.active.show_backdrop = False; None")


def test_a_value_is_typed_in(hand: ByHand):
    hand.enter(_EDITOR, "inputs[2]", "1.25", share=0.6)
    hand.until(lambda: abs(hand.ask(_FOCUS) - 1.25) < 1e-3, "the value")


def test_keys_pull_focus_on_the_timeline(hand: ByHand, passes: Path):
    """Focus on one layer at the first frame and on the other at the last, then played."""
    depths = depths_of(passes)
    for frame, layer in ((1, "fg"), (8, "bg")):
        hand.ask(f"bpy.context.scene.frame_set({frame})")
        hand.press(_EDITOR, f'focus_layer(layer="{layer}"', share=0.3 if layer == "fg" else 0.7)
        hand.until(lambda: abs(hand.ask(_FOCUS) - depths[layer]) < 1e-3, layer)  # noqa: B023
    hand.ask("bpy.context.scene.frame_set(4)")
    low, high = sorted(depths.values())
    assert low + 0.05 < hand.ask(_FOCUS) < high - 0.05
    left, top, width, height = hand.box("IMAGE_EDITOR")
    hand.move(left + 0.2 * width, top + 0.8 * height)
    hand.key("space")
    playing = "bpy.context.window_manager.windows[0].screen.is_animation_playing"
    hand.until(lambda: hand.ask(playing), "the timeline to play")
    frames, until = set(), time.monotonic() + 20
    while time.monotonic() < until and len(frames) < 3:
        frames.add(hand.ask("bpy.context.scene.frame_current"))
    hand.key("space")
    assert len(frames) >= 3
    hand.keep("played")


def test_aperture_of_nothing_is_sharp(hand: ByHand, passes: Path):
    hand.ask("bpy.context.scene.frame_set(1)")
    hand.enter(_EDITOR, "inputs[4]", "0", share=0.6)
    aperture = "node().inputs['Aperture'].default_value"
    hand.until(lambda: hand.ask(aperture) == 0, "aperture 0")
    hand.undo_and_redo(aperture, 1.0, 0.0)
    hand.rest()
    first = read_exr(passes / "plate.0001.exr")
    over = rgb(first, "fg") + (1 - first["fg.A"])[..., None] * rgb(first, "bg")
    assert psnr(hand.shown_image(*_SIZE), display(over)) > 35
    hand.enter(_EDITOR, "inputs[4]", "1", share=0.6)
