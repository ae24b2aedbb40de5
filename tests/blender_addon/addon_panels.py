# SPDX-License-Identifier: Apache-2.0
"""Draws panels on a layout that knows what Blender's layout knows, and nothing else.

Names of properties, operators, icons and of the layout's own methods are checked against Blender.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

import bpy

LAYOUT = bpy.types.UILayout.bl_rna
ICONS = {i.identifier for i in LAYOUT.functions["label"].parameters["icon"].enum_items}
WRITABLE = {p.identifier for p in LAYOUT.properties if not p.is_readonly}


class Layout:
    """Stands in for UILayout."""

    def __init__(self, drawn: list[str]) -> None:
        object.__setattr__(self, "_drawn", drawn)

    def __setattr__(self, name: str, value: object) -> None:
        if name not in WRITABLE:
            raise AttributeError(f"UILayout has no property {name}")

    def _call(self, method: str, given: dict) -> None:
        if method not in LAYOUT.functions:
            raise AttributeError(f"UILayout has no {method}()")
        known = {p.identifier for p in LAYOUT.functions[method].parameters}
        unknown = set(given) - known
        if unknown:
            raise TypeError(f"{method}() takes no {sorted(unknown)}")
        if given.get("icon", "NONE") not in ICONS:
            raise ValueError(f"no icon {given['icon']}")

    def _nested(self, method: str, given: dict) -> Layout:
        self._call(method, given)
        return Layout(self._drawn)

    def row(self, **given: object) -> Layout:
        return self._nested("row", given)

    def column(self, **given: object) -> Layout:
        return self._nested("column", given)

    def label(self, **given: object) -> None:
        self._call("label", given)
        self._drawn.append(f"label {given.get('text', '')}")

    def progress(self, **given: object) -> None:
        self._call("progress", given)
        self._drawn.append(f"progress {given['text']}")

    def prop(self, data: object, name: str, **given: object) -> None:
        self._call("prop", given)
        if data.bl_rna.properties.get(name) is None:
            raise AttributeError(f"{data.bl_rna.identifier} has no property {name}")
        text = given.get("text", data.bl_rna.properties[name].name)
        self._drawn.append(f"prop {text or name}")

    def prop_search(self, data, name, search, collection, **given: object) -> None:
        self._call("prop_search", given)
        for owner, what in ((data, name), (search, collection)):
            if owner.bl_rna.properties.get(what) is None:
                raise AttributeError(f"{owner.bl_rna.identifier} has no property {what}")
        self._drawn.append(f"search {name}")

    def template_list(self, kind, identifier, data, name, active, index, **given: object) -> None:
        self._call("template_list", given)
        if not hasattr(bpy.types, kind):
            raise AttributeError(f"no list type {kind}")
        for owner, what in ((data, name), (active, index)):
            if owner.bl_rna.properties.get(what) is None:
                raise AttributeError(f"{owner.bl_rna.identifier} has no property {what}")
        items = getattr(data, name)
        for item in items:
            getattr(bpy.types, kind).draw_item(
                None, bpy.context, Layout(self._drawn), data, item, 0, active, index
            )
        self._drawn.append(f"list {name}")

    def operator(self, name: str, **given: object) -> Operator:
        self._call("operator", given)
        group, _, own = name.partition(".")
        if own not in dir(getattr(bpy.ops, group)):
            raise AttributeError(f"no operator {name}")
        rna = getattr(getattr(bpy.ops, group), own).get_rna_type()
        self._drawn.append(f"operator {given.get('text', rna.name)}")
        return Operator({p.identifier for p in rna.properties})


class Operator:
    """Stands in for the properties of an operator button."""

    def __init__(self, known: set[str]) -> None:
        object.__setattr__(self, "_known", known)

    def __setattr__(self, name: str, value: object) -> None:
        if name not in self._known:
            raise AttributeError(f"the operator has no property {name}")


def draw_all(module: str) -> dict[str, object]:
    """Draw every panel of the extension; returns what each shows."""
    drawn = {}
    for cls in sys.modules[f"{module}.panels"].CLASSES:
        if not issubclass(cls, bpy.types.Panel):
            continue
        context = SimpleNamespace(
            scene=bpy.context.scene,
            preferences=bpy.context.preferences,
            space_data=SimpleNamespace(tree_type="CompositorNodeTree"),
        )
        shown: list[str] = []
        drawn[cls.__name__] = shown
        if hasattr(cls, "poll") and not cls.poll(context):
            continue
        cls.draw(SimpleNamespace(layout=Layout(shown)), context)
    preferences = bpy.context.preferences.addons[module].preferences
    shown = []
    type(preferences).draw(
        SimpleNamespace(
            layout=Layout(shown),
            bl_rna=preferences.bl_rna,
            found=preferences.found,
            wrong=preferences.wrong,
        ),
        bpy.context,
    )
    drawn["preferences"] = shown
    return drawn
