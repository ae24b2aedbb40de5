# SPDX-License-Identifier: Apache-2.0
"""The nodes that all our gizmos are made of, by what they do."""

from __future__ import annotations

from typing import Optional, Sequence, Union

from pullfocus_nuke.nodes import Expression, Node, Raw, Value

__all__ = ["Graph", "Inputs", "parent"]

Inputs = Union[None, str, Sequence[Optional[str]]]
_RGBA = ("red", "green", "blue", "alpha")


def parent(expression: str) -> Expression:
    """Return a knob value that follows the gizmo's panel; spaces are for reading only."""
    return Expression("".join(expression.split()))


class Graph:
    """Nodes in the making. Every method adds one and returns its name."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def add(
        self,
        kind: str,
        name: str,
        inputs: Inputs = (),
        at: tuple[float, float] = (0, 0),
        knobs: Sequence[tuple[str, Value]] = (),
        mask: bool = False,
    ) -> str:
        """Add any node."""
        wires = (inputs,) if inputs is None or isinstance(inputs, str) else tuple(inputs)
        self.nodes.append(Node(kind, name, wires, tuple(knobs), mask, at))
        return name

    def input(self, name: str, number: int, at: tuple[float, float]) -> str:
        """Add an input arrow of the gizmo."""
        knobs: list[tuple[str, Value]] = [("number", number)] if number else []
        return self.add("Input", name, (), at, knobs)

    def layer(self, name: str, source: str, layer: str, at: tuple[float, float]) -> str:
        """Bring a layer's red, green, blue and alpha to the front."""
        words = ["4"]
        for index, channel in enumerate(_RGBA):
            words += [f"{layer}.{channel}", "0", str(index)]
            words += [f"rgba.{channel}", "0", str(index)]
        knobs: list[tuple[str, Value]] = [
            ("fromInput1", Raw("{{0} B}")),
            ("fromInput2", Raw("{{0} B}")),
            ("in1", layer),
            ("mappings", " ".join(words)),
        ]
        return self.add("Shuffle2", name, source, at, knobs)

    def maths(
        self,
        name: str,
        source: str,
        at: tuple[float, float],
        channels: Sequence[str | None],
        temporary: Sequence[tuple[str, str]] = (),
    ) -> str:
        """Add an Expression node: up to four temporary values, then red, green, blue, alpha.

        None leaves a channel as it is.
        """
        knobs: list[tuple[str, Value]] = []
        for index, (key, text) in enumerate(temporary):
            knobs += [
                (f"temp_name{index}", key),
                (f"temp_expr{index}", " ".join(text.split())),
            ]
        for index, one in enumerate(channels):
            if one is not None:
                knobs.append((f"expr{index}", " ".join(one.split())))
        return self.add("Expression", name, source, at, knobs)

    def merge(
        self,
        name: str,
        operation: str,
        below: str,
        above: str,
        at: tuple[float, float],
        knobs: Sequence[tuple[str, Value]] = (),
        mask: str | None = None,
    ) -> str:
        """Merge `above` (A) and `below` (B); what is not touched comes from B."""
        inputs = [below, above] + ([] if mask is None else [mask])
        more: list = [] if mask is None else [("maskChannelMask", "rgba.alpha")]
        wires: list = [("operation", operation), *list(knobs), *more]
        return self.add("Merge2", name, inputs, at, wires, mask is not None)

    def copied(
        self,
        name: str,
        onto: str,
        source: str,
        at: tuple[float, float],
        channels: Sequence[tuple[str, str]],
        *,
        bbox: str | None = None,
    ) -> str:
        """Copy channels, (from, to) each, of `source` (A) onto `onto` (B)."""
        knobs: list[tuple[str, Value]] = [] if bbox is None else [("bbox", bbox)]
        for index, (one, other) in enumerate(channels):
            knobs += [(f"from{index}", one), (f"to{index}", other)]
        return self.add("Copy", name, [onto, source], at, knobs)

    def switch(
        self, name: str, choices: Sequence[str | None], which: str, at: tuple[float, float]
    ) -> str:
        """Choose one of several streams by an expression."""
        return self.add("Switch", name, list(choices), at, [("which", parent(which))])
