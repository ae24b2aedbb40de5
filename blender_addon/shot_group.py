# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the PullFocus node group of a shot: paint, lens, blur and over, layer by layer.

All of it is ordinary nodes: once built, pulling focus and painting need no Python.

A layer's picture is the baked one plus what paint changes in its atlas (painted minus original,
both through Map UV), so what is not painted stays to the bit. Its circle of confusion at a new
focus is ``coc + plate focus - focus``, signed, near negative; blur happens per layer, premultiplied
and scene-linear, before the over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import compat
from .errors import AddonError
from .group_inputs import BLURRED_VIEWS, VIEWS, InputSpec, input_specs
from .group_views import ShownLayer, show_views
from .layer_blur import Iris, blurred, blurred_sides, spread_coc
from .passes import Layer, Passes
from .tree_builder import (
    COMPOSITE_COLOUR,
    INPUT_COLOUR,
    LENS_COLOUR,
    PAINT_COLOUR,
    TreeBuilder,
)

PLATE_FOCUS = "Plate Focus"
PASSES_NODE = "Passes"

SIDE_OUTPUTS = (
    ("Near Matte", "float", "What is seen before the focus, as the lens shows it, 0..1"),
    ("Far Matte", "float", "What is seen behind the focus, as the lens shows it, 0..1"),
)
"""Focus mattes; they cost nothing while nothing is linked to them."""

LAYER_GAP = 1700
"""Between layers in the tree."""


@dataclass(frozen=True)
class Pictures:
    """What the group shows."""

    frames: Any
    """Image of the multi-layer sequence."""
    atlases: tuple[Any, ...]
    """As baked, one a layer."""
    painted: tuple[Any, ...]
    """For painting on, one a layer."""


@dataclass(frozen=True)
class Timing:
    """Where the shot lies in the scene."""

    start: int
    """Scene frame that shows the first frame of the shot."""
    first: int
    """Its number in the files."""
    count: int
    """Frames from first to last."""


def build_group(group: Any, passes: Passes, pictures: Pictures, timing: Timing) -> None:
    """Fill an empty compositor group; see the module's text."""
    build = TreeBuilder(group)
    _interface(group, passes)
    source = _source(build, passes, pictures.frames, timing)
    plate = None
    build.frame("Lens", (-1100, 150), LENS_COLOUR)
    if passes.focus is not None and passes.can_pull:
        plate = _plate_focus(build, passes.focus, timing)
    lens = add_lens(build, plate, signed=passes.signed)
    iris = add_iris(build)
    layers = [
        _layer(build, layer, index, source, lens, iris, passes, pictures)
        for index, layer in enumerate(passes.layers)
    ]
    show_views(build, layers, source)
    build.tidy()
    if compat.has_menus():
        view = next(item for item in group.interface.items_tree if item.name == "View")
        view.default_value = VIEWS[0]


def plate_focus_path() -> str:
    """Data path of the plate's own focus within the group."""
    return f'nodes["{PLATE_FOCUS}"].outputs[0].default_value'


def _interface(group: Any, passes: Passes) -> None:
    add_inputs(group, input_specs(passes))
    add_outputs(
        group,
        (
            ("Image", "color", "What View chooses, scene-linear, premultiplied"),
            ("Sharp", "color", "All layers in focus, paint included"),
            (
                "Matte",
                "float",
                "Coverage of the layer that Layer chooses, as the lens shows it, 0..1",
            ),
            ("COC", "float", "Circle of confusion of what is seen: radius in px, near negative"),
            *SIDE_OUTPUTS,
        ),
    )


def add_inputs(group: Any, specs: list[InputSpec]) -> None:
    """Give a group its inputs, in panels."""
    panels: dict[str, Any] = {}
    for spec in specs:
        if spec.panel == "Iris" and not compat.SOCKETS_4_5:
            continue  # properties of the Iris node there; the panel shows them
        if spec.panel and spec.panel not in panels:
            panels[spec.panel] = group.interface.new_panel(
                spec.panel, default_closed=spec.panel == "Iris"
            )
        socket = group.interface.new_socket(
            spec.name,
            description=spec.tip,
            in_out="INPUT",
            socket_type=compat.interface_kind(spec.kind),
            parent=panels.get(spec.panel),
        )
        if socket.bl_socket_idname == "NodeSocketMenu":
            continue  # it learns its items from the nodes that it is linked to
        if spec.kind != "bool":
            socket.min_value, socket.max_value = spec.low, spec.high
        if spec.subtype and socket.bl_socket_idname == "NodeSocketFloat":
            socket.subtype = spec.subtype
        as_float = socket.bl_socket_idname == "NodeSocketFloat"
        socket.default_value = float(spec.value) if as_float else spec.value


