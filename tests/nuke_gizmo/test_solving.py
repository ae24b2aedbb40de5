# SPDX-License-Identifier: Apache-2.0
"""Solve from Nuke: footage written, commands run beside, progress, cancelling, failures."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from fake_nuke import FakeTask
from nuke_program import Task, script
from pullfocus import cli
from pullfocus.plate.exr import Plane, write_exr
from pullfocus_nuke import command, farming, following, solving
from pullfocus_nuke.errors import GizmoError
from pullfocus_nuke.exr_pixels import same_pixels

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs here are shell scripts")
CLIP = Path(__file__).parents[1] / "clips" / "market"


def market_frames(nuke, node, first: int, last: int, gain: float = 1) -> None:
    """What Nuke would render for a Write: the clip, as EXR."""
    import cv2

    source = "alpha" if node["channels"].value() == "alpha" else "plate"
    for frame in range(first, last + 1):
        image = cv2.imread(str(CLIP / f"{source}.{frame:04d}.png"), cv2.IMREAD_UNCHANGED)
        data = image.astype(np.float32) / np.iinfo(image.dtype).max
        if source == "alpha":
            data = gain * (data if data.ndim == 2 else data[..., 0])
            plane = Plane(name="matte", data=data, channels=("A",), half=True)
        else:
            plane = Plane(
                name="plate", data=data[..., ::-1] ** 2.2, channels=tuple("RGB"), half=True
            )
        write_exr(Path(node["file"].value() % frame), [plane], metadata={})


@pytest.fixture
def shot(nuke, tmp_path: Path, monkeypatch):
    """A script with a plate and a roto, and a pullfocus that takes few steps."""
    plate = nuke.createNode("Read", "file plate first 1 last 20")
    plate.setName("Plate")
    roto = nuke.createNode("NoOp")
    roto.kind = "Roto"
    roto.setName("Roto1")
    nuke.root()["fps"].held = 24.0
    nuke.root()["name"].held = str(tmp_path / "shot.nk")
    nuke.root()["workingSpaceLUT"].held = "linear"
    nuke.on_execute = lambda node, first, last: market_frames(nuke, node, first, last)
    core = Path(__file__).parents[2]
    real = script(
        tmp_path,
        f"""
