# SPDX-License-Identifier: Apache-2.0
"""The extension in a real Blender, against what pullfocus itself writes for the same solve.

One process of bpy does everything (`blender_checks.py`) while this one renders the references.
"""

import json
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
import torch
from pullfocus.plate.exr import read_exr

from cuda_lensblur import Aperture, scatter_blur
from tests.blender_addon.bpy_process import (
    CLIP,
    DEPTHS,
    FRAME,
    PICK,
    SQUEEZED,
    held,
    picture,
    psnr,
    pullfocus,
)

pytestmark = pytest.mark.host


def test_package_is_valid_small_and_installs(results: dict) -> None:
    found = held(results, "package")
    assert found["validate"][0] == 0, found["validate"][1]
    assert found["build"][0] == 0, found["build"][1]
    assert found["size"] < 400_000  # two assets with their previews are 270 kB of it
    assert found["enabled"]


def test_button_shows_version_and_device(results: dict) -> None:
    found = held(results, "test_button")
    assert found["found"].startswith("pullfocus 0.")
    assert "CPU" in found["found"] or "CUDA" in found["found"]
    assert "expected pullfocus or its Python, got no file at /nowhere/python3" in found["missing"]


@pytest.mark.parametrize("check", ["panels_without_shot", "panels_with_shot"])
def test_panels_draw(results: dict, check: str) -> None:
    drawn = held(results, check)
    assert "operator Solve" in drawn["PULLFOCUS_PT_solve"]
    assert "prop Color Space" in drawn["PULLFOCUS_PT_solve_options"]
    assert "operator Import Passes" in drawn["PULLFOCUS_PT_shot"]
    shown = check == "panels_with_shot"
    assert ("operator Pick Focus" in drawn["PULLFOCUS_PT_shot"]) == shown
    assert ("prop Aperture" in drawn["PULLFOCUS_PT_lens"]) == shown
    assert ("operator Propagate" in drawn["PULLFOCUS_PT_layers"]) == shown
    lens = drawn["PULLFOCUS_PT_lens"]
    if shown:
        hint = lens.index("label Time grows with its square")
        assert lens[hint - 1] == "prop Max Radius"


def test_import_matches_the_scene_and_explains_itself(results: dict) -> None:
    found = held(results, "import_passes")
    assert found["size"] == [256, 144]
    assert found["range"] == [1, 20]
    assert found["fps"] == 24
    assert "fg Sharp" in found["inputs"]
    assert {"Lens", "fg: paint", "bg: blur", "Views"} <= set(found["frames"])
    assert all(name.startswith(("Frame", "Group Output")) for name in found["outside frames"])
    assert "no file at /nowhere" in found["missing"]
    assert "expected passes of version 1.x, got 2.0" in found["newer"]
    assert "expected frames such as flat.####.exr" in found["empty"]
    assert "expected the pass whole, got none in" in found["lacking"]
    assert found["groups"] == (2 if results["blender"] >= "5" else 1), "nothing is left behind"


def test_the_first_import_says_what_is_shown(results: dict) -> None:
    found = held(results, "first_note")
    notes, follow = found["first"]
    assert follow == 0
    assert notes[0].startswith("Focus is on near, the layer in front, so that")
    assert "Follow Plate 1 shows focus as it was shot" in notes[0]
    for later in ("again", "no depth"):
        assert not any(note.startswith("Focus is on") for note in found[later][0])


def test_sharp_view(results: dict, references: dict) -> None:
    assert psnr(picture(held(results, "views")["Sharp"]), references["sharp"]) >= 45


# 32 dB would do: Blender gathers, with discs that count whole pixels, where pullfocus scatters a
# soap bubble; and what lies outside the frame is not in the passes.
@pytest.mark.parametrize(
    ("name", "reference"),
    [
        *((f"focus {d:g}", f"focus {d:g}") for d in DEPTHS),
        ("plate", "plate"),
        ("plate later", "plate +2"),
        ("wide", "wide"),
    ],
)
def test_refocus(results: dict, references: dict, name: str, reference: str) -> None:
    assert psnr(picture(held(results, "pulls")[name]), references[reference]) >= 34


