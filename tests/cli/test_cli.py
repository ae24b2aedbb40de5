# SPDX-License-Identifier: Apache-2.0
import hashlib
import inspect
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus import cli
from pullfocus.cli.verbs import VERBS, verb_function
from pullfocus.errors import PullfocusError
from pullfocus.solve import asked
from pullfocus.solve import run as solve_run
from solve import standin

HEAVY = ("torch", "cv2", "OpenImageIO", "numpy", "scipy", "av", "PyOpenColorIO", "safetensors")


def pullfocus(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "pullfocus.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def contents(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != ".lock"
    }


def write_frames(folder: Path, name: str, frames, *, size=(64, 40), value=None):
    folder.mkdir(parents=True, exist_ok=True)
    for frame in frames:
        y, x = np.mgrid[: size[1], : size[0]]
        picture = (127 + 100 * np.sin((x + frame) / 3) * np.cos(y / 4)).astype(np.uint8)
        if value is not None:
            picture[:] = value
        elif name == "matte":
            picture = ((x > 20) & (x < 44)).astype(np.uint8) * 255
        cv2.imwrite(str(folder / f"{name}.{frame:04d}.png"), picture)


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """A plate with a matte, and a folder of what can be wrong with them."""
    folder = tmp_path_factory.mktemp("footage")
    write_frames(folder, "plate", range(1, 7))
    write_frames(folder, "matte", range(1, 7))
    write_frames(folder / "gap", "plate", [1, 2, 4, 5])
    write_frames(folder / "short", "matte", range(1, 4))
    write_frames(folder / "small", "matte", range(1, 7), size=(32, 20))
    write_frames(folder / "sizes", "plate", [1, 2, 3])
    write_frames(folder / "sizes", "plate", [4], size=(32, 20))
    write_frames(folder / "black", "matte", range(1, 7), value=0)
    write_frames(folder / "torn", "plate", range(1, 7))
    torn = folder / "torn" / "plate.0003.png"
    torn.write_bytes(torn.read_bytes()[:200])
    (folder / "text").mkdir()
    (folder / "text" / "plate.0001.png").write_text("not a picture")
    write_frames(folder, "code", range(1, 4))
    for n in range(1, 4):
        (folder / f"code.{n:04d}.png").rename(folder / f"code.{n:04d}.dpx")
    return folder


@pytest.fixture
def standins(monkeypatch):
    """The runner with a toy solver: everything else of the command line is real."""
    monkeypatch.setattr(solve_run, "_make_solver", standin.Solver)
    monkeypatch.setattr(solve_run, "_observe", standin.observe)
    monkeypatch.setattr(asked, "base_settings", toy_settings)


def toy_settings(quality, *, steps=None, seed=None, **others):
    return standin.Settings(steps=steps or 20, seed=seed or 0)


def run(capfd, *arguments) -> tuple[int, str, str]:
    code = cli.run([str(a) for a in arguments])
    captured = capfd.readouterr()
    return code, captured.out, captured.err


def command(footage, out, *more):
    matte = f"fg={footage}/matte.####.png"
    return ["solve", footage / "plate.####.png", "--matte", matte, "--out", out, *more]


# ---- start-up ------------------------------------------------------------------------------


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_is_instant_and_imports_nothing_heavy():
    code = (
        "import sys, pullfocus.cli as cli; cli.run(['--help']);"
        f"found = [m for m in {HEAVY} if m in sys.modules];"
        "sys.exit(f'imported {found}' if found else 0)"
    )
    best = 99.0
    for _ in range(3):
        began = cpu_of_children()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        best = min(best, cpu_of_children() - began)
        assert done.returncode == 0, done.stderr
    assert best < 0.6  # CPU seconds, whatever else the machine does: 0.1 on an idle core


