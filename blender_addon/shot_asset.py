# SPDX-License-Identifier: GPL-3.0-or-later
"""The node group PullFocus Shot: passes in, the shot with its focus pulled elsewhere out.

What Import Passes builds for one shot, here for the shelf: two layers, whose passes are linked by
hand to an Image node of any shot. For Blender 5.x, whose blur takes sizes in px.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .group_inputs import VIEWS, InputSpec, focus_specs, lens_specs, view_specs
from .group_views import CONFIDENCE, show_views
from .shot_group import (
    LAYER_GAP,
    SIDE_OUTPUTS,
    add_inputs,
    add_iris,
    add_layer,
    add_lens,
    add_outputs,
    add_paint,
)
from .tree_builder import INPUT_COLOUR, LENS_COLOUR, PAINT_COLOUR, TreeBuilder

NAME = "PullFocus Shot"
DESCRIPTION = (
    "Pull focus on the passes of pullfocus bake: link Front, Back and their COC to an Image node"
    " with fg, bg, fg_coc, bg_coc; Beauty to Combined. No add-on is needed"
)
OUTPUTS = (
    ("Image", "color", "What View chooses, scene-linear, premultiplied"),
    ("Sharp", "color", "Both layers in focus, paint included"),
    ("Matte", "float", "Coverage of the layer that Layer chooses, as the lens shows it, 0..1"),
    ("COC", "float", "Circle of confusion of what is seen: radius in px, near negative"),
    *SIDE_OUTPUTS,
)
_LAYERS = ("Front", "Back")
_PAINT = "Paint"


@dataclass(frozen=True)
class _Given:
    """What views ask of the passes, as a node's outputs."""

    outputs: dict[str, Any]


def build_shot(group: Any) -> None:
    """Fill an empty compositor group."""
    build = TreeBuilder(group)
    group.description = DESCRIPTION
    _passes(group)
    add_inputs(group, _specs())
    _atlases(group)
    add_outputs(group, OUTPUTS)
    build.frame("Lens", (-1100, 150), LENS_COLOUR)
    lens = add_lens(build, build.input("Plate Focus"), signed=True)
    iris = add_iris(build)
    layers = []
    for index, name in enumerate(_LAYERS):
        build.frame(f"{name}: paint", (100, 700 - index * LAYER_GAP), PAINT_COLOUR)
        kinds = ("", " UV", " Painted", " Atlas", " Paint")
        sharp = add_paint(build, *(build.input(name + kind) for kind in kinds))
        layers.append(
            add_layer(
                build,
                name,
                index,
                sharp,
                build.input(f"{name} COC"),
                lens,
                iris,
                complete=name == _LAYERS[-1],
                longer_side_px=1,  # 5.x: sizes are px
            )
        )
    build.frame("Passes to look at", (2700, 1000), INPUT_COLOUR)
    given = {"Combined": build.input("Beauty"), CONFIDENCE: build.input("Confidence")}
    show_views(build, layers, _Given(given), shown="Show {}")
    build.tidy()
    view = next(item for item in group.interface.items_tree if item.name == "View")
    view.default_value = VIEWS[0]


def _passes(group: Any) -> None:
    for name, kind, tip in (
        ("Front", "Color", "Pass fg: the layer in front, premultiplied"),
        ("Front COC", "Float", "Pass fg_coc: its radius as shot, px, near negative"),
        ("Back", "Color", "Pass bg: what lies behind, complete"),
        ("Back COC", "Float", "Pass bg_coc: its radius as shot, px"),
        ("Beauty", "Color", "Combined: for the view Beauty Pass alone"),
        ("Confidence", "Float", "Pass confidence: for that view alone"),
    ):
        _socket(group, name, kind, tip, None)


def _atlases(group: Any) -> None:
    panel = group.interface.new_panel(_PAINT, default_closed=True)
    for name in _LAYERS:
        of = f"of {name.lower()}"
        _socket(group, f"{name} UV", "Vector", f"Pass uv {of}: where its atlas is seen", panel)
        _socket(group, f"{name} Atlas", "Color", f"The atlas {of} as baked", panel)
        _socket(group, f"{name} Painted", "Color", f"The atlas {of} as painted", panel)


def _socket(group: Any, name: str, kind: str, tip: str, parent: Any) -> None:
    socket = group.interface.new_socket(
        name, description=tip, in_out="INPUT", socket_type=f"NodeSocket{kind}", parent=parent
    )
    if kind == "Color":
        socket.default_value = (0.0, 0.0, 0.0, 0.0)
    if kind in ("Float", "Vector"):
        socket.hide_value = True


def _specs() -> list[InputSpec]:
    where = "px of radius: lens_curve.focus of passes.json by frame, keyed; or 0, then Focus counts"
    plate = f"Where the plate is in focus, {where} from there"
    specs = [
        *view_specs(_LAYERS),
        *focus_specs(),
        InputSpec("Plate Focus", "float", 0.0, -1000, 1000, plate, "Focus"),
        *lens_specs(signed=True),
    ]
    for name in _LAYERS:
        sharp, paint = (
            f"1 keeps {name} sharp, whatever the rest does",
            "How much of its paint shows",
        )
        specs += [
            InputSpec(f"Show {name}", "bool", True, 0, 1, f"Show {name}", "Layers"),
            InputSpec(f"{name} Sharp", "float", 0.0, 0, 1, sharp, "Layers", "FACTOR"),
            InputSpec(f"{name} Paint", "float", 1.0, 0, 1, paint, "Layers", "FACTOR"),
        ]
    return specs