def add_outputs(group: Any, outputs: tuple[tuple[str, str, str], ...]) -> None:
    """Give a group its outputs: name, kind, tooltip."""
    for name, kind, tip in outputs:
        group.interface.new_socket(
            name, description=tip, in_out="OUTPUT", socket_type=compat.interface_kind(kind)
        )


def _source(build: TreeBuilder, passes: Passes, frames: Any, timing: Timing) -> Any:
    build.frame("Passes", (-1100, 700), INPUT_COLOUR)
    node = build.add("CompositorNodeImage", PASSES_NODE, 0)
    node.name = PASSES_NODE
    node.width = 220
    node.image = frames
    node.frame_duration = timing.count
    node.frame_start = timing.start
    node.frame_offset = timing.first - 1
    for layer in passes.layers:
        for name in (layer.name, f"{layer.name}_uv", f"{layer.name}_coc"):
            if name not in node.outputs:
                raise AddonError(f"expected the pass {name}, got none in {frames.filepath}")
    return node


def _plate_focus(build: TreeBuilder, focus: dict[int, float], timing: Timing) -> Any:
    plate = build.add("value", "Plate focus, px of radius (keyed)", 0)
    plate.name = PLATE_FOCUS
    _key_plate_focus(build.tree, focus, timing)
    return plate.outputs[0]


def add_lens(build: TreeBuilder, plate: Any, *, signed: bool) -> dict[str, Any]:
    """Add what all layers share: shift of focus, scales of near and far, whether to blur.

    Args:
        build: within the frame that they go into.
        plate: where the plate is in focus, px of radius; None: not known, focus stays as shot.
        signed: whether near and far are told apart.
    """
    shift: Any = 0.0
    if plate is not None:
        follow = build.input("Follow Plate")
        away = build.math("SUBTRACT", plate, build.input("Focus"), label="plate - focus", at=(1, 0))
        kept = build.math("SUBTRACT", 1.0, follow, label="1 - follow", at=(1, 0.3))
        shift = build.math("MULTIPLY", away, kept, label="shift of focus", at=(2, 0))
    near, far = (build.input(n) if signed else 1.0 for n in ("Near", "Far"))
    apart = build.math("SUBTRACT", near, far, label="near - far", at=(1, 0.6))
    # for the others blur would be time lost
    working = build.math(
        "LESS_THAN", build.view(), BLURRED_VIEWS - 0.5, label="does this view blur?", at=(1, 0.9)
    )
    return {"shift": shift, "far": far, "near - far": apart, "working": working}


def _key_plate_focus(group: Any, focus: dict[int, float], timing: Timing) -> None:
    socket = group.nodes[PLATE_FOCUS].outputs[0]
    for number, value in sorted(focus.items()):
        socket.default_value = value
        socket.keyframe_insert("default_value", frame=number - timing.first + timing.start)
    curve = compat.curve_of(group, plate_focus_path())
    if curve is not None:
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"


def add_iris(build: TreeBuilder) -> Iris:
    """Add the Bokeh Image that the group's iris inputs shape."""
    build.frame("Iris", (-1100, -250), LENS_COLOUR)
    node = build.add("CompositorNodeBokehImage", "Iris", 0)
    node.name = "Iris"
    if not compat.SOCKETS_4_5:
        node.flaps, node.rounding = 6, 1.0
        return Iris(node.outputs[0])
    for name, source in (
        ("Flaps", "Blades"),
        ("Angle", "Rotation"),
        ("Roundness", "Roundness"),
        ("Catadioptric Size", "Inner Ring"),
    ):
        build.set(node.inputs[name], build.input(source))
    return _squeezed(build, node.outputs[0])


def _squeezed(build: TreeBuilder, picture: Any) -> Iris:
    """Make an iris higher than wide, or wider than high, within its square; its area stays."""
    high = build.input("Squeeze")
    wide = build.math("DIVIDE", 1.0, high, label="width over height", at=(1, 0))
    scaled = build.add("CompositorNodeScale", "squeezed", 2, 0)
    compat.scale_smoothly(scaled)
    build.set(scaled.inputs["Image"], picture)
    for side, share, row in (("X", wide, 0.3), ("Y", high, 0.6)):
        held = build.math("MINIMUM", share, 1.0, label=f"{side} within it", at=(1, row))
        build.set(scaled.inputs[side], held)
    longer = build.math("MAXIMUM", wide, high, label="longer over shorter", at=(1, 0.9))
    growth = build.math("SQRT", longer, label="half of the longer side", at=(1, 1.2))
    # what lies beside it within the square: nothing
    empty = build.mix("MULTIPLY", 1.0, picture, (0.0, 0.0, 0.0, 1.0), label="black", at=(1, 1.8))
    empty = build.with_alpha(empty, 0.0, label="nothing", at=(2, 1.8))
    return Iris(build.over(empty, scaled.outputs[0], 1.0, label="in its square", at=(3, 0)), growth)


