# SPDX-License-Identifier: Apache-2.0
"""PullFocus: passes in, the shot with its focus pulled elsewhere out. For one layer or many."""

from __future__ import annotations

from typing import Sequence

from pullfocus_nuke.bokeh import ZDEFOCUS_SIZE, defocused
from pullfocus_nuke.callback_code import KNOB_CHANGED, ON_CREATE
from pullfocus_nuke.carrying import carried, places
from pullfocus_nuke.graph import Graph, parent
from pullfocus_nuke.nodes import Gizmo, Raw
from pullfocus_nuke.refocus_panel import FIRST_LAYER_VIEW, refocus_knobs

__all__ = ["refocus_gizmo"]

HELP = """\
Pulls focus again on a shot that pullfocus has solved.
Input "passes": the multi-layer EXR of pullfocus bake (menu PullFocus > Import passes...).
Every layer is defocused by its own circle of confusion, premultiplied and linear, then merged over
the next; behind a blurred silhouette lies the real background.
Radii are px of the plate at full resolution: near negative, far positive."""


def _painted(graph: Graph, name: str, passes: str, layer: str, paint: str, column: float) -> str:
    """Add what paint changes on a layer: (painted - solved atlas), carried to the frame."""
    solved = graph.add(
        "Read",
        name + "_atlas_read",
        (),
        (column + 1, 2),
        [("file", _value_of(name + "_atlas")), ("raw", True)],
    )
    edited = graph.add(
        "Read",
        name + "_paint_read",
        (),
        (column + 2, 2),
        [("file", _value_of(name + "_paint_file")), ("raw", True)],
    )
    chosen = graph.switch(
        name + "_paint_from", [edited, paint], f"parent.{name}_edit==2", (column + 2, 3)
    )
    change = graph.merge(
        name + "_change", "minus", solved, chosen, (column + 1, 4), [("output", "rgb")]
    )
    lying = places(graph, name, passes, (column, 4), prefix=name + "_")
    premultiplied = carried(graph, name, change, lying, (column + 1, 5), prefix=name + "_")
    with_paint = graph.merge(
        name + "_with_paint",
        "plus",
        layer,
        premultiplied,
        (column, 10),
        [("Achannels", "rgb"), ("Bchannels", "rgb"), ("output", "rgb")],
    )
    return graph.switch(
        name + "_source", [layer, with_paint], f"parent.{name}_edit>0", (column, 11)
    )


def _value_of(knob: str) -> Raw:
    return Raw(f'"\\[value parent.{knob}]"')


def _coc(graph: Graph, name: str, passes: str, column: float) -> str:
    """Add a layer's circle of confusion at the new focus, as `defocused` takes it."""
    moved = f"{name}_coc.X+parent.plate_focus-parent.focus_depth"
    scale = f"parent.aperture*parent.{name}_size*(parent.{name}_sharp?0:1)"
    return graph.maths(
        name + "_new_coc",
        passes,
        (column + 3, 10),
        [
            "clamp(signed,-parent.max_radius,parent.max_radius)",
            "min(abs(signed),parent.max_radius)",
            "0",
            f"{name}.alpha>0?1:0",
        ],
        [("moved", moved), ("signed", f"{scale}*(moved<0?parent.near:parent.far)*moved")],
    )


def _lifted(graph: Graph, name: str, source: str, coc: str, column: float) -> str:
    """Give clipped highlights back some of their light, where they are out of focus."""
    with_radius = graph.copied(
        name + "_with_radius", source, coc, (column, 12), [("rgba.green", "coc.X")]
    )
    straight = "max(r,max(g,b))/max(a,0.000001)"
    return graph.maths(
        name + "_lifted",
        with_radius,
        (column, 13),
        ["r*gain", "g*gain", "b*gain", None],
        [
            ("bright", f"clamp(({straight}-0.8)/0.2,0,1)"),
            ("spread", "clamp((coc.X-0.5)/1.5,0,1)"),
            ("gain", "1+(parent.highlight_gain-1)*bright*bright*spread"),
        ],
    )


