# SPDX-License-Identifier: Apache-2.0
"""The controls of the lens: name, default, limits and one sentence each, for whoever shows them.

The command line and Python take them from here. Blender and Nuke import nothing of pullfocus: a
test holds what they show of the same controls against this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["BLENDER_LACKS", "CONTROLS", "LENS_DEFAULTS", "Control"]


@dataclass(frozen=True)
class Control:
    """One control, as a person meets it."""

    default: Any
    text: str
    """What it does, with its unit, without a full stop: hosts show the same, and may go on."""
    least: float | None = None
    most: float | None = None
    metavar: str | None = None
    more: str = ""
    """What the command line adds."""

    @property
    def help(self) -> str:
        """What the command line says of it."""
        return f"{self.text}{self.more}."


CONTROLS = {
    "f_stop": Control(None, "Camera mode: f-stop to look through, in place of --aperture"),
    "plate_f_stop": Control(None, "Camera mode: f-stop that the plate was shot at"),
    "aperture": Control(
        1.0, "Scale of all blur. 1: the lens the shot was taken with, 0: all in focus", 0
    ),
    "near": Control(1.0, "Scale of the blur of what lies before the focus", 0),
    "far": Control(1.0, "Scale of the blur of what lies behind it", 0),
    "max_radius": Control(64.0, "Largest circle of confusion, radius in px", 0, 128),
    "blades": Control(0, "Blades of the iris", more=", 3 or more; 0: round"),
    "rotation": Control(0.0, "Turn of the iris", more=", degrees"),
    "roundness": Control(0.0, "1: a round iris, 0: straight blades", 0, 1),
    "squeeze": Control(1.0, "Height over width of the iris: 2 is anamorphic", 0.1, 10),
    "rim": Control(None, "Rim of the soap bubble, beta: 0.5 strong, 2 the solve's, 8 none"),
    "inner_ring": Control(0.0, "Hole of a mirror lens, share of the radius", 0, 0.95),
    "kernel": Control(None, "A picture that highlights turn into", metavar="IMAGE"),
    "spherical": Control(
        0.0,
        "Spherical aberration: above 0 a bright edge behind the focus and a soft one before it, "
        "below 0 the other way round",
        -1,
        1,
    ),
    "bokeh_noise": Control(0.0, "Unevenness of the discs, 0..1", 0, 1),
    "bokeh_noise_size": Control(0.25, "Size of its grains, in radii", 0.02, 2),
    "bokeh_noise_seed": Control(0, "Which noise"),
    "cats_eye": Control(
        0.0,
        "Cat's eye: how far the disc that cuts the iris has moved in the corner, radii",
        0,
        1.5,
    ),
    "cats_eye_softness": Control(0.0, "Width of the cat's eye's edge, radii", 0, 2),
    "screen_relative": Control(
        False, "Measure the cat's eye in shares of width and height, not from the corner"
    ),
    "barn_doors": Control(
        "0,0,0,0",
        "Barn doors left, right, top, bottom: share of the discs that each hides at its side of "
        "the frame, 0..0.9",
        metavar="L,R,T,B",
    ),
    "door_softness": Control(0.0, "Width of their edges, radii", 0, 2),
    "axial": Control(0.0, "Axial colour: by how many px of radius the two colours differ"),
    "axial_colours": Control(
        "green-magenta", "red-cyan, green-magenta or blue-yellow", metavar="PAIR"
    ),
    "astigmatism": Control(
        0.0, "In the corners: radius along the line from the axis, less the mean, px"
    ),
    "field_curvature": Control(0.0, "Added to the circle of confusion in the corners, px"),
    "bloom": Control(0.0, "Share of bright light that the lens scatters", 0, 1),
    "bloom_size": Control(24.0, "How far: half of it lies within, px", 1, 1000),
    "bloom_threshold": Control(0.8, "Light above this scatters, scene-linear", 0),
    "switch_sides": Control(False, "Front for back and back for front"),
    "highlight_gain": Control(
        1.0,
        "Out-of-focus light is multiplied by up to this; 1: off",
        1,
        more=". What the sensor clipped, unless --highlights says otherwise",
    ),
    "highlights": Control(
        "clipped",
        "What is lifted: clipped, where the plate proves that it clips; or bright, whatever is "
        "above 0.8",
    ),
    "preview": Control(
        False, "Blur large circles at half the size, for looking. A farm never does"
    ),
}
"""By option, with underscores."""

LENS_DEFAULTS = {name: control.default for name, control in CONTROLS.items()}
"""The lens that the plate was shot with."""

_ONE_IRIS = "Bokeh Blur takes one picture of the iris for the whole frame"
_ONE_SIDE = "Bokeh Blur takes one picture of the iris for both sides of the focus"
_CAMERA = "Camera Follows ties the scene's own camera to the shot instead"

BLENDER_LACKS = {
    "f_stop": _CAMERA,
    "plate_f_stop": _CAMERA,
    "rim": "Bokeh Image draws plain edges",
    "kernel": "link any square picture to the Bokeh inputs within the group",
    "spherical": _ONE_SIDE,
    "bokeh_noise": _ONE_SIDE,
    "bokeh_noise_size": _ONE_SIDE,
    "bokeh_noise_seed": _ONE_SIDE,
    "cats_eye": _ONE_IRIS,
    "cats_eye_softness": _ONE_IRIS,
    "screen_relative": _ONE_IRIS,
    "barn_doors": _ONE_IRIS,
    "door_softness": _ONE_IRIS,
    "axial": "every colour would be blurred by itself: three times as long",
    "axial_colours": "every colour would be blurred by itself: three times as long",
    "astigmatism": _ONE_IRIS,
    "field_curvature": "add what differs in the corners to the COC of a layer",
    "bloom": "Glare does it behind the group",
    "bloom_size": "Glare does it behind the group",
    "bloom_threshold": "Glare does it behind the group",
    "switch_sides": "exchange Near and Far",
    "highlight_gain": "nodes do not know where the plate clips",
    "highlights": "nodes do not know where the plate clips",
    "preview": "Max Radius keeps large circles quick",
}
"""Controls that the node groups for Blender do not have, and why, or what to do instead."""
