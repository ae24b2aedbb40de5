# SPDX-License-Identifier: Apache-2.0
"""The program beside Nuke: progress, failures, cancelling, its commands."""

import signal
import subprocess
import time
from pathlib import Path

import pytest
from nuke_program import Task, script
from pullfocus_nuke import command
from pullfocus_nuke.errors import GizmoError
from pullfocus_nuke.running import Cancelled, run_command


def test_progress_is_passed_on(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
say = lambda **event: print(json.dumps(event), flush=True)
say(event="note", text="taken as scene-linear")
print("a library talks")
say(event="progress", stage="solve", fraction=0.256, psnr=31.24, eta_s=75.0)
say(event="stage", stage="baking", fraction=1.0)
say(event="done", text="ready", passes_json="x")
""",
    )
    task = Task()
    assert run_command([program], task)["passes_json"] == "x"
    assert task.progress == [25, 100]
    assert task.messages[0] == "taken as scene-linear"
    assert task.messages[1] == "solve, match 31.2 dB, 1:15 min left"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            'print(json.dumps({"event": "error", "text": "no such plate"})); sys.exit(2)',
            "such plate",
        ),
        (
            'sys.stderr.write("Traceback\\nImportError: no torch\\n"); sys.exit(1)',
            "ImportError: no torch",
        ),
        ("os.kill(os.getpid(), 9)", "exit code -9"),
        ("pass", "it said nothing"),
    ],
)
def test_a_failure_gives_its_one_line(tmp_path: Path, body: str, says: str) -> None:
    with pytest.raises(GizmoError, match=says) as caught:
        run_command([script(tmp_path, body)], Task())
    assert "\n" not in str(caught.value)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GizmoError, match="cannot run"):
        run_command([str(tmp_path / "none")], Task())


def test_cancelling_lets_the_child_save(tmp_path: Path) -> None:
    program = script(
        tmp_path,
        """
def stop(*_):
    open(os.path.join(os.path.dirname(__file__), "saved"), "w").close()
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
while True:
    print(json.dumps({"event": "stage", "stage": "solve", "fraction": 0.5}), flush=True)
    time.sleep(0.05)
""",
    )
    with pytest.raises(Cancelled):
        run_command([program], Task(stop_after_s=0.6))
    assert (tmp_path / "saved").exists()


def test_the_child_does_not_inherit_nukes_python(tmp_path: Path, monkeypatch) -> None:
    for name in ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH"):
        monkeypatch.setenv(name, "/usr/local/Nuke15/nonsense")
    monkeypatch.setenv("OCIO", "config.ocio")
    names = "PYTHONHOME PYTHONPATH LD_LIBRARY_PATH OCIO"
    program = script(
        tmp_path,
        f"""
held = {{name: os.environ.get(name) for name in "{names}".split()}}
print(json.dumps({{"event": "done", "text": "", **held}}))
""",
    )
    done = run_command([program], Task())
    assert [done[name] for name in names.split()] == [None, None, None, "config.ocio"]


def test_commands_are_those_that_pullfocus_takes() -> None:
    from pullfocus.cli import app
    from typer.main import get_command

    verbs = get_command(app)
    for words in (
        command.solve_command(
            "pullfocus",
            "p.####.exr",
            [("fg", "fg.####.exr"), ("b", "b.exr")],
            "x.solve",
            quality="draft",
            frames="1-4",
            rate="24",
            colorspace="ACEScg",
            restart=True,
        ),
        command.bake_command("pullfocus", "x.solve", "passes"),
        command.farm_command(
            "pullfocus",
            "p.####.exr",
            [("fg", "fg.####.exr")],
            "job",
            solve="x.solve",
            passes="passes",
            frames="1-4",
            rate="24",
            colorspace="ACEScg",
        ),
    ):
        verb = verbs.get_command(None, words[1])
        context = verb.make_context(words[1], list(words[2:]))
        assert str(context.params["progress"]) == "json"
        if words[1] == "solve":
            assert context.params["matte"] == ["fg=fg.####.exr", "b=b.exr"]
            assert context.params["restart"] is True


@pytest.mark.parametrize(
    ("fps", "text"),
    [
        (24.0, "24"),
        (23.976, "24000/1001"),
        (29.97, "30000/1001"),
        (59.94, "60000/1001"),
        (25, "25"),
        (12.5, "12.5"),
    ],
)
def test_rates_are_told_exactly(fps: float, text: str) -> None:
    from fractions import Fraction

    assert command.rate_text(fps) == text
    assert float(Fraction(text)) == pytest.approx(fps, abs=1e-3)


def test_the_program_is_found_and_remembered(tmp_path: Path, monkeypatch) -> None:
    settings = tmp_path / ".nuke" / "pullfocus.json"
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("PULLFOCUS", raising=False)
    with pytest.raises(GizmoError, match="no pullfocus on PATH"):
        command.program(settings)
    with pytest.raises(GizmoError, match="expected a program"):
        command.remember_program(str(tmp_path / "none"), settings)
    mine = script(tmp_path, "", "mine")
    command.remember_program(mine, settings)
    assert command.program(settings) == mine
    other = script(tmp_path, "", "other")
    monkeypatch.setenv("PULLFOCUS", other)
    assert command.program(settings) == other
    monkeypatch.delenv("PULLFOCUS")
    settings.write_text("damaged")
    with pytest.raises(GizmoError, match="Set program"):
        command.program(settings)


def test_processes_end_with_their_watcher(tmp_path: Path) -> None:
    """A child that will not stop is killed."""
    body = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('{}', flush=True)\ntime.sleep(60)"
    child = subprocess.Popen([script(tmp_path, body)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    from pullfocus_nuke import running

    began = time.monotonic()
    running._stop(child, patience_s=0.5)
    assert child.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 10
