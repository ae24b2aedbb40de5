# SPDX-License-Identifier: GPL-3.0-or-later
"""A small hand for building compositor trees: sums, choices and frames, placed on a grid."""

from __future__ import annotations

from typing import Any

from . import compat
from .group_inputs import VIEWS

_COLUMN, _ROW = 200, 180

INPUT_COLOUR = (0.23, 0.32, 0.42)
LENS_COLOUR = (0.36, 0.28, 0.38)
COMPOSITE_COLOUR = (0.25, 0.36, 0.28)
PAINT_COLOUR = (0.4, 0.33, 0.22)
"""Of frames, by what happens in them."""


class TreeBuilder:
    """Adds nodes to a tree, column by column within the current frame.

    Values are sockets or plain numbers; what takes a value accepts either.
    """

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        self._frame: Any = None
        self._origin = (0.0, 0.0)
        self._inputs: Any = None
        self._view: Any = None

    def frame(self, label: str, at: tuple[float, float], colour: tuple[float, ...] = ()) -> None:
        """Start a labelled frame whose first node lies at `at`; what is added next goes into it."""
        self._frame = self.tree.nodes.new("NodeFrame")
        self._frame.label = label
        self._frame.label_size = 24
        if colour:
            self._frame.use_custom_color = True
            self._frame.color = colour
        self._origin = at
        self._inputs = None

    def input(self, name: str) -> Any:
        """Return an input of the group, from a Group Input node of the current frame."""
        if self._inputs is None:
            self._inputs = self.add("NodeGroupInput", "", -1)
        return self._inputs.outputs[name]

    def tidy(self) -> None:
        """Hide the sockets of Group Input nodes that nothing uses."""
        for node in self.tree.nodes:
            if node.bl_idname == "NodeGroupInput":
                for socket in node.outputs:
                    socket.hide = not socket.is_linked

    def add(self, kind: str, label: str, column: float, row: float = 0.0) -> Any:
        """Add a node at a column and row of the current frame."""
        node = compat.new_node(self.tree, kind)
        node.label = label
        node.parent = self._frame
        node.location = (self._origin[0] + _COLUMN * column, self._origin[1] - _ROW * row)
        return node

    def set(self, socket: Any, value: Any) -> None:
        """Link a socket to a value, or write the value into it."""
        if hasattr(value, "is_output"):
            self.tree.links.new(value, socket)
        else:
            socket.default_value = value

    def math(
        self, operation: str, *values: Any, label: str = "", at: tuple[float, float] = (0, 0)
    ) -> Any:
        """Add a Math node; returns its result."""
        node = self.add("math", label, *at)
        node.operation = operation
        node.hide = True
        for socket, value in zip(node.inputs, values, strict=False):
            self.set(socket, value)
        return node.outputs[0]

    def mix(
        self,
        operation: str,
        share: Any,
        first: Any,
        second: Any,
        *,
        label: str,
        at: tuple[float, float],
    ) -> Any:
        """Add a colour Mix node, alpha as in `first`; returns its result."""
        node = self.add("mix", label, *at)
        node.blend_type = operation
        factor, a, b, result = compat.mix_sockets(node)
        for socket, value in ((factor, share), (a, first), (b, second)):
            self.set(socket, value)
        return result

    def over(
        self, background: Any, foreground: Any, share: Any, *, label: str, at: tuple[float, float]
    ) -> Any:
        """Add an Alpha Over node for premultiplied pictures; returns its result."""
        node = self.add("CompositorNodeAlphaOver", label, *at)
        factor, below, above = compat.over_sockets(node)
        for socket, value in ((factor, share), (below, background), (above, foreground)):
            self.set(socket, value)
        return node.outputs[0]

    def with_alpha(self, colour: Any, alpha: Any, *, label: str, at: tuple[float, float]) -> Any:
        """Give a picture another alpha, colours left alone; returns the result."""
        node = self.add("CompositorNodeSetAlpha", label, *at)
        compat.replace_alpha(node)
        self.set(node.inputs[0], colour)
        self.set(node.inputs[1], alpha)
        return node.outputs[0]

    def blend(
        self,
        share: Any,
        first: Any,
        second: Any,
        *,
        opaque: bool,
        label: str,
        at: tuple[float, float],
    ) -> Any:
        """Mix two premultiplied pictures, alpha and all; opaque ones have no alpha to mix."""
        colour = self.mix("MIX", share, first, second, label=label, at=at)
        if opaque:
            return colour
        below, above = (self.alpha(one, at=(at[0], at[1] + 1)) for one in (first, second))
        apart = self.math("SUBTRACT", above, below, at=(at[0], at[1] + 1.3))
        alpha = self.math("MULTIPLY_ADD", apart, share, below, at=(at[0], at[1] + 1.6))
        return self.with_alpha(colour, alpha, label=label, at=(at[0] + 1, at[1]))

    def alpha(self, picture: Any, *, at: tuple[float, float]) -> Any:
        """Take the alpha of a picture."""
        return self.channels(picture, at=at)[3]

    def channels(self, picture: Any, *, at: tuple[float, float]) -> Any:
        """Take a picture apart: red, green, blue, alpha."""
        node = self.add("CompositorNodeSeparateColor", "", *at)
        node.hide = True
        self.set(node.inputs[0], picture)
        return node.outputs

    def view(self) -> Any:
        """Return the number of the view that the group's View chooses.

        One node reads the menu: items that two nodes name are two menus to Blender.
        """
        if not compat.has_menus():
            return self.input("View")
        if self._view is None:
            node = self.add("GeometryNodeMenuSwitch", "number of the view", 0, 1.5)
            compat.name_items(node, VIEWS)
            for number in range(len(VIEWS)):
                node.inputs[1 + number].default_value = float(number)
            self.set(node.inputs[0], self.input("View"))
            self._view = node.outputs[0]
        return self._view

    def choose(
        self, condition: Any, off: Any, on: Any, *, label: str, at: tuple[float, float]
    ) -> Any:
        """Return `on` where a single value is 1, `off` where it is 0; alpha included."""
        if compat.SOCKETS_4_5:
            node = self.add("CompositorNodeSwitch", label, *at)
            node.hide = True
            self.set(node.inputs["Switch"], condition)
            self.set(node.inputs["Off"], off)
            self.set(node.inputs["On"], on)
            return node.outputs[0]
        if not all(hasattr(one, "is_output") for one in (off, on)):
            return self.mix("MIX", condition, off, on, label=label, at=at)
        return self.blend(condition, off, on, opaque=False, label=label, at=at)
