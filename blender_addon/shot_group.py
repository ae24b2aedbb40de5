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

import bpy

from . import compat
from .group_inputs import VIEWS, input_specs
from .passes import Layer, Passes
from .tree_builder import TreeBuilder

KEY = "pullfocus_passes"
"""Custom property of the group: where its passes.json is."""
PLATE_FOCUS = "Plate Focus"
PASSES_NODE = "Passes"

_FRAME_COLOURS = ((0.23, 0.32, 0.42), (0.36, 0.28, 0.38), (0.25, 0.36, 0.28), (0.4, 0.33, 0.22))
_LAYER_GAP = 1150
_COC_WHITE_PX = 10.0
_IN_FOCUS_PX = 0.5
_NEAR = (0.3, 0.5, 1.0, 1.0)
_FOCUS = (0.2, 1.0, 0.3, 1.0)
_FAR = (1.0, 0.35, 0.3, 1.0)
_CLEAR = (0.0, 0.0, 0.0, 0.0)
_SPREAD_PX = 64
_BOX_MOMENT, _DISC_MOMENT = 2 / 3, 34 / 21  # of Bokeh Blur at Size 1 and 2, px^2 along an axis


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


@dataclass
class _Shown:
    """What a layer hands to the composite; sockets."""

    name: str
    sharp: Any
    blurred: Any
    coc: Any
    matte: Any


def build_group(group: Any, passes: Passes, pictures: Pictures, timing: Timing) -> None:
    """Fill an empty compositor group; see the module's text."""
    build = TreeBuilder(group)
    _interface(group, passes)
    source = _source(build, pictures.frames, timing)
    lens = _lens(build, passes, timing)
    iris = _iris(build)
    layers = [
        _layer(build, layer, index, source, lens, iris, passes, pictures)
        for index, layer in enumerate(passes.layers)
    ]
    _views(build, layers, source)
    build.tidy()


def plate_focus_path() -> str:
    """Data path of the plate's own focus within the group."""
    return f'nodes["{PLATE_FOCUS}"].outputs[0].default_value'


def _interface(group: Any, passes: Passes) -> None:
    panels: dict[str, Any] = {}
    for spec in input_specs(passes):
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
        if spec.kind in ("float", "int"):
            socket.min_value, socket.max_value = spec.low, spec.high
        if spec.subtype and socket.bl_socket_idname == "NodeSocketFloat":
            socket.subtype = spec.subtype
        as_float = socket.bl_socket_idname == "NodeSocketFloat"
        socket.default_value = float(spec.value) if as_float else spec.value
    for name, kind, tip in (
        ("Image", "color", "What View chooses, scene-linear, premultiplied"),
        ("Sharp", "color", "All layers in focus, paint included"),
        ("Matte", "float", "Coverage of the layer that Layer chooses, as the lens shows it, 0..1"),
        ("COC", "float", "Circle of confusion of what is seen: radius in px, near negative"),
    ):
        group.interface.new_socket(
            name, description=tip, in_out="OUTPUT", socket_type=compat.interface_kind(kind)
        )


def _source(build: TreeBuilder, frames: Any, timing: Timing) -> Any:
    build.frame("Passes", (-900, 700), _FRAME_COLOURS[0])
    node = build.add("CompositorNodeImage", PASSES_NODE, 0)
    node.name = PASSES_NODE
    node.width = 220
    node.image = frames
    node.frame_duration = timing.count
    node.frame_start = timing.start
    node.frame_offset = timing.first - 1
    return node


def _linear(build: TreeBuilder, picture: Any, passes: Passes, at: tuple[float, float]) -> Any:
    """Bring colours from the passes' space to the working space, where they differ.

    The sequence is read raw: Blender would turn uv passes, which have three channels too, with it.
    """
    from .colour import blender_space

    space = blender_space(passes.colorspace)
    if space is None or space == compat.working_space():
        return picture
    node = build.add("CompositorNodeConvertColorSpace", f"{space} to working space", *at)
    node.from_color_space = space
    node.to_color_space = compat.working_space()
    build.set(node.inputs[0], picture)
    return node.outputs[0]


