# SPDX-License-Identifier: GPL-3.0-or-later
"""What the PullFocus group can be told: names, defaults, ranges and units of its inputs.

Plain data, no Blender in here: the panel and the group read the same list.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .passes import Passes

VIEWS = ("Result", "Focal Plane", "Matte", "Sharp", "Beauty Pass", "Layer", "COC", "Confidence")
"""By number."""

BLURRED_VIEWS = 3
"""So many of them, from the first on, show the lens at work."""

VIEW_TIPS = (
    "The shot through the new lens",
    "The result tinted: near blue, in focus green, far red",
    "Coverage of one layer as the lens shows it",
    "All layers in focus, paint included",
    "The baked beauty: sharp, with the plate's own grain where it was in focus; no paint",
    "One layer, sharp, premultiplied, paint included",
    "Circle of confusion of what is seen: near blue, far red, full at 10 px of radius",
    "Where the Beauty Pass can be relied on: white in focus as shot or seen sharp elsewhere, grey"
    " inferred, black left as shot; empty where the passes do not tell",
)


@dataclass(frozen=True)
class InputSpec:
    """One input of the group."""

    name: str
    kind: str
    """"float", "int", "bool", or "menu": VIEWS by name; by number where Blender has no menus."""
    value: float | int | bool
    low: float
    high: float
    tip: str
    panel: str = ""
    subtype: str = ""


def input_specs(passes: Passes) -> list[InputSpec]:
    """Return the inputs for a shot, in order; focus only where the shot tells depth."""
    lens = lens_specs(
        signed=passes.signed,
        blades=passes.blades,
        roundness=passes.roundness,
        rotation_deg=passes.rotation_deg,
        squeeze=passes.squeeze,
    )
    view = view_specs([layer.name for layer in passes.layers])
    focus = focus_specs() if passes.can_pull else []
    return [*view, *focus, *lens, *_layers(passes)]


def lens_specs(
    *,
    signed: bool,
    blades: int = 0,
    roundness: float = 1.0,
    rotation_deg: float = 90.0,
    squeeze: float = 1.0,
) -> list[InputSpec]:
    """Return the inputs of a lens and its iris.

    Args:
        signed: whether near and far are told apart.
        blades: of the plate's own iris; below 3: not known, or round.
        roundness: of that.
        rotation_deg: of its first corner, anticlockwise from the right.
        squeeze: its height over its width.
    """
    return [*_lens(signed), *_iris(blades, roundness, rotation_deg, squeeze)]


def view_specs(layer_names: Sequence[str]) -> list[InputSpec]:
    """Return the inputs that choose what is shown, for layers front to back."""
    names = ", ".join(f"{number} {name}" for number, name in enumerate(VIEWS))
    layers = ", ".join(f"{number} {name}" for number, name in enumerate(layer_names, 1))
    return [
        InputSpec("View", "menu", 0, 0, len(VIEWS) - 1, f"What Image shows: {names}"),
        InputSpec("Layer", "int", 1, 1, len(layer_names), f"For Layer and Matte: {layers}"),
    ]


def focus_specs() -> list[InputSpec]:
    """Return the inputs that say where focus lies."""
    return [
        InputSpec(
            "Focus",
            "float",
            0.0,
            -1000,
            1000,
            "Depth that is sharp, in px of radius as in the depth pass; far is larger."
            " Key it to pull focus",
            "Focus",
        ),
        InputSpec(
            "Follow Plate",
            "float",
            0.0,
            0,
            1,
            "0: Focus decides. 1: focus stays where it was when the shot was taken",
            "Focus",
            "FACTOR",
        ),
    ]


def _lens(signed: bool) -> list[InputSpec]:
    sides = [
        ("Near", "Scale of the blur of what lies before the focus"),
        ("Far", "Scale of the blur of what lies behind it"),
    ]
    return [
        InputSpec(
            "Aperture",
            "float",
            1.0,
            0,
            100,
            "Scale of all blur. 1: the lens the shot was taken with, 0: all in focus",
            "Lens",
        ),
        *(
            InputSpec(name, "float", 1.0, 0, 100, tip, "Lens")
            for name, tip in (sides if signed else [])
        ),
        InputSpec(
            "Max Radius",
            "float",
            64.0,
            0,
            64,
            "Largest circle of confusion, radius in px. Time grows with its square: keep it low"
            " while working",
            "Lens",
        ),
    ]


def _iris(blades: int, roundness: float, rotation_deg: float, squeeze: float) -> list[InputSpec]:
    """Begin with the plate's own iris, so that new blur sits beside old."""
    if blades < 3:
        blades, roundness, rotation_deg = 6, 1.0, 90.0
    # Blender's first corner points up and turns clockwise; the smallest turn that does the same
    period = math.tau / blades
    turn = (math.radians(90 - rotation_deg) + period / 2) % period - period / 2
    return [
        InputSpec(
            "Blades", "int", blades, 3, 24, "Blades of the iris, where Roundness is below 1", "Iris"
        ),
        InputSpec("Rotation", "float", turn, -6.3, 6.3, "Turn of the iris", "Iris", "ANGLE"),
        InputSpec(
            "Roundness",
            "float",
            roundness,
            0,
            1,
            "1: a round iris, 0: straight blades",
            "Iris",
            "FACTOR",
        ),
        InputSpec(
            "Squeeze",
            "float",
            squeeze,
            0.1,
            10,
            "Height over width of the iris: 2 is anamorphic. One iris serves the whole frame and"
            " all colours: cat's eye, barn doors and colour are pullfocus refocus",
            "Iris",
        ),
        InputSpec(
            "Inner Ring",
            "float",
            0.0,
            0,
            1,
            "Hole of a mirror lens, share of the radius",
            "Iris",
            "FACTOR",
        ),
    ]


def _layers(passes: Passes) -> list[InputSpec]:
    specs = []
    for index, layer in enumerate(passes.layers):
        sharp = 1.0 if index == 0 and not passes.can_pull and len(passes.layers) > 1 else 0.0
        specs += [
            InputSpec(layer.name, "bool", True, 0, 1, f"Show the layer {layer.name}", "Layers"),
            InputSpec(
                f"{layer.name} Sharp",
                "float",
                sharp,
                0,
                1,
                f"1 keeps {layer.name} sharp, whatever the rest does",
                "Layers",
                "FACTOR",
            ),
            InputSpec(
                f"{layer.name} Paint",
                "float",
                1.0,
                0,
                1,
                f"How much of what was painted on the atlas of {layer.name} shows",
                "Layers",
                "FACTOR",
            ),
        ]
    return specs
