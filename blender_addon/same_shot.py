# SPDX-License-Identifier: GPL-3.0-or-later
"""Other passes of a shot that a scene shows already, such as painted ones.

One takes the place of the other, so that panels and render stay about the same node.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from . import compat
from .errors import AddonError
from .group_views import show_view, shown_view
from .passes import Passes, read_passes
from .relative_paths import KEY, SOLVE_KEY, absolute
from .solve_state import recorded_solve

STRIP_KEY = "pullfocus_strip"
"""Marks a group that shows a shot on a strip of the sequencer."""


def shown_kin(scene: Any, passes: Passes, solve: Path | None) -> Any | None:
    """Return the group in a scene's compositor that shows other passes of the same solve.

    The one that the panels are about comes first. None where there is none, or where that is not
    certain: names of plates and settings alone are often the same for many shots.

    Args:
        scene: to look in.
        passes: about to be imported.
        solve: folder of the solve that they come from, if it is known.
    """
    groups = [node.node_tree for node in compat.group_nodes(compat.compositor_of(scene))]
    groups.sort(key=lambda group: group != scene.pullfocus.shot)
    for group in groups:
        if KEY not in group:
            continue
        try:
            held = read_passes(absolute(group[KEY]))
        except AddonError:  # it has moved away
            continue
        if held.json.resolve() != passes.json.resolve() and _same_inputs(held, passes):
            ours, theirs = _solve(passes, solve), _solve(held, group.get(SOLVE_KEY))
            if ours == theirs if ours and theirs else _same_curve(held, passes):
                return group
    return None


def is_in(scene: Any, group: Any) -> bool:
    """Whether a scene's compositor has a node of a group."""
    nodes = compat.group_nodes(compat.compositor_of(scene))
    return any(node.node_tree == group for node in nodes)


def put_group(node: Any, group: Any) -> None:
    """Give a node another group; Blender carries values over by name, but not to another kind."""
    view = shown_view(node)
    node.node_tree = group
    show_view(node, view)


def show_instead(scene: Any, old: Any, group: Any) -> Any:
    """Put a group where a scene shows another one of the same inputs; returns its node.

    Links, values and keys stay. The other one goes if nothing else uses it, unless it holds paint
    that was not saved.
    """
    tree = compat.compositor_of(scene)
    nodes = [node for node in compat.group_nodes(tree) if node.node_tree == old]
    for node in nodes + _on_strips(old):
        put_group(node, group)
        node.label = group.name
    if scene.pullfocus.shot == old:
        scene.pullfocus.shot = group
    images = [node.image for node in old.nodes if node.bl_idname == "CompositorNodeImage"]
    if any(image is not None and image.is_dirty for image in images):
        old.use_fake_user = True  # saved with the .blend, and found in the node's list of groups
    elif old.users == 0:
        remove_group(old)
    return next((node for node in nodes if node.id_data == tree), nodes[0])


def _on_strips(group: Any) -> list[Any]:
    """Return the nodes that show a shot on strips."""
    trees = [tree for tree in bpy.data.node_groups if STRIP_KEY in tree]
    return [n for tree in trees for n in tree.nodes if n.type == "GROUP" and n.node_tree == group]


def remove_group(group: Any) -> None:
    """Remove a group, and the images that only it used."""
    images = {node.image for node in group.nodes if node.bl_idname == "CompositorNodeImage"}
    bpy.data.node_groups.remove(group)
    for image in images:
        if image is not None and image.users == 0:
            bpy.data.images.remove(image)


def painted_layers(group: Any) -> list[str]:
    """Return the layers of a group whose paint differs from the atlas as baked, front to back."""
    found = []
    for layer in read_passes(absolute(group[KEY])).layers:
        node = group.nodes.get(f"{layer.name} painted")
        image = node.image if node is not None else None
        if image is None:
            continue
        if image.is_dirty or absolute(image.filepath) != absolute(str(layer.atlas.absolute())):
            found.append(layer.name)
    return found


def _same_inputs(one: Passes, other: Passes) -> bool:
    """Whether their groups have the same inputs and frames."""
    return (
        [layer.name for layer in one.layers] == [layer.name for layer in other.layers]
        and (one.signed, one.can_pull) == (other.signed, other.can_pull)
        and (one.size_px, one.frames) == (other.size_px, other.frames)
    )


def _solve(passes: Passes, known: str | Path | None) -> Path | None:
    if known:
        return Path(absolute(str(known))).resolve()
    return recorded_solve(passes)


def _same_curve(one: Passes, other: Passes) -> bool:
    """Whether plate, settings and the focus that was found frame by frame are the same."""
    return one.focus is not None and (
        (one.plate, one.solve_digest, one.focus) == (other.plate, other.solve_digest, other.focus)
    )