def _lens(build: TreeBuilder, passes: Passes, timing: Timing) -> dict[str, Any]:
    """Numbers that all layers share: shift of focus, scales of near and far, whether to blur."""
    build.frame("Lens", (-900, 250), _FRAME_COLOURS[1])
    shift: Any = 0.0
    if passes.focus is not None and passes.can_pull:
        plate = build.add("value", "Plate focus, px of radius (keyed)", 0)
        plate.name = PLATE_FOCUS
        _key_plate_focus(build.tree, passes.focus, timing)
        follow = build.input("Follow Plate")
        away = build.math(
            "SUBTRACT", plate.outputs[0], build.input("Focus"), label="plate - focus", at=(1, 0)
        )
        kept = build.math("SUBTRACT", 1.0, follow, label="1 - follow", at=(1, 0.3))
        shift = build.math("MULTIPLY", away, kept, label="shift of focus", at=(2, 0))
    near, far = (build.input(n) if passes.signed else 1.0 for n in ("Near", "Far"))
    apart = build.math("SUBTRACT", near, far, label="near - far", at=(1, 0.6))
    # views up to Matte show the lens at work; for the others blur would be time lost
    working = build.math(
        "LESS_THAN", build.input("View"), 2.5, label="does this view blur?", at=(1, 0.9)
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


def _iris(build: TreeBuilder) -> Any:
    build.frame("Iris", (-900, -150), _FRAME_COLOURS[1])
    node = build.add("CompositorNodeBokehImage", "Iris", 0)
    node.name = "Iris"
    if compat.SOCKETS_4_5:
        for name, source in (
            ("Flaps", "Blades"),
            ("Angle", "Rotation"),
            ("Roundness", "Roundness"),
            ("Catadioptric Size", "Inner Ring"),
        ):
            build.set(node.inputs[name], build.input(source))
    else:
        node.flaps, node.rounding = 6, 1.0
    return node.outputs[0]


def _layer(
    build: TreeBuilder,
    layer: Layer,
    index: int,
    source: Any,
    lens: dict[str, Any],
    iris: Any,
    passes: Passes,
    pictures: Pictures,
) -> _Shown:
    top = 700 - index * _LAYER_GAP
    label = f"{layer.name}: paint"
    build.frame(label, (-250, top), _FRAME_COLOURS[3])
    picture = _linear(build, source.outputs[layer.name], passes, (1, -0.8))
    sharp = _painted(build, layer, index, source, picture, pictures)
    build.frame(f"{layer.name}: circle of confusion", (-250, top - 520), _FRAME_COLOURS[1])
    matte = build.alpha(sharp, at=(0, 0))
    coc = source.outputs[f"{layer.name}_coc"]
    if not layer.complete:
        coc = _spread_coc(build, coc, matte)
    coc = build.math("ADD", coc, lens["shift"], label="at the new focus", at=(3, 0.4))
    is_near = build.math("LESS_THAN", coc, 0.0, label="near?", at=(3, 0.7))
    scale = build.math(
        "MULTIPLY_ADD", is_near, lens["near - far"], lens["far"], label="near or far", at=(3, 1.0)
    )
    blurs = build.math(
        "SUBTRACT", 1.0, build.input(f"{layer.name} Sharp"), label="not kept", at=(3, 0)
    )
    wide = build.math("MULTIPLY", blurs, build.input("Aperture"), label="aperture", at=(4, 0))
    coc = build.math("MULTIPLY", coc, scale, label="near, far", at=(4, 0.4))
    coc = build.math("MULTIPLY", coc, wide, label="coc, px", at=(5, 0.4))
    build.frame(f"{layer.name}: blur", (1050, top - 120), _FRAME_COLOURS[2])
    blurred = _blurred(build, layer, sharp, coc, lens["working"], iris, passes)
    return _Shown(layer.name, sharp, blurred, coc, matte)


def _painted(
    build: TreeBuilder,
    layer: Layer,
    index: int,
    source: Any,
    picture: Any,
    pictures: Pictures,
) -> Any:
    """Return the baked layer plus what paint changed in its atlas."""
    mapped = []
    for row, (what, image) in enumerate(
        (("painted", pictures.painted[index]), ("as baked", pictures.atlases[index]))
    ):
        atlas = build.add("CompositorNodeImage", f"{layer.name} atlas, {what}", 0, 1.2 * row)
        atlas.name = f"{layer.name} {what}"
        atlas.image = image
        mapper = build.add("CompositorNodeMapUV", "through uv", 1, 1.2 * row)
        compat.smooth_map_uv(mapper)
        build.set(mapper.inputs["Image"], atlas.outputs["Image"])
        build.set(mapper.inputs["UV"], source.outputs[f"{layer.name}_uv"])
        mapped.append(mapper.outputs["Image"])
    change = build.mix("SUBTRACT", 1.0, *mapped, label="what paint changed", at=(2, 0.4))
    share = build.input(f"{layer.name} Paint")
    return build.mix("ADD", share, picture, change, label="baked + paint", at=(3, 0.4))


def _spread_coc(build: TreeBuilder, coc: Any, matte: Any) -> Any:
    """Carry radii past the silhouette.

    Blender's blur gathers: light gets no farther than the radius of where it lands allows.
    """
    solid = build.math("GREATER_THAN", matte, 0.5, label="solid", at=(1, 0))
    held = build.with_alpha(coc, solid, label="radius where solid", at=(1, 0.4))
    node = build.add("CompositorNodeInpaint", "radius past the edge", 2, 0.4)
    compat.inpaint_reach(node, _SPREAD_PX)
    build.set(node.inputs[0], held)
    return build.channels(node.outputs[0], at=(2, 0))[0]


def _blurred(
    build: TreeBuilder,
    layer: Layer,
    picture: Any,
    coc: Any,
    working: Any,
    iris: Any,
    passes: Passes,
) -> Any:
    """Blur a layer by |coc|: Bokeh Blur from 2.5 px of radius on, below it by mixing small discs.

    Bokeh Blur counts whole pixels: Size 1 is a 3 x 3 box, Size 2 a disc of 21 pixels, and nothing
    lies between. Blends of them are chosen so that their second moment is that of a disc, r^2 / 4.
    """
    radius = build.math("ABSOLUTE", coc, label="radius", at=(0, 0))
    radius = build.math("MINIMUM", radius, build.input("Max Radius"), label="at most", at=(0, 0.3))
    radius = build.math("MULTIPLY", radius, working, label="if this view blurs", at=(0, 0.6))
    # Bokeh Blur draws a disc half a pixel larger than its size
    wide = build.math("SUBTRACT", radius, 0.5, label="- half a pixel", at=(0, 0.9))
    wide = build.math("MAXIMUM", wide, 2.0, label="at least 2", at=(0, 1.2))
    moment = build.math("MULTIPLY", radius, radius, at=(1, 0))
    moment = build.math("MULTIPLY", moment, 0.25, label="second moment, px^2", at=(1, 0.3))
    per_px = compat.blur_size_per_px(max(passes.size_px))
    small = _bokeh_blur(build, picture, iris, per_px, "3 x 3", (2, 0.5))
    size = build.math("MULTIPLY", wide, per_px, label="px to Size", at=(1, 1.2))
    large = _bokeh_blur(build, picture, iris, size, "lens blur", (2, 1.8))
    share = _ramp(build, moment, 0.0, _BOX_MOMENT, (1, 0.6))
    some = build.blend(share, picture, small, opaque=layer.complete, label="to 1.6 px", at=(3, 0))
    share = _ramp(build, moment, _BOX_MOMENT, _DISC_MOMENT, (1, 0.9))
    return build.blend(share, some, large, opaque=layer.complete, label="to 2.5 px", at=(4, 1))


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


def _composite(build: TreeBuilder, pictures: list[tuple[Any, Any]], label: str, row: float) -> Any:
    result: Any = _CLEAR
    for column, (picture, on) in enumerate(reversed(pictures)):
        result = build.over(result, picture, on, label=label, at=(column, row))
    return result


def _views(build: TreeBuilder, layers: list[_Shown], source: Any) -> None:
    build.frame("Over, front to back", (1800, 700), _FRAME_COLOURS[2])
    on = {one.name: build.input(one.name) for one in layers}
    result = _composite(build, [(one.blurred, on[one.name]) for one in layers], "blurred over", 0)
    sharp = _composite(build, [(one.sharp, on[one.name]) for one in layers], "sharp over", 1.2)
    coc = layers[-1].coc
    for column, one in enumerate(reversed(layers[:-1])):
        solid = build.math("GREATER_THAN", one.matte, 0.5, label="solid", at=(column, 2.4))
        seen = build.math("MULTIPLY", solid, on[one.name], label="seen", at=(column, 2.7))
        apart = build.math("SUBTRACT", one.coc, coc, label="difference", at=(column, 3.0))
        coc = build.math("MULTIPLY_ADD", apart, seen, coc, label="coc in front", at=(column, 3.3))
    right = 1800 + 220 * (len(layers) + 1)
    build.frame("Views", (right, 700), _FRAME_COLOURS[0])
    layer, blurred = layers[0].sharp, layers[0].blurred
    for number, one in enumerate(layers[1:], 2):
        wanted = build.math(
            "GREATER_THAN", build.input("Layer"), number - 0.5, at=(0, 0.3 * number)
        )
        layer = build.choose(wanted, layer, one.sharp, label="layer", at=(1, 0.3 * number))
        blurred = build.choose(wanted, blurred, one.blurred, label="layer", at=(2, 0.3 * number))
    matte = build.alpha(blurred, at=(3, 0.3))
    shown = {
        "Result": result,
        "Focal Plane": _focal_plane(build, result, coc),
        "Matte": matte,
        "Sharp": sharp,
        "Beauty Pass": source.outputs["Combined"],
        "Layer": layer,
        "COC": _coc_view(build, coc),
    }
    view = shown[VIEWS[0]]
    for number, name in enumerate(VIEWS[1:], 1):
        wanted = build.math("GREATER_THAN", build.input("View"), number - 0.5, at=(4, 0.3 * number))
        view = build.choose(wanted, view, shown[name], label=name, at=(5, 0.3 * number))
    node = build.tree.nodes.new("NodeGroupOutput")
    node.location = (right + 1400, 500)
    for name, value in (("Image", view), ("Sharp", sharp), ("Matte", matte), ("COC", coc)):
        build.set(node.inputs[name], value)


def _focal_plane(build: TreeBuilder, picture: Any, coc: Any) -> Any:
    """Tint: near blue, in focus green, far red."""
    red, green, blue, _ = build.channels(picture, at=(0, 2.0))
    grey = build.math("ADD", red, green, at=(0, 2.3))
    grey = build.math("ADD", grey, blue, at=(0, 2.6))
    grey = build.math("MULTIPLY", grey, 1 / 3, label="grey", at=(0, 2.9))
    near = build.math("LESS_THAN", coc, 0.0, label="near?", at=(1, 2.0))
    size = build.math("ABSOLUTE", coc, at=(1, 2.3))
    hit = build.math("LESS_THAN", size, _IN_FOCUS_PX, label="in focus?", at=(1, 2.6))
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


def group_of_passes(path: str) -> Any | None:
    """Return the group that shows a passes.json, None where there is none."""
    wanted = bpy.path.abspath(path)
    for group in bpy.data.node_groups:
        held = group.get(KEY)
        if held and bpy.path.abspath(held) == wanted:
            return group
    return None
