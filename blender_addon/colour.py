# SPDX-License-Identifier: GPL-3.0-or-later
"""Colour spaces: what passes call them, and what Blender does."""

from __future__ import annotations

from typing import Any

import bpy

_KNOWN_AS = {
    "lin_rec709_srgb": "Linear Rec.709",
    "lin_rec709": "Linear Rec.709",
    "lin_rec709_scene": "Linear Rec.709",
    "Linear Rec.709 (sRGB)": "Linear Rec.709",
    "lin_ap1": "ACEScg",
    "lin_ap1_scene": "ACEScg",
    "ACES - ACEScg": "ACEScg",
    "lin_ap0": "ACES2065-1",
    "lin_ap0_scene": "ACES2065-1",
    "lin_rec2020": "Linear Rec.2020",
    "Linear Rec.2020": "Linear Rec.2020",
    "lin_p3d65": "Linear DCI-P3 D65",
    "Linear P3-D65": "Linear DCI-P3 D65",
}
RAW = "Non-Color"


def blender_space(name: str) -> str | None:
    """Return Blender's name of a colour space, None where it has none."""
    settings = bpy.types.ColorManagedInputColorspaceSettings.bl_rna.properties["name"]
    there = {item.identifier for item in settings.enum_items}
    known = _KNOWN_AS.get(name, name)
    return known if known in there else None


def set_space(image: Any, space: str | None) -> None:
    """Tell an image its colour space; None reads it raw."""
    image.colorspace_settings.name = space or RAW
