# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between Blender 4.2, 4.5 and 5.x: everything that asks for a version lives here."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import bpy

FIVE = bpy.app.version >= (5, 0, 0)
SOCKETS_4_5 = bpy.app.version >= (4, 5, 0)
"""Whole-number and on/off sockets, Switch and Bokeh Image with inputs instead of properties."""

PATH_OPTIONS = {"PATH_SUPPORTS_BLEND_RELATIVE"} if SOCKETS_4_5 else set()
"""Of properties that hold paths: else Blender shows those relative to the .blend in red."""

_NEW_AND_OLD = {  # 4.5 knows both families, 5.x the first only, 4.2 the second only
    "math": ("ShaderNodeMath", "CompositorNodeMath"),
    "value": ("ShaderNodeValue", "CompositorNodeValue"),
    "xyz": ("ShaderNodeSeparateXYZ", "CompositorNodeSeparateXYZ"),
    "mix": ("ShaderNodeMix", "CompositorNodeMixRGB"),
}

IRIS = {
    "Blades": "flaps",
    "Rotation": "angle",
    "Roundness": "rounding",
    "Inner Ring": "catadioptric",
}
"""Inputs of the group, and the properties of Bokeh Image that they are in 4.2."""


def new_node(tree: Any, kind: str) -> Any:
    """Add a node: "math", "value", "xyz", "mix", or a Blender type name.

    Raises:
        RuntimeError: this Blender has no such node.
    """
    if kind not in _NEW_AND_OLD:
        return tree.nodes.new(kind)
    new, old = _NEW_AND_OLD[kind]
    node = tree.nodes.new(new if SOCKETS_4_5 else old)
    if kind == "mix" and SOCKETS_4_5:
        node.data_type = "RGBA"
    return node


def mix_sockets(node: Any) -> tuple[Any, Any, Any, Any]:
    """Return factor, first colour, second colour and result of a "mix" node."""
    if SOCKETS_4_5:
        return node.inputs[0], node.inputs[6], node.inputs[7], node.outputs[2]
    return node.inputs[0], node.inputs[1], node.inputs[2], node.outputs[0]


def over_sockets(node: Any) -> tuple[Any, Any, Any]:
    """Return factor, background and foreground of an Alpha Over node."""
    if FIVE:
        return node.inputs["Factor"], node.inputs["Background"], node.inputs["Foreground"]
    return node.inputs[0], node.inputs[1], node.inputs[2]


def smooth_map_uv(node: Any) -> None:
    """Filter between texels."""
    if FIVE:
        node.inputs["Interpolation"].default_value = "Bilinear"
        for name in ("Extension X", "Extension Y"):  # else the atlas fades out along its border
            if name in node.inputs:
                node.inputs[name].default_value = "Extend"
    else:
        node.filter_type = "ANISOTROPIC"


def replace_alpha(node: Any) -> None:
    """Make a Set Alpha node replace the alpha and leave colours alone."""
    if FIVE:
        node.inputs["Type"].default_value = "Replace Alpha"
    else:
        node.mode = "REPLACE_ALPHA"


def inpaint_reach(node: Any, reach_px: int) -> None:
    """Say how far an Inpaint node fills, px."""
    if SOCKETS_4_5:
        node.inputs["Size"].default_value = reach_px
    else:
        node.distance = reach_px


def grow_by(node: Any, size_px: int) -> None:
    """Make a Dilate/Erode node grow a mask, px."""
    if FIVE:
        node.inputs["Type"].default_value = "Steps"
    else:
        node.mode = "STEP"
    if SOCKETS_4_5:
        node.inputs["Size"].default_value = size_px
    else:
        node.distance = size_px


def scale_smoothly(node: Any) -> None:
    """Make a Scale node filter between pixels."""
    if "Interpolation" in node.inputs:
        node.inputs["Interpolation"].default_value = "Bilinear"
    elif hasattr(node, "interpolation"):
        node.interpolation = "BILINEAR"


def blur_size_per_px(longer_side_px: int) -> float:
    """Return what to multiply a radius in px by for the Size of Bokeh Blur."""
    return 1.0 if FIVE else 100.0 / longer_side_px


def vary_blur_size(node: Any, largest_px: float) -> None:
    """Make a Bokeh Blur node read Size pixel by pixel, where it does not do so by itself."""
    if not SOCKETS_4_5:
        node.use_variable_size = True
        node.blur_max = largest_px


