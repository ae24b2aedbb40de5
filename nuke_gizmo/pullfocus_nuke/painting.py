# SPDX-License-Identifier: Apache-2.0
"""Painting atlases: the node that helps with it, wired up, and the painted file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuke

from pullfocus_nuke import dialogs
from pullfocus_nuke.asking import asked
from pullfocus_nuke.atlas_gizmo import atlas_gizmo
from pullfocus_nuke.errors import GizmoError
from pullfocus_nuke.focus import chosen_pullfocus
from pullfocus_nuke.importing import make_node
from pullfocus_nuke.passes import Layer, knob_text, read_passes
from pullfocus_nuke.placing import new_node
from pullfocus_nuke.telling import tell
from pullfocus_nuke.writing import write_exr

__all__ = ["paint_atlas", "write_atlas"]


def paint_atlas() -> Any:
    """Ask for a layer of the chosen PullFocus, and wire up what is needed to paint its atlas.

    Returns:
        The PullFocusAtlas node, or None when nothing was chosen or something is wrong.
    """
    try:
        leader = chosen_pullfocus()
        passes = read_passes(leader["passes_json"].value())
        layer = _asked([one for one in passes.layers])
    except GizmoError as error:
        tell(str(error))
        return None
    if layer is None:
        return None
    names = [one.name for one in passes.layers]
    read = new_node("Read")
    read["file"].setValue(knob_text(layer.atlas))
    read["raw"].setValue(True)
    read["label"].setValue("atlas of " + layer.name)
    group = make_node(atlas_gizmo(names))
    group.setInput(0, read)
    group.setInput(1, leader.input(0))
    group["layer"].setValue(layer.name)
    group["passes_json"].setValue(passes.json_path)
    group["guide"].setValue(knob_text(layer.atlas[: -len(".exr")] + "_guide.png"))
    group["plate_width"].setValue(passes.width)
    group["plate_height"].setValue(passes.height)
    for one in passes.layers:
        group[one.name + "_atlas_width"].setValue(one.atlas_width)
        group[one.name + "_atlas_height"].setValue(one.atlas_height)
    leader.setInput(2 + names.index(layer.name), group)
    leader[layer.name + "_edit"].setValue("painted input")
    return group


def _asked(layers: list[Layer]) -> Layer | None:
    if len(layers) == 1:
        return layers[0]
    names = " ".join(layer.name for layer in layers)
    answers = asked(dialogs.PAINT, {dialogs.LAYER.label: names})
    if answers is None:
        return None
    return next(layer for layer in layers if layer.name == answers[dialogs.LAYER.label])


def write_atlas(group: Any) -> None:
    """Ask for a file, write the painted atlas, and let the PullFocus nodes of the shot use it."""
    layer = group["layer"].value()
    path = nuke.getFilename(f"Painted atlas of {layer} (EXR)", "*.exr")
    if not path:
        return
    path = str(path) if str(path).endswith(".exr") else f"{path}.exr"
    view, frame = group["output"].value(), nuke.frame()
    group["output"].setValue("painted atlas")
    try:
        write_exr(group, path, "rgb", frame, frame)
    except RuntimeError as error:
        tell(f"The atlas was not written to {path}: {str(error).strip()}")
        return
    finally:
        group["output"].setValue(view)
    if not Path(path).is_file():
        tell(f"The atlas was not written to {path}.")
        return
    for node in nuke.allNodes("Group"):
        same = node.knob("passes_json") and node.knob(layer + "_paint_file")
        if same and node["passes_json"].value() == group["passes_json"].value():
            node[layer + "_paint_file"].setValue(knob_text(path))
            node[layer + "_edit"].setValue("painted file")
