# SPDX-License-Identifier: GPL-3.0-or-later
"""Editors of the window: one to show or paint an image in, those that show a node."""

from __future__ import annotations

import functools
from typing import Any


def show_image(context: Any, image: Any, *, mode: str) -> bool:
    """Show an image in an Image editor of the window; returns whether one could be found or made.

    Args:
        context: of the operator.
        image: to show.
        mode: "VIEW" or "PAINT".
    """
    screen = context.screen
    if screen is None:
        return False
    area = _image_area(screen)
    if area is None:
        # the largest area that is not where the operator was called from
        others = [a for a in screen.areas if a != context.area and a.type != "PROPERTIES"]
        area = max(others, key=lambda a: a.width * a.height, default=None)
        if area is None:
            return False
        area.type = "IMAGE_EDITOR"
    space = area.spaces.active
    space.image = image
    space.ui_mode = mode
    area.tag_redraw()
    return True


def show_node(node: Any) -> None:
    """Select a node, alone, and bring it into view wherever a window shows its tree."""
    import bpy  # the rest of this file is tested without Blender

    tree = node.id_data
    for other in tree.nodes:
        other.select = other == node
    tree.nodes.active = node
    if not bpy.app.background:  # editors learn of a new tree, and of its size, when they are drawn
        bpy.app.timers.register(functools.partial(_frame, node.name), first_interval=0.3)


def _frame(name: str) -> None:
    import bpy

    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            tree = area.spaces.active.edit_tree if area.type == "NODE_EDITOR" else None
            if tree is None or tree.nodes.active is None or tree.nodes.active.name != name:
                continue
            region = next(one for one in area.regions if one.type == "WINDOW")
            with bpy.context.temp_override(window=window, area=area, region=region):
                bpy.ops.node.view_selected()


def _image_area(screen: Any) -> Any | None:
    areas = [area for area in screen.areas if area.type == "IMAGE_EDITOR"]
    return max(areas, key=lambda area: area.width * area.height, default=None)
