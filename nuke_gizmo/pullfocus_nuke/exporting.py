# SPDX-License-Identifier: Apache-2.0
"""Other defocus nodes behind a PullFocus, fed so that they reach the same radii."""

from __future__ import annotations

from typing import Any

from pullfocus_nuke.bokeh import ZDEFOCUS_SIZE
from pullfocus_nuke.placing import new_node
from pullfocus_nuke.refocus_panel import EXPORTS
from pullfocus_nuke.telling import tell

__all__ = ["create_export"]

_CLASSES = {1: "ZDefocus2", 2: "ZDefocus2", 3: "Bokeh", 4: "OpenDefocus"}


def create_export(group: Any) -> None:
    """Make the node that `depth.Z for` names after a PullFocus, or say that it is not there."""
    kind = int(group["export_for"].getValue())
    if kind not in _CLASSES:
        tell("Choose first which node depth.Z is for.")
        return
    try:
        node = new_node(_CLASSES[kind], group)
    except RuntimeError:
        tell(
            f"This Nuke has no {_CLASSES[kind]} node ({EXPORTS[kind]}). depth.Z is set up all the"
            " same; PullFocus's own engines need nothing else."
        )
        return
    name = group.name()
    size = ZDEFOCUS_SIZE.replace("parent.", name + ".")
    if _CLASSES[kind] == "ZDefocus2":
        node["z_channel"].setValue("depth.Z")
        node["math"].setValue("depth" if kind == 1 else "far=0")
        node["center"].setValue(1)
        node["dof"].setValue(0)
        node["blur_dof"].setValue(False)
        node["legacy_resize_mode"].setValue(False)
        node["size"].setExpression(size)
        node["max_size"].setExpression(name + ".max_radius")
    elif kind == 3:
        node["depthChannel"].setValue("depth.Z")
        node["focalPlane"].setValue(1)
        node["max_kernelsize"].setExpression(name + ".max_radius")
        tell(
            "Bokeh reads depth.Z with the focal plane at 1. Set its lens so that infinity blurs by"
            f" a radius of {2 * group['max_radius'].value() + 1:g} px."
        )
    else:
        tell(
            "OpenDefocus: choose direct maths and the channel depth.Z: radius in px, near positive."
        )
    group["output"].setValue("sharp")
