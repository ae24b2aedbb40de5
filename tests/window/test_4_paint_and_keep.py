# SPDX-License-Identifier: Apache-2.0
"""Paint, save, close, open again, and take the extension away, by hand."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pullfocus.plate.exr import read_exr

from tests.window.by_hand import MODULE, ByHand

pytestmark = pytest.mark.window

_EDITOR = "NODE_EDITOR"
_SIZE = (256, 144)
_PAINT = "bpy.data.images['plate bg paint']"


@pytest.fixture(scope="module")
def blend(hand: ByHand) -> Path:
    return hand.room.work / "project/shot.blend"


@pytest.fixture(scope="module")
def solve(blend: Path) -> Path:
    """Where the saved file solves to."""
    return blend.parent / "pullfocus/plate.solve"


def pixels(hand: ByHand) -> float:
    """Sum of what is painted on, as a number that any stroke changes."""
    return hand.ask(
        f"import numpy\nb = numpy.empty(len({_PAINT}.pixels), 'f')\n"
        f"{_PAINT}.pixels.foreach_get(b)\nfloat(b.sum())"
    )


def test_paint_atlas_opens_it_for_painting(hand: ByHand):
    hand.ask("bpy.context.scene.frame_set(1)")
    hand.before = hand.shown_image(*_SIZE)
    hand.press(_EDITOR, 'pullfocus.paint(layer="bg"', share=0.3, scrolls=4)
    shown = "region_of('IMAGE_EDITOR', 'WINDOW')[1].spaces.active"
    hand.until(lambda: hand.ask(f"{shown}.ui_mode") == "PAINT", "paint mode")
    assert hand.ask(f"{shown}.image.name") == "plate bg paint"
    hand.settled()
    hand.keep("paint_mode")


def test_a_stroke_of_the_brush_paints(hand: ByHand):
    before = pixels(hand)
    hand.ask("pick_a_brush()")
    left, top, width, height = hand.box("IMAGE_EDITOR")
    hand.move(left + width / 2, top + height / 2)
    hand.key("Home")
    hand.settled()
    stroke = [hand.on_image(x, 0.4) for x in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)]
    hand.insist(lambda: hand.drag(*stroke), lambda: hand.ask(f"{_PAINT}.is_dirty"), "paint", 3)
    assert abs(pixels(hand) - before) > 10
    hand.keep("painted")


def test_undo_and_redo_of_a_stroke(hand: ByHand):
    painted = pixels(hand)
    left, top, width, height = hand.box("IMAGE_EDITOR")
    hand.move(left + width / 2, top + height / 2)
    hand.key("ctrl+z")
    hand.until(lambda: abs(pixels(hand) - painted) > 5, "the stroke to go")
    hand.key("ctrl+shift+z")
    hand.until(lambda: abs(pixels(hand) - painted) < 0.1, "the stroke again")


def test_the_shot_follows_the_paint_at_once(hand: ByHand):
    hand.ask("show_viewer()")
    left, top, width, height = hand.box("IMAGE_EDITOR")
    hand.move(left + width / 2, top + height / 2)
    hand.key("Home")
    hand.until(lambda: hand.image_box()[2:] == _SIZE, "the picture at its own size")
    changed = hand.until(
        lambda: (np.abs(hand.shown_image(*_SIZE) - hand.before).max(axis=2) > 0.15).mean() > 0.005,
        "the paint in the picture",
    )
    assert changed
    hand.keep("paint_in_the_shot")


def test_save_writes_it_beside_the_passes(hand: ByHand, shot: Path):
    hand.press(_EDITOR, 'pullfocus.save_paint(layer="bg"', share=0.3, scrolls=4)
    hand.until(lambda: not hand.ask(f"{_PAINT}.is_dirty"), "the file")
    painted = read_exr(shot / "plate_passes/atlas_bg_painted.exr")
    baked = read_exr(shot / "plate_passes/atlas_bg.exr")
    apart = max(np.abs(painted[c] - baked[c]).max() for c in "RGB")
    assert apart > 0.05
    assert {n: c.shape for n, c in painted.items() if n in "RGB"} == {
        c: baked[c].shape for c in "RGB"
    }


def test_propagate_makes_passes_of_their_own(hand: ByHand, shot: Path):
    hand.press(_EDITOR, 'pullfocus.propagate(layer="bg"', share=0.7, scrolls=4)
    hand.until(lambda: hand.job()["running"], "a job")
    hand.until(lambda: not hand.job()["running"], "the passes", 200)
    assert not hand.job()["error"]
    assert (shot / "plate_passes_painted_bg/passes.json").is_file()
    shown = "'painted_bg' in node().node_tree.name"
    hand.until(lambda: hand.ask(shown), "them in its place")
    hand.settled()
    hand.keep("propagated")
    hand.undo_and_redo(shown, before=False, after=True)


def test_reset_goes_back(hand: ByHand):
    hand.press(_EDITOR, 'pullfocus.reset_paint(layer="bg"', share=0.7, scrolls=4)
    name = "node().node_tree.nodes['bg painted'].image"
    hand.until(lambda: hand.ask(f"{name}.filepath").endswith("atlas_bg.exr"), "the atlas as baked")


def test_saves_with_paths_that_travel(hand: ByHand, blend: Path, shot: Path):
    blend.parent.mkdir()
    left, top, width, height = hand.box(_EDITOR)
    hand.move(left + 0.3 * width, top + 0.9 * height)
    hand.key("ctrl+s")
    hand.choose(blend)
    hand.until(blend.is_file, "the file")
    assert hand.ask("node().node_tree['pullfocus_passes']").startswith("//../shot/")
    assert hand.ask("bpy.context.scene.pullfocus.plate_path").startswith("//../shot/")


def test_closing_in_mid_solve_keeps_it(hand: ByHand, solve: Path):
    assert Path(hand.ask(f"sys.modules['{MODULE}.footage'].folders(bpy.context.scene)[0]")) == solve
    assert not solve.exists(), "the file is saved: what it solves lies beside it"
    hand.fold_panel(_EDITOR, "Solve")
    hand.press(_EDITOR, "pullfocus.solve", share=0.3)
    hand.until(lambda: hand.job().get("stage") == "solve", "the solve proper", 90)
    hand.quit()
    assert (solve / "checkpoint.safetensors").is_file()
    left = hand.room.run("pgrep -f 'pullfocus.cli solve' | head -1")
    assert not left.strip(), "nothing goes on behind Blender's back"


def test_opens_again_where_it_was(hand: ByHand, blend: Path):
    hand.start(str(blend))
    hand.begin()
    assert hand.ask("node() is not None")
    assert hand.ask("[m.name for m in bpy.context.scene.pullfocus.mattes]") == ["fg"]
    hand.settled()
    hand.keep("reopened")


def test_a_solve_that_was_left_says_resume(hand: ByHand):
    hand.open_tab(_EDITOR)
    hand.fold_panel(_EDITOR, "Solve")  # it was folded when the file was saved
    said = f"sys.modules['{MODULE}.solve_layout']._solve_label(bpy.context)"
    hand.until(lambda: hand.ask(said) == "Resume", "the button to say so")
    hand.find(_EDITOR, "pullfocus.solve", share=0.3)
    hand.keep("resume")


def test_resume_goes_on_where_closing_left_it(hand: ByHand, solve: Path):
    log = solve / "log.jsonl"
    before = log.read_text()
    hand.press(_EDITOR, "pullfocus.solve", share=0.3)
    hand.until(lambda: hand.job()["running"], "a job")
    hand.until(lambda: not hand.job()["running"], "the passes", 240)
    assert not hand.job()["error"]
    after = log.read_text()
    assert after.startswith(before), "the steps of before are kept"
    assert len(after) > len(before)
    assert (solve.with_name("plate_passes") / "passes.json").is_file()
    hand.settled()
    hand.keep("resumed")


def test_a_movie_clip_is_taken_as_plate(hand: ByHand, shot: Path):
    hand.ask(f"bpy.data.movieclips.load({str(shot / 'plate.0001.png')!r}); None")
    source = "bpy.context.scene.pullfocus.plate_source"
    hand.insist(
        lambda: (hand.press(_EDITOR, "plate_source", share=0.6), hand.key("m")),
        lambda: hand.ask(source) == "CLIP",
        "Movie Clip",
    )
    hand.insist(
        lambda: (
            hand.press(_EDITOR, "plate_clip", share=0.6),
            hand.settled(),
            hand.key("Down", "Return"),
        ),
        lambda: hand.ask("bpy.context.scene.pullfocus.plate_clip is not None"),
        "the clip",
    )
    path = f"sys.modules['{MODULE}.footage'].plate_path(bpy.context.scene)"
    assert hand.ask(path) == str(shot / "plate.####.png")
    hand.keep("movie_clip")


def test_a_loaded_image_is_taken_as_plate(hand: ByHand, shot: Path):
    hand.ask(
        f"i = bpy.data.images.load({str(shot / 'plate.0001.png')!r})\n"
        "i.name, i.source = 'taken', 'SEQUENCE'\nNone"
    )
    settings = "bpy.context.scene.pullfocus"
    hand.insist(
        lambda: (hand.press(_EDITOR, "plate_source", share=0.6), hand.key("i")),
        lambda: hand.ask(f"{settings}.plate_source") == "IMAGE",
        "Image",
    )
    hand.insist(
        lambda: (
            hand.press(_EDITOR, "plate_image", share=0.6),
            hand.settled(),
            hand.type("taken"),
            hand.settled(),
            hand.key("Return"),
        ),
        lambda: hand.ask(f"getattr({settings}.plate_image, 'name', '')") == "taken",
        "the image",
    )
    path = f"sys.modules['{MODULE}.footage'].plate_path(bpy.context.scene)"
    assert hand.ask(path) == str(shot / "plate.####.png")
    hand.ask(f"{settings}.plate_source = 'CLIP'; None")


def test_speaks_german(hand: ByHand):
    hand.ask(
        "v = bpy.context.preferences.view\nv.language = 'de_DE'\n"
        "v.use_translate_interface = v.use_translate_tooltips = True\nNone"
    )
    hand.rest()
    hand.settled()
    hand.keep("german")
    said = "bpy.app.translations.pgettext_iface({!r}, {!r})"
    assert hand.ask(said.format("Pick Focus", "Operator")) == "Schärfe wählen"
    assert hand.ask(said.format("Plate From", "*")) == "Plate aus"
    hand.ask("bpy.context.preferences.view.language = 'en_US'; None")


def test_the_shelf_shows_lens_and_shot(hand: ByHand, five: None):
    """Blender's own shelf, searched by hand, shows two pictures: ours."""
    left, top, width, height = hand.box(_EDITOR, "ASSET_SHELF_HEADER")
    hand.fill(left + width - 80, top + height / 2, "PullFocus")
    hand.settled()
    hand.keep("shelf")
    left, top, width, height = hand.box(_EDITOR, "ASSET_SHELF")
    seen = hand.picture()[top : top + height, left : left + width]
    assert seen[:60, 4:50].std() > 20, "a preview"
    assert seen[:60, 60:100].std() > 20, "another"
    assert seen[:60, 120:400].std() < 8, "and nothing beside them"