def test_help_and_version_import_no_verb():
    """A wall clock tells little here; what is imported tells where the time would go."""
    for option in ("--help", "--version"):
        code = (
            f"import sys, pullfocus.cli as cli; assert cli.run(['{option}']) == 0;"
            "print([m for m in sys.modules if m.startswith(('pullfocus.cli.', 'pydantic'))])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.splitlines()[-1] == "['pullfocus.cli.verbs', 'pullfocus.cli.command']"


@pytest.mark.parametrize("name", VERBS)
def test_the_list_of_verbs_says_what_they_say_of_themselves(name):
    told = inspect.getdoc(verb_function(name))
    assert told is not None
    assert " ".join(told.split("\n\n")[0].split()) == VERBS[name].summary


@pytest.mark.parametrize("verb", ["solve", "bake", "evaluate", "demo", "doctor"])
def test_every_verb_has_help(capfd, verb):
    code, out, err = run(capfd, verb, "--help")
    assert code == 0
    assert "Usage" in out
    assert not err


def test_version_and_bare_command(capfd):
    assert run(capfd, "--version")[1].startswith("pullfocus 0.")
    code, out, _ = run(capfd)
    assert code == 0
    assert "solve" in out


def test_doctor(capfd):
    code, out, _ = run(capfd, "doctor")
    assert code == 0
    for what in ("torch", "lens blur", "CUDA", "colour", "CPU cores"):
        assert what in out


# ---- bad input -----------------------------------------------------------------------------

F = "{footage}"
PLATE = f"{F}/plate.####.png"
MATTE = f"fg={F}/matte.####.png"
BAD = {
    "plate missing": ([f"{F}/nowhere.####.png"], "nowhere"),
    "plate folder missing": ([f"{F}/nofolder/plate.####.png"], "nofolder"),
    "plate with a gap": ([f"{F}/gap/plate.####.png"], "3"),
    "plate changes size": ([f"{F}/sizes/plate.####.png"], "4"),
    "plate frame truncated": ([f"{F}/torn/plate.####.png"], "plate.0003.png"),
    "plate is no picture": ([f"{F}/text/plate.####.png"], "plate.0001.png"),
    "log format untold": ([f"{F}/code.####.dpx"], "code"),
    "matte missing": ([PLATE, "--matte", f"fg={F}/roto.####.png"], "roto"),
    "matte too short": ([PLATE, "--matte", f"fg={F}/short/matte.####.png"], "4-6"),
    "matte of another size": ([PLATE, "--matte", f"fg={F}/small/matte.####.png"], "64"),
    "matte empty": ([PLATE, "--matte", f"fg={F}/black/matte.####.png"], "nothing in all 6"),
    "matte without name": ([PLATE, "--matte", f"{F}/matte.####.png"], "NAME=PATH"),
    "matte named twice": ([PLATE, "--matte", MATTE, "--matte", MATTE], "twice"),
    "matte name not for hosts": ([PLATE, "--matte", f"depth={F}/matte.####.png"], "depth"),
    "coc missing": ([PLATE, "--coc", f"{F}/coc.####.exr"], "coc"),
    "colour space unknown": ([PLATE, "--colorspace", "sGRB"], "sGRB"),
    "working space unknown": ([PLATE, "--working-space", "nothing"], "nothing"),
    "frames malformed": ([PLATE, "--frames", "one-two"], "one-two"),
    "frames not there": ([PLATE, "--frames", "1-9"], "7-9"),
    "rate malformed": ([PLATE, "--rate", "fast"], "--rate"),
    "steps below zero": ([PLATE, "--steps", "-1"], "--steps"),
    "steps and minutes": ([PLATE, "--steps", "5", "--minutes", "1"], "both"),
    "minutes negative": ([PLATE, "--minutes", "-1"], "--minutes"),
    "quality unknown": ([PLATE, "--quality", "ultra"], "ultra"),
    "option unknown": ([PLATE, "--qualty", "draft"], "--qualty"),
    "another solve in the folder": ([PLATE, "--matte", MATTE, "--seed", "3"], "seed was 0, is 3"),
    "other footage in the folder": ([PLATE], "mattes was"),
}


@pytest.fixture(scope="module")
def earlier(footage, tmp_path_factory):
    """A finished solve that bad commands must leave as it is."""
    patch = pytest.MonkeyPatch()
    out = tmp_path_factory.mktemp("earlier") / "x.solve"
    patch.setattr(solve_run, "_make_solver", standin.Solver)
    patch.setattr(solve_run, "_observe", standin.observe)
    patch.setattr(asked, "base_settings", toy_settings)
    assert cli.run([str(a) for a in command(footage, out)]) == 0
    patch.undo()
    return out


@pytest.mark.parametrize("name", BAD)
def test_bad_input(capfd, standins, monkeypatch, footage, earlier, name):
    arguments, expected = BAD[name]
    if name == "plate frame truncated":
        # found while reading every frame: the real observation must run
        monkeypatch.undo()
        arguments = [*arguments, "--restart"]
    before = contents(earlier)
    filled = [a.format(footage=footage) for a in arguments]
    code, out, err = run(capfd, "solve", *filled, "--out", earlier, "--progress", "plain")
    errors = [line for line in err.splitlines() if line.startswith("pullfocus: error: ")]
    assert code == 2, err
    assert len(errors) == 1
    assert expected in errors[0]
    assert err.splitlines()[-1] == errors[0]
    assert "Traceback" not in err
    assert not out
    after = contents(earlier)
    kept = {k: v for k, v in after.items() if not k.startswith("observe/")}
    assert kept == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["bake", "{tmp}/none.solve", "--out", "{tmp}/o"], "none.solve"),
        (["bake", "{tmp}", "--out", "{tmp}/o"], "settings.json"),
        (["bake", "{earlier}", "--out", "{tmp}/o", "--plate", "{tmp}/gone.####.png"], "gone"),
        (["bake", "{earlier}", "--out", "{tmp}/o", "--matte", "dog={tmp}/m.png"], "dog"),
        (["bake", "{earlier}"], "--out"),
        (["evaluate", "{tmp}/none", "--truth", "{tmp}"], "none"),
        (["refine", "{tmp}"], "refine"),
    ],
    ids=["no folder", "no solve", "plate moved", "matte unknown", "no out", "no passes", "verb"],
)
def test_bad_input_of_other_verbs(capfd, tmp_path, earlier, arguments, expected):
    filled = [a.format(tmp=tmp_path, earlier=earlier) for a in arguments]
    before = contents(earlier)
    code, _, err = run(capfd, *filled)
    assert code == 2, err
    assert err.startswith("pullfocus: error: ")
    assert len(err.splitlines()) == 1
    assert expected in err
    assert contents(earlier) == before
    assert not (tmp_path / "o").exists()


