# SPDX-License-Identifier: Apache-2.0
"""Jobs run beside Blender: what they say, how they end, how they are stopped."""

import sys
import time

import pytest

from blender_addon.errors import AddonError
from blender_addon.worker import Job, Worker

SAY = "import json, sys; say = lambda **e: print(json.dumps(e), flush=True)\n"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", SAY + code]


def run(job: Job, *, seconds: float = 20) -> Job:
    end = time.monotonic() + seconds
    while job.running:
        job.update()
        assert time.monotonic() < end, "the job hangs"
        time.sleep(0.005)
    return job


def test_follows_two_commands() -> None:
    first = """
say(event="stage", stage="observing", fraction=0.5)
say(event="note", text="taken as sRGB")
say(event="progress", stage="solve", fraction=0.25, eta_s=75.0, psnr_reblur=31.26)
say(event="preview", path="preview.png")
say(event="done", text="solved", folder="x")
"""
    second = 'say(event="done", text="baked", passes_json="y"); print("no json")'
    job = run(Job("Solve", [python(first), python(second)], steps=("solve", "bake", "import")))
    assert (job.error, job.stopped) == ("", False)
    assert job.status() == "2 of 3: solve 25 %, 1:15 left", "the second command is the last"
    assert job.outlook() == "match 31.3 dB; then import"
    assert job.notes == ["taken as sRGB"]
    assert (job.preview, job.previews) == ("preview.png", 1)
    assert [result["text"] for result in job.results] == ["solved", "baked"]
    assert job.lines == ["no json"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ('say(event="error", text="expected a plate"); sys.exit(2)', "expected a plate"),
        (
            'print("Traceback", "ValueError: x", sep="\\n", file=sys.stderr); sys.exit(1)',
            "ValueError: x",
        ),
        ("sys.exit(7)", "Solve: ended with code 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "Solve: ended with code -9"),
    ],
)
def test_a_failure_is_one_line_and_ends_the_job(code: str, error: str) -> None:
    job = run(Job("Solve", [python(code), python('say(event="done")')]))
    assert job.error == error
    assert not job.results


def test_stop_lets_it_save() -> None:
    code = """
import signal, time
def save(*_):
    say(event="done", text="saved"); sys.exit(143)
signal.signal(signal.SIGTERM, save)
say(event="stage", stage="solve", fraction=0)
time.sleep(30)
"""
    job = Job("Solve", [python(code), python('say(event="done", text="never")')])
    while job.stage != "solve":
        job.update()
        time.sleep(0.005)
    job.stop()
    run(job)
    assert job.stopped
    assert not job.error
    assert [result["text"] for result in job.results] == ["saved"]


def test_looking_never_waits() -> None:
    job = Job("Solve", [python("import time; time.sleep(30)")])
    began = time.perf_counter()
    for _ in range(50):
        job.update()
    assert time.perf_counter() - began < 1
    process = job._worker._process
    job.end()
    assert process.poll() is not None
    assert not job.running


def test_end_kills_what_ignores_the_request() -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); say(event='x'); time.sleep(60)"
    worker = Worker(python(code))
    while not worker.events():
        time.sleep(0.01)
    began = time.monotonic()
    worker.end(0.3)
    assert worker._process.poll() == -9
    assert time.monotonic() - began < 5


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(AddonError, match="expected to start /nowhere/pullfocus"):
        Worker(["/nowhere/pullfocus"])
    job = run(Job("Solve", [["/nowhere/pullfocus"]]))
    assert job.error.startswith("expected to start /nowhere/pullfocus")
