# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts layers over each other and chooses what the group shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .group_inputs import VIEWS
from .layer_blur import IN_FOCUS_PX
from .tree_builder import COMPOSITE_COLOUR, INPUT_COLOUR, TreeBuilder

_LEFT = 3100
_COC_WHITE_PX = 10.0
_NEAR = (0.3, 0.5, 1.0, 1.0)
_FOCUS = (0.2, 1.0, 0.3, 1.0)
_FAR = (1.0, 0.35, 0.3, 1.0)
_CLEAR = (0.0, 0.0, 0.0, 0.0)
_WHITE = (1.0, 1.0, 1.0, 1.0)

CONFIDENCE = "confidence"
"""Pass of that name; earlier versions did not bake it."""


@dataclass
class ShownLayer:
    """What a layer hands to the composite; sockets."""

    name: str
    sharp: Any
    blurred: Any
    coc: Any
    matte: Any
    sides: Any
    """Of `blurred_sides`."""


def _composite(build: TreeBuilder, pictures: list[tuple[Any, Any]], label: str, row: float) -> Any:
    result: Any = _CLEAR
    for column, (picture, on) in enumerate(reversed(pictures)):
        result = build.over(result, picture, on, label=label, at=(column, row))
    return result


def show_views(
    build: TreeBuilder, layers: list[ShownLayer], source: Any, shown: str = "{}"
) -> None:
    """Lay layers over each other, and let View choose what Image shows.

    Args:
        build: gets the nodes.
        layers: front to back.
        source: the node whose outputs are the passes.
        shown: how the input is called that shows a layer, {} its name.
    """
    build.frame("Over, front to back", (_LEFT, 700), COMPOSITE_COLOUR)
    on = {one.name: build.input(shown.format(one.name)) for one in layers}
    result = _composite(build, [(one.blurred, on[one.name]) for one in layers], "blurred over", 0)
    sharp = _composite(build, [(one.sharp, on[one.name]) for one in layers], "sharp over", 1.2)
    coc = layers[-1].coc
    for column, one in enumerate(reversed(layers[:-1])):
        solid = build.math("GREATER_THAN", one.matte, 0.5, label="solid", at=(column, 2.4))
        seen = build.math("MULTIPLY", solid, on[one.name], label="seen", at=(column, 2.7))
        apart = build.math("SUBTRACT", one.coc, coc, label="difference", at=(column, 3.0))
        coc = build.math("MULTIPLY_ADD", apart, seen, coc, label="coc in front", at=(column, 3.3))
    right = _LEFT + 220 * (len(layers) + 1) + 100
    build.frame("Views", (right, 700), INPUT_COLOUR)
    layer, blurred = layers[0].sharp, layers[0].blurred
    for number, one in enumerate(layers[1:], 2):
        wanted = build.math(
            "GREATER_THAN", build.input("Layer"), number - 0.5, at=(0, 0.3 * number)
        )
        layer = build.choose(wanted, layer, one.sharp, label="layer", at=(1, 0.3 * number))
        blurred = build.choose(wanted, blurred, one.blurred, label="layer", at=(2, 0.3 * number))
    matte = build.alpha(blurred, at=(3, 0.3))
    pictures = {
        "Result": result,
        "Focal Plane": _focal_plane(build, result, coc),
        "Matte": matte,
        "Sharp": sharp,
        "Beauty Pass": source.outputs["Combined"],
        "Layer": layer,
        "COC": _coc_view(build, coc),
        "Confidence": _confidence_view(build, source),
    }
    view = pictures[VIEWS[0]]
    for number, name in enumerate(VIEWS[1:], 1):
        wanted = build.math("GREATER_THAN", build.view(), number - 0.5, at=(4, 0.3 * number))
        view = build.choose(wanted, view, pictures[name], label=name, at=(5, 0.3 * number))
    node = build.tree.nodes.new("NodeGroupOutput")
    node.location = (right + 1400, 500)
    for name, value in (("Image", view), ("Sharp", sharp), ("Matte", matte), ("COC", coc)):
        build.set(node.inputs[name], value)
    build.frame("Focus mattes", (_LEFT, -560), COMPOSITE_COLOUR)
    on = {one.name: build.input(shown.format(one.name)) for one in layers}
    mattes = focus_mattes(build, [(one.sides, on[one.name]) for one in layers])
    for name, value in zip(("Near Matte", "Far Matte"), mattes, strict=True):
        build.set(node.inputs[name], value)


