# SPDX-License-Identifier: Apache-2.0
"""A gizmo as data, and its text in Nuke's script language.

Nuke reads a script as commands to a stack: a node takes its inputs from the top (the top one is
input 0) and leaves itself there. `set NAME [stack 0]` remembers the top, `push $NAME` brings it
back, `push 0` stands for an input that is not connected. Every node here is remembered and its
inputs are pushed one by one, so that no order of nodes can cross wires.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Tuple, Union

from pullfocus_nuke.errors import GizmoError

__all__ = [
    "Expression",
    "Gizmo",
    "Knob",
    "Node",
    "Raw",
    "Value",
    "escaped",
    "gizmo_text",
    "quoted",
    "value_text",
]


@dataclass(frozen=True)
class Expression:
    """A knob driven by an expression; a tuple of them drives a knob of several numbers."""

    text: str


@dataclass(frozen=True)
class Raw:
    """A value that is already in Nuke's syntax."""

    text: str


Value = Union[str, int, float, bool, Expression, Raw, Tuple[Union[int, float, Expression], ...]]


@dataclass(frozen=True)
class Knob:
    """A knob that the gizmo adds to its panel."""

    kind: int
    """Nuke's number: 1 text, 2 file, 3 int, 4 choice, 6 check box, 7 number, 12 x and y, 20 tab,
    22 Python button, 26 label, 41 link."""
    name: str
    label: str = ""
    tooltip: str = ""
    default: Value | None = None
    choices: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    text: str = ""
    """Code of a button, text of a label, target of a link."""
    flags: tuple[str, ...] = ()
    opens: int = 0
    """Of a tab: 1 opens a foldable group, -1 closes it."""


@dataclass(frozen=True)
class Node:
    """A node inside the gizmo."""

    kind: str
    name: str
    inputs: tuple[str | None, ...] = ()
    """Names, input 0 first; None is not connected."""
    knobs: tuple[tuple[str, Value], ...] = ()
    mask: bool = False
    """Whether the last input is the mask."""
    at: tuple[float, float] = (0, 0)
    """Column and row in the node graph."""


@dataclass(frozen=True)
class Gizmo:
    """A group with a panel."""

    name: str
    help: str
    knobs: tuple[Knob, ...]
    nodes: tuple[Node, ...]
    """Every node after its inputs."""
    layers: tuple[str, ...] = ()
    """`add_layer` arguments: a layer's name and its channels."""
    on_create: str = ""
    knob_changed: str = ""
    colour: int = 0x4C6E8CFF


def escaped(text: str) -> str:
    """Return text as it stands between double quotes in a script."""
    bad = [c for c in text if not (c == "\n" or " " <= c <= "~")]
    if bad:
        raise GizmoError(f"expected plain ASCII in a gizmo, got {bad[0]!r} in {text!r}")
    out = text.replace("\\", "\\\\")
    for character in '"[]${}':
        out = out.replace(character, "\\" + character)
    return out.replace("\n", "\\n")


def quoted(text: str) -> str:
    """Return text as one word of a script."""
    return text if re.match(r"[A-Za-z0-9_./#%:+-]+$", text) else '"' + escaped(text) + '"'


def _expression(one: int | float | Expression) -> str:
    if not isinstance(one, Expression):
        return _number(one)
    if re.search(r'[\s"{}\[\]$\\]', one.text):
        raise GizmoError(f"expected an expression without spaces, got {one.text!r}")
    return "{" + one.text + "}"


def _number(value: int | float) -> str:
    return repr(int(value)) if float(value).is_integer() else repr(float(value))


def value_text(value: Value) -> str:
    """Return a knob's value as one word."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Expression):
        return "{" + _expression(value) + "}"
    if isinstance(value, tuple):
        return "{" + " ".join(_expression(one) for one in value) + "}"
    if isinstance(value, str):
        return quoted(value)
    return _number(value)


def _added(knob: Knob) -> list[str]:
    """Return the lines that add a knob and give it its default."""
    words = [str(knob.kind), knob.name if knob.name else '""']
    if knob.label or knob.kind == 26:
        words += ["l", quoted(knob.label) if knob.label else '""']
    if knob.tooltip:
        words += ["t", '"' + escaped(knob.tooltip) + '"']
    words += list(knob.flags)
    if knob.choices:
        words += ["M", "{" + " ".join(quoted(choice) for choice in knob.choices) + "}"]
    if knob.range is not None:
        words += ["R", _number(knob.range[0]), _number(knob.range[1])]
    if knob.text:
        words += ["T", knob.text if knob.kind == 41 else '"' + escaped(knob.text) + '"']
    if knob.opens:
        words += ["n", str(knob.opens)]
    lines = [" addUserKnob {" + " ".join(words) + "}"]
    if knob.default is not None:
        lines.append(f" {knob.name} {value_text(knob.default)}")
    return lines


def _placed(node: Node, remembered: dict[str, str]) -> list[str]:
    """Return the lines that push a node's inputs, make it and remember it."""
    lines = []
    for name in reversed(node.inputs):
        if name is not None and name not in remembered:
            raise GizmoError(f"{node.name}: input {name!r} comes later or not at all")
        lines.append(" push 0" if name is None else " push $" + remembered[name])
    count = str(len(node.inputs))
    if node.mask:
        count = f"{len(node.inputs) - 1}+1"
    lines.append(f" {node.kind} {{")
    if count != "1":
        lines.append("  inputs " + count)
    lines += [f"  {key} {value_text(value)}" for key, value in node.knobs]
    x, y = node.at
    lines.append(f"  name {node.name}")
    lines += [f"  xpos {round(110 * x)}", f"  ypos {round(60 * y)}", " }"]
    remembered[node.name] = f"N{len(remembered) + 1:03d}"
    lines.append(f" set {remembered[node.name]} [stack 0]")
    return lines


def gizmo_text(gizmo: Gizmo, *, note: str = "") -> str:
    """Return the text of a .gizmo file, the same for the same description.

    Raises:
        GizmoError: two nodes or knobs of one name, an input that comes later, no Output, or
            characters that a script cannot carry.
    """
    for what, names in (
        ("node", [node.name for node in gizmo.nodes]),
        ("knob", [knob.name for knob in gizmo.knobs if knob.kind != 20 and knob.name]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise GizmoError(f"{gizmo.name}: two {what}s are called {twice[0]}")
    if [node.kind for node in gizmo.nodes].count("Output") != 1:
        raise GizmoError(f"{gizmo.name}: expected one Output")
    lines = ["# " + line for line in note.splitlines()]
    lines += ["Group {", " name " + gizmo.name]
    lines.append(f' help "{escaped(gizmo.help)}"')
    for key, code in (("onCreate", gizmo.on_create), ("knobChanged", gizmo.knob_changed)):
        if code:
            lines.append(f' {key} "{escaped(code)}"')
    lines.append(f" tile_color 0x{gizmo.colour:08x}")
    for knob in gizmo.knobs:
        lines += _added(knob)
    lines.append("}")
    lines += [" add_layer {" + layer + "}" for layer in gizmo.layers]
    remembered: dict[str, str] = {}
    for node in gizmo.nodes:
        lines += _placed(node, remembered)
    lines.append("end_group")
    return "\n".join(lines) + "\n"
