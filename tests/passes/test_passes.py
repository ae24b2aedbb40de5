# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from pullfocus.errors import PassesError
from pullfocus.passes.contract import LayerEntry, Passes, exr_metadata, pass_table
from pullfocus.passes.passes_json import read_passes_json, write_passes_json

PASSES = Passes(
    layers=(
        LayerEntry("fg", "atlas_fg.exr", 640, 360),
        LayerEntry("bg", "atlas_bg.exr", 900, 400, complete=True),
    ),
    frames=(1001, 1002, 1004),
    file_pattern="shot.####.exr",
    width=512,
    height=288,
    rate="24000/1001",
    colorspace="lin_rec709_srgb",
    plate="shot.####.png",
    pullfocus_version="0.1.0",
    solve_digest="abc",
)


def test_table_is_the_documented_one():
    table = pass_table(["fg", "bg"], coc_signed=True, depth=True)
    assert [(name, " ".join(channels), storage) for name, channels, storage, _, _ in table] == [
        ("beauty", "R G B A", "half"),
        ("fg", "fg.R fg.G fg.B fg.A", "half"),
        ("fg_uv", "fg_uv.X fg_uv.Y fg_uv.Z", "float"),
        ("fg_coc", "fg_coc.X", "float"),
        ("bg", "bg.R bg.G bg.B bg.A", "half"),
        ("bg_uv", "bg_uv.X bg_uv.Y bg_uv.Z", "float"),
        ("bg_coc", "bg_coc.X", "float"),
        ("coc", "coc.X", "float"),
        ("alpha", "alpha.A", "half"),
        ("confidence", "confidence.X", "half"),
        ("forward", "forward.u forward.v", "float"),
        ("backward", "backward.u backward.v", "float"),
        ("depth", "depth.Z", "float"),
    ]
    assert len({channel for row in table for channel in row.channels}) == 28


def test_table_without_optional_passes():
    names = [row.name for row in pass_table(["bg"], coc_signed=False, motion=False)]
    assert names == ["beauty", "bg", "bg_uv", "bg_coc", "coc", "alpha", "confidence"]


@pytest.mark.parametrize("signed", [True, False])
def test_sign_of_coc_is_said_everywhere(signed, tmp_path):
    table = {row.name: row for row in pass_table(["fg", "bg"], coc_signed=signed)}
    for name in ("fg_coc", "bg_coc", "coc"):
        assert ("near negative" in table[name].meaning) is signed
        assert ("never negative" in table[name].meaning) is not signed
    passes = replace(PASSES, coc_signed=signed)
    sign = "near_negative" if signed else "unsigned"
    assert exr_metadata(passes)["pullfocus/coc_sign"] == sign
    write_passes_json(tmp_path / "passes.json", passes)
    document = json.loads((tmp_path / "passes.json").read_text())
    assert document["coc_signed"] is signed
    assert document["units"]["coc_sign"] == sign


def test_metadata():
    metadata = exr_metadata(PASSES, depth_unit="relative")
    assert metadata == {
        "pullfocus/version": "0.1.0",
        "pullfocus/coc_sign": "unsigned",
        "pullfocus/coc_unit": "px_radius",
        "pullfocus/uv_origin": "bottom_left",
        "pullfocus/atlas.fg": "atlas_fg.exr",
        "pullfocus/atlas.bg": "atlas_bg.exr",
        "pullfocus/depth_unit": "relative",
        "oiio:ColorSpace": "lin_rec709_srgb",
        "framesPerSecond": Fraction(24000, 1001),
    }


def test_json_round_trip_from_file_and_folder(tmp_path):
    lens = {"focus": {"1001": 0.5}, "aperture": 2.0}
    passes = replace(PASSES, lens_curve=lens, pixel_aspect=2.0)
    write_passes_json(tmp_path / "passes.json", passes)
    assert read_passes_json(tmp_path) == passes
    assert read_passes_json(tmp_path / "passes.json") == passes
    document = json.loads((tmp_path / "passes.json").read_text())
    assert (document["first_frame"], document["last_frame"]) == (1001, 1004)
    assert document["units"] == {
        "coc": "px_radius",
        "coc_sign": "unsigned",
        "uv_origin": "bottom_left",
        "motion": "px_v_up",
    }


def test_frame_file_names():
    assert PASSES.file_name(7) == "shot.0007.exr"
    assert PASSES.file_name(12345) == "shot.12345.exr"
    assert PASSES.frame_rate == Fraction(24000, 1001)


