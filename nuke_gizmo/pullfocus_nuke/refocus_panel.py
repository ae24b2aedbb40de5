# SPDX-License-Identifier: Apache-2.0
"""The panel of PullFocus: every knob with its unit and what it does."""

from __future__ import annotations

from typing import Sequence

from pullfocus_nuke import VERSION
from pullfocus_nuke.bokeh import bokeh_knobs, engine_knobs, lens_knobs
from pullfocus_nuke.graph import parent
from pullfocus_nuke.nodes import Knob

__all__ = [
    "EXPORTS",
    "FIRST_LAYER_VIEW",
    "FOCUS_MODES",
    "MASK_MODES",
    "button",
    "choice",
    "refocus_knobs",
    "views",
]

FOCUS_MODES = ("as shot", "layer", "point", "value")
MASK_MODES = ("off", "refocus inside", "hold out")
EXPORTS = ("coc", "ZDefocus: depth", "ZDefocus: 1/z", "Bokeh: depth", "OpenDefocus: direct")
_VIEWS = (
    "refocused",
    "sharp",
    "beauty pass",
    "circle of confusion",
    "focal plane",
    "matte",
    "confidence",
)
FIRST_LAYER_VIEW = len(_VIEWS)


def button(call: str) -> str:
    """Return the code of a button that calls a function of the plug-in with the node."""
    module = call.split(".")[0]
    return (
        f"try:\n    from pullfocus_nuke import {module}\nexcept ImportError:\n"
        "    nuke.message('This button needs the pullfocus plug-in (NUKE_PATH).')\n"
        f"else:\n    {call}(nuke.thisNode())\n"
    )


def views(layers: Sequence[str]) -> tuple[str, ...]:
    """Return the entries of the view knob."""
    each = [name + what for name in layers for what in (" refocused", " sharp")]
    return _VIEWS + tuple(each)


def choice(values: Sequence[str], chosen: str) -> str:
    """Return an expression that picks one of several by a knob's index."""
    out = values[-1]
    for index in range(len(values) - 2, -1, -1):
        out = f"{chosen}=={index}?{values[index]}:({out})"
    return out