def refocus_gizmo(layers: Sequence[str] = ("fg", "bg"), name: str = "PullFocus") -> Gizmo:
    """Describe the gizmo for layers, front to back; the last one is complete."""
    graph = Graph()
    passes = graph.input("passes", 0, (0, 0))
    mask = graph.input("mask", 1, (-2, 0))
    paints = [
        graph.input(layer + "_paint", 2 + index, (4 * index + 2, 0))
        for index, layer in enumerate(layers)
    ]
    sources, cocs, blurred = [], [], []
    for index, layer in enumerate(layers):
        column = 4.0 * index
        shuffled = graph.layer(layer + "_layer", passes, layer, (column, 2))
        sources.append(_painted(graph, layer, passes, shuffled, paints[index], column))
        cocs.append(_coc(graph, layer, passes, column))
        lifted = _lifted(graph, layer, sources[-1], cocs[-1], column)
        blurred.append(defocused(graph, layer, lifted, cocs[-1], (column, 14)))
    last = layers[-1]
    # Light has left the complete layer at its borders; nothing lies behind it.
    blurred[-1] = graph.maths(
        last + "_whole",
        blurred[-1],
        (4.0 * len(layers) - 4, 19),
        ["r/max(a,0.0001)", "g/max(a,0.0001)", "b/max(a,0.0001)", "1"],
    )
    comp = _composite(graph, layers, blurred, "over_", 21)
    sharp = _composite(graph, layers, sources, "sharp_", 22)
    coc = _front_coc(graph, layers, blurred, cocs, "_seen", 21)
    # beside a picture without blur belong radii with hard edges, and no engine is needed for them
    coc_sharp = _front_coc(graph, layers, sources, cocs, "_sharp", 24)
    black = graph.maths("black", passes, (-2, 2), ["0", "0", "0", "0"])
    limited = _limited(graph, passes, mask, black, comp)
    picture = _view(graph, layers, passes, black, limited, sharp, coc, blurred, sources)
    _output(graph, picture, coc, coc_sharp, cocs)
    return Gizmo(
        name,
        HELP,
        tuple(refocus_knobs(layers)),
        tuple(graph.nodes),
        tuple(_channels(layers)),
        ON_CREATE,
        KNOB_CHANGED,
    )


def _channels(layers: Sequence[str]) -> list[str]:
    out = []
    for layer in layers:
        out.append(" ".join([layer] + [f"{layer}.{c}" for c in ("red", "green", "blue", "alpha")]))
        out.append(f"{layer}_uv {layer}_uv.X {layer}_uv.Y {layer}_uv.Z")
        out.append(f"{layer}_coc {layer}_coc.X")
    return [*out, "coc coc.X", "depth depth.Z", "confidence confidence.X"]


def _composite(
    graph: Graph, layers: Sequence[str], streams: Sequence[str], prefix: str, row: float
) -> str:
    """Merge layers front to back; a layer that is off shows what lies behind."""
    last = layers[-1]
    on = f"parent.{last}_on"
    column = 4.0 * (len(layers) - 1)
    below = graph.maths(
        prefix + last, streams[-1], (column, row), ["r*" + on, "g*" + on, "b*" + on, "a*" + on]
    )
    for index in range(len(layers) - 2, -1, -1):
        layer = layers[index]
        below = graph.merge(
            prefix + layer,
            "over",
            below,
            streams[index],
            (4.0 * index, row),
            [("mix", parent(f"parent.{layer}_on"))],
        )
    return below


def _front_coc(
    graph: Graph,
    layers: Sequence[str],
    streams: Sequence[str],
    cocs: Sequence[str],
    suffix: str,
    row: float,
) -> str:
    """Add the circle of confusion of what is seen: of the first layer that covers by half."""
    below = cocs[-1]
    for index in range(len(layers) - 2, -1, -1):
        layer, column = layers[index], 4.0 * index + 3
        covered = graph.copied(
            layer + "_cover" + suffix,
            cocs[index],
            streams[index],
            (column, row),
            [("rgba.alpha", "rgba.alpha")],
        )
        cut = graph.maths(
            layer + "_cut" + suffix,
            covered,
            (column, row + 1),
            ["r*shown", "g*shown", "0", "shown"],
            [("shown", f"(a>0.5?1:0)*parent.{layer}_on")],
        )
        below = graph.merge(layer + "_coc" + suffix, "over", below, cut, (column, row + 2))
    return below