@functools.cache
def has_menus() -> bool:
    """Whether inputs of compositor groups can be menus (5.x)."""
    if not FIVE:
        return False
    tree = bpy.data.node_groups.new("PullFocus asks", "CompositorNodeTree")
    try:
        tree.nodes.new("GeometryNodeMenuSwitch")
    except RuntimeError:
        return False
    finally:
        bpy.data.node_groups.remove(tree)
    return True


def name_items(node: Any, names: Sequence[str]) -> None:
    """Make a Menu Switch choose among numbers, one an item."""
    node.data_type = "FLOAT"
    node.enum_items.clear()
    for name in names:
        node.enum_items.new(name)


def interface_kind(kind: str) -> str:
    """Return the socket type of a group input: "float", "int", "bool", "color", "menu"."""
    if kind == "menu":
        kind = "menu" if has_menus() else "int"
    if not SOCKETS_4_5 and kind in ("int", "bool"):
        kind = "float"
    return {
        "float": "NodeSocketFloat",
        "int": "NodeSocketInt",
        "bool": "NodeSocketBool",
        "color": "NodeSocketColor",
        "menu": "NodeSocketMenu",
    }[kind]


def compositor_of(scene: Any) -> Any | None:
    """Return the scene's compositor tree, None where it has none."""
    if FIVE:
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def make_compositor(scene: Any) -> Any:
    """Return the scene's compositor tree; a new one is empty but for its output."""
    tree = compositor_of(scene)
    if tree is not None:
        return tree
    if FIVE:
        tree = bpy.data.node_groups.new(f"{scene.name} Compositing", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = tree
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()  # Render Layers would ask for a camera
    output = tree.nodes.new("NodeGroupOutput" if FIVE else "CompositorNodeComposite")
    output.location = (600, 100)
    return tree


def output_socket(tree: Any) -> Any | None:
    """Return the input of the node that the render shows, None where there is none."""
    kind = "NodeGroupOutput" if FIVE else "CompositorNodeComposite"
    for node in tree.nodes:
        if node.bl_idname == kind and len(node.inputs):
            return node.inputs[0]
    return None


def group_nodes(tree: Any) -> Iterator[Any]:
    """Give the group nodes of a tree, and of the groups within it."""
    waiting, seen = [tree], set()
    while waiting:
        one = waiting.pop()
        if one is None or one.as_pointer() in seen:
            continue
        seen.add(one.as_pointer())
        for node in one.nodes:
            if node.type == "GROUP" and node.node_tree is not None:
                yield node
                waiting.append(node.node_tree)


def _curve_lists(owner: Any) -> Iterator[Any]:
    """Give the collections of F-curves that move an ID."""
    animation = owner.animation_data
    if animation is None or animation.action is None:
        return
    action = animation.action
    if hasattr(action, "layers") and len(action.layers):
        for strip in action.layers[0].strips:
            for bag in strip.channelbags:
                yield bag.fcurves
    else:
        yield getattr(action, "fcurves", ())


def curve_of(owner: Any, data_path: str) -> Any | None:
    """Return the F-curve that moves a value of an ID, None where nothing does."""
    curves = (curve for curves in _curve_lists(owner) for curve in curves)
    return next((curve for curve in curves if curve.data_path == data_path), None)


def remove_curve(owner: Any, data_path: str) -> None:
    """Take away what moves a value of an ID."""
    for curves in _curve_lists(owner):
        for curve in [one for one in curves if one.data_path == data_path]:
            curves.remove(curve)


def render_on_cpu(scene: Any) -> None:
    """Let the compositor run on the processor in full precision: any machine, same result."""
    scene.render.compositor_device = "CPU"
    scene.render.compositor_precision = "FULL"


def write_exr(settings: Any) -> None:
    """Set image settings to 32-bit OpenEXR, RGBA."""
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = "OPEN_EXR"
    settings.color_mode = "RGBA"
    settings.color_depth = "32"


def write_grey_png(scene: Any) -> None:
    """Write renders as 16-bit grey PNG whose values are those of the compositor."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = "PNG"
    settings.color_mode = "BW"
    settings.color_depth = "16"
    scene.render.dither_intensity = 0  # else what is empty is not
    scene.view_settings.view_transform = "Raw"
    scene.sequencer_colorspace_settings.name = "Non-Color"
    scene.display_settings.display_device = "sRGB"
