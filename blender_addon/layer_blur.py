# SPDX-License-Identifier: GPL-3.0-or-later
"""Blurs one layer by its circle of confusion, with nodes that every Blender has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import compat
from .tree_builder import TreeBuilder

_SPREAD_PX = 64
_SOLID = 0.25
IN_FOCUS_PX = 0.5
"""A radius up to which something is in focus."""
_BOX_MOMENT, _DISC_MOMENT = 2 / 3, 34 / 21  # of Bokeh Blur at Size 1 and 2, px^2 along an axis


@dataclass(frozen=True)
class Iris:
    """What points turn into; sockets."""

    picture: Any
    """As the Bokeh input of Bokeh Blur takes it: a square."""
    growth: Any = 1.0
    """How many times longer its half side is than the radius of a disc of its area."""


def spread_coc(build: TreeBuilder, coc: Any, matte: Any) -> Any:
    """Carry radii past the silhouette.

    Blender's blur gathers: light gets no farther than the radius of where it lands allows.
    """
    solid = build.math("GREATER_THAN", matte, _SOLID, label="solid", at=(1, 0))
    # Inpaint makes radii up where nothing is given, as in a frame without the subject: so what lies
    # far from the silhouette is given too.
    grown = build.add("CompositorNodeDilateErode", "near the layer", 1, 1.4)
    compat.grow_by(grown, 2 * _SPREAD_PX)
    build.set(grown.inputs[0], solid)
    away = build.math("SUBTRACT", 1.0, grown.outputs[0], label="far from it", at=(2, 1.4))
    known = build.math("MAXIMUM", solid, away, label="known", at=(2, 1.7))
    held = build.with_alpha(coc, known, label="radius where known", at=(1, 0.4))
    node = build.add("CompositorNodeInpaint", "radius past the edge", 2, 0.4)
    compat.inpaint_reach(node, _SPREAD_PX)
    build.set(node.inputs[0], held)
    return build.channels(node.outputs[0], at=(2, 0))[0]


def blurred(
    build: TreeBuilder,
    picture: Any,
    coc: Any,
    working: Any,
    iris: Iris,
    *,
    opaque: bool,
    longer_side_px: int,
) -> Any:
    """Blur a layer by |coc|: Bokeh Blur from 2.5 px of radius on, below it by mixing small discs.

    Bokeh Blur counts whole pixels: Size 1 is a 3 x 3 box, Size 2 a disc of 21 pixels, and nothing
    lies between. Blends of them are chosen so that their second moment is that of a disc, r^2 / 4.
    """
    radius = build.math("ABSOLUTE", coc, label="radius", at=(0, 0))
    radius = build.math("MINIMUM", radius, build.input("Max Radius"), label="at most", at=(0, 0.3))
    radius = build.math("MULTIPLY", radius, working, label="if this view blurs", at=(0, 0.6))
    # Bokeh Blur draws a disc half a pixel larger than its size
    wide = build.math(
        "MULTIPLY_ADD", radius, iris.growth, -0.5, label="- half a pixel", at=(0, 0.9)
    )
    wide = build.math("MAXIMUM", wide, 2.0, label="at least 2", at=(0, 1.2))
    moment = build.math("MULTIPLY", radius, radius, at=(1, 0))
    moment = build.math("MULTIPLY", moment, 0.25, label="second moment, px^2", at=(1, 0.3))
    per_px = compat.blur_size_per_px(longer_side_px)
    small = _bokeh_blur(build, picture, iris.picture, per_px, "3 x 3", (2, 0.5))
    size = build.math("MULTIPLY", wide, per_px, label="px to Size", at=(1, 1.2))
    large = _bokeh_blur(build, picture, iris.picture, size, "lens blur", (2, 1.8))
    share = _ramp(build, moment, 0.0, _BOX_MOMENT, (1, 0.6))
    some = build.blend(share, picture, small, opaque=opaque, label="to 1.6 px", at=(3, 0))
    share = _ramp(build, moment, _BOX_MOMENT, _DISC_MOMENT, (1, 0.9))
    return build.blend(share, some, large, opaque=opaque, label="to 2.5 px", at=(4, 1))


def blurred_sides(
    build: TreeBuilder, matte: Any, coc: Any, iris: Iris, *, longer_side_px: int
) -> Any:
    """Return what of a layer lies before the focus (red) and behind it (green), its matte (blue).

    As the lens shows them. Blender computes them where an output asks for them.
    """
    size = build.math("ABSOLUTE", coc, at=(0, 2.4))
    away = build.math(
        "MULTIPLY_ADD", size, 1 / IN_FOCUS_PX, -1.0, label="out of focus?", at=(0, 2.7)
    )
    away.node.use_clamp = True
    away = build.math("MULTIPLY", away, matte, label="share out of focus", at=(0, 3.0))
    is_near = build.math("LESS_THAN", coc, 0.0, label="near?", at=(0, 3.3))
    near = build.math("MULTIPLY", away, is_near, label="near", at=(1, 2.4))
    far = build.math("SUBTRACT", away, near, label="far", at=(1, 2.7))
    node = build.add("CompositorNodeCombineColor", "near, far, matte", 1, 3.0)
    node.hide = True
    for socket, value in zip(node.inputs, (near, far, matte, 1.0), strict=True):
        build.set(socket, value)
    sides = {"opaque": True, "longer_side_px": longer_side_px}
    return blurred(build, node.outputs[0], coc, 1.0, iris, **sides)


def _ramp(build: TreeBuilder, value: Any, low: float, high: float, at: tuple[float, float]) -> Any:
    """Return 0 below `low`, 1 above `high`, even between."""
    slope = 1 / (high - low)
    share = build.math("MULTIPLY_ADD", value, slope, -low * slope, label="share", at=at)
    share.node.use_clamp = True
    return share


def _bokeh_blur(
    build: TreeBuilder, picture: Any, iris: Any, size: Any, label: str, at: tuple[float, float]
) -> Any:
    node = build.add("CompositorNodeBokehBlur", label, *at)
    compat.vary_blur_size(node, _SPREAD_PX)
    build.set(node.inputs["Image"], picture)
    build.set(node.inputs["Bokeh"], iris)
    build.set(node.inputs["Size"], size)
    return node.outputs[0]