def _layer(
    build: TreeBuilder,
    layer: Layer,
    index: int,
    source: Any,
    lens: dict[str, Any],
    iris: Iris,
    passes: Passes,
    pictures: Pictures,
) -> ShownLayer:
    build.frame(f"{layer.name}: paint", (100, 700 - index * LAYER_GAP), PAINT_COLOUR)
    maps = []
    for row, (what, image) in enumerate(
        (("painted", pictures.painted[index]), ("as baked", pictures.atlases[index]))
    ):
        atlas = build.add("CompositorNodeImage", f"{layer.name} atlas, {what}", 0, 1.2 * row)
        atlas.name = f"{layer.name} {what}"
        atlas.image = image
        maps.append(atlas.outputs["Image"])
    uv = source.outputs[f"{layer.name}_uv"]
    sharp = add_paint(
        build, source.outputs[layer.name], uv, *maps, build.input(f"{layer.name} Paint")
    )
    return add_layer(
        build,
        layer.name,
        index,
        sharp,
        source.outputs[f"{layer.name}_coc"],
        lens,
        iris,
        complete=layer.complete,
        longer_side_px=max(passes.size_px),
    )


def add_layer(
    build: TreeBuilder,
    name: str,
    index: int,
    sharp: Any,
    coc: Any,
    lens: dict[str, Any],
    iris: Iris,
    *,
    complete: bool,
    longer_side_px: int,
) -> ShownLayer:
    """Add the blur of one layer.

    Args:
        build: gets the nodes.
        name: of the layer, as its inputs are called.
        index: 0 in front.
        sharp: its picture, premultiplied.
        coc: its radius as shot, px, signed where signs are known.
        lens: of `add_lens`.
        iris: of `add_iris`.
        complete: has content everywhere.
        longer_side_px: of a frame; counts before 5.0 alone.
    """
    top = 700 - index * LAYER_GAP
    build.frame(f"{name}: circle of confusion", (100, top - 560), LENS_COLOUR)
    matte = build.alpha(sharp, at=(0, 0))
    if not complete:
        coc = spread_coc(build, coc, matte)
    coc = build.math("ADD", coc, lens["shift"], label="at the new focus", at=(3, 0.4))
    is_near = build.math("LESS_THAN", coc, 0.0, label="near?", at=(3, 0.7))
    scale = build.math(
        "MULTIPLY_ADD", is_near, lens["near - far"], lens["far"], label="near or far", at=(3, 1.0)
    )
    blurs = build.math("SUBTRACT", 1.0, build.input(f"{name} Sharp"), label="not kept", at=(3, 0))
    wide = build.math("MULTIPLY", blurs, build.input("Aperture"), label="aperture", at=(4, 0))
    coc = build.math("MULTIPLY", coc, scale, label="near, far", at=(4, 0.4))
    coc = build.math("MULTIPLY", coc, wide, label="coc, px", at=(5, 0.4))
    build.frame(f"{name}: blur", (1600, top - 120), COMPOSITE_COLOUR)
    seen = blurred(
        build,
        sharp,
        coc,
        lens["working"],
        iris,
        opaque=complete,
        longer_side_px=longer_side_px,
    )
    build.frame(f"{name}: before and behind the focus", (1600, top - 760), COMPOSITE_COLOUR)
    sides = blurred_sides(build, matte, coc, iris, longer_side_px=longer_side_px)
    return ShownLayer(name, sharp, seen, coc, matte, sides)


def add_paint(build: TreeBuilder, baked: Any, uv: Any, painted: Any, atlas: Any, share: Any) -> Any:
    """Return a baked layer plus what paint changed in its atlas, both carried to the frame."""
    mapped = []
    for row, picture in enumerate((painted, atlas)):
        mapper = build.add("CompositorNodeMapUV", "through uv", 1, 1.2 * row)
        compat.smooth_map_uv(mapper)
        build.set(mapper.inputs["Image"], picture)
        build.set(mapper.inputs["UV"], uv)
        mapped.append(mapper.outputs["Image"])
    change = build.mix("SUBTRACT", 1.0, *mapped, label="what paint changed", at=(2, 0.4))
    return build.mix("ADD", share, baked, change, label="baked + paint", at=(3, 0.4))
