# SPDX-License-Identifier: Apache-2.0
"""One layer out of focus, by either engine, and the knobs that shape it."""

from __future__ import annotations

from pathlib import Path

from pullfocus_nuke.graph import Graph, parent
from pullfocus_nuke.nodes import Knob, Value

__all__ = [
    "ENGINES",
    "KERNEL_WIRES",
    "ZDEFOCUS_SIZE",
    "bokeh_knobs",
    "defocused",
    "engine_knobs",
    "kernel_text",
    "lens_knobs",
]

ENGINES = ("ZDefocus (native)", "soap bubble (Blink)")
ZDEFOCUS_SIZE = "(2*parent.max_radius+1)"
"""Size S of the bridge to ZDefocus: above any radius, so that what it reads stays positive."""

_SHAPE = {
    "Blades": "parent.blades<3?0:parent.blades",
    "Rotation": "parent.rotation",
    "Roundness": "parent.roundness",
    "Squeeze": "clamp(parent.squeeze,0.1,10)",
    "Rim": "parent.rim<=0?0:max(parent.rim,0.5)",
    "InnerRing": "clamp(parent.inner_ring,0,0.95)",
    "Spherical": "clamp(parent.spherical,-1,1)",
    "CatsEye": "clamp(parent.cats_eye,0,1.5)",
    "CatsEyeSoftness": "clamp(parent.cats_eye_softness,0,2)",
    "ScreenRelative": "parent.screen_relative",
}
_SIZE = {
    "MaxRadius": "parent.max_radius",
    "PlateWidth": "parent.plate_height>0?parent.plate_width:0",
}
_REACH = dict(_SIZE, Squeeze=_SHAPE["Squeeze"])
KERNEL_WIRES: dict[str, tuple[str, str, dict[str, str]]] = {
    "weights": ("weights", "PullFocusWeights", dict(_SHAPE, **_SIZE)),
    "rows": ("reach", "PullFocusReach", dict(_REACH, Columns="0")),
    "columns": ("reach", "PullFocusReach", dict(_REACH, Columns="1")),
    "scatter": ("scatter", "PullFocusScatter", dict(_SHAPE)),
}
"""Ending of a node's name -> kernel file, name of the kernel, its parameters with what drives them.
Nuke makes these knobs when it compiles the kernel, so they can't stand in the file; see `blink`."""


def kernel_text(name: str) -> str:
    """Return the text of a kernel file, with what kernels share put in: Blink has no #include."""
    folder = Path(__file__).parent / "kernels"
    text = (folder / (name + ".blink")).read_text(encoding="ascii")
    shared = (folder / "iris.blink").read_text(encoding="ascii").split("\n", 1)[1]
    return text.replace("  //{iris.blink}\n", shared)


def lens_knobs() -> tuple[Knob, ...]:
    """Return the knobs that scale blur."""
    return (
        Knob(
            7,
            "aperture",
            "aperture",
            "Scale of all blur. 1: the lens the shot was taken with, 0: all in focus.",
            1,
            range=(0, 4),
        ),
        Knob(
            7, "near", "near", "Scale of the blur of what lies before the focus.", 1, range=(0, 4)
        ),
        Knob(7, "far", "far", "Scale of the blur of what lies behind it.", 1, range=(0, 4)),
        Knob(
            7,
            "max_radius",
            "max radius",
            "Largest circle of confusion, radius in px of the plate. Smaller is faster.",
            64,
            range=(2, 128),
        ),
    )


def bokeh_knobs() -> tuple[Knob, ...]:
    """Return the knobs of the iris."""
    return (
        Knob(20, "bokeh_group", "Bokeh", opens=1),
        Knob(3, "blades", "blades", "Blades of the iris, 3 or more. 0: round.", 0),
        Knob(
            7,
            "rotation",
            "rotation",
            "Turn of the iris, degrees, anticlockwise.",
            0,
            range=(-180, 180),
        ),
        Knob(
            7,
            "roundness",
            "roundness",
            "1: a round iris, 0: straight blades.",
            0,
            range=(0, 1),
        ),
        Knob(
            7,
            "squeeze",
            "squeeze",
            "Height over width of the iris: 2 is anamorphic. The area stays.",
            1,
            range=(0.5, 2),
        ),
        Knob(
            7,
            "rim",
            "rim",
            "Rim of the soap bubble, beta: 0.5 strong, 2 the solve's, 8 none; 0: a plain edge."
            " Soap bubble engine only.",
            2,
            range=(0, 8),
        ),
        Knob(
            7,
            "inner_ring",
            "inner ring",
            "Hole of a mirror lens, share of the radius.",
            0,
            range=(0, 0.95),
        ),
        Knob(
            7,
            "spherical",
            "spherical",
            "Spherical aberration: above 0 a bright edge behind the focus and a soft one before it,"
            " below 0 the other way round. Soap bubble engine only.",
            0,
            range=(-1, 1),
        ),
        Knob(
            7,
            "cats_eye",
            "cat's eye",
            "Cat's eye: how far the disc that cuts the iris has moved in the corner, radii. Soap"
            " bubble engine only.",
            0,
            range=(0, 1.5),
        ),
        Knob(
            7,
            "cats_eye_softness",
            "softness",
            "Width of the cat's eye's edge, radii.",
            0,
            range=(0, 2),
        ),
        Knob(
            6,
            "screen_relative",
            "screen relative",
            "Measure the cat's eye in shares of width and height, not from the corner.",
            False,
            flags=("-STARTLINE",),
        ),
        Knob(20, "end_bokeh", opens=-1),
    )


