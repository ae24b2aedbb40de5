# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a folder of passes into a scene: images, the node group, and where they belong."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import compat
from .colour import blender_space, set_space
from .errors import AddonError
from .focus import layer_depth
from .group_views import CONFIDENCE
from .passes import Layer, Passes, read_passes
from .relative_paths import KEY, SOLVE_KEY, absolute, stored_path
from .same_shot import is_in, put_group, remove_group, show_instead, shown_kin
from .shot_group import PASSES_NODE, Pictures, Timing, build_group

PAINTED_SUFFIX = "_painted"
_START = "pullfocus_start"
_LAST_FRAME = 1048574
_FIRST = "pullfocus_first"
_LAYERS = "pullfocus_layers"


@dataclass(frozen=True)
class Imported:
    """What an import made."""

    group: Any
    node: Any
    """The group's node in the scene's compositor."""
    notes: tuple[str, ...]
    """What the user should know, a line each."""
    beside: Any | None = None
    """Group of other passes of the same solve, which stays the one that is shown."""


def import_passes(
    scene: Any,
    passes: Passes,
    *,
    start: int | None = None,
    match_scene: bool | None = None,
    connect: bool = True,
    solve: Path | None = None,
    in_place: bool = True,
    instead_of: Any | None = None,
) -> Imported:
    """Build the PullFocus group of a shot and put it into the scene's compositor.

    Passes that the scene shows already are built anew in their place: inputs, keys and paint stay.
    Other passes of the same solve take the place of those, with the paint that is in them.

    Args:
        scene: where it goes.
        passes: what to import.
        start: scene frame of the shot's first frame; None: where it was, or its own number.
        match_scene: take over size, range and rate; None: the first time only.
        connect: show it in the render where nothing but Render Layers was shown.
        solve: folder of the solve that the passes come from, if it is known.
        in_place: show them where the scene shows other passes of the same solve.
        instead_of: group of those, where the caller knows it.

    Raises:
        AddonError: no frames, frames that lack a pass, or numbers that Blender does not reach;
            nothing is changed then.
    """
    _check_numbers(passes)
    first, old = passes.frames[0], _group_of(passes.json, scene)
    kin = None
    if old is None:
        known = instead_of is not None and is_in(scene, instead_of)
        kin = instead_of if known else shown_kin(scene, passes, solve)
    if start is None:
        before = old or kin
        start = first if before is None else int(before[_START])
    timing = Timing(start, first, passes.frames[-1] - first + 1)
    pictures = _pictures(passes, old)
    name = f"PullFocus {passes.name}" + (f" ({passes.folder.name})" if kin is not None else "")
    group = bpy.data.node_groups.new(name, "CompositorNodeTree")
    try:
        build_group(group, passes, pictures, timing)
    except AddonError:
        bpy.data.node_groups.remove(group)
        raise
    group[KEY], group[_START], group[_FIRST] = stored_path(passes.json), timing.start, first
    group[_LAYERS] = ",".join(layer.name for layer in passes.layers)
    if solve is not None:
        group[SOLVE_KEY] = stored_path(solve)
    elif old is not None and SOLVE_KEY in old:
        group[SOLVE_KEY] = old[SOLVE_KEY]
    if match_scene or (match_scene is None and old is None and kin is None):
        _match(scene, passes, timing)
    tree = compat.make_compositor(scene)
    notes = _notes(scene, passes, pictures)
    if CONFIDENCE not in group.nodes[PASSES_NODE].outputs:
        notes.append("These passes hold no confidence: bake them again to see it")
    if kin is not None and in_place:
        notes.append(f"{kin.name} was shown; {group.name} is in its place")
        return Imported(group, show_instead(scene, kin, group), tuple(notes))
    if kin is not None:
        notes.append(f"{kin.name} stays the one that is shown; link {group.name} to see it")
    node = _replace(old, group, tree) or _place(tree, group, connect and kin is None)
    if old is None and passes.can_pull:
        front = passes.layers[0].name
        with contextlib.suppress(AddonError):  # a first layer that no frame shows
            node.inputs["Focus"].default_value = layer_depth(passes, front)
            notes.insert(
                0,
                f"Focus is on {front}, the layer in front, so that it is seen sharp at once;"
                " Follow Plate 1 shows focus as it was shot",
            )
    return Imported(group, node, tuple(notes), kin)


def _check_numbers(passes: Passes) -> None:
    """Blender counts from 0 to a limit, in scenes and in names of files."""
    lost = [frame for frame in passes.frames if not 0 <= frame <= _LAST_FRAME]
    if lost:
        raise AddonError(
            f"expected frame numbers of 0 to {_LAST_FRAME}, which Blender counts to, got {lost[0]}"
            f" in {passes.json}: renumber the plate, and solve it again"
        )


def passes_of(group: Any) -> Passes:
    """Read the passes that a PullFocus group shows.

    Raises:
        PassesError: they are not where they were.
    """
    return read_passes(absolute(group[KEY]))


def file_frame(group: Any, scene_frame: float) -> float:
    """Return the frame number in the files that a scene frame shows."""
    return scene_frame - int(group[_START]) + int(group[_FIRST])


def layer_names(group: Any) -> list[str]:
    """Return the layers of a PullFocus group, front to back."""
    return str(group[_LAYERS]).split(",")


def painted_path(atlas: Path) -> Path:
    """Return where the painted copy of an atlas is kept, beside the passes."""
    return atlas.with_name(f"{atlas.stem}{PAINTED_SUFFIX}.exr")


