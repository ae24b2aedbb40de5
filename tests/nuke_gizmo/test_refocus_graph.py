# SPDX-License-Identifier: Apache-2.0
"""PullFocus's own graph, computed node by node on real passes, against `pullfocus refocus`."""

from pathlib import Path

import numpy as np
import pytest
from graph_interpreter import Interpreter, Picture, read_picture, shrunk
from pullfocus.edit.edit import Painting, edit
from pullfocus.plate.colour import linear_to_display
from pullfocus.plate.exr import Plane, read_exr, write_exr
from pullfocus.refocus.new_lens import NewLens
from pullfocus.refocus.refocus import Refocuser
from pullfocus.refocus.render import focus_tint
from pullfocus.solve.solved import load_solve
from pullfocus_nuke.importing import import_passes

FRAME = 4


@pytest.fixture(scope="session")
def core(market: Path) -> Refocuser:
    return Refocuser(load_solve(market / "x.solve")[1])


@pytest.fixture
def node(nuke, market: Path, compiler: str):
    nuke.frame(FRAME)
    group = import_passes(str(market / "passes"))
    group["engine"].setValue("soap bubble (Blink)")
    assert nuke.messages == []
    assert group["engine"].value() == "soap bubble (Blink)"
    return group


def shown(node, frame: int = FRAME, **given: Picture) -> Picture:
    return Interpreter(frame, given).run(node)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    a, b = (linear_to_display(v.astype(np.float32)).clip(0, 1) for v in (a, b))
    return float(10 * np.log10(1 / max(np.mean((a - b) ** 2), 1e-12)))


def index(core: Refocuser, frame: int = FRAME) -> int:
    return core.model.observed.frames.index(frame)


@pytest.mark.parametrize("aperture", [1.0, 1.5])
@pytest.mark.parametrize(
    ("mode", "layer", "value"),
    [("as shot", "fg", 0.0), ("layer", "fg", 0.0), ("layer", "bg", 0.0), ("value", "fg", -0.8)],
)
def test_refocus_is_that_of_the_command(node, core, mode, layer, value, aperture) -> None:
    node["focus_mode"].setValue(mode)
    node["focus_layer"].setValue(layer)
    node["focus_value"].setValue(value)
    node["aperture"].setValue(aperture)
    ours = shown(node)
    target = {"as shot": None, "layer": layer, "value": value}[mode]
    focus = None if target is None else core.depth_of(target, index(core))
    theirs = core.frame(index(core), focus=focus, lens=NewLens(aperture=aperture))
    assert psnr(ours.rgb(), theirs.colour) > 40
    # radii of depth alone and those of the solve differ by the error of the lens's fit
    tolerance = 0.002 if focus is None else 0.3 * aperture
    assert np.abs(ours["coc.X"] - theirs.coc).mean() < tolerance


def test_overscan_does_not_change_the_radii(node, market: Path) -> None:
    """A picture whose bounding box is larger than the plate's frame blurs as the plate does."""
    passes = read_picture(market / "passes" / f"plate.{FRAME:04d}.exr")
    more = {name: np.pad(data, 20, mode="edge") for name, data in passes.channels.items()}
    wide = Picture(more, passes.width + 40, passes.height + 40, margin=20)
    inner = node.node("fg_defocused")
    plain = Interpreter(FRAME).run(inner)
    over = Interpreter(FRAME, {"passes": wide}).run(inner)
    inside = slice(over.margin, over.height - over.margin)
    across = slice(over.margin, over.width - over.margin)
    np.testing.assert_allclose(over.rgba()[inside, across], plain.rgba(), atol=1e-6)


@pytest.mark.parametrize("layer", ["fg", "bg"])
def test_a_proxy_blurs_as_the_plate_does(node, layer: str) -> None:
    """Half the size, half the radius in its pixels; a disc of 1 px is not one of 2 px shrunk."""
    node["focus_mode"].setValue("layer")
    node["focus_layer"].setValue(layer)
    plain = shown(node)
    proxy = Interpreter(FRAME, shrink=2).run(node)
    wanted = shrunk(plain, 2)
    assert psnr(proxy.rgb(), wanted.rgb()) > 36
    node["plate_width"].setValue(0)  # what it takes for the plate then is too small by half
    blind = Interpreter(FRAME, shrink=2).run(node)
    assert psnr(blind.rgb(), wanted.rgb()) < psnr(proxy.rgb(), wanted.rgb()) - 3


def test_the_sharp_view_is_deep_focus(node, core) -> None:
    theirs = core.frame(index(core), focus=None, lens=NewLens(aperture=0)).colour
    node["output"].setValue("sharp")
    assert psnr(shown(node).rgb(), theirs) > 50
    node["output"].setValue("refocused")
    node["aperture"].setValue(0)
    assert psnr(shown(node).rgb(), theirs) > 50


