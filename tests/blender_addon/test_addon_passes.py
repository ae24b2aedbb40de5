# SPDX-License-Identifier: Apache-2.0
"""passes.json and pixels, read without pullfocus, against what pullfocus writes."""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from pullfocus.passes.contract import LayerEntry, Passes
from pullfocus.passes.passes_json import write_passes_json
from pullfocus.plate.exr import Plane, write_exr

from blender_addon.errors import AddonError
from blender_addon.exr_pixels import read_rows, size_px
from blender_addon.focus import depth_at, layer_depth, pixel_under, place_on_backdrop
from blender_addon.group_inputs import VIEW_TIPS, VIEWS, input_specs
from blender_addon.passes import PassesError, read_passes
from blender_addon.solve_state import recorded_solve

SIZE = (40, 37)  # width, height: not a multiple of a block of rows


def written(folder: Path, **changes: object) -> Path:
    """passes.json as pullfocus writes it, with keys changed afterwards."""
    passes = Passes(
        layers=(
            LayerEntry("fg", "atlas_fg.exr", 20, 10),
            LayerEntry("bg", "atlas_bg.exr", 60, 50, complete=True),
        ),
        frames=(1001, 1002, 1003),
        file_pattern="sh010.####.exr",
        width=SIZE[0],
        height=SIZE[1],
        rate="24000/1001",
        colorspace="ACEScg",
        coc_signed=True,
        lens_curve={"unit": "px_radius", "focus": {"1001": 1.0, "1002": 2.0, "1003": 3.0}},
    )
    path = folder / "passes.json"
    write_passes_json(path, passes)
    document = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps(document))
    return path


def test_the_group_starts_with_the_plates_iris(tmp_path: Path) -> None:
    lens = {"blades": 5, "roundness": 0.2, "squeeze": 1.6}
    held = read_passes(written(tmp_path, plate_lens=lens))
    found = {spec.name: spec.value for spec in input_specs(held)}
    assert (found["Blades"], found["Roundness"], found["Rotation"]) == (5, 0.2, 0.0)
    assert found["Squeeze"] == 1.6
    plain = {spec.name: spec.value for spec in input_specs(read_passes(written(tmp_path)))}
    assert (plain["Blades"], plain["Roundness"], plain["Rotation"]) == (6, 1.0, 0.0)
    assert plain["Squeeze"] == 1.0


@pytest.mark.parametrize("blades", [5, 6, 8])
@pytest.mark.parametrize("corner", [0.0, 20.0, 57.0, 359.0])
def test_blenders_iris_has_its_corners_where_the_plates_has(
    tmp_path: Path, blades: int, corner: float
) -> None:
    lens = {"blades": blades, "rotation_deg": corner}
    specs = input_specs(read_passes(written(tmp_path, plate_lens=lens)))
    turn = next(spec.value for spec in specs if spec.name == "Rotation")
    assert abs(turn) <= math.pi / blades + 1e-9
    # measured in Blender 4.5: the first corner points up, and turns clockwise
    apart = (90 - math.degrees(turn) - corner) % (360 / blades)
    assert min(apart, 360 / blades - apart) == pytest.approx(0, abs=1e-9)


def frame(folder: Path, number: int, *, compression: str = "zip") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(number)
    shape = SIZE[::-1]
    coc = rng.normal(size=shape).astype(np.float32)
    matte = np.zeros(shape, np.float32)
    matte[10:30, 5:25] = 1
    fg_coc = np.full(shape, -4.0, np.float32)
    uv = ("fg_uv.X", "fg_uv.Y", "fg_uv.Z")
    planes = [
        Plane(name="beauty", data=rng.random((*shape, 4)), channels=tuple("RGBA"), half=True),
        Plane(name="fg_uv", data=np.dstack([coc, coc, matte]), channels=uv, half=False),
        Plane(name="fg_coc", data=fg_coc, channels=("fg_coc.X",), half=False),
        Plane(name="coc", data=coc, channels=("coc.X",), half=False),
        Plane(name="bg_coc", data=coc, channels=("bg_coc.X",), half=False),
        Plane(name="bg_uv", data=np.ones_like(coc), channels=("bg_uv.Z",), half=False),
    ]
    path = folder / f"sh010.{number}.exr"
    write_exr(path, planes, metadata={})
    if compression != "zip":
        image = oiio.ImageBuf(str(path))
        image.specmod().attribute("compression", compression)
        image.write(str(path))
    return {"coc.X": coc, "fg_uv.Z": matte, "R": planes[0].data[..., 0].astype(np.float16)}


