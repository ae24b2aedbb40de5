# SPDX-License-Identifier: GPL-3.0-or-later
"""The node group PullFocus Lens: any picture with a depth, or with radii, through a lens.

What lies before the focus is a layer of its own, premultiplied, blurred and laid over the rest,
whose picture and radii are filled in behind it: so a blurred edge in front does not cut what is
sharp, as one blur of the whole would. For Blender 5.x, whose blur takes sizes in px.
"""

from __future__ import annotations

from typing import Any

from . import compat
from .group_inputs import InputSpec, lens_specs
from .group_views import focus_mattes
from .layer_blur import blurred, blurred_sides, spread_coc
from .shot_group import SIDE_OUTPUTS, add_inputs, add_iris, add_outputs
from .tree_builder import COMPOSITE_COLOUR, INPUT_COLOUR, LENS_COLOUR, TreeBuilder

NAME = "PullFocus Lens"
DESCRIPTION = (
    "Put a picture through a lens: Depth and Focus in px of radius, near smaller, as the depth pass"
    " of PullFocus; or the circle of confusion itself as Depth, near negative, and Focus 0"
)
_FILL_PX = 64
_EDGE_PX = 0.5
"""A radius before the focus up to which nothing is taken apart."""


def build_lens(group: Any) -> None:
    """Fill an empty compositor group."""
    build = TreeBuilder(group)
    group.description = DESCRIPTION
    group.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
    add_inputs(group, _specs())
    add_outputs(
        group,
        (
            ("Image", "color", "The picture through the lens, premultiplied, scene-linear"),
            ("COC", "float", "Circle of confusion: radius in px, near negative"),
            *SIDE_OUTPUTS,
        ),
    )
    build.frame("Circle of confusion", (-900, 300), LENS_COLOUR)
    picture = build.input("Image")
    moved = build.math("SUBTRACT", build.input("Depth"), build.input("Focus"), at=(0, 0))
    is_near = build.math("LESS_THAN", moved, 0.0, label="near?", at=(1, 0))
    apart = build.math("SUBTRACT", build.input("Near"), build.input("Far"), at=(0, 0.3))
    scale = build.math("MULTIPLY_ADD", is_near, apart, build.input("Far"), at=(1, 0.3))
    wide = build.math("MULTIPLY", scale, build.input("Aperture"), at=(2, 0.3))
    coc = build.math("MULTIPLY", moved, wide, label="coc, px", at=(3, 0))
    build.frame("Iris", (-900, -200), LENS_COLOUR)
    iris = add_iris(build)
    build.frame("Before the focus", (200, 700), INPUT_COLOUR)
    matte = build.math("LESS_THAN", coc, -_EDGE_PX, label="before it", at=(0, 0))
    near = build.mix("MULTIPLY", 1.0, picture, matte, label="cut out", at=(0, 0.6))
    near_alpha = build.math("MULTIPLY", build.alpha(picture, at=(0, 1.6)), matte, at=(1, 1.6))
    near = build.with_alpha(near, near_alpha, label="premultiplied", at=(1, 0.6))
    near_coc = spread_coc(build, coc, matte)
    build.frame("Behind", (200, -300), INPUT_COLOUR)
    rest = build.math("SUBTRACT", 1.0, matte, label="the rest", at=(0, 0))
    far = _filled(build, picture, rest, (1, 0))
    far_coc = build.channels(_filled(build, coc, rest, (1, 1.2)), at=(3, 1.2))[0]
    far_coc = build.math("MAXIMUM", far_coc, -_EDGE_PX, at=(4, 1.2))
    build.frame("Blur, then over", (1300, 500), COMPOSITE_COLOUR)
    sides = {"longer_side_px": 1, "opaque": False}  # 5.x: sizes are px
    behind = blurred(build, far, far_coc, 1.0, iris, **sides)
    build.frame("Blur before the focus", (1300, -500), COMPOSITE_COLOUR)
    before = blurred(build, near, near_coc, 1.0, iris, **sides)
    build.frame("Over", (2500, 300), COMPOSITE_COLOUR)
    result = build.over(behind, before, 1.0, label="over", at=(0, 0))
    end = build.add("NodeGroupOutput", "", 1, 0)
    build.set(end.inputs["Image"], result)
    build.set(end.inputs["COC"], coc)
    build.frame("Sides behind", (1300, -1300), COMPOSITE_COLOUR)
    far_sides = blurred_sides(build, build.alpha(far, at=(0, 1.2)), far_coc, iris, longer_side_px=1)
    build.frame("Sides before", (1300, -2000), COMPOSITE_COLOUR)
    near_sides = blurred_sides(build, near_alpha, near_coc, iris, longer_side_px=1)
    build.frame("Focus mattes", (3100, -1300), COMPOSITE_COLOUR)
    mattes = focus_mattes(build, [(near_sides, 1.0), (far_sides, 1.0)])
    for name, value in zip(("Near Matte", "Far Matte"), mattes, strict=True):
        build.set(end.inputs[name], value)
    build.tidy()


def _filled(build: TreeBuilder, what: Any, known: Any, at: tuple[float, float]) -> Any:
    """Fill a picture or radii in where they are not known."""
    held = build.with_alpha(what, known, label="where it is seen", at=at)
    node = build.add("CompositorNodeInpaint", "filled in", at[0] + 1, at[1])
    compat.inpaint_reach(node, _FILL_PX)
    build.set(node.inputs[0], held)
    return node.outputs[0]


def _specs() -> list[InputSpec]:
    return [
        InputSpec("Depth", "float", 0.0, -1000, 1000, "px of radius, far is larger; see the group"),
        InputSpec("Focus", "float", 0.0, -1000, 1000, "Depth that is sharp, px of radius"),
        *lens_specs(signed=True),
    ]
