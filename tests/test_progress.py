# SPDX-License-Identifier: Apache-2.0
import io
import json
import subprocess
import sys

from pullfocus.progress import JsonProgress, OpenJdProgress, PlainProgress, Progress


def events(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_is_strict_and_one_object_a_line():
    stream = io.StringIO()
    progress = JsonProgress(stream, interval_s=0)
    progress.step(1, 10, eta_s=float("inf"), psnr=float("nan"), loss=0.5)
    progress.note("two\nlines")
    progress.done("ready", frames=3)
    step, note, done = events(stream)
    assert step["eta_s"] is None
    assert step["psnr"] is None
    assert step["fraction"] == 0.1
    assert note["text"] == "two\nlines"
    assert done == {"event": "done", "text": "ready", "frames": 3}


def test_json_is_throttled_but_ends_are_said():
    stream = io.StringIO()
    progress = JsonProgress(stream, interval_s=60)
    for step in range(1, 1001):
        progress.step(step, 1000, eta_s=1.0)
        progress("flow", step / 1000)
    said = [e["fraction"] for e in events(stream) if e["event"] == "progress"]
    assert said == [0.001, 1.0]
    assert [e["fraction"] for e in events(stream) if e["event"] == "stage"] == [0.001, 1.0]


def test_plain_is_a_few_lines():
    stream = io.StringIO()
    progress = PlainProgress(stream, interval_s=60)
    for step in range(1, 1001):
        progress.step(step, 1000, eta_s=90.0, psnr=30.0)
        if step % 10 == 0:
            progress.preview("x/preview.png")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0] == "solve: step 1 of 1000, plate matched to 30.0 dB, 1:30 min left"


def test_a_reader_that_goes_away_stops_nothing():
    code = (
        "import time; from pullfocus.progress import JsonProgress; p = JsonProgress(interval_s=0)\n"
        "for i in range(50): p.stage('work', i / 50); time.sleep(0.005)\n"
        "import sys; sys.exit(7)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 7


def test_the_base_says_nothing(capfd):
    progress = Progress()
    progress("stage", 0.5)
    progress.step(1, 2, eta_s=1.0)
    progress.done("done")
    progress.close()
    assert capfd.readouterr() == ("", "")


def test_a_farm_sees_percent_status_and_failure():
    stream = io.StringIO()
    progress = OpenJdProgress(stream, interval_s=0)
    progress.stage("reading plate", 1.0)  # leads up to the solve: the bar does not move
    progress.step(1, 8, eta_s=70.0, psnr=30.0)
    progress.step(1, 8, eta_s=70.0, psnr=30.0)
    progress.note("sRGB is assumed")
    progress.stage("baking", 0.05)  # never falls
    progress.done("solved\nlook at preview.png", frames=3)
    assert stream.getvalue().splitlines() == [
        "openjd_status: reading plate 100 %",
        "openjd_progress: 12.5",
        "openjd_status: solve: step 1 of 8, plate matched to 30.0 dB, 1:10 min left",
        "openjd_status: solve: step 1 of 8, plate matched to 30.0 dB, 1:10 min left",
        "note: sRGB is assumed",
        "openjd_status: baking 5 %",
        "openjd_progress: 100",
        "openjd_status: solved; look at preview.png",
    ]


def test_a_farm_is_not_flooded_and_a_stop_is_no_end():
    stream = io.StringIO()
    progress = OpenJdProgress(stream, interval_s=60)
    for step in range(1, 1000):
        progress.step(step, 1000, eta_s=90.0)
    progress.done("stopped by SIGTERM", stop_signal="SIGTERM")
    progress.error("two\nlines")
    assert stream.getvalue().splitlines() == [
        "openjd_progress: 0.1",
        "openjd_status: solve: step 1 of 1000, 1:30 min left",
        "openjd_status: stopped by SIGTERM",
        "openjd_fail: two; lines",
    ]