def test_keep_sharp_near_far_and_limit_mean_what_they_mean_in_the_command(node, core) -> None:
    node["fg_sharp"].setValue(True)
    theirs = core.frame(index(core), focus=None, keep_sharp=frozenset({"fg"}))
    assert psnr(shown(node).rgb(), theirs.colour) > 40
    node["fg_sharp"].setValue(False)
    for name, value in (("near", 0.3), ("far", 1.6), ("max_radius", 3.0)):
        node[name].setValue(value)
    theirs = core.frame(index(core), focus=None, lens=NewLens(near=0.3, far=1.6, max_radius_px=3.0))
    assert psnr(shown(node).rgb(), theirs.colour) > 40


def test_highlights_are_lifted_like_in_the_command(node, core) -> None:
    plain = shown(node).rgb()
    node["highlight_gain"].setValue(4)
    theirs = core.frame(index(core), focus=None, lens=NewLens(highlight_gain=4, lift_bright=True))
    ours = shown(node).rgb()
    assert psnr(ours, theirs.colour) > 40
    assert ours.max() > plain.max()


def test_every_frame_has_its_own_focus(node, core) -> None:
    for frame in (1, 11):
        node["focus_mode"].setValue("layer")
        theirs = core.frame(index(core, frame), focus=core.depth_of("fg", index(core, frame)))
        assert psnr(shown(node, frame).rgb(), theirs.colour) > 40


def test_other_views_show_what_they_say(node, core, market: Path) -> None:
    passes = read_picture(market / "passes" / f"plate.{FRAME:04d}.exr")
    theirs = core.frame(index(core), focus=None)
    node["output"].setValue("beauty pass")
    np.testing.assert_array_equal(shown(node).rgb(), passes.rgb())
    node["output"].setValue("circle of confusion")
    np.testing.assert_allclose(shown(node).rgb()[..., 0], shown(node)["coc.X"])
    node["output"].setValue("focal plane")
    assert psnr(shown(node).rgb(), focus_tint(theirs)) > 30  # a step where focus begins
    node["output"].setValue("matte")
    assert np.abs(shown(node).rgb()[..., 1] - theirs.matte).mean() < 0.003
    node["output"].setValue("confidence")
    for channel in range(3):
        np.testing.assert_array_equal(shown(node).rgb()[..., channel], passes["confidence.X"])
    assert passes["confidence.X"].max() > 0
    assert shown(node)["rgba.alpha"].min() == 1
    node["output"].setValue("fg sharp")
    np.testing.assert_array_equal(shown(node)["rgba.alpha"], passes["fg.alpha"])
    np.testing.assert_allclose(shown(node)["coc.X"], passes["fg_coc.X"], atol=1e-5)
    node["output"].setValue("bg refocused")
    assert shown(node)["rgba.alpha"].min() == 1


def test_a_layer_that_is_off_shows_what_lies_behind(node, market: Path) -> None:
    passes = read_picture(market / "passes" / f"plate.{FRAME:04d}.exr")
    node["output"].setValue("sharp")
    node["fg_on"].setValue(False)
    wall = np.stack([passes[f"bg.{c}"] for c in ("red", "green", "blue")], -1)
    np.testing.assert_allclose(shown(node).rgb(), wall, atol=1e-6)


def test_mask_holdout_and_mix(node, market: Path) -> None:
    whole = shown(node).rgb()
    beauty = read_picture(market / "passes" / f"plate.{FRAME:04d}.exr").rgb()
    half = np.zeros(whole.shape[:2], np.float32)
    half[:, :100] = 1
    mask = Picture({"rgba.alpha": half}, whole.shape[1], whole.shape[0])
    node["mask_mode"].setValue("refocus inside")
    seen = shown(node, mask=mask).rgb()
    np.testing.assert_allclose(seen[:, :100], whole[:, :100], atol=1e-6)
    np.testing.assert_allclose(seen[:, 100:], beauty[:, 100:], atol=1e-6)
    node["mask_invert"].setValue(True)
    seen = shown(node, mask=mask).rgb()
    np.testing.assert_allclose(seen[:, 100:], whole[:, 100:], atol=1e-6)
    node["mask_invert"].setValue(False)
    node["mask_mode"].setValue("hold out")
    out = shown(node, mask=mask).rgba()
    assert not out[:, :100].any()
    np.testing.assert_allclose(out[:, 100:, :3], whole[:, 100:], atol=1e-6)
    node["mask_mode"].setValue("off")
    node["mix"].setValue(0.25)
    np.testing.assert_allclose(shown(node).rgb(), 0.75 * beauty + 0.25 * whole, atol=1e-6)


