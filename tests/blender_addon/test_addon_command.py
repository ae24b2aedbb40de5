# SPDX-License-Identifier: Apache-2.0
"""Command lines, footage and folders, as the extension works them out."""

from itertools import pairwise
from pathlib import Path

import pytest
from pullfocus import cli
from pullfocus.cli.checkup import table

from blender_addon.command import (
    SolveOrder,
    bake_command,
    default_bundle,
    default_folders,
    doctor_summary,
    edit_command,
    farm_command,
    find_launcher,
    follow_command,
    shot_name,
    solve_command,
    submit_command,
)
from blender_addon.errors import AddonError


def test_launcher_is_found_on_path_or_taken_from_the_preferences(tmp_path: Path) -> None:
    assert find_launcher("", lambda name: f"/opt/{name}") == ("/opt/pullfocus",)
    for name, wanted in (("python3.11", ("-m", "pullfocus.cli")), ("pullfocus", ())):
        file = tmp_path / name
        file.touch()
        assert find_launcher(str(file)) == (str(file), *wanted)
    with pytest.raises(AddonError, match="expected pullfocus on PATH, got none"):
        find_launcher("", lambda name: None)
    with pytest.raises(AddonError, match="got no file at /nowhere/python"):
        find_launcher("/nowhere/python")


def test_solve_command_says_all_that_was_set() -> None:
    order = SolveOrder(
        plate="/a/p.####.exr",
        mattes=(("fg", "/a/m.####.png"), ("mid", "/a/n.mov")),
        out="/b/p.solve",
        quality="high",
        minutes=2.5,
        colorspace="ACEScg",
        frames="1001-1010",
        device="cuda",
        restart=True,
    )
    text = " ".join(solve_command(("pf",), order))
    assert text.startswith("pf solve /a/p.####.exr --out /b/p.solve")
    for part in (
        "--matte fg=/a/m.####.png --matte mid=/a/n.mov",
        "--quality high",
        "--minutes 2.5",
        "--colorspace ACEScg",
        "--frames 1001-1010",
        "--device cuda",
        "--restart",
        "--progress json",
    ):
        assert part in text
    plain = solve_command(("pf",), SolveOrder(plate="p", mattes=(), out="o"))
    assert plain == [
        "pf",
        "solve",
        "p",
        "--out",
        "o",
        "--quality",
        "standard",
        "--progress",
        "json",
    ]


@pytest.mark.parametrize(
    ("plate", "mattes", "message"),
    [
        ("", (), "expected a plate"),
        ("p", (("Fg", "m"),), "expected a layer name such as fg"),
        ("p", (("fg", "m"), ("fg", "n")), "got 'fg' twice"),
        ("p", (("fg", ""),), "expected a matte for the layer 'fg'"),
    ],
)
def test_bad_orders_are_refused(plate: str, mattes: tuple, message: str) -> None:
    with pytest.raises(AddonError, match=message):
        solve_command(("pf",), SolveOrder(plate=plate, mattes=mattes, out="o"))


def test_commands_are_what_the_command_line_knows(tmp_path: Path, capsys) -> None:
    """The real parser takes them: what is wrong is the missing footage, not an option."""
    order = SolveOrder("/no/p.####.exr", (("fg", "/no/m"),), str(tmp_path / "x"), minutes=1.0)
    for command in (
        solve_command((), order),
        bake_command((), str(tmp_path / "x.solve"), str(tmp_path)),
        farm_command((), order, passes=str(tmp_path), bundle=str(tmp_path / "job")),
        edit_command((), str(tmp_path / "x"), layer="bg", atlas="/no/a.exr", out=str(tmp_path)),
        follow_command(
            (),
            "/nowhere/p.####.exr",
            layer="fg",
            mark=("--box", "1001=1,2,30,40"),
            out=str(tmp_path),
            colorspace="ACEScg",
            frames="1001-1002",
        ),
    ):
        assert cli.run(command) == 2
        said = capsys.readouterr().err
        assert "option" not in said
        assert "Missing" not in said


def test_follow_wants_a_layer_that_can_be() -> None:
    with pytest.raises(AddonError, match="expected a layer name such as fg"):
        follow_command((), "p", layer="F G", mark=("--key", "1=a.png"), out="m")


def test_doctor_summary_of_the_real_doctor() -> None:
    line = doctor_summary(table().splitlines())
    assert line.startswith("pullfocus 0.")
    assert "CPU" in line or "CUDA" in line
    with pytest.raises(AddonError, match="expected an answer of pullfocus doctor"):
        doctor_summary(["Python 3.11"])
    wrong = doctor_summary(["pullfocus  0.1", "CUDA  yes: H100", "numpy  ! not installed"])
    assert wrong == "pullfocus 0.1; CUDA H100; numpy: not installed"


def test_folders_lie_beside_the_blend_or_the_plate() -> None:
    plate = "/shots/a/plate.####.png"
    assert default_folders(plate, "") == ("/shots/a/plate.solve", "/shots/a/plate_passes")
    assert default_folders(plate, "/shots/b/shot.blend") == (
        "/shots/b/pullfocus/plate.solve",
        "/shots/b/pullfocus/plate_passes",
    )
    assert shot_name("/a/b/sh010_v2.mov") == "sh010_v2"
    assert shot_name("/a/b/%04d.exr") == "b"
    assert default_bundle(plate, "") == "/shots/a/plate_job"
    assert default_bundle(plate, "/shots/b/shot.blend") == "/shots/b/pullfocus/plate_job"


def test_a_job_never_starts_over_and_says_the_rest() -> None:
    order = SolveOrder("p.####.exr", (("fg", "m"),), "x.solve", device="cuda", restart=True)
    words = farm_command(("pf",), order, passes="passes", bundle="job")
    assert words[:3] == ["pf", "farm", "p.####.exr"]
    assert "--restart" not in words
    for pair in (("--solve-folder", "x.solve"), ("--passes", "passes"), ("--out", "job")):
        assert pair in list(pairwise(words))
    with pytest.raises(AddonError, match="expected a plate"):
        farm_command(("pf",), SolveOrder("", (), "o"), passes="p", bundle="j")


def test_what_submits_is_the_artist_s_own_command() -> None:
    assert submit_command("deadline bundle gui-submit", "/a job") == [
        "deadline",
        "bundle",
        "gui-submit",
        "/a job",
    ]
    with pytest.raises(AddonError, match="expected a command to submit with"):
        submit_command("deadline '", "/a")
