# SPDX-License-Identifier: Apache-2.0
"""The .gizmo files that are shipped, made from their descriptions."""

from __future__ import annotations

from pullfocus_nuke.atlas_gizmo import atlas_gizmo
from pullfocus_nuke.cg_gizmo import cg_gizmo
from pullfocus_nuke.nodes import gizmo_text
from pullfocus_nuke.refocus_gizmo import refocus_gizmo

__all__ = ["gizmo_files"]

_NOTE = "SPDX-License-Identifier: Apache-2.0\nMade by python -m nuke_gizmo.build; do not edit."


def gizmo_files() -> dict[str, str]:
    """Return the text of every shipped .gizmo by file name."""
    gizmos = [refocus_gizmo(), atlas_gizmo(), cg_gizmo()]
    return {one.name + ".gizmo": gizmo_text(one, note=_NOTE) for one in gizmos}