def test_the_add_menu_brings_the_lens(hand: ByHand, five: None):
    """Type to search, Return, a click that places it."""
    left, top, *_ = hand.box(_EDITOR)
    hand.insist(
        lambda: (
            hand.key("Escape"),
            hand.move(left + 200, top + 150),
            hand.key("shift+a"),
            hand.settled(),
            hand.type("PullFocus Lens"),
            hand.settled(),
            hand.key("Return"),
        ),
        lambda: hand.ask("'PullFocus Lens' in bpy.data.node_groups"),
        "the asset",
    )
    hand.click(left + 220, top + 170)
    hand.settled()
    hand.keep("lens_added")


def test_a_moved_project_renders_without_the_extension(hand: ByHand, blend: Path, shot: Path):
    moved = hand.room.work / "moved"
    moved.mkdir()
    shutil.copytree(blend.parent, moved / "project")
    shutil.copytree(shot, moved / "shot")
    hand.room.run(
        f"{hand.room.blender} --background --factory-startup {moved}/project/shot.blend"
        f' --python-expr "import bpy; s = bpy.context.scene; s.render.image_settings.file_format'
        f" = 'PNG'\" --render-output {moved}/out_ --render-frame 1 >{moved}/log.txt 2>&1"
    )
    (path,) = moved.glob("out_*.png")
    picture = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
    assert picture.shape == (144, 256, 3)
    assert picture.std() > 0.1, "a picture, not an empty frame"


def test_switched_off_it_leaves_nothing(hand: ByHand):
    hand.open_preferences("ADDONS")
    left, top, width, _ = hand.box("PREFERENCES")
    hand.fill(left + 0.2 * width, top + 19, "PullFocus")
    hand.settled()
    hand.insist(
        lambda: hand.click(left + 45, top + 55),
        lambda: not hand.ask(f"{MODULE!r} in bpy.context.preferences.addons"),
        "it to be off",
    )
    assert not hand.ask("hasattr(bpy.types.Scene, 'pullfocus')")
    assert hand.ask("[n for n in dir(bpy.types) if n.startswith('PULLFOCUS')]") == []
    hand.close_preferences()
    assert hand.ask("any(n.bl_idname == 'CompositorNodeGroup' for n in compositor().nodes)"), (
        "the shot stays: its nodes are Blender's own"
    )
    hand.settled()
    hand.keep("switched_off")