def _edited(folder: Path, edit) -> Path:
    write_passes_json(folder / "passes.json", PASSES)
    document = json.loads((folder / "passes.json").read_text())
    edit(document)
    (folder / "passes.json").write_text(json.dumps(document))
    return folder


def test_unknown_keys_and_newer_minor_version_are_fine(tmp_path):
    def edit(document):
        document.update(version="1.7", later={"a": 1})
        document["layers"][0]["later"] = True

    assert read_passes_json(_edited(tmp_path, edit)) == replace(PASSES, version="1.7")


def test_missing_optional_keys_take_defaults(tmp_path):
    def edit(document):
        for key in ("plate", "lens_curve", "pixel_aspect", "solve_digest", "solve"):
            del document[key]

    passes = read_passes_json(_edited(tmp_path, edit))
    assert (passes.plate, passes.lens_curve, passes.pixel_aspect) == ("", None, 1.0)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        pytest.param(lambda d: d.update(version="2.0"), "newer pullfocus", id="newer"),
        pytest.param(lambda d: d.update(version=1), "version like", id="version"),
        pytest.param(lambda d: d.pop("layers"), "something else", id="foreign"),
        pytest.param(lambda d: d.pop("width"), "'width'", id="missing-key"),
        pytest.param(lambda d: d.update(width="512"), "expected int for 'width'", id="type"),
        pytest.param(lambda d: d.update(height=True), "expected int for 'height'", id="bool"),
        pytest.param(lambda d: d.update(height=0), "positive frame size", id="size"),
        pytest.param(lambda d: d.update(frames=[]), "'frames'", id="no-frames"),
        pytest.param(lambda d: d.update(frames=[2, 1]), "ascending", id="order"),
        pytest.param(lambda d: d.update(frames=[1.5]), "whole frame", id="fraction"),
        pytest.param(lambda d: d.update(layers=["fg"]), r"layers\[0\]", id="layer"),
        pytest.param(lambda d: d["layers"][0].update(name="alpha"), "reserved", id="name"),
        pytest.param(lambda d: d["layers"][0].update(complete=True), "complete", id="complete"),
        pytest.param(lambda d: d["layers"][1].update(complete=False), "complete", id="hole"),
        pytest.param(lambda d: d["layers"][1].update(atlas_width=0), "atlas size", id="atlas-size"),
        pytest.param(lambda d: d["layers"][1].update(atlas="../a.exr"), "plain file", id="escape"),
        pytest.param(lambda d: d.update(file_pattern="/x.#.exr"), "plain file", id="absolute"),
        pytest.param(lambda d: d.update(file_pattern="x.exr"), "run of #", id="pattern"),
        pytest.param(lambda d: d.update(rate="23.976"), "24/1", id="rate"),
        pytest.param(lambda d: d.update(rate="24/0"), "24/1", id="rate-zero"),
        pytest.param(lambda d: d.update(pixel_aspect=0), "pixel_aspect", id="aspect"),
        pytest.param(lambda d: d.update(lens_curve=[]), "lens_curve", id="lens"),
    ],
)
def test_broken_json_says_what_and_where(tmp_path, edit, message):
    with pytest.raises(PassesError, match=message) as caught:
        read_passes_json(_edited(tmp_path, edit))
    assert "passes.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_or_not_json(tmp_path):
    with pytest.raises(PassesError, match=r"no passes\.json"):
        read_passes_json(tmp_path)
    (tmp_path / "passes.json").write_text("{")
    with pytest.raises(PassesError, match="expected JSON"):
        read_passes_json(tmp_path)
    (tmp_path / "passes.json").write_bytes(b"\xff\xfe")
    with pytest.raises(PassesError, match="readable text"):
        read_passes_json(tmp_path)


def test_a_failed_write_leaves_the_earlier_file_alone(tmp_path, monkeypatch):
    write_passes_json(tmp_path / "passes.json", PASSES)
    before = (tmp_path / "passes.json").read_bytes()
    with pytest.raises(PassesError):
        write_passes_json(tmp_path / "passes.json", replace(PASSES, rate="fast"))

    def broken(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="disk full"):
        write_passes_json(tmp_path / "passes.json", replace(PASSES, plate="other"))
    assert (tmp_path / "passes.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["passes.json"]


def test_needs_the_standard_library_only():
    code = (
        "import sys; before = set(sys.modules); import pullfocus.passes.passes_json;"
        "new = {n.split('.')[0] for n in set(sys.modules) - before};"
        "print(sorted(n for n in new if n not in sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['pullfocus']"
