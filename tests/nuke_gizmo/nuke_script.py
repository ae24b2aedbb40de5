# SPDX-License-Identifier: Apache-2.0
"""What a Nuke script builds, found by running it in a real Tcl interpreter."""

import functools
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

EVALUATOR = Path(__file__).with_name("evaluate.tcl")


@dataclass
class ScriptNode:
    name: str
    kind: str
    inputs: list[str | None]
    mask: bool = False
    knobs: dict[str, str] = field(default_factory=dict)
    user_knobs: list[list[str]] = field(default_factory=list)
    nodes: "dict[str, ScriptNode]" = field(default_factory=dict)
    """Of a group."""
    layers: dict[str, list[str]] = field(default_factory=dict)


@functools.cache
def tcl() -> str | None:
    """Which interpreter there is: the tclsh program, or the one that comes with Python."""
    if shutil.which("tclsh"):
        return "tclsh"
    try:
        import tkinter

        tkinter.Tcl()
    except ImportError:
        return None
    return "python"


def _run(text: str) -> str:
    script = EVALUATOR.read_text()
    if tcl() == "python":
        import tkinter

        interpreter = tkinter.Tcl()
        interpreter.eval(script)
        interpreter.eval(text)
        return interpreter.eval("nk::result")
    return subprocess.run(
        ["tclsh"],
        input=f"{script}\n{text}\nputs -nonewline [nk::result]\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout


def evaluated(text: str) -> tuple[dict[str, ScriptNode], list[str]]:
    """Return the nodes at the top of a script by name, and what is wrong with its stack."""
    top: dict[str, ScriptNode] = {}
    faults: list[str] = []
    found: dict[str, ScriptNode] = {}
    for record in _run(text).split("\x1e"):
        kind, *fields = record.split("\x1f")
        if kind == "FAULT":
            faults.append(fields[0])
        elif kind == "NODE":
            group, name, cls, count, *inputs = fields
            wires = [None if one == "-" else one for one in inputs]
            node = ScriptNode(name, cls, wires, "+" in count)
            home = found[group].nodes if group else top
            if name in home:
                faults.append(f"two nodes are called {name}")
            home[name] = found[name] = node
        elif kind == "KNOB":
            found[fields[0]].knobs[fields[1]] = fields[2]
        elif kind == "USER":
            found[fields[0]].user_knobs.append(fields[1].split("\x1d"))
        elif kind == "LAYER":
            found[fields[0]].layers[fields[1]] = fields[2:]
    return top, faults
