# SPDX-License-Identifier: Apache-2.0
"""PullFocusAtlas: an atlas and paint in, the painted atlas out, judged on the frames at once."""

from __future__ import annotations

from typing import Sequence

from pullfocus_nuke import VERSION
from pullfocus_nuke.carrying import carried, places
from pullfocus_nuke.graph import Graph, parent
from pullfocus_nuke.nodes import Gizmo, Knob, Raw
from pullfocus_nuke.refocus_panel import button, choice

__all__ = ["OUTPUTS", "atlas_gizmo"]

OUTPUTS = ("painted atlas", "on frames", "checker on frames", "used area")
HELP = """\
Paint an atlas of pullfocus once and see it in every frame.
Inputs: "atlas" the layer's atlas, "passes" the multi-layer EXR, "paint" what is painted over the
atlas: premultiplied, with alpha, of the atlas's size (RotoPaint on the atlas, or a file).
Connect the output, on "painted atlas", to the input LAYER_paint of PullFocus, or write it to an
EXR: pullfocus edit takes the same file."""


def _knobs(layers: Sequence[str]) -> list[Knob]:
    knobs = [
        Knob(20, "PullFocusAtlas"),
        Knob(
            4,
            "output",
            "view",
            "Painted atlas: the atlas with the paint over it. On frames: the paint carried to the"
            " current frame, behind what lies in front of its layer. Checker: how places move and"
            " stretch. Used area: the guide that bake leaves beside the atlas; only inside the"
            " yellow line does paint show.",
            OUTPUTS[0],
            choices=OUTPUTS,
        ),
        Knob(4, "layer", "layer", "Whose atlas is painted.", layers[0], choices=tuple(layers)),
        Knob(7, "paint_mix", "paint", "Opacity of the paint.", 1, range=(0, 1)),
        Knob(
            7,
            "checker_size",
            "checker size",
            "Side of a square, px of the atlas.",
            16,
            range=(2, 64),
        ),
        Knob(7, "guide_mix", "guide", "Opacity of the guide over the atlas.", 0.6, range=(0, 1)),
        Knob(
            22,
            "write_atlas",
            "write painted atlas...",
            "Write the painted atlas as EXR, and tell the PullFocus nodes downstream to use it.",
            text=button("painting.write_atlas"),
        ),
        Knob(20, "Shot"),
        Knob(2, "passes_json", "passes.json", "The record of these passes."),
        Knob(
            2,
            "guide",
            "guide",
            "atlas_LAYER_guide.png of the painted layer.",
        ),
        Knob(3, "plate_width", "plate width", "px.", 1),
        Knob(3, "plate_height", "height", "px.", 1, flags=("-STARTLINE",)),
    ]
    for name in layers:
        knobs += [
            Knob(3, name + "_atlas_width", name + " atlas width", "px.", 1),
            Knob(3, name + "_atlas_height", "height", "px.", 1, flags=("-STARTLINE",)),
        ]
    for axis in ("width", "height"):
        sizes = [f"{name}_atlas_{axis}" for name in layers]
        knobs.append(
            Knob(
                3,
                "atlas_" + axis,
                "atlas " + axis,
                "Size of the painted layer's atlas, px.",
                parent(choice(sizes, "layer")),
                flags=("+INVISIBLE",),
            )
        )
    knobs.append(
        Knob(26, "version_label", "", text=f"PullFocusAtlas {VERSION}", flags=("+STARTLINE",))
    )
    return knobs


def _places(graph: Graph, layers: Sequence[str], passes: str) -> str:
    """Add where the chosen layer's pixels lie, as far as nothing in front hides them."""
    maps = []
    for index, layer in enumerate(layers):
        seen = "*".join([f"{layer}_uv.Z"] + [f"(1-{front}_uv.Z)" for front in layers[:index]])
        maps.append(places(graph, layer, passes, (3 + index, 2), seen=seen))
    return graph.switch("places", maps, "parent.layer", (3, 3))


def atlas_gizmo(layers: Sequence[str] = ("fg", "bg"), name: str = "PullFocusAtlas") -> Gizmo:
    """Describe the gizmo for layers, front to back."""
    graph = Graph()
    atlas = graph.input("atlas", 0, (0, 0))
    passes = graph.input("passes", 1, (3, 0))
    paint = graph.input("paint", 2, (-1, 0))
    solid = graph.maths("solid", atlas, (0, 1), [None, None, None, "1"])
    painted = graph.merge(
        "painted", "over", solid, paint, (0, 2), [("mix", parent("parent.paint_mix"))]
    )
    lying = _places(graph, layers, passes)
    change = graph.merge("change", "minus", solid, painted, (1, 3), [("output", "rgb")])
    on_frame = carried(graph, "paint", change, lying, (1, 4))
    on_frames = graph.merge(
        "on_frames",
        "plus",
        passes,
        on_frame,
        (1, 10),
        [("Achannels", "rgb"), ("Bchannels", "rgb"), ("output", "rgb")],
    )
    square = "(floor(x/parent.checker_size)+floor(y/parent.checker_size))%2"
    checker = graph.maths(
        "checker",
        solid,
        (2, 3),
        ["0.1+0.7*odd", "0.1+0.5*odd", "0.6-0.5*odd", "1"],
        [("odd", square)],
    )
    checked = graph.merge(
        "checker_on_frames",
        "over",
        passes,
        carried(graph, "checker", checker, lying, (2, 4)),
        (2, 10),
    )
    guide = _guide(graph)
    used = graph.merge(
        "used_area", "copy", painted, guide, (-2, 10), [("mix", parent("parent.guide_mix"))]
    )
    out = graph.switch("view_switch", [painted, on_frames, checked, used], "parent.output", (0, 12))
    graph.add("Output", "Output1", out, (0, 13))
    channels = [f"{layer}_uv {layer}_uv.X {layer}_uv.Y {layer}_uv.Z" for layer in layers]
    return Gizmo(name, HELP, tuple(_knobs(layers)), tuple(graph.nodes), tuple(channels))


def _guide(graph: Graph) -> str:
    """Add the guide at the atlas's size: bake enlarges it and writes a margin above."""
    read = graph.add("Read", "guide_read", (), (-2, 2), [("file", Raw('"\\[value parent.guide]"'))])
    times = "max(1,ceil(720/parent.atlas_width))"
    enlarged = [parent(f"{times}*parent.atlas_{axis}") for axis in ("width", "height")]
    cut = graph.add(
        "Crop",
        "guide_cut",
        read,
        (-2, 3),
        [
            ("box", (0, 0, enlarged[0], enlarged[1])),
            ("reformat", True),
            ("crop", True),
        ],
    )
    return graph.add(
        "Reformat",
        "guide_fitted",
        cut,
        (-2, 4),
        [
            ("type", "to box"),
            ("box_width", parent("parent.atlas_width")),
            ("box_height", parent("parent.atlas_height")),
            ("box_fixed", True),
            ("resize", "distort"),
            ("filter", "impulse"),
        ],
    )