def _pictures(passes: Passes, old: Any) -> Pictures:
    missing = set(passes.missing())
    there = [frame for frame in passes.frames if frame not in missing]
    if not there:
        raise AddonError(f"expected frames such as {passes.pattern} in {passes.folder}, got none")
    frames = _load(passes.file(there[0]), passes.name)
    space = blender_space(passes.colorspace)
    set_space(frames, space)  # of its colours: Blender leaves uv and radii alone
    frames.source = "SEQUENCE"
    atlases, painted = [], []
    for layer in passes.layers:
        atlas = _load(layer.atlas, f"{passes.name} {layer.name} atlas")
        set_space(atlas, space)
        atlases.append(atlas)
        painted.append(
            _painted_image(passes, layer, _image_of(old, f"{layer.name} painted"), space)
        )
    return Pictures(frames, tuple(atlases), tuple(painted))


def _painted_image(passes: Passes, layer: Layer, held: Any, space: str | None) -> Any:
    """Return the image that is painted on: the one at hand, the saved one, or a fresh copy."""
    if held is not None and (held.is_dirty or not _shows(held, layer.atlas)):
        if tuple(held.size) == layer.atlas_size_px:
            return held
    own = painted_path(layer.atlas)
    name = f"{passes.name} {layer.name} paint"
    if own.exists():
        image = _load(own, name)
        if tuple(image.size) == layer.atlas_size_px:
            set_space(image, space)
            return image
        bpy.data.images.remove(image)  # of an earlier bake; the note says so
    image = _load(layer.atlas, name)
    set_space(image, space)
    return image


def _shows(image: Any, path: Path) -> bool:
    return absolute(image.filepath) == absolute(str(path.absolute()))


def _group_of(path: Path, scene: Any) -> Any | None:
    """Return the group of a scene's compositor that shows a passes.json, None where none does."""
    wanted = absolute(str(path.absolute()))
    for node in compat.group_nodes(compat.compositor_of(scene)):
        if KEY in node.node_tree and absolute(node.node_tree[KEY]) == wanted:
            return node.node_tree
    return None


def _image_of(group: Any, node_name: str) -> Any | None:
    node = group.nodes.get(node_name) if group is not None else None
    return node.image if node is not None else None


def _load(path: Path, name: str) -> Any:
    image = bpy.data.images.load(str(path.absolute()))
    image.name = name
    if bpy.data.filepath:
        image.filepath = stored_path(path)
    return image


def _match(scene: Any, passes: Passes, timing: Timing) -> None:
    render = scene.render
    render.resolution_x, render.resolution_y = passes.size_px
    render.resolution_percentage = 100
    render.pixel_aspect_x, render.pixel_aspect_y = max(passes.pixel_aspect, 1.0), 1.0
    if passes.pixel_aspect < 1:
        render.pixel_aspect_y = 1 / passes.pixel_aspect
    numerator, denominator = passes.rate
    fps = round(numerator / denominator)
    render.fps = max(1, fps)
    render.fps_base = render.fps * denominator / numerator
    scene.frame_start = timing.start
    scene.frame_end = timing.start + timing.count - 1
    if not scene.frame_start <= scene.frame_current <= scene.frame_end:
        scene.frame_set(scene.frame_start)


def _replace(old: Any, group: Any, tree: Any) -> Any | None:
    """Put the new group where the old one is used; returns its node in `tree`, if it has one."""
    if old is None:
        return None
    name = old.name
    nodes = [node for node in compat.group_nodes(tree) if node.node_tree == old]
    for node in nodes:
        put_group(node, group)
    old.user_remap(group)  # other scenes, and the panels' choice of a shot
    remove_group(old)
    group.name = name
    return next((node for node in nodes if node.id_data == tree), nodes[0])


def _place(tree: Any, group: Any, connect: bool) -> Any:
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = group
    node.name = node.label = group.name
    node.width = 260
    others = [other.location.y for other in tree.nodes if other.bl_idname == node.bl_idname]
    node.location = (200, 100 if len(others) == 1 else min(others) - 700)
    target = compat.output_socket(tree)
    if connect and target is not None and _shows_nothing_else(target):
        tree.links.new(node.outputs["Image"], target)
        if not any(other.bl_idname == "CompositorNodeViewer" for other in tree.nodes):
            viewer = tree.nodes.new("CompositorNodeViewer")  # for the backdrop, to pick focus on
            viewer.location = (600, -100)
            tree.links.new(node.outputs["Image"], viewer.inputs[0])
    tree.nodes.active = node
    return node


def _shows_nothing_else(target: Any) -> bool:
    return not target.is_linked or target.links[0].from_node.bl_idname == "CompositorNodeRLayers"


def _notes(scene: Any, passes: Passes, pictures: Pictures) -> list[str]:
    notes = []
    for layer, image in zip(passes.layers, pictures.painted, strict=True):
        own = painted_path(layer.atlas)
        if own.exists() and _shows(image, layer.atlas):
            notes.append(f"{own.name} is of another size than the atlas now has: left out")
    gaps = passes.gaps()
    if gaps:
        notes.append(
            f"The plate left out {len(gaps)} frames, {gaps[0]} first: nothing is shown there, and"
            " motion is px to the next frame of the clip, not of the passes"
        )
    missing = passes.missing()
    if missing:
        notes.append(
            f"{len(missing)} of {len(passes.frames)} frames are missing, {missing[0]} first"
        )
    if blender_space(passes.colorspace) is None:
        notes.append(f"Blender does not know the colour space {passes.colorspace}: read as it is")
    if not passes.can_pull:
        notes.append("Focus hardly moves in this shot: depth is unknown, only the plate's own blur")
    transform = scene.view_settings.view_transform
    if transform not in ("Standard", "Raw"):
        notes.append(f"The view transform is {transform}; Standard shows the plate as it was")
    return notes
