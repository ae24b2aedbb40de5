# SPDX-License-Identifier: Apache-2.0
"""PullFocusLens: CG seen through the plate's lens, so that it follows the plate's focus pull."""

from __future__ import annotations

from pullfocus_nuke import VERSION
from pullfocus_nuke.beside import carried_on
from pullfocus_nuke.bokeh import bokeh_knobs, defocused, engine_knobs, lens_knobs
from pullfocus_nuke.callback_code import KNOB_CHANGED, ON_CREATE
from pullfocus_nuke.graph import Graph
from pullfocus_nuke.nodes import Gizmo, Knob
from pullfocus_nuke.refocus_panel import button

__all__ = ["DISTANCES", "OUTPUTS", "cg_gizmo"]

OUTPUTS = ("defocused", "circle of confusion", "sharp")
DISTANCES = ("depth.Z: distance", "depth.Z: 1/distance", "one distance")
HELP = """\
Puts CG through the lens that pullfocus found in the plate: its circle of confusion follows the
plate's focus, or that of a PullFocus node.
Input "cg": premultiplied, linear rgba, sharp, with depth.Z where it has depth of its own.
The lens is linear in one over distance, so two places of the plate whose distance from the camera
you know tie its unit (px of radius) to your scene.
Output: rgba, coc.X (signed radius, px, near negative; it goes on beside the element, for defocus
nodes) and pullfocus_depth.Z (in the unit of the passes' depth.Z)."""


def _knobs() -> list[Knob]:
    knobs = [
        Knob(20, "PullFocusLens"),
        Knob(4, "output", "view", "What leaves the node.", OUTPUTS[0], choices=OUTPUTS),
        Knob(
            22,
            "follow",
            "follow PullFocus",
            "Take focus, aperture and bokeh from the selected PullFocus node (or the only one) by"
            " expressions, and its first and last layer for the two places below.",
            text=button("focus.follow"),
        ),
        Knob(26, "scene_label", "<b>Scene</b>", flags=("+STARTLINE",)),
        Knob(
            4,
            "distance_from",
            "distance",
            "Where the distance from the camera comes from, in any unit of length.",
            DISTANCES[0],
            choices=DISTANCES,
        ),
        Knob(
            7,
            "distance",
            "one distance",
            "Distance of the whole element, for 'one distance'.",
            5,
            range=(0.1, 100),
        ),
        Knob(
            7,
            "near_distance",
            "near place: distance",
            "Distance of a near place of the plate.",
            2,
            range=(0.1, 100),
        ),
        Knob(
            7,
            "near_depth",
            "depth",
            "Its depth.Z in the passes, px of radius.",
            -1,
            range=(-20, 20),
            flags=("-STARTLINE",),
        ),
        Knob(
            7,
            "far_distance",
            "far place: distance",
            "Distance of a far place of the plate.",
            10,
            range=(0.1, 100),
        ),
        Knob(
            7,
            "far_depth",
            "depth",
            "Its depth.Z in the passes, px of radius.",
            1,
            range=(-20, 20),
            flags=("-STARTLINE",),
        ),
        Knob(26, "lens_label", "<b>Lens</b>", flags=("+STARTLINE",)),
        Knob(
            7,
            "focus_depth",
            "focus",
            "Depth in focus, px of radius; 'follow' drives it.",
            0,
            range=(-20, 20),
        ),
        *lens_knobs(),
        Knob(
            3,
            "plate_width",
            "plate width",
            "px; keeps radii right in proxy mode. 0: not known. The soap bubble engine leaves out"
            " what lies outside the plate's frame.",
            0,
        ),
        Knob(3, "plate_height", "height", "px. 0: not known.", 0, flags=("-STARTLINE",)),
    ]
    knobs += bokeh_knobs()
    knobs += engine_knobs()
    knobs.append(
        Knob(26, "version_label", "", text=f"PullFocusLens {VERSION}", flags=("+STARTLINE",))
    )
    return knobs


def cg_gizmo(name: str = "PullFocusLens") -> Gizmo:
    """Describe the gizmo."""
    graph = Graph()
    cg = graph.input("cg", 0, (0, 0))
    inverse = (
        "parent.distance_from==0?1/max(depth.Z,0.0001):"
        "parent.distance_from==1?depth.Z:1/max(parent.distance,0.0001)"
    )
    span = "(1/parent.near_distance-1/parent.far_distance)"
    depth = (
        "parent.near_depth+(parent.far_depth-parent.near_depth)"
        f"*(1/parent.near_distance-inverse)/{span}"
    )
    signed = "parent.aperture*(moved<0?parent.near:parent.far)*moved"
    own = graph.maths(
        "cg_own_coc",
        cg,
        (2, 1),
        ["a>0?clamp(signed,-parent.max_radius,parent.max_radius):0", "0", "lies", "a>0?1:0"],
        [
            ("inverse", inverse),
            ("lies", depth),
            ("moved", "lies-parent.focus_depth"),
            ("signed", signed),
        ],
    )
    around = carried_on(graph, "cg", own, (2, 2))
    lit = graph.copied("cg_lit", around, own, (2, 8), [("rgba.alpha", "rgba.alpha")])
    coc = graph.maths("cg_coc", lit, (2, 9), [None, "abs(r)", None, None])
    blurred = defocused(graph, "cg", cg, coc, (0, 10))
    radii = graph.maths("show_coc", coc, (3, 15), ["r", "r", "r", "1"])
    shown = graph.switch("view_switch", [blurred, radii, cg], "parent.output", (0, 16))
    out = graph.copied(
        "with_coc",
        shown,
        coc,
        (0, 17),
        [("rgba.red", "coc.X"), ("rgba.blue", "pullfocus_depth.Z")],
    )
    graph.add("Output", "Output1", out, (0, 18))
    layers = ("coc coc.X", "pullfocus_depth pullfocus_depth.Z", "depth depth.Z")
    return Gizmo(name, HELP, tuple(_knobs()), tuple(graph.nodes), layers, ON_CREATE, KNOB_CHANGED)
