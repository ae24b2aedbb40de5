# SPDX-License-Identifier: Apache-2.0
"""Proves the gizmos inside a licensed Nuke: ``nuke -t verify.py [FOLDER] [OUT]``.

FOLDER holds small passes and what pullfocus itself makes of them (tests/nuke_gizmo/golden in the
source). Every view and engine is rendered to OUT and compared; what is printed between the two
lines of dashes, and left in OUT/report.txt, is one block to send back to the makers.
"""

from __future__ import annotations

import json
import math
import platform
import sys
import time
from pathlib import Path
from typing import Any, Callable

import nuke

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.append(str(HERE))

from pullfocus_nuke import VERSION  # noqa: E402 (beside this file)
from pullfocus_nuke.bokeh import ENGINES  # noqa: E402
from pullfocus_nuke.importing import import_passes  # noqa: E402
from pullfocus_nuke.placing import new_node  # noqa: E402
from pullfocus_nuke.writing import write_exr  # noqa: E402

__all__ = ["main"]

GOLDEN = HERE.parent / "tests" / "nuke_gizmo" / "golden"
SCALES = (0.5, 0.71, 1.0, 1.41, 2.0)
_COLOURS = ("rgba.red", "rgba.green", "rgba.blue")


def main(arguments: list[str]) -> int:
    """Render, compare and print; returns how many rows failed."""
    folder = Path(arguments[0]) if arguments else GOLDEN
    out = Path(arguments[1]) if len(arguments) > 1 else Path.cwd() / "pullfocus_verify"
    out.mkdir(parents=True, exist_ok=True)
    lines = [
        "---- pullfocus verify: please send all from here ----",
        "PullFocus {} verify: Nuke {}, {}, {} threads, GPU {}".format(
            VERSION,
            nuke.NUKE_VERSION_STRING,
            platform.platform(),
            _env("threads"),
            _env("gpu"),
        ),
    ]
    record = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    group = import_passes(str(folder))
    if group is None:
        print(f"there are no passes in {folder}")
        return 1
    nuke.frame(record["frame"])
    failed = 0
    for engine in ENGINES:
        for case in record["cases"]:
            if engine == ENGINES[0] or case["blurs"]:
                line, good = _row(group, engine, case, folder, out, record)
                lines.append(line)
                failed += not good
    lines += _calibration(group, record, folder)
    lines += [f"{failed} rows failed", f"---- to here; also in {out / 'report.txt'} ----"]
    (out / "report.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    return failed


def _env(key: str) -> Any:
    """What Nuke says of the machine; not every version says everything."""
    try:
        return nuke.env[key]
    except KeyError:
        return "not said"


def _row(
    group: Any, engine: str, case: dict[str, Any], folder: Path, out: Path, record: dict[str, Any]
) -> tuple[str, bool]:
    """One view through one engine: its line, and whether it is as near as it has to be."""
    label = "{:<20} {:<22}".format(engine, case["name"])
    _reset(group, case["knobs"], folder)
    group["engine"].setValue(engine)
    if group["engine"].value() != engine:
        return label + " not there: the kernel did not compile", False
    stem = case["name"].replace(" ", "_")
    path = out / f"{stem}_{engine.split()[0]}.exr"
    began = time.time()
    try:
        value = _psnr(group, folder / case["golden"], record["margin"])
        write_exr(group, path.as_posix(), "rgba", record["frame"], record["frame"])
    except RuntimeError as error:
        return f"{label} error: {error}", False
    seconds = time.time() - began
    least = case["least_db"] if engine == ENGINES[1] or not case["blurs"] else 24.0
    verdict = "ok" if value >= least else f"below {least:g}"
    return f"{label} {value:6.1f} dB  {seconds:6.2f} s  {verdict}", value >= least


def _calibration(group: Any, record: dict[str, Any], folder: Path) -> list[str]:
    """Which ZDefocus scale comes nearest: tells whether its size is a radius or a diameter."""
    case = next(case for case in record["cases"] if case["blurs"])
    _reset(group, case["knobs"], folder)
    group["engine"].setValue(ENGINES[0])
    words, golden = [], folder / case["golden"]
    for scale in SCALES:
        group["zdefocus_scale"].setValue(scale)
        try:
            words.append(f"{scale:g}: {_psnr(group, golden, record['margin']):.1f} dB")
        except RuntimeError as error:
            words.append(f"{scale:g}: {error}")
    return ["ZDefocus scale " + ", ".join(words)]


_DEFAULTS: dict[str, Any] = {}


def _reset(group: Any, knobs: dict[str, Any], folder: Path) -> None:
    """Put the panel back to what it was at first, and set what a case is about."""
    for name, value in _DEFAULTS.items():
        group[name].setValue(value)
    for name, value in knobs.items():
        _DEFAULTS.setdefault(name, group[name].value())
        is_file = isinstance(value, str) and value.endswith(".exr")
        group[name].setValue((folder / value).as_posix() if is_file else value)


def _psnr(group: Any, golden: Path, margin: int) -> float:
    """Return how near the node's picture is to a file inside a margin, dB of a peak of 1."""
    made = []

    def new(kind: str, *inputs: Any) -> Any:
        made.append(new_node(kind, *inputs))
        return made[-1]

    try:
        read = new("Read")
        read["file"].setValue(golden.as_posix())
        read["raw"].setValue(True)
        apart = new("Merge2", read, group)
        apart["operation"].setValue("minus")
        square = new("Expression", apart)
        for index, channel in enumerate("rgb"):
            square[f"expr{index}"].setValue(f"{channel}*{channel}")
        size = group["plate_width"].value(), group["plate_height"].value()
        return _decibels(square, *size, margin)
    finally:
        for node in reversed(made):
            nuke.delete(node)


def _decibels(square: Any, width: float, height: float, margin: int) -> float:
    sample: Callable[..., float] = square.sample
    box = (width - 2 * margin, height - 2 * margin)
    means = [sample(c, width / 2.0, height / 2.0, *box) for c in _COLOURS]
    return -10 * math.log10(max(sum(means) / len(means), 1e-12))


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