def refocus_knobs(layers: Sequence[str]) -> list[Knob]:
    """Return the knobs for layers, front to back."""
    depths = choice([name + "_middle" for name in layers], "focus_layer")
    by_mode = choice(
        ["plate_focus", "(" + depths + ")", "point_depth", "focus_value"], "focus_mode"
    )
    knobs = [
        Knob(20, "PullFocus"),
        Knob(
            4,
            "output",
            "view",
            "What leaves the node. Sharp: the layers without blur. Beauty pass:"
            " the same with the plate's own pixels where it is in focus. Circle of confusion:"
            " signed radius, px. Focal plane: near blue, in focus green, far red. Confidence: where"
            " the beauty pass can be relied on, 1 in focus as shot or seen sharp elsewhere, .5"
            " inferred, 0 left as shot; alpha 0 where the passes do not tell.",
            "refocused",
            choices=views(layers),
        ),
        Knob(26, "focus_label", "<b>Focus</b>", flags=("+STARTLINE",)),
        Knob(
            4,
            "focus_mode",
            "focus on",
            "As shot: the plate's own focus. Layer: the middle depth"
            " of a layer. Point: the depth sampled at the point. Value: a depth that you animate.",
            FOCUS_MODES[0],
            choices=FOCUS_MODES,
        ),
        Knob(
            4,
            "focus_layer",
            "layer",
            "Layer in focus, for 'layer'.",
            layers[0],
            choices=tuple(layers),
            flags=("-STARTLINE",),
        ),
        Knob(
            12,
            "focus_point",
            "point",
            "Where to sample the depth in focus, px of the plate.",
            (0, 0),
        ),
        Knob(
            22,
            "sample_point",
            "sample",
            "Read the depth of what is seen at the point in this"
            " frame. What is sampled stays the same place of the scene: sample once.",
            text=button("focus.sample_point"),
            flags=("-STARTLINE",),
        ),
        Knob(
            7,
            "point_depth",
            "point depth",
            "Depth sampled at the point, px of radius.",
            0,
            range=(-20, 20),
        ),
        Knob(
            7,
            "focus_value",
            "value",
            "Depth in focus for 'value', in the unit of depth.Z: px of"
            " radius; far is larger. Animate it to pull focus: ease keys horizontally.",
            0,
            range=(-20, 20),
        ),
        Knob(
            22,
            "key_focus",
            "key from focus",
            "Set a key on 'value' at this frame with the depth"
            " that is in focus now: pick a layer, key; go on, pick another, key; then choose"
            " 'value'.",
            text=button("focus.key_focus"),
            flags=("-STARTLINE",),
        ),
        Knob(
            7,
            "focus_depth",
            "in focus",
            "Depth in focus that results, px of radius.",
            parent(by_mode),
            range=(-20, 20),
            flags=("+DISABLED",),
        ),
        Knob(26, "lens_label", "<b>Lens</b>", flags=("+STARTLINE",)),
        *lens_knobs(),
        Knob(
            7,
            "highlight_gain",
            "highlight gain",
            "Out-of-focus light is multiplied by up to this; 1: off. Acts on what is above 0.8.",
            1,
            range=(1, 10),
        ),
    ]
    knobs += bokeh_knobs()
    knobs.append(Knob(20, "layers_group", "Layers", opens=1))
    for name in layers:
        knobs += _layer_knobs(name)
    knobs.append(Knob(20, "end_layers", opens=-1))
    knobs += engine_knobs()
    knobs += [
        Knob(20, "output_group", "Mask and mix", opens=1),
        Knob(
            4,
            "mask_mode",
            "mask",
            "Uses the alpha of the mask input. Refocus inside: outside"
            " the mask the beauty pass stays. Hold out: cut the mask out of the result.",
            MASK_MODES[0],
            choices=MASK_MODES,
        ),
        Knob(6, "mask_invert", "invert", "Turn the mask round.", False, flags=("-STARTLINE",)),
        Knob(7, "mix", "mix", "Between the beauty pass (0) and the result (1).", 1, range=(0, 1)),
        Knob(20, "end_output", opens=-1),
        Knob(20, "Export"),
        Knob(
            4,
            "export_for",
            "depth.Z for",
            "What depth.Z of the output means. coc: signed radius,"
            " near negative, as coc.X. ZDefocus and Bokeh: a depth for which their lens law gives"
            " these radii. OpenDefocus: radius, near positive.",
            EXPORTS[0],
            choices=EXPORTS,
        ),
        Knob(
            22,
            "create_export",
            "create node",
            "Add the node of the chosen kind after this one,"
            " set to these radii, and switch the view to sharp. Says so where Nuke has no such"
            " node.",
            text=button("exporting.create_export"),
            flags=("-STARTLINE",),
        ),
        Knob(20, "Shot"),
        Knob(2, "passes_json", "passes.json", "The record of these passes. Import reads it."),
        Knob(
            22,
            "reload_passes",
            "import",
            "Read passes.json: frame range, focus by frame, depth of the layers, atlases.",
            text=button("importing.reload"),
            flags=("-STARTLINE",),
        ),
        Knob(
            7,
            "plate_focus",
            "plate focus",
            "Focus of the plate by frame, px of radius; from passes.json.",
            0,
            range=(-20, 20),
        ),
        Knob(
            6,
            "coc_signed",
            "signed",
            "Whether near and far are told apart. Otherwise only 'as shot' is meaningful.",
            True,
            flags=("+STARTLINE",),
        ),
        Knob(
            6,
            "focus_known",
            "focus known",
            "Whether passes.json holds the plate's focus by frame. Otherwise only 'as shot' is"
            " meaningful.",
            True,
            flags=("-STARTLINE",),
        ),
        Knob(
            6,
            "confidence_known",
            "confidence",
            "Whether the passes hold confidence.X; bakes of earlier versions do not.",
            True,
            flags=("-STARTLINE",),
        ),
        Knob(
            3, "plate_width", "plate width", "px; keeps radii right in proxy mode. 0: not known.", 0
        ),
        Knob(3, "plate_height", "height", "px.", 0, flags=("-STARTLINE",)),
        Knob(1, "pass_colorspace", "colour space", "Scene-linear space of the passes."),
    ]
    for name in layers:
        knobs += _shot_knobs(name)
    knobs.append(
        Knob(
            26,
            "version_label",
            "",
            text=f"PullFocus {VERSION} - not run inside Nuke by its makers; verify.py tells.",
            flags=("+STARTLINE",),
        )
    )
    return knobs


def _layer_knobs(name: str) -> list[Knob]:
    return [
        Knob(26, name + "_title", f"<b>{name}</b>", flags=("+STARTLINE",)),
        Knob(6, name + "_on", "show", "Composite this layer.", True, flags=("+STARTLINE",)),
        Knob(
            6,
            name + "_sharp",
            "keep sharp",
            "Keep it in focus whatever the rest does.",
            False,
            flags=("-STARTLINE",),
        ),
        Knob(
            7,
            name + "_size",
            "blur scale",
            "Scale of this layer's circles of confusion.",
            1,
            range=(0, 4),
        ),
        Knob(
            4,
            name + "_edit",
            "atlas",
            "As solved, or painted: from the file below, or from the"
            f" input '{name}_paint'. Only what differs from the solved atlas changes"
            " the picture.",
            "as solved",
            choices=("as solved", "painted file", "painted input"),
        ),
        Knob(
            2,
            name + "_paint_file",
            "painted atlas",
            "A painted copy of the layer's atlas, of"
            " its size, scene-linear EXR. Another kind: use the input.",
        ),
    ]


def _shot_knobs(name: str) -> list[Knob]:
    return [
        Knob(
            7,
            name + "_middle",
            name + " depth",
            "Middle depth of the layer, px of radius.",
            0,
            range=(-20, 20),
        ),
        Knob(2, name + "_atlas", name + " atlas", "The solved atlas."),
        Knob(3, name + "_atlas_width", name + " atlas width", "px.", 1),
        Knob(3, name + "_atlas_height", "height", "px.", 1, flags=("-STARTLINE",)),
    ]