@pytest.mark.parametrize("squeeze", SQUEEZED["values"])
def test_the_iris_is_squeezed(results: dict, references: dict, squeeze: float) -> None:
    found = {name: picture(path) for name, path in held(results, "squeezes").items()}
    shaped, plain = found[f"{squeeze:g}"], found["1"]
    wanted, other = (references[f"squeeze {s:g}"] for s in (squeeze, 1 / squeeze))
    assert psnr(shaped, wanted) >= 34
    assert psnr(shaped, wanted) > psnr(plain, wanted) + 2
    assert psnr(shaped, wanted) > psnr(shaped, other) + 4
    assert psnr(plain, references[f"focus {SQUEEZED['focus']:g}"]) >= 34


@pytest.mark.parametrize("side", ["near", "far"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_focus_mattes(results: dict, references: dict, side: str, depth: int) -> None:
    found = held(results, "focus_mattes")
    shown = picture(found[f"{side.title()} Matte {depth:g}"])[..., 0]
    wanted = references[f"focus {depth:g} {side}"]
    apart = np.abs(shown - wanted)
    # radii of the passes and of the lens's own depth differ by some tenths of a px: that moves
    # where focus begins, which both ramp between .5 and 1 px
    begins = (np.abs(references[f"focus {depth:g} coc"]) < 1.5).astype(np.uint8)
    clear = cv2.dilate(begins, np.ones((9, 9))) == 0
    assert clear.mean() > 0.2
    assert apart[clear].max() < 0.1
    assert apart.mean() < 0.05
    if side == "far" and depth == DEPTHS[-1]:  # whatever View shows
        again = picture(found["while nothing blurs"])[..., 0]
        assert np.array_equal(again, shown)


def refocused_edge(radius: float) -> np.ndarray:
    """An edge in the middle of 256 px as `pullfocus refocus` blurs it through a plain disc."""
    edge = torch.zeros(1, 65, 256)
    edge[..., :128] = 1
    return scatter_blur(edge, torch.full((65, 256), radius), kernel=Aperture())[0, 32].numpy()


def test_camera_blurs_a_card_as_the_plate_was_blurred(results: dict, solved: Path) -> None:
    """Cycles's own lens against the closed form of an edge seen through a disc of that radius."""
    found = held(results, "camera_follows")
    assert not found["without a camera"]
    assert "expected the near place before the far one" in found["wrong"]
    assert found["result"] == ["FINISHED"]
    assert found["keys"] == 20
    lens = json.loads((solved / "passes/passes.json").read_text())["lens_curve"]
    radii = []
    for frame, path in found["files"].items():
        radius = abs(lens["layers"]["bg"] - lens["focus"][frame])
        radii.append(radius)
        profile = picture(path)[..., 0].mean(axis=0)
        x = ((128 - np.arange(256) - 0.5) / max(radius, 1e-3)).clip(-1, 1)
        wanted = 0.5 + (x * np.sqrt(1 - x**2) + np.arcsin(x)) / np.pi
        # Cycles filters pixels over 1.5 px, and takes its samples at random
        most = 0.06 + 0.12 / max(radius, 0.5)
        assert np.abs(profile - wanted).max() < most, (frame, radius)
        assert np.abs(profile - wanted).mean() < 0.004
        assert np.abs(profile - refocused_edge(radius))[64:-64].max() < most, (frame, radius)
    assert max(radii) > 2, "one of them is well out of focus"


def test_keep_sharp_and_layers_off(results: dict, references: dict) -> None:
    found = held(results, "keep_sharp")
    assert psnr(picture(found["file"]), references["keep sharp"]) >= 34
    clean = read_exr(Path(results["_passes"]) / f"plate.{FRAME:04d}.exr")
    background = np.dstack([clean[f"bg.{c}"] for c in "RGB"])
    assert psnr(picture(found["off"]), background) >= 60


def test_other_views(results: dict, references: dict) -> None:
    views = {name: picture(path) for name, path in held(results, "views").items()}
    assert psnr(views["Focal Plane"], references["overlay"]) >= 32
    matte = references["focus 0 matte"]
    assert np.abs(views["Matte"][..., 0] - matte).mean() < 0.01
    coc = references["focus 0 coc"]
    blue = views["COC"][..., 2] > views["COC"][..., 0]
    clear = np.abs(coc) > 0.5
    assert (blue == (coc < 0))[clear].mean() > 0.99
    confidence = read_exr(Path(results["_passes"]) / f"plate.{FRAME:04d}.exr")["confidence.X"]
    assert confidence.std() > 0.05
    for channel in range(3):
        np.testing.assert_allclose(views["Confidence"][..., channel], confidence, atol=0.002)
    layer = views["Layer"]
    assert layer[..., 3].min() == 0
    assert 0.05 < layer[..., 3].mean() < 0.4


def test_picked_focus_is_keyed_and_moves(results: dict, solved: Path) -> None:
    found = held(results, "pick")
    x, y, frame = PICK
    coc = read_exr(solved / f"passes/plate.{frame:04d}.exr")["depth.Z"]
    assert found["picked"] == pytest.approx(coc[y, x], abs=0.3)
    document = json.loads((solved / "passes/passes.json").read_text())
    assert found["bg"] == pytest.approx(document["lens_curve"]["layers"]["bg"]), "as refocus has it"
    low, high = sorted((found["picked"], found["bg"]))
    assert low + 0.2 * (high - low) < found["middle"] < high - 0.2 * (high - low)
    assert "expected a pixel within 256x144, got -1,0" in found["outside"]
    assert "expected one of fg, bg, got 'sky'" in found["no layer"]


def test_clicks(results: dict) -> None:
    found, (x, y, _) = held(results, "clicks"), PICK
    picked = held(results, "pick")["picked"]
    for where in ("image", "backdrop"):
        result, *pixel, focus, said = found[where]
        assert result == ["FINISHED"], said
        assert pixel == [x, y]
        assert focus == pytest.approx(picked)
    assert found["beside"][0] == ["CANCELLED"]
    assert "expected a click in an Image editor" in found["beside"][4][0]
    assert found["atlas"][0] == ["CANCELLED"]
    assert "expected a picture of the shot, 256x144, got plate bg paint" in found["atlas"][4][0]
    assert found["esc"][0] == ["CANCELLED"]
    assert found["move"][0] == ["PASS_THROUGH"]
    assert found["esc"][3] == 99, "nothing changed"


def test_paint_follows_through_map_uv(results: dict, solved: Path) -> None:
    found = held(results, "paint")
    before, live = picture(found["before"]), picture(found["live"])
    exact = read_exr(solved / f"passes_painted_bg/plate.{FRAME:04d}.exr")
    bare = read_exr(solved / f"passes/plate.{FRAME:04d}.exr")

    def over(channels: dict) -> np.ndarray:
        fg, bg = (np.dstack([channels[f"{n}.{c}"] for c in "RGB"]) for n in ("fg", "bg"))
        return fg + (1 - channels["fg.A"][..., None]) * bg

    assert psnr(live, over(exact)) >= 38
    assert psnr(live, before) < 25, "paint did not arrive"
    untouched = (over(exact) == over(bare)).all(-1)
    assert untouched.mean() > 0.5
    assert np.abs(live - before)[untouched].max() < 2e-3
    assert psnr(picture(found["again"]), live) >= 50
    assert psnr(picture(found["reset"]), before) >= 60
    assert Path(found["saved"]).name == "atlas_bg_painted.exr"
    assert found["own file"] == found["saved"], "saving the image must not hit the atlas as baked"
    assert found["groups"] == ["PullFocus plate (passes)"], "importing again replaces the group"


def test_propagated_passes_take_the_place_of_the_shot(results: dict) -> None:
    found = held(results, "paint")
    place = found["in place"]
    assert place["same node"], "panels, render and links are about one node"
    assert place["group"] == ["PullFocus plate (passes_painted_bg)"] * 3
    assert place["passes"] == "passes_painted_bg"
    assert place["focus"], "settings stay"
    assert place["nodes"] == 1
    assert psnr(picture(place["shown"]), picture(place["live"])) >= 34
    bare = picture(held(results, "pulls")[f"focus {DEPTHS[0]}"])
    assert psnr(picture(place["shown"]), bare) < 30, "the paint is there"
    assert found["beside"] == {"result": ["FINISHED"], "panels about": True, "shown": True}
    assert found["back"], "passes before painting go back to the same place"


def test_propagate_finds_the_solve_that_the_passes_name(results: dict, solved: Path) -> None:
    found = held(results, "named_solve")
    assert found["stray"] == "Error: expected the solve of this shot: set Solve in the Solve panel"
    assert found["named"] == "no error: {'FINISHED'}"
    assert (solved / "named_painted_fg/passes.json").is_file()


def test_a_shot_without_depth_beside_the_first(results: dict) -> None:
    found = held(results, "second_shot")
    assert "Focus" not in found["inputs"]
    assert "Aperture" in found["inputs"]
    assert "label Focus hardly moves in this shot:" in found["drawn"]["PULLFOCUS_PT_shot"]
    assert not found["pick"]
    assert found["apart"]
    assert found["shown before"] == "PullFocus plate", "the output is left to the first shot"
    assert picture(found["file"])[..., :3].std() > 0.05


def test_shots_that_start_at_1001(results: dict) -> None:
    """The plate's focus moves with the frames, wherever they lie in the scene."""
    found, pulls = held(results, "late_numbers"), held(results, "pulls")
    assert found["range"] == [1001, 1020, 1000 + FRAME]
    assert psnr(picture(found["own"]), picture(pulls["plate"])) >= 60
    assert psnr(picture(found["moved"]), picture(pulls["plate later"])) >= 60
    assert found["kept"] == [True, True]
    assert psnr(picture(found["still"]), picture(found["own"])) >= 60, "scenes stay apart"


def test_colours_of_another_space_are_turned_and_data_is_not(results: dict) -> None:
    found = held(results, "other_colour_space")
    plain = picture(held(results, "views")["Sharp"])[..., :3]
    to_rec709 = np.array(
        [
            [1.70505, -0.62179, -0.08326],
            [-0.13026, 1.14080, -0.01055],
            [-0.02400, -0.12897, 1.15297],
        ]
    )
    np.testing.assert_allclose(picture(found["file"])[..., :3], plain @ to_rec709.T, atol=2e-3)
    assert found["spaces"] == ["ACEScg"]


@pytest.mark.parametrize("name", ["three", "one"])
def test_any_number_of_layers(results: dict, solved: Path, name: str) -> None:
    found = held(results, "other_layer_counts")[name]
    channels = read_exr(solved / name / "flat.0007.exr")
    layers = [np.dstack([channels[f"{layer}.{c}"] for c in "RGBA"]) for layer in found["layers"]]
    expected: np.ndarray = np.zeros((36, 64, 4))
    for rgba in reversed(layers):
        expected = rgba + (1 - rgba[..., 3:]) * expected
    # coc is 0 here at the plate's own focus: result and sharp are the same
    for view in ("sharp", "result"):
        np.testing.assert_allclose(picture(found[view]), expected, atol=2e-3)
    np.testing.assert_allclose(picture(found["layer"]), layers[-1], atol=2e-3)


def test_masks_and_view_layers_become_mattes(results: dict) -> None:
    found = held(results, "masks")
    masks = [grey(found["mask"], number) for number in (7, 8)]
    assert masks[0].shape == (72, 128)
    assert masks[0][36, 64] == 1
    assert masks[0][4, 4] == 0
    whole = [grey(found["of the plate"], number) for number in (1, 20)]
    assert whole[0].shape == whole[1].shape == (144, 256), "the plate's, whatever the scene has"
    assert "expected Scene to render at the plate's size, 256x144" in found["wrong size"]
    assert 0.3 < masks[0].mean() < 0.6
    first, second = (grey(found["layer"], number) for number in (21, 22))
    assert first[18, 32] == pytest.approx(1, abs=0.01)
    assert 0.2 < first.mean() < 0.6
    assert second.max() == 0, "the square has left the picture by then"
    assert "expected a camera" in found["no camera"]
    assert grey(found["nothing"], 21).max() == 0, "of the layer that was asked for alone"
    assert not found["film"], "what was changed for it is put back"
    assert found["kept"] == ["//kept", "JPEG"]
    assert not found["left"]


def grey(pattern: str, number: int) -> np.ndarray:
    pixels = oiio.ImageBuf(pattern.replace("####", f"{number:04d}")).get_pixels(oiio.FLOAT)
    return np.asarray(pixels)[..., 0]


def test_one_frame_is_followed(results: dict) -> None:
    found = held(results, "follow")
    assert not found["nobody"]
    assert "press Draw Box" in found["no box"]
    assert "expected a mask for the layer 'fg'" in found["no mask"]
    assert "expected a frame of the plate, 1 to 20, got 901" in found["off"]
    passed, running = ["PASS_THROUGH"], ["RUNNING_MODAL"]
    dragged = [running, passed, running, running]
    assert found["said"]["esc"] == [[*dragged, ["CANCELLED"]], []]
    assert found["said"]["beside"][0] == [*dragged, ["CANCELLED"]]
    assert "Movie Clip editor" in found["said"]["beside"][1][0]
    assert found["said"]["box"] == [
        [*dragged, ["FINISHED"]],
        ["Box of fg at frame 10; press Follow"],
    ]
    assert found["boxed"] == ["BOX", [94, 1, 85, 141], 10]
    assert "operator Box 85 x 141 at 94, 1 of frame 10" in found["panel"]
    assert "operator Follow" in found["panel"]
    result, source, path = found["by box"]
    assert (result, source) == (["FINISHED"], "PATH")
    assert Path(path).name == "fg.0008.exr"
    assert found["by mask"] == ["PATH", path]
    assert found["files"] == ["matte.0010.png"]
    assert {f"fg.{n:04d}.exr" for n in range(8, 12)} <= set(found["frames"])
    key = grey(found["key"].replace("0010", "####"), 10)
    assert key.shape == (144, 256)
    assert key[72, 130] == 1
    assert key[72, 20] == 0
    # the last one written is the mask's: its own matte at the key, exactly
    matte = read_exr(Path(path).with_name("fg.0010.exr"))["A"]
    assert np.abs(matte - key).max() < 0.01


def test_use_as_plate(results: dict) -> None:
    found = held(results, "plate_from_editors")
    assert not found["still"], "a still is no footage"
    plate = f"{CLIP}/plate.####.png"
    assert found["found"] == [["CLIP", plate], ["IMAGE", plate]]


def test_undo(results: dict) -> None:
    found = held(results, "undo")
    assert found["without"] == found["with"] - 1
    assert all({"REGISTER", "UNDO"} <= set(options) for options in found["options"].values())


def test_solve_cancel_and_resume(results: dict) -> None:
    found = held(results, "solve")
    assert "expected a solve to bake" in found["nothing to bake"]
    assert found["second name"] == "fg2"
    assert "got none" in found["twice"]
    stopped = found["stopped"]
    assert stopped["end"] == ["CANCELLED"]
    assert stopped["steps"] > 0
    assert stopped["timers"] == ["timer"]
    assert "operator Cancel" in stopped["panels"]
    assert any(line.startswith("progress 1 of 3: solve ") for line in stopped["panels"])
    assert any("one job at a time" in text for _, text in stopped["said"])
    assert stopped["slowest"] < 0.5, "Blender would hang"
    assert any("what was done is kept" in text for _, text in stopped["said"])
    assert found["result"] == ["FINISHED"]
    assert found["folder"] == ["plate.solve", "plate_passes"]
    assert found["preview"]
    assert found["stored"] == "//pullfocus/plate_passes/passes.json"


def test_send_to_farm_writes_the_bundle_of_the_command_line(results: dict, tmp_path: Path) -> None:
    found = held(results, "farm")
    assert found["result"] == ["FINISHED"]
    matte = f"fg={CLIP}/alpha.####.png"
    words = [f"{CLIP}/plate.####.png", "--matte", matte, "--quality", "draft", "--frames", "1-4"]
    words += ["--minutes", f"{found['minutes']:g}", "--out", tmp_path / "by_hand"]
    pullfocus("farm", *words, "--solve-folder", found["solve"], "--passes", found["passes"])
    by_hand = {path.name: path.read_text() for path in (tmp_path / "by_hand").iterdir()}
    assert found["files"] == by_hand
    assert found["submitted"] == ["FINISHED"]
    assert found["sent"]
    assert "expected to start /no/such/program" in found["not sent"]


def test_saved_file_opens_the_same_with_relative_paths(results: dict) -> None:
    found = held(results, "saved_file")
    assert psnr(picture(found["file"]), picture(found["before"])) >= 60
    assert found["images"]
    assert len(found["texts"]) > 1
    paths = [*found["images"], *found["texts"], found["plate"]]
    assert all(path.startswith("//") for path in paths), paths
    assert found["groups"][0] == found["groups"][1], "the group is found again by its path"


def test_paths_move_with_the_blend(results: dict) -> None:
    found = held(results, "rebased")["found"]
    assert found == ["//b/c.exr", "//../b/c.exr", "/a/b/c.exr", "//b/c.exr", "", "c.exr"]


def test_unregister_leaves_nothing(results: dict) -> None:
    found = held(results, "unregister")
    assert found["before"]["operators"]
    assert not any(found["after"].values())
    assert found["again"]
    assert found["job ended"]
    same = psnr(picture(found["without"]), picture(found["with"]))
    assert same >= 60, "nodes need no extension"
