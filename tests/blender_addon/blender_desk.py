# SPDX-License-Identifier: Apache-2.0
"""What the checks in bpy share: the order, the list of checks, and hands on the scene."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import bpy

ORDER = json.loads(Path(sys.argv[1]).read_text())
OUT = Path(ORDER["out"])
MODULE = "bl_ext.user_default.pullfocus"
RESULTS: dict[str, object] = {}
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def addon(name: str):
    return sys.modules[f"{MODULE}.{name}"]


def scene():
    return bpy.context.scene


def node():
    return addon("properties").shot_node(scene())


def render(name: str, frame: int, **inputs) -> str:
    for key, value in inputs.items():
        if key == "View":
            addon("group_views").show_view(node(), value)
        else:
            node().inputs[key.replace("_", " ")].default_value = value
    scene().frame_set(frame)
    scene().render.filepath = str(OUT / f"{name}.exr")
    bpy.ops.render.render(write_still=True)
    return scene().render.filepath


def error_of(call) -> str:
    """What an operator reports when it fails; Blender raises it to scripts."""
    try:
        result = call()
    except RuntimeError as error:
        return str(error).strip()
    return f"no error: {result}"


def names_left() -> dict[str, list[str]]:
    """Everything of ours that Blender knows of."""
    return {
        "operators": [n for n in dir(bpy.ops.pullfocus)],
        "types": [n for n in dir(bpy.types) if "pullfocus" in n.lower()],
        "scene": [n for n in ("pullfocus",) if hasattr(bpy.types.Scene, n)],
        "handlers": [
            str(f)
            for group in dir(bpy.app.handlers)
            if isinstance(getattr(bpy.app.handlers, group), list)
            for f in getattr(bpy.app.handlers, group)
            if MODULE in getattr(f, "__module__", "")
        ],
    }


class Known:
    """Stands in for something of Blender's; a name that Blender's own has not is refused."""

    def __init__(self, kind: str, **values: object) -> None:
        rna = getattr(bpy.types, kind).bl_rna
        names = {*rna.properties.keys(), *rna.functions.keys(), *dir(getattr(bpy.types, kind))}
        unknown = set(values) - names
        if unknown:
            raise AttributeError(f"{kind} has no {sorted(unknown)}")
        self.__dict__.update(values)