@pytest.fixture(scope="session")
def painted(market: Path) -> Path:
    """A red square with a hard edge in the middle of the wall's atlas, and of the subject's."""
    for layer in ("bg", "fg"):
        atlas = read_exr(market / "passes" / f"atlas_{layer}.exr")
        image = np.dstack([atlas[c] for c in "RGB"])
        h, w = image.shape[:2]
        image[h // 3 : h // 2, w // 3 : w // 2] = (0.9, 0.05, 0.02)
        plane = Plane(name="atlas", data=image, channels=("R", "G", "B"), half=True)
        write_exr(market / f"painted_{layer}.exr", [plane], metadata={})
    return market


@pytest.mark.parametrize("layer", ["bg", "fg"])
@pytest.mark.parametrize("way", ["painted file", "painted input"])
def test_a_painted_atlas_is_that_of_the_command(node, painted: Path, layer: str, way: str) -> None:
    folder = painted / f"edited_{layer}"
    path = painted / f"painted_{layer}.exr"
    if not folder.exists():
        edit(painted / "x.solve", folder, Painting(layer, path), frames=f"{FRAME}-{FRAME}")
    theirs = read_picture(folder / f"plate.{FRAME:04d}.exr")
    node["output"].setValue("sharp")
    before = shown(node)
    node[f"{layer}_edit"].setValue(way)
    given = {}
    if way == "painted file":
        node[f"{layer}_paint_file"].setValue(str(path))
    else:
        given = {f"{layer}_paint": read_picture(path)}
    after = shown(node, **given)
    sheet = {"bg": theirs["bg.alpha"], "fg": theirs["fg.alpha"]}
    wanted = sum(
        np.stack([theirs[f"{name}.{c}"] for c in ("red", "green", "blue")], -1)
        * (1 if name == "fg" else (1 - sheet["fg"])[..., None])
        for name in ("fg", "bg")
    )
    assert psnr(after.rgb(), wanted) > 50
    changed = np.abs(wanted - before.rgb()).max(-1)
    assert changed.max() > 0.3
    still = changed < 1e-6
    assert still.mean() > 0.5
    # what is not painted stays; rounding to half floats round the paint apart
    assert np.abs(after.rgb() - before.rgb())[still].max() < 2e-3
    assert (np.abs(after.rgb() - before.rgb())[still].max(-1) == 0).mean() > 0.98


class FromTheSource(Interpreter):
    """STMap takes its format from the source: Nuke's manual does not say which it is."""

    def do_STMap(self, node):
        source, places = self.source(node, 0), self.source(node, 1)
        missing = {}
        for name, data in places.channels.items():
            whole = np.zeros((source.height, source.width), np.float32)
            whole[source.height - places.height :, : places.width] = data
            missing[name] = whole
        wide = Picture(missing, source.width, source.height)
        self.memory[node.input(1).fullName()] = wide
        out = super().do_STMap(node)
        self.memory[node.input(1).fullName()] = places
        assert (out.width, out.height) == (source.width, source.height)
        return out


@pytest.mark.parametrize("layer", ["bg", "fg"])
def test_paint_lands_alike_whichever_format_stmap_takes(node, painted: Path, layer: str) -> None:
    node["output"].setValue("sharp")
    node[f"{layer}_edit"].setValue("painted file")
    node[f"{layer}_paint_file"].setValue(str(painted / f"painted_{layer}.exr"))
    other = FromTheSource(FRAME).run(node)
    np.testing.assert_allclose(other.rgb(), shown(node).rgb(), atol=1e-6)


def test_only_what_is_looked_at_is_computed(node) -> None:
    """No file of paint and no mask is needed as long as nothing asks for them."""
    interpreter = Interpreter(FRAME)
    interpreter.run(node)
    for name in ("fg_paint_read", "fg_atlas_read", "mask", "fg_zdefocus"):
        assert not any(seen.endswith("." + name) for seen in interpreter.visited)


def test_the_bridge_to_zdefocus_gives_the_radii_back(node) -> None:
    """Its law with 1/z: radius = size (1 - value / focus)."""
    node["aperture"].setValue(2)
    group, interpreter = node, Interpreter(FRAME)
    for layer in ("fg", "bg"):
        fed = interpreter.run(group.node(f"{layer}_with_depth"))["depth.Z"]
        coc = interpreter.run(group.node(f"{layer}_new_coc"))["rgba.red"]
        native = group.node(f"{layer}_zdefocus")
        size, centre = native["size"].number(), native["center"].number()
        assert native["math"].value() == "far=0"
        assert fed.min() > 0
        np.testing.assert_allclose(size * (1 - fed / centre), coc, atol=2e-5)
        assert native["max_size"].number() >= np.abs(coc).max()


@pytest.mark.parametrize(
    ("kind", "radius"),
    [
        ("coc", lambda z, s: z),
        ("ZDefocus: depth", lambda z, s: s * (1 - 1 / z)),
        ("ZDefocus: 1/z", lambda z, s: s * (1 - z)),
        ("Bokeh: depth", lambda z, s: s * (1 - 1 / z)),
        ("OpenDefocus: direct", lambda z, s: -z),
    ],
)
def test_exported_depth_gives_the_radii_back(node, kind: str, radius) -> None:
    node["export_for"].setValue(kind)
    out = shown(node)
    size = 2 * node["max_radius"].value() + 1
    assert out["depth.Z"].min() > 0 or kind in ("coc", "OpenDefocus: direct")
    np.testing.assert_allclose(radius(out["depth.Z"], size), out["coc.X"], atol=1e-4)