def _limited(graph: Graph, passes: str, mask: str, black: str, comp: str) -> str:
    """Add mask, hold-out and mix."""
    white = graph.maths("white", passes, (-3, 2), ["1", "1", "1", "1"])
    chosen = graph.switch("mask_or_all", [white, mask], "parent.mask_mode>0", (-3, 21))
    shaped = graph.maths(
        "mask_shaped",
        chosen,
        (-3, 22),
        [None, None, None, "out?1-turned:turned"],
        [
            ("turned", "parent.mask_invert&&parent.mask_mode>0?1-a:a"),
            ("out", "parent.mask_mode==2"),
        ],
    )
    outside = graph.switch("outside", [passes, black], "parent.mask_mode==2", (-2, 22))
    kept = graph.merge("limited", "copy", outside, comp, (-2, 23), mask=shaped)
    return graph.merge("mixed", "copy", passes, kept, (-2, 24), [("mix", parent("parent.mix"))])


def _view(
    graph: Graph,
    layers: Sequence[str],
    passes: str,
    black: str,
    limited: str,
    sharp: str,
    coc: str,
    blurred: Sequence[str],
    sources: Sequence[str],
) -> str:
    """Add what the view knob chooses between."""
    radii = graph.maths("show_coc", coc, (2, 25), ["r", "r", "r", "1"])
    judged = graph.copied("judged", limited, coc, (1, 25), [("rgba.red", "rgba.alpha")])
    tint = "0.25*{0}+0.75*(r+g+b)/3*(abs(a)<=0.5?{1}:a<0?{2}:{3})".format
    overlay = graph.maths(
        "focal_plane",
        judged,
        (1, 26),
        [
            tint("r", "0.2", "0.3", "1"),
            tint("g", "1", "0.5", "0.35"),
            tint("b", "0.3", "1", "0.3"),
            "1",
        ],
    )
    matte = graph.maths("show_matte", blurred[0], (-1, 25), ["a", "a", "a", "a"])
    relied = graph.maths("show_confidence", passes, (-2, 26), ["confidence.X"] * 3 + ["1"])
    known = "parent.confidence_known>0"
    confidence = graph.switch("confidence_or_none", [black, relied], known, (-2, 27))
    choices = [limited, sharp, passes, radii, overlay, matte, confidence]
    for out, source in zip(blurred, sources):
        choices += [out, source]
    return graph.switch("view_switch", choices, "parent.output", (0, 28))


def _output(graph: Graph, picture: str, coc: str, coc_sharp: str, cocs: Sequence[str]) -> None:
    """Add coc.X and depth.Z of what is shown to the picture."""
    each = [one for one in cocs for _ in range(2)]
    hard = "parent.output==1||parent.output==2||parent.output==6"
    front = graph.switch("coc_front", [coc, coc_sharp], hard, (2, 28))
    by_layer = f"max(parent.output-{FIRST_LAYER_VIEW - 1},0)"
    seen = graph.switch("coc_switch", [front, *each], by_layer, (2, 29))
    size = ZDEFOCUS_SIZE
    exported = graph.maths(
        "export",
        seen,
        (2, 30),
        [
            "r",
            "parent.export_for==0?r:parent.export_for==2?inverse:parent.export_for==4?-r:1/inverse",
            "0",
            "0",
        ],
        [("inverse", "1-r/" + size)],
    )
    out = graph.copied(
        "with_coc", picture, exported, (0, 31), [("rgba.red", "coc.X"), ("rgba.green", "depth.Z")]
    )
    graph.add("Output", "Output1", out, (0, 32))