def test_reads_what_pullfocus_writes_and_ignores_what_it_does_not_know(tmp_path: Path) -> None:
    path = written(tmp_path, version="1.7", news={"a": 1})
    for given in (path, tmp_path, str(path)):
        passes = read_passes(given)
        assert [layer.name for layer in passes.layers] == ["fg", "bg"]
        assert passes.layers[1].atlas == tmp_path / "atlas_bg.exr"
        assert passes.frames == (1001, 1002, 1003)
        assert passes.file(1002) == tmp_path / "sh010.1002.exr"
        assert passes.rate == (24000, 1001)
        assert passes.name == "sh010"
        assert passes.can_pull
    assert passes.missing() == [1001, 1002, 1003]


def test_without_sign_or_curve_focus_cannot_be_pulled(tmp_path: Path) -> None:
    for change in ({"coc_signed": False}, {"lens_curve": None}):
        passes = read_passes(written(tmp_path, **change))
        assert not passes.can_pull
        names = [spec.name for spec in input_specs(passes)]
        assert "Focus" not in names
        assert {"Aperture", "fg Sharp", "bg Paint"} <= set(names)
        assert ("Near" in names) == passes.signed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "2.0"}, "expected passes of version 1.x, got 2.0"),
        ({"version": "new"}, "expected a version such as 1.0, got 'new'"),
        ({"layers": []}, "no layers or no frames"),
        ({"frames": [3, 1]}, "frames out of order"),
        ({"width": 0}, "size"),
        ({"rate": "24"}, "rate '24'"),
        ({"file_pattern": "../x.####.exr"}, "the file name"),
        ({"file_pattern": "x.exr"}, "the file pattern"),
        ({"lens_curve": {"focus": {"1001": 0}}}, "no focus for frame 1002"),
        ({"layers": [{"name": "fg"}]}, "no 'atlas_width'"),
    ],
)
def test_bad_passes_are_refused_in_one_line(tmp_path: Path, change: dict, message: str) -> None:
    path = written(tmp_path, **change)
    with pytest.raises(PassesError, match=message) as caught:
        read_passes(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_and_no_json(tmp_path: Path) -> None:
    with pytest.raises(PassesError, match=r"expected passes\.json, got no file"):
        read_passes(tmp_path)
    (tmp_path / "passes.json").write_text("{")
    with pytest.raises(PassesError, match="expected JSON"):
        read_passes(tmp_path)


def test_every_view_is_explained_and_names_are_unique(tmp_path: Path) -> None:
    specs = input_specs(read_passes(written(tmp_path)))
    assert len(VIEWS) == len(VIEW_TIPS)
    assert len({spec.name for spec in specs}) == len(specs)
    for spec in specs:
        assert spec.low <= spec.value <= spec.high
        assert spec.tip
        assert not spec.tip.endswith(".")
    (radius,) = (spec for spec in specs if spec.name == "Max Radius")
    assert "Time grows with its square" in radius.tip


@pytest.mark.parametrize("compression", ["zip", "zips", "none"])
def test_pixels_are_those_of_openimageio(tmp_path: Path, compression: str) -> None:
    truth = frame(tmp_path, 1001, compression=compression)
    path = tmp_path / "sh010.1001.exr"
    assert size_px(path) == SIZE
    both = read_rows(path, ("coc.X", "fg_uv.Z", "R"), 0, SIZE[1])
    for index, name in enumerate(("coc.X", "fg_uv.Z", "R")):
        np.testing.assert_array_equal(both[index], truth[name])
    few = read_rows(path, ("coc.X",), 15, 3)
    np.testing.assert_array_equal(few[0], truth["coc.X"][15:18])


def test_pixels_that_are_not_there(tmp_path: Path) -> None:
    frame(tmp_path, 1001)
    path = tmp_path / "sh010.1001.exr"
    with pytest.raises(AddonError, match=r"expected the pass sky\.X, got none"):
        read_rows(path, ("sky.X",), 0, 1)
    with pytest.raises(AddonError, match="expected rows within 37"):
        read_rows(path, ("R",), 36, 2)
    with pytest.raises(AddonError, match="expected a readable pass file"):
        read_rows(tmp_path / "no.exr", ("R",), 0, 1)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AddonError, match="expected a readable pass file"):
        read_rows(path, ("R",), 30, 5)
    path.write_bytes(b"no EXR at all")
    with pytest.raises(AddonError, match="expected a single-part scan-line EXR"):
        read_rows(path, ("R",), 0, 1)
    frame(tmp_path, 1001, compression="piz")
    with pytest.raises(AddonError, match="expected zip compression"):
        read_rows(path, ("R",), 0, 1)