more = ["--steps", "3"] if sys.argv[1] == "solve" else []
os.environ["PYTHONPATH"] = {os.pathsep.join([str(core / "core"), str(core)])!r}
os.execv(sys.executable, [sys.executable, "-m", "pullfocus.cli", *sys.argv[1:], *more])
""",
    )
    monkeypatch.setenv("PULLFOCUS", real)
    for node in (plate, roto):
        node.setSelected(True)
    return nuke


def test_solve_from_nuke_brings_the_passes_back(shot, tmp_path: Path) -> None:
    shot.answers = [{"Frames": "1-4", "Quality": "draft"}]
    thread = solving.solve()
    assert shot.messages == []
    thread.join(120)
    folder = tmp_path / "pullfocus" / "Plate"
    assert (folder / "shot.solve" / "checkpoint.safetensors").exists()
    assert len(list((folder / "fg").glob("fg.*.exr"))) == 4
    (node,) = shot.allNodes("Group")
    assert node["passes_json"].value() == (folder / "passes" / "passes.json").as_posix()
    assert node["focus_layer"].values() == ["fg", "bg"]
    assert FakeTask.latest.progress[-1] == 100
    assert shot.allNodes("Write") == []
    # the same again goes on with what is there: what is written is the same, nothing is refused
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*/*.exr")}
    shot.executed.clear()
    shot.answers = [{"Frames": "1-4", "Quality": "draft"}]
    solving.solve().join(120)
    assert len(shot.executed) == 2
    footage = [path for path in times if path.parent.name in ("plate", "fg")]
    assert {path: path.stat().st_mtime_ns for path in footage} == {p: times[p] for p in footage}
    assert len(shot.allNodes("Group")) == 2
    assert not any("pullfocus:" in message for message in shot.messages)
    # another roto is never taken for the old one
    shot.on_execute = lambda node, first, last: market_frames(shot, node, first, last, 0.8)
    shot.answers = [{"Frames": "1-4", "Quality": "draft"}]
    solving.solve().join(120)
    assert "contents of the footage" in shot.messages[-1]
    assert "tick Start over" in shot.messages[-1]


def test_send_to_farm_writes_the_bundle_of_the_command_line(
    shot, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.delenv("PULLFOCUS_SUBMIT", raising=False)
    shot.answers = [{"Frames": "1-4", "Quality": "draft"}]
    farming.send_to_farm().join(120)
    folder = tmp_path / "pullfocus" / "Plate"
    assert shot.messages == [
        f"{folder}/job: submit it with: deadline bundle submit. When it is done:"
        " PullFocus > Import passes..."
    ]
    words = [f"{folder}/plate/plate.####.exr", "--matte", f"fg={folder}/fg/fg.####.exr"]
    words += ["--solve-folder", f"{folder}/shot.solve", "--passes", f"{folder}/passes"]
    words += ["--quality", "draft", "--frames", "1-4", "--rate", "24"]
    words += ["--colorspace", "lin_rec709_srgb", "--working-space", "lin_rec709_srgb"]
    assert cli.run(["farm", *words, "--out", str(tmp_path / "by_hand")]) == 0
    written = {path.name: path.read_text() for path in (folder / "job").iterdir()}
    by_hand = {path.name: path.read_text() for path in (tmp_path / "by_hand").iterdir()}
    assert written == by_hand
    assert len(written) == 4

    sent = script(tmp_path, "open(sys.argv[2] + '/sent', 'w').write(sys.argv[1])", "submit")
    monkeypatch.setenv("PULLFOCUS_SUBMIT", f"{sent} --now")
    again = command.farm_command(
        os.environ["PULLFOCUS"],
        f"{folder}/plate/plate.####.exr",
        [],
        f"{folder}/job",
        solve=f"{folder}/shot.solve",
        passes=f"{folder}/passes",
    )
    farming.send(again)
    assert (folder / "job" / "sent").read_text() == "--now"
    assert "job: submitted" in shot.messages[-1]
    refuses = script(tmp_path, "print('no such queue'); sys.exit(1)", "refuses")
    for submit, says in ((refuses, "no such queue"), ("/gone", "cannot run"), ("'", "expected a")):
        monkeypatch.setenv("PULLFOCUS_SUBMIT", submit)
        farming.send(again)
        assert says in shot.messages[-1]


def test_files_that_are_taken_as_they_are_are_named_with_their_date(shot, tmp_path: Path) -> None:
    job = solving.job_from_answers("Plate", "fg=Roto1", "1-2", "draft", str(tmp_path / "x"))
    assert job.write
    assert solving.write_footage(job) == []
    old = tmp_path / "x" / "fg" / "fg.0001.exr"
    os.utime(old, (86400 * 365.25 * 40, 86400 * 365.25 * 40))
    shot.executed.clear()
    notes = solving.write_footage(dataclasses.replace(job, write=False))
    assert shot.executed == []
    assert len(notes) == 2
    assert "fg: using the files of 2010-01-01" in notes[1]
    before = old.read_bytes()
    shot.on_execute = lambda node, first, last: market_frames(shot, node, first, last, 0.8)
    solving.write_footage(job)
    assert old.read_bytes() != before
    assert list((tmp_path / "x").glob("*/new.*")) == []


def test_pictures_are_told_apart_and_headers_are_not(tmp_path: Path) -> None:
    data = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    made = []
    for index, (values, note) in enumerate([(data, "a"), (data, "longer"), (data * 0.5, "a")]):
        plane = Plane(name="matte", data=values, channels=("A",), half=True)
        made.append(tmp_path / f"{index}.exr")
        write_exr(made[-1], [plane], metadata={"pullfocus/note": note})
    assert made[0].read_bytes() != made[1].read_bytes()
    assert same_pixels(made[0], made[1])
    assert not same_pixels(made[0], made[2])
    assert not same_pixels(made[0], tmp_path / "none.exr")
    made[1].write_bytes(b"no EXR")
    assert not same_pixels(made[1], made[1])


def test_a_solve_that_fails_says_why(shot, tmp_path: Path, monkeypatch) -> None:
    body = 'print(json.dumps({"event": "error", "text": "mattes are empty"})); sys.exit(2)'
    monkeypatch.setenv("PULLFOCUS", script(tmp_path, body, "failing"))
    shot.answers = [{"Frames": "1-2"}]
    solving.solve().join(60)
    assert shot.messages == ["pullfocus: mattes are empty"]
    assert shot.allNodes("Group") == []


def test_the_dialog_says_what_is_slow_before_the_first_solve(shot, tmp_path, monkeypatch) -> None:
    body = """