def test_an_error_with_json_is_an_event_too():
    done = pullfocus("solve", "nowhere.####.png", "--out", "x.solve", "--progress", "json")
    assert done.returncode == 2
    (line,) = done.stdout.splitlines()
    event = json.loads(line)
    assert event["event"] == "error"
    assert "nowhere" in event["text"]
    assert done.stderr.count("pullfocus: error: ") == 1


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch, footage, tmp_path, standins):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(solve_run, "_make_solver", broken)
    with pytest.raises(ZeroDivisionError):
        cli.run([str(a) for a in command(footage, tmp_path / "x.solve")])


# ---- work ----------------------------------------------------------------------------------


def test_solve_says_what_it_did(capfd, standins, footage, tmp_path):
    out = tmp_path / "x.solve"
    code, text, err = run(capfd, *command(footage, out, "--progress", "plain"))
    assert code == 0
    assert "solved" in text
    assert "preview.png" in text
    assert "20 steps" in text
    assert "note: " in err
    record = json.loads((out / "settings.json").read_text())
    assert record["inputs"]["plate"]["absolute"] == str(footage / "plate.####.png")


def test_json_is_all_that_stdout_carries(capfd, standins, footage, tmp_path):
    code, text, _ = run(capfd, *command(footage, tmp_path / "x.solve", "--progress", "json"))
    assert code == 0
    events = [json.loads(line) for line in text.splitlines()]
    assert {e["event"] for e in events} >= {"stage", "progress", "note", "preview", "done"}
    steps = [e for e in events if e["event"] == "progress"]
    assert steps[-1]["fraction"] == 1.0
    assert steps[-1].keys() >= {"step", "total_steps", "eta_s", "psnr"}
    assert events[-1]["event"] == "done"
    assert events[-1]["finished"] is True


def test_a_solve_whose_footage_moved_is_found_again(standins, footage, tmp_path):
    from pullfocus.solve.folder import reopen_shot
    from pullfocus.solve.inputs import Elsewhere

    here = tmp_path / "a"
    for name in ("plate", "matte"):
        write_frames(here, name, range(1, 7))
    out = here / "x.solve"
    assert cli.run([str(a) for a in command(here, out)]) == 0
    there = tmp_path / "b"
    here.rename(there)  # footage and solve together: found relative to the folder
    assert reopen_shot(there / "x.solve").frames == tuple(range(1, 7))
    (there / "plate.0001.png").parent.joinpath("new").mkdir()
    for name in ("plate", "matte"):
        for path in there.glob(f"{name}.*.png"):
            path.rename(there / "new" / path.name)
    with pytest.raises(PullfocusError, match="--plate"):
        reopen_shot(there / "x.solve")
    now = Elsewhere(
        str(there / "new" / "plate.####.png"), (("fg", str(there / "new" / "matte.####.png")),)
    )
    assert reopen_shot(there / "x.solve", now).layer_names == ("fg", "bg")
    assert reopen_shot(there / "x.solve").layer_names == ("fg", "bg")


DRIVER = """
import sys
sys.path.insert(0, sys.argv[1])
from pullfocus import cli
from pullfocus.solve import asked
from pullfocus.cli.verbs import VERBS, verb_function
from pullfocus.errors import PullfocusError
from pullfocus.solve import run
from solve import standin
run._make_solver, run._observe = standin.Solver, standin.observe
asked.base_settings = lambda quality, **given: standin.Settings(steps=500, delay_s=0.02)
sys.exit(cli.run(sys.argv[2:]))
"""


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_with_its_code(footage, tmp_path, signum, code):
    out = tmp_path / "x.solve"
    arguments = [str(a) for a in command(footage, out, "--progress", "json")]
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(Path(__file__).parents[1]), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    while '"progress"' not in (process.stdout.readline() or '"progress"'):
        pass
    process.send_signal(signum)
    text, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    last = json.loads(text.splitlines()[-1])
    assert last["event"] == "done"
    assert last["finished"] is False
    assert (out / "checkpoint.safetensors").exists()