def test_depth_of_a_pixel_and_of_a_layer(tmp_path: Path) -> None:
    passes = read_passes(written(tmp_path))
    truth = frame(tmp_path, 1002)
    assert depth_at(passes, 7, 20, 1002) == pytest.approx(-4.0 + 2.0), "the layer in front"
    behind = pytest.approx(truth["coc.X"][20, 7] + 2.0)
    assert depth_at(passes, 7, 20, 1002, frozenset(["fg"])) == behind
    assert depth_at(passes, 39, 36, 1002) == pytest.approx(truth["coc.X"][36, 39] + 2.0)
    with pytest.raises(AddonError, match="expected something at 7,20, got none"):
        depth_at(passes, 7, 20, 1002, frozenset(["fg", "bg"]))
    assert layer_depth(passes, "fg") == pytest.approx(-4.0 + 2.0), "frames that lack are left out"
    with pytest.raises(AddonError, match="expected a pixel within 40x37"):
        depth_at(passes, 40, 0, 1002)
    with pytest.raises(AddonError, match=r"expected a frame of the shot \(1001-1003\), got 9"):
        depth_at(passes, 0, 0, 9)
    flat = read_passes(written(tmp_path, coc_signed=False))
    with pytest.raises(AddonError, match="depth is unknown"):
        depth_at(flat, 0, 0, 1002)


def test_depth_of_a_layer_is_the_one_written_down(tmp_path: Path) -> None:
    focus = {"1001": 1.0, "1002": 2.0, "1003": 3.0}
    frame(tmp_path, 1002)
    curve = {"focus": focus, "layers": {"fg": -1.25}}
    passes = read_passes(written(tmp_path, lens_curve=curve))
    assert layer_depth(passes, "fg") == -1.25
    bare = read_passes(written(tmp_path, lens_curve={"focus": focus, "layers": None}))
    assert layer_depth(bare, "fg") == pytest.approx(-4.0 + 2.0), "measured, as in older passes"
    assert layer_depth(passes, "bg") == layer_depth(bare, "bg"), "seen, but not written down"
    curve["layers"]["fg"] = float("nan")
    with pytest.raises(PassesError, match="the depth nan of the layer 'fg'"):
        read_passes(written(tmp_path, lens_curve=curve))


def test_the_solve_that_passes_name(tmp_path: Path) -> None:
    """Used where it is there and its settings are those of the passes; anything else is not."""
    settings = {"steps": 10, "rate": 0.004}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    shot = {"layers": ["fg", "bg"], "frames": [1001, 1002, 1003]}
    (tmp_path / "passes").mkdir()
    solve = tmp_path / "a b.solve"

    def found(held: object, **changes: object) -> Path | None:
        solve.mkdir(exist_ok=True)
        (solve / "settings.json").write_text(json.dumps(held))
        document = {"solve": "../a b.solve", "solve_digest": digest, **changes}
        return recorded_solve(read_passes(written(tmp_path / "passes", **document)))

    whole = {"settings": settings, "shot": shot}
    assert found(whole) == solve.resolve()
    assert found(whole, solve=None) is None
    assert found(whole, solve="../other.solve") is None
    assert found(whole, solve_digest=None) is None
    assert found({**whole, "settings": {**settings, "steps": 11}}) is None
    assert found({**whole, "shot": {**shot, "layers": ["hero", "bg"]}}) is None
    assert found({**whole, "shot": {**shot, "frames": [1, 2, 3]}}) is None
    assert found({"settings": settings}) is None
    assert found([]) is None


def test_where_a_click_lands() -> None:
    assert pixel_under((0.0, 1.0), (40, 20)) == (0, 0)
    assert pixel_under((0.999, 0.001), (40, 20)) == (39, 19)
    assert pixel_under((1.2, 0.5), (40, 20))[0] >= 40, "beside the picture is refused later"
    middle = place_on_backdrop((300, 200), (600, 400), (40, 20), 2.0, (0, 0))
    assert middle == (0.5, 0.5)
    right = place_on_backdrop((300 + 10 + 20, 200), (600, 400), (40, 20), 2.0, (10, 0))
    assert right == pytest.approx((0.75, 0.5))