assert sys.argv[1:] == ["doctor", "--slow"]
print("slow: the lens blur runs in plain torch; mend it: so")
"""
    monkeypatch.setenv("PULLFOCUS", script(tmp_path, body, "without_kernels"))
    shown = []
    monkeypatch.setattr(
        shot.Panel, "show", lambda panel: shown.append(panel.fields.get("Slow")) or 0
    )
    assert solving.solve() is None
    monkeypatch.setenv("PULLFOCUS", script(tmp_path, "pass", "with_kernels"))
    assert solving.solve() is None
    assert shown == ["slow: the lens blur runs in plain torch; mend it: so", None]


def test_a_solve_that_is_stopped_says_that_it_is_kept(shot, tmp_path, monkeypatch) -> None:
    body = """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
time.sleep(60)
"""
    monkeypatch.setenv("PULLFOCUS", script(tmp_path, body, "slow"))
    monkeypatch.setattr(shot, "ProgressTask", lambda name: Task(stop_after_s=0.5))
    shot.answers = [{"Frames": "1-2"}]
    solving.solve().join(60)
    assert "What was solved is kept" in shot.messages[0]


def test_footage_that_nuke_cannot_render_starts_nothing(shot, tmp_path: Path) -> None:
    def fails(*_):
        raise RuntimeError("Plate: no such file")

    shot.on_execute = fails
    shot.answers = [{"Frames": "1-2"}]
    assert solving.solve() is None
    assert shot.messages == ["Plate was not written: Plate: no such file"]
    assert shot.allNodes("Write") == []
    shot.on_execute = None
    shot.answers = [{"Frames": "1-2"}, None]
    assert solving.solve() is None
    assert "was not written to" in shot.messages[-1]
    assert solving.solve() is None  # the dialog was closed
    assert len(shot.messages) == 2
    (tmp_path / "pullfocus" / "Plate" / "plate" / ".pullfocus").unlink()
    (tmp_path / "pullfocus" / "Plate" / "plate").rmdir()
    (tmp_path / "pullfocus" / "Plate").rmdir()
    (tmp_path / "pullfocus" / "Plate").touch()
    shot.answers = [{"Frames": "1-2"}]
    assert solving.solve() is None
    assert shot.messages[-1].startswith("cannot write to")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"plate": "Nothing"}, "expected a node"),
        ({"mattes": "Roto1"}, "such as fg=Roto1"),
        ({"mattes": "FG=Roto1"}, "such as fg=Roto1"),
        ({"mattes": "fg=Roto1 fg=Roto1"}, "another name"),
        ({"mattes": "bg=Roto1"}, "another name"),
        ({"frames": "all"}, "such as 1001-1060"),
        ({"frames": "7"}, "two frames"),
        ({"folder": " "}, "expected a folder"),
    ],
)
def test_answers_that_cannot_be(shot, changes, says) -> None:
    answers = {"plate": "Plate", "mattes": "fg=Roto1", "frames": "1-4", "folder": "/x"}
    with pytest.raises(GizmoError, match=says):
        solving.job_from_answers(**{**answers, **changes}, quality="draft")


@pytest.mark.parametrize(
    ("space", "named"),
    [("ACEScg", "ACEScg"), ("ACES - ACEScg", "ACEScg"), ("linear", "lin_rec709_srgb"), ("x", "")],
)
def test_the_working_space_is_told(nuke, space: str, named: str) -> None:
    nuke.root()["workingSpaceLUT"].held = space
    assert solving.working_space() == named


def test_a_working_space_that_is_not_known_is_said(shot, tmp_path: Path, monkeypatch) -> None:
    body = 'print(json.dumps({"event": "error", "text": " ".join(sys.argv)})); sys.exit(2)'
    monkeypatch.setenv("PULLFOCUS", script(tmp_path, body, "failing"))
    shot.root()["workingSpaceLUT"].held = "ACES2065-1"
    shot.answers = [{"Frames": "1-2"}]
    solving.solve().join(60)
    assert len(shot.messages) == 2
    assert "does not know the working space 'ACES2065-1'" in shot.messages[0]
    assert "\n" not in shot.messages[0]
    assert "--colorspace" not in shot.messages[1]


def test_frames_that_were_not_written_from_nuke_stay(shot, tmp_path: Path) -> None:
    """The folder that was chosen may hold the very plate."""
    own = tmp_path / "pullfocus" / "Plate" / "plate" / "plate.0001.exr"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"plate")
    shot.answers = [{"Frames": "1-2"}]
    assert solving.solve() is None
    assert "were not written from here" in shot.messages[-1]
    assert own.read_bytes() == b"plate"


def test_a_matte_is_followed_from_one_frame_of_a_roto(shot, tmp_path: Path, monkeypatch) -> None:
    body = """
