# SPDX-License-Identifier: Apache-2.0
"""Radii that go on beside an element, so that its blur is not cut along its silhouette.

ZDefocus sorts pixels by radius. Where nothing is, a radius of 0 would be a layer in focus around
the element, and its light would end there. Blur of radii over blur of coverage is the mean of what
lies around, whatever kernel Nuke's Blur takes: first of what is near, then as far as light gets.
"""

from __future__ import annotations

from pullfocus_nuke.graph import Graph, parent
from pullfocus_nuke.nodes import Value

__all__ = ["carried_on"]

_NEARBY_PX = 6
_LEAST = "0.00001"
"""Coverage below which a mean is rounding."""


def carried_on(graph: Graph, name: str, radii: str, at: tuple[float, float]) -> str:
    """Return a node whose red goes on beside the element; alpha stays.

    Args:
        graph: gets the nodes.
        name: they begin with it.
        radii: red the radius and alpha 1 where something is, both 0 elsewhere.
        at: column and row of the first.
    """
    column, row = at
    held = radii
    sizes: tuple[Value, ...] = (_NEARBY_PX, parent("2*parent.max_radius"))
    for index, size in enumerate(sizes):
        top = row + 3 * index
        mean = graph.add(
            "Blur",
            f"{name}_around{index}",
            held,
            (column + 1, top),
            [("channels", "rgba"), ("size", size), ("crop", False)],
        )
        # B: a Blur's bounding box is wider, and what lies beyond the element's repeats its edge
        both = graph.copied(
            f"{name}_and_around{index}",
            held,
            mean,
            (column, top + 1),
            [("rgba.red", "depth.Z"), ("rgba.alpha", "coc.X")],
            bbox="B",
        )
        held = graph.maths(
            f"{name}_filled{index}",
            both,
            (column, top + 2),
            [
                f"a>0?r:coc.X>{_LEAST}?depth.Z/coc.X:0",
                None,
                None,
                f"a>0||coc.X>{_LEAST}?1:0",
            ],
        )
    return held
