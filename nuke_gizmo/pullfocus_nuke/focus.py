# SPDX-License-Identifier: Apache-2.0
"""Where focus lies: sampled at a point, keyed, followed by CG."""

from __future__ import annotations

from typing import Any

import nuke

from pullfocus_nuke.errors import GizmoError
from pullfocus_nuke.telling import tell

__all__ = ["chosen_pullfocus", "focus_is_known", "follow", "key_focus", "sample_point"]

_FOLLOWED = (
    "focus_depth",
    "aperture",
    "near",
    "far",
    "max_radius",
    "plate_width",
    "plate_height",
    "blades",
    "rotation",
    "roundness",
    "squeeze",
    "rim",
    "inner_ring",
)


def focus_is_known(group: Any) -> bool:
    """Whether a PullFocus tells near from far, and knows where the plate's focus lies."""
    known = group.knob("focus_known")  # nodes of earlier versions lack it
    return bool(group["coc_signed"].value()) and (known is None or bool(known.value()))


def _no_depth(group: Any) -> str:
    if not group["coc_signed"].value():
        return "Near and far are not told apart in this shot: there is no depth to {}."
    return "The plate's focus is not known in this shot: there is no depth to {}."


def sample_point(group: Any) -> None:
    """Put the depth that is seen at the focus point, in this frame, into a PullFocus."""
    passes = group.input(0)
    if passes is None:
        tell("Connect the passes first: PullFocus > Import passes...")
        return
    if not focus_is_known(group):
        tell(_no_depth(group).format("sample"))
        return
    x, y = group["focus_point"].value()
    width, height = group["plate_width"].value(), group["plate_height"].value()
    if width and not (0 <= x < width and 0 <= y < height):
        tell(f"The point {x:g}, {y:g} is outside the plate, {int(width)} x {int(height)}.")
        return
    frame = nuke.frame()
    coc = passes.sample("coc.X", x, y)
    depth = coc + group["plate_focus"].getValueAt(frame)
    group["point_depth"].setValue(depth)
    group["focus_mode"].setValue("point")


def key_focus(group: Any) -> None:
    """Set a key on the focus value at this frame, at the depth that is in focus now.

    Tangents are flat: between two keys focus eases as `pullfocus refocus` eases it.
    """
    if not focus_is_known(group):
        tell(_no_depth(group).format("key"))
        return
    frame = nuke.frame()
    depth = group["focus_depth"].getValueAt(frame)
    knob = group["focus_value"]
    if not knob.isAnimated():
        knob.setAnimated()
    knob.setValueAt(depth, frame)
    curve = knob.animation(0)
    if curve is not None:
        curve.changeInterpolation(curve.keys(), nuke.HORIZONTAL)


def chosen_pullfocus() -> Any:
    """Return the PullFocus that is selected, or the only one in the script.

    Raises:
        GizmoError: none, or several and none selected.
    """
    for nodes in (nuke.selectedNodes(), nuke.allNodes()):
        found = [node for node in nodes if node.knob("plate_focus") is not None]
        if len(found) == 1:
            return found[0]
    if not found:
        raise GizmoError("There is no PullFocus in this script: PullFocus > Import passes...")
    raise GizmoError(f"Select the PullFocus that is meant: there are {len(found)}.")


def follow(group: Any) -> None:
    """Let a PullFocusLens take focus, aperture and bokeh from a PullFocus by expressions."""
    try:
        leader = chosen_pullfocus()
    except GizmoError as error:
        tell(str(error))
        return
    if not focus_is_known(leader):
        tell(_no_depth(leader).format("follow"))
        return
    name = leader.name()
    for knob in _FOLLOWED:
        group[knob].setExpression(f"{name}.{knob}")
    layers = leader["focus_layer"].values()
    group["near_depth"].setExpression(f"{name}.{layers[0]}_middle")
    group["far_depth"].setExpression(f"{name}.{layers[-1]}_middle")
    group["engine"].setValue(leader["engine"].value())
