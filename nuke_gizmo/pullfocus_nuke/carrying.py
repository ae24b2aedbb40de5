# SPDX-License-Identifier: Apache-2.0
"""From an atlas to the frame: where every pixel lies, and a picture carried there by STMap.

Nuke's manual does not say whether STMap takes its format from the picture or from the map. So the
picture is put on a canvas that holds atlas and frame, with the map shrunk by as much, and the
result is cut to the frame: it is the same either way.
"""

from __future__ import annotations

from pullfocus_nuke.graph import Graph, parent

__all__ = ["carried", "places"]


def _canvas(prefix: str, axis: str) -> str:
    return f"max(parent.{prefix}atlas_{axis},parent.plate_{axis})"


def places(
    graph: Graph,
    layer: str,
    passes: str,
    at: tuple[float, float],
    *,
    prefix: str = "",
    seen: str = "",
) -> str:
    """Add where a layer's pixels lie on the canvas: red u, green v, alpha how far they are seen.

    Args:
        graph: gets the node.
        layer: whose uv.
        passes: node that holds it.
        at: column and row.
        prefix: of the knobs `atlas_width` and `atlas_height`.
        seen: an expression; default: the layer's matte.
    """
    u, v = (
        f"{layer}_uv.{channel}*parent.{prefix}atlas_{axis}/{_canvas(prefix, axis)}"
        for channel, axis in (("X", "width"), ("Y", "height"))
    )
    return graph.maths(layer + "_places", passes, at, [u, v, "0", seen or f"{layer}_uv.Z"])


def carried(
    graph: Graph,
    name: str,
    picture: str,
    lying: str,
    at: tuple[float, float],
    *,
    prefix: str = "",
) -> str:
    """Carry a picture on the atlas to the frame, premultiplied by how far it is seen.

    Args:
        graph: gets the nodes.
        name: they begin with it.
        picture: node that holds the picture, of the atlas's size.
        lying: node of `places`.
        at: column and row of the first.
        prefix: as in `places`.
    """
    column, row = at
    size = [parent(_canvas(prefix, axis)) for axis in ("width", "height")]
    canvas = graph.add(
        "Crop",
        name + "_canvas",
        picture,
        (column, row),
        [("box", (0, 0, size[0], size[1])), ("reformat", True), ("crop", True)],
    )
    moved = graph.add(  # Simon: the cubic (a = 0.75) that the solve looks its atlases up with
        "STMap",
        name + "_carried",
        [canvas, lying],
        (column, row + 1),
        [("channels", "rgb"), ("uv", "rgb"), ("filter", "Simon")],
    )
    frame = (0, 0, parent("parent.plate_width"), parent("parent.plate_height"))
    framed = graph.add(
        "Crop",
        name + "_framed",
        moved,
        (column, row + 2),
        [("box", frame), ("reformat", True), ("crop", True)],
    )
    matted = graph.copied(
        name + "_matted", framed, lying, (column, row + 3), [("rgba.alpha", "rgba.alpha")]
    )
    return graph.add("Premult", name + "_premult", matted, (column, row + 4))