open(os.path.join(os.path.dirname(__file__), "said"), "w").write("\\n".join(sys.argv[1:]))
print(json.dumps({"event": "stage", "stage": "following", "fraction": 1.0}))
done = {"mattes": {"fg": "/x/fg.####.exr"}, "next_key": {"fg": 4}}
print(json.dumps({"event": "done", "text": "", **done}))
"""
    monkeypatch.setenv("PULLFOCUS", script(tmp_path, body, "follows"))
    shot.frame(2)
    shot.answers = [{"Frames": "1-4"}]
    following.follow_matte().join(60)
    folder = tmp_path / "pullfocus" / "Plate"
    key = folder / "key_fg.0002.exr"
    assert key.is_file()
    said = (tmp_path / "said").read_text().splitlines()
    assert said[:2] == ["matte", f"{folder}/plate/plate.####.exr"]
    assert said[said.index("--key") + 1] == f"fg:2={key}"
    assert said[said.index("--frames") + 1] == "1-4"
    (followed,) = [n for n in shot.allNodes("Read") if n.name() != "Plate"]
    assert followed["file"].value() == "/x/fg.####.exr"
    assert (followed["first"].value(), followed["last"].value()) == (1, 4)
    assert shot.messages == ["fg: one more key would help most at frame 4."]
    shot.frame(9)
    shot.answers = [{"Frames": "1-4"}]
    assert following.follow_matte() is None
    assert "expected the current frame within 1-4, got 9" in shot.messages[-1]


def test_following_that_is_stopped_or_fails_says_so(shot, tmp_path, monkeypatch) -> None:
    shot.frame(1)
    slow = script(tmp_path, "time.sleep(60)", "slow")
    monkeypatch.setenv("PULLFOCUS", slow)
    monkeypatch.setattr(shot, "ProgressTask", lambda name: Task(stop_after_s=0.5))
    shot.answers = [{"Frames": "1-2"}]
    following.follow_matte().join(60)
    assert shot.messages == ["pullfocus stopped: no matte was followed."]
    body = 'print(json.dumps({"event": "error", "text": "an empty one"})); sys.exit(2)'
    monkeypatch.setenv("PULLFOCUS", script(tmp_path, body, "failing"))
    monkeypatch.setattr(shot, "ProgressTask", lambda name: Task())
    shot.answers = [{"Frames": "1-2"}]
    following.follow_matte().join(60)
    assert shot.messages[-1] == "pullfocus: an empty one"
