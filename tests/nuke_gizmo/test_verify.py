# SPDX-License-Identifier: Apache-2.0
"""verify.py, run on the graph interpreter in Nuke's place: every case comes out as the core's."""

import json
import runpy
from pathlib import Path

import make_golden
import numpy as np
import pytest
from graph_interpreter import RGBA, Interpreter
from pullfocus.plate.exr import Plane, read_exr, write_exr

FOLDER = Path(__file__).parents[2] / "nuke_gizmo"
GOLDEN = make_golden.FOLDER


@pytest.fixture
def computing(nuke, compiler):
    """The stand-in, with an interpreter that renders and samples."""
    nuke.env.update({"threads": 2, "gpu": "none"})
    nuke.GUI = False

    def sampled(node, channel, x, y, dx, dy):
        picture = Interpreter(nuke.frame()).run(node)
        left, top = round(x - dx / 2), round(picture.height - y - dy / 2)
        box = picture[channel][top : top + round(dy), left : left + round(dx)]
        assert box.shape == (dy, dx)
        return float(np.float64(box).mean())

    def executed(node, first, last):
        assert first == last
        picture = Interpreter(first).run(node.input(0))
        data = np.stack([picture[channel] for channel in RGBA], -1)
        plane = Plane(name="out", data=data, channels=tuple("RGBA"), half=False)
        write_exr(Path(node["file"].value()), [plane], metadata={})

    nuke.sampled = sampled
    nuke.on_execute = executed

    def no_zdefocus(self, node):
        raise RuntimeError("ZDefocus2 is not computed here")

    Interpreter.do_ZDefocus2 = no_zdefocus
    yield nuke
    del Interpreter.do_ZDefocus2


def test_every_case_comes_out_as_the_core_makes_it(computing, tmp_path: Path, capsys) -> None:
    verify = runpy.run_path(str(FOLDER / "verify.py"))
    failed = verify["main"]([str(GOLDEN), str(tmp_path / "out")])
    lines = capsys.readouterr().out.splitlines()
    report = (tmp_path / "out" / "report.txt").read_text().splitlines()
    assert report == lines[-len(report) :], "one block, the same on the screen and on disk"
    assert "send all from here" in report[0]
    assert "to here" in report[-1]
    cases = json.loads((GOLDEN / "cases.json").read_text())["cases"]
    blink = [line for line in lines if line.startswith("soap bubble")]
    native = [line for line in lines if line.startswith("ZDefocus (native)")]
    assert len(native) == len(cases)
    assert len(blink) == sum(case["blurs"] for case in cases)
    assert all(line.endswith(" ok") for line in blink), "\n".join(lines)
    for line, case in zip(native, cases, strict=True):
        assert line.endswith("error: ZDefocus2 is not computed here" if case["blurs"] else " ok")
    assert failed == len(blink)
    assert len(list((tmp_path / "out").glob("*_soap.exr"))) == len(blink)
    assert computing.allNodes("Read") == [computing.toNode("Read1")]  # it cleans up behind itself
    assert computing.allNodes("Write") == []


def test_a_wrong_picture_is_noticed(computing, tmp_path: Path, capsys) -> None:
    for path in GOLDEN.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    sharp = read_exr(tmp_path / "golden_sharp.exr")
    data = np.dstack([sharp[c] for c in "RGB"])[:, ::-1].copy()
    plane = Plane(name="beauty", data=data, channels=tuple("RGB"), half=True)
    write_exr(tmp_path / "golden_sharp.exr", [plane], metadata={})
    runpy.run_path(str(FOLDER / "verify.py"))["main"]([str(tmp_path), str(tmp_path / "out")])
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "   sharp   " in one]
    assert "below 50" in line


def test_the_golden_pictures_are_current(tmp_path: Path) -> None:
    """The core still makes of the drawn shot what the files hold."""
    make_golden.make(tmp_path)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {path.name for path in GOLDEN.iterdir()}
    for name in made:
        if not name.endswith(".exr"):
            continue
        new, held = read_exr(tmp_path / name), read_exr(GOLDEN / name)
        assert set(new) == set(held)
        for channel in new:
            # near a step (a sign, a focus plane) rounding may fall either way
            apart = np.abs(new[channel] - held[channel])
            assert np.median(apart) < 1e-3, (name, channel)
            assert (apart > 0.02).mean() < 0.01, (name, channel)
    assert sum(path.stat().st_size for path in GOLDEN.iterdir()) < 600_000