def engine_knobs() -> tuple[Knob, ...]:
    """Return the knobs that choose what computes the blur."""
    return (
        Knob(20, "engine_group", "Engine", opens=1),
        Knob(
            4,
            "engine",
            "engine",
            "ZDefocus: Nuke's own node, fed with the exact circle of"
            " confusion of each layer. Soap bubble: the lens that the solve assumed, as a"
            " BlinkScript kernel; it is compiled when chosen, and falls back with a message where"
            " that is not possible.",
            ENGINES[0],
            choices=ENGINES,
            flags=("+STARTLINE",),
        ),
        Knob(
            6,
            "use_gpu",
            "use GPU if available",
            "Compute either engine on the GPU where there is one.",
            True,
            flags=("-STARTLINE",),
        ),
        Knob(
            7,
            "zdefocus_scale",
            "ZDefocus scale",
            "Multiplies ZDefocus's size. 1 means that its"
            " size is a radius in px; verify.py measures what your version does.",
            1,
            range=(0.25, 2),
        ),
        Knob(20, "end_engine", opens=-1),
    )


def defocused(graph: Graph, layer: str, source: str, coc: str, at: tuple[float, float]) -> str:
    """Spread a layer over its circles of confusion and return the node that holds it.

    Args:
        graph: gets the nodes.
        layer: prefix of their names.
        source: premultiplied, linear rgba.
        coc: red the signed radius in px of the plate, near negative; green its magnitude; alpha 0
            where the source has no light.
        at: column and row of the first.
    """
    column, row = at
    # ZDefocus reads 1/z with focus at 1: radius = S (1 - v), exact for either sign.
    bridge = graph.maths(
        layer + "_inverse_depth", coc, (column, row), ["1-r/" + ZDEFOCUS_SIZE, "0", "0", "0"]
    )
    fed = graph.copied(
        layer + "_with_depth", source, bridge, (column, row + 1), [("rgba.red", "depth.Z")]
    )
    native = graph.add(
        "ZDefocus2",
        layer + "_zdefocus",
        fed,
        (column, row + 2),
        [
            ("channels", "rgba"),
            ("z_channel", "depth.Z"),
            ("math", "far=0"),
            ("center", 1),
            ("dof", 0),
            ("blur_dof", False),
            ("size", parent(ZDEFOCUS_SIZE + "*parent.zdefocus_scale")),
            ("max_size", parent("parent.max_radius*parent.zdefocus_scale")),
            ("filter_type", "bladed"),
            ("useGPUIfAvailable", parent("parent.use_gpu")),
            ("legacy_resize_mode", False),
            ("show_legacy_resize_mode", False),
            ("blades", parent("parent.blades<3?16:parent.blades")),
            ("roundness", parent("parent.blades<3?1:parent.roundness")),
            ("rotation", parent("parent.rotation")),
            ("aspect", parent("1/parent.squeeze")),
            ("catadioptric", parent("parent.inner_ring>0")),
            ("catadioptric_size", parent("parent.inner_ring")),
        ],
    )
    framed = [
        _framed(graph, f"{layer}_{what}_frame", one, (column + 2, row + index))
        for index, (what, one) in enumerate((("coc", coc), ("light", source)))
    ]
    weights = _kernel(graph, layer, "weights", [framed[0]], (column + 1, row))
    rows = _kernel(graph, layer, "rows", [weights], (column + 1, row + 1))
    columns = _kernel(graph, layer, "columns", [rows], (column + 1, row + 2))
    soap = _kernel(graph, layer, "scatter", [framed[1], columns], (column + 1, row + 3))
    return graph.switch(layer + "_defocused", [native, soap], "parent.engine", (column, row + 4))


def _framed(graph: Graph, name: str, source: str, at: tuple[float, float]) -> str:
    """Bring a picture's bounding box to the plate's frame: kernels tell the scale of a proxy by it.

    A Crop's box follows proxies, and is the new bounding box whatever the picture's was.
    """
    box = (0, 0, parent("parent.plate_width"), parent("parent.plate_height"))
    unknown = parent("parent.plate_width<=0||parent.plate_height<=0")
    knobs: list[tuple[str, Value]] = [
        ("box", box),
        ("crop", False),
        ("intersect", False),
        ("disable", unknown),
    ]
    return graph.add("Crop", name, source, at, knobs)


def _kernel(
    graph: Graph, layer: str, ending: str, inputs: list[str], at: tuple[float, float]
) -> str:
    return graph.add(
        "BlinkScript",
        f"{layer}_{ending}",
        inputs,
        at,
        [
            ("kernelSource", kernel_text(KERNEL_WIRES[ending][0])),
            ("useGPUIfAvailable", parent("parent.use_gpu")),
        ],
    )
