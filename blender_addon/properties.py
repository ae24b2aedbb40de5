# SPDX-License-Identifier: GPL-3.0-or-later
"""What PullFocus keeps with a scene, saved in the .blend."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    IntVectorProperty,
    PointerProperty,
    StringProperty,
)

from . import compat
from .editors import show_node
from .group_inputs import VIEW_TIPS, VIEWS
from .group_views import show_view, shown_view
from .relative_paths import KEY

_PLATES = (
    ("PATH", "File", "A sequence, picked by any of its frames, or a movie"),
    ("IMAGE", "Image", "An image sequence or movie that is loaded already"),
    ("CLIP", "Movie Clip", "A movie clip that is loaded already"),
)
_MATTES = (
    ("PATH", "File", "A sequence, picked by any of its frames, or a movie"),
    ("IMAGE", "Image", "An image sequence or movie that is loaded already"),
    (
        "MASK",
        "Mask",
        "A mask of this file, written out as pictures; the scene's first frame goes with the"
        " plate's first",
    ),
    (
        "LAYER",
        "View Layer",
        "The alpha of a view layer of this scene, which is rendered at the plate's size; the"
        " scene's first frame goes with the plate's first",
    ),
)
_KEYS = (
    ("MASK", "Mask", "A mask, as it is at the current frame"),
    ("BOX", "Box", "A box round the subject, drawn over one frame"),
)
_QUALITIES = (
    ("draft", "Draft", "Does this shot work at all? Seconds for a small clip"),
    ("standard", "Standard", "For delivery"),
    ("high", "High", "For shots that standard has not settled"),
)
_VIEW_ITEMS = tuple(
    (name.upper().replace(" ", "_"), name, tip, number)
    for number, (name, tip) in enumerate(zip(VIEWS, VIEW_TIPS, strict=True))
)


def _is_shot(self: Any, tree: Any) -> bool:
    return tree.bl_idname == "CompositorNodeTree" and KEY in tree


def _is_footage(self: Any, image: Any) -> bool:
    return image.source in ("SEQUENCE", "MOVIE")


def shot_node(scene: Any) -> Any | None:
    """Return the node of the scene's current shot, in its compositor; None where it is not."""
    tree = compat.compositor_of(scene)
    group = scene.pullfocus.shot
    if tree is None or group is None:
        return None
    nodes = [node for node in tree.nodes if node.type == "GROUP" and node.node_tree == group]
    active = tree.nodes.active
    return active if active in nodes else next(iter(nodes), None)


def _show_shot(self: Any, context: Any) -> None:
    """Bring the chosen shot's node into view: panels are about it."""
    node = shot_node(self.id_data)
    if node is not None:
        show_node(node)


def _view(self: Any) -> int:
    node = shot_node(self.id_data)
    return shown_view(node) if node is not None else 0


def _set_view(self: Any, value: int) -> None:
    node = shot_node(self.id_data)
    if node is not None:
        show_view(node, value)


class PullFocusMatte(bpy.types.PropertyGroup):
    """One layer to be solved."""

    name: StringProperty(
        name="Layer", default="fg", description="Name of the layer: a-z, 0-9 and _"
    )
    source: EnumProperty(name="Matte From", items=_MATTES, description="Where the matte comes from")
    path: StringProperty(
        name="Matte",
        subtype="FILE_PATH",
        options=compat.PATH_OPTIONS,
        description="Grey or alpha, soft or hard; rough is fine",
    )
    image: PointerProperty(name="Matte", type=bpy.types.Image, poll=_is_footage)
    mask: PointerProperty(name="Matte", type=bpy.types.Mask)
    view_layer: StringProperty(name="View Layer", description="Its alpha is the matte")
    key_from: EnumProperty(
        name="Follow From", items=_KEYS, description="What is followed from one frame through all"
    )
    box: IntVectorProperty(
        name="Box",
        size=4,
        min=0,
        description="Px of the plate from the left and the top, width and height",
    )
    box_frame: IntProperty(name="Frame", description="The plate's frame that the box belongs to")


class PullFocusSettings(bpy.types.PropertyGroup):
    """What a solve is made from, and the shot that the panels show."""

    plate_source: EnumProperty(
        name="Plate From", items=_PLATES, description="Where the misfocused footage comes from"
    )
    plate_path: StringProperty(
        name="Plate",
        subtype="FILE_PATH",
        options=compat.PATH_OPTIONS,
        description="The misfocused footage",
    )
    plate_image: PointerProperty(name="Plate", type=bpy.types.Image, poll=_is_footage)
    plate_clip: PointerProperty(name="Plate", type=bpy.types.MovieClip)
    mattes: CollectionProperty(type=PullFocusMatte)
    matte_index: IntProperty(name="Matte", description="The chosen matte", min=0)
    quality: EnumProperty(
        name="Quality", items=_QUALITIES, default="standard", description="How much work to spend"
    )
    use_minutes: BoolProperty(
        name="Limit Time", description="Spend a given time instead of a number of steps"
    )
    minutes: FloatProperty(
        name="Minutes", default=5.0, min=0.1, max=10000, description="How long to solve, minutes"
    )
    colorspace: StringProperty(
        name="Color Space",
        description="OCIO name such as srgb_texture, ACEScg or arri_logc3_ei800. Empty: sRGB for"
        " 8 and 16 bit stills and movies, scene-linear for EXR",
    )
    frames: StringProperty(
        name="Frames", description="Frame numbers in the files, such as 1001-1060. Empty: all"
    )
    solve_path: StringProperty(
        name="Solve",
        subtype="DIR_PATH",
        options=compat.PATH_OPTIONS,
        description="Folder that keeps the solve. Empty: pullfocus/NAME.solve beside the .blend,"
        " or beside the plate while the .blend is not saved",
    )
    passes_path: StringProperty(
        name="Passes",
        subtype="DIR_PATH",
        options=compat.PATH_OPTIONS,
        description="Folder for the passes. Empty: pullfocus/NAME_passes beside the .blend, or"
        " beside the plate while the .blend is not saved",
    )
    job_path: StringProperty(
        name="Farm Job",
        subtype="DIR_PATH",
        options=compat.PATH_OPTIONS,
        description="Folder for the job that Send to Farm writes. Empty: pullfocus/NAME_job beside"
        " the .blend, or beside the plate while the .blend is not saved",
    )
    restart: BoolProperty(
        name="Start Over", description="Discard what the solve folder holds, instead of going on"
    )
    shot: PointerProperty(
        name="Shot",
        type=bpy.types.NodeTree,
        poll=_is_shot,
        update=_show_shot,
        description="The imported shot that these panels are about",
    )
    view: EnumProperty(
        name="View", items=_VIEW_ITEMS, get=_view, set=_set_view, description="What Image shows"
    )


CLASSES = (PullFocusMatte, PullFocusSettings)


def register() -> None:
    """Add the settings to scenes."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.pullfocus = PointerProperty(type=PullFocusSettings)


def unregister() -> None:
    """Take them away again."""
    del bpy.types.Scene.pullfocus
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