def focus_mattes(build: TreeBuilder, sides: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Return what is seen before and behind the focus.

    Args:
        build: gets the nodes.
        sides: `blurred_sides` of every layer, front to back, and whether it is shown.
    """
    before: Any = 0.0
    behind: Any = 0.0
    for column, (picture, on) in enumerate(reversed(sides)):
        near, far, matte, _ = build.channels(picture, at=(2 * column, 0))
        seen = build.math("MULTIPLY", matte, on, at=(2 * column, 0.3))
        through = build.math("SUBTRACT", 1.0, seen, label="seen through it", at=(2 * column, 0.6))
        shown = []
        for row, (own, below) in enumerate(((near, before), (far, behind))):
            left = build.math("MULTIPLY", through, below, at=(2 * column + 1, 0.6 * row))
            added = build.math("MULTIPLY_ADD", own, on, left, at=(2 * column + 1, 0.6 * row + 0.3))
            added.node.use_clamp = True
            shown.append(added)
        before, behind = shown
    return before, behind


def shown_view(node: Any) -> int:
    """Return the number of the view that a PullFocus node shows."""
    held = node.inputs["View"].default_value
    if isinstance(held, str):  # a menu; empty in groups that have none linked
        return VIEWS.index(held) if held in VIEWS else 0
    return min(round(held), len(VIEWS) - 1)


def show_view(node: Any, number: int) -> None:
    """Make a PullFocus node show a view, by number."""
    socket = node.inputs["View"]
    socket.default_value = VIEWS[number] if isinstance(socket.default_value, str) else number


def _focal_plane(build: TreeBuilder, picture: Any, coc: Any) -> Any:
    """Tint: near blue, in focus green, far red."""
    red, green, blue, _ = build.channels(picture, at=(0, 2.0))
    grey = build.math("ADD", red, green, at=(0, 2.3))
    grey = build.math("ADD", grey, blue, at=(0, 2.6))
    grey = build.math("MULTIPLY", grey, 1 / 3, label="grey", at=(0, 2.9))
    near = build.math("LESS_THAN", coc, 0.0, label="near?", at=(1, 2.0))
    size = build.math("ABSOLUTE", coc, at=(1, 2.3))
    hit = build.math("LESS_THAN", size, IN_FOCUS_PX, label="in focus?", at=(1, 2.6))
    tint = build.mix("MIX", near, _FAR, _NEAR, label="near blue, far red", at=(2, 2.0))
    tint = build.mix("MIX", hit, tint, _FOCUS, label="in focus green", at=(3, 2.0))
    tint = build.mix("MULTIPLY", 1.0, tint, grey, label="tinted", at=(3, 3.2))
    return build.mix("MIX", 0.75, picture, tint, label="focal plane", at=(4, 3.2))


def _coc_view(build: TreeBuilder, coc: Any) -> Any:
    """Radius as brightness, near blue, far red; white is 10 px."""
    near = build.math("LESS_THAN", coc, 0.0, label="near?", at=(1, 4.4))
    size = build.math("ABSOLUTE", coc, at=(1, 4.7))
    size = build.math("DIVIDE", size, _COC_WHITE_PX, label="white at 10 px", at=(1, 5.0))
    tint = build.mix("MIX", near, _FAR, _NEAR, label="near blue, far red", at=(2, 4.4))
    return build.mix("MULTIPLY", 1.0, tint, size, label="coc", at=(3, 4.4))


def _confidence_view(build: TreeBuilder, source: Any) -> Any:
    """Confidence as brightness; earlier passes have none, and black would be a claim."""
    if CONFIDENCE not in source.outputs:
        return _CLEAR
    value = source.outputs[CONFIDENCE]
    return build.mix("MULTIPLY", 1.0, _WHITE, value, label="confidence", at=(3, 5.6))
