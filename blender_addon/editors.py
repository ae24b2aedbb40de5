# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the editors of the window: an image editor to show or paint something in."""

from __future__ import annotations

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


def _image_area(screen: Any) -> Any | None:
    areas = [area for area in screen.areas if area.type == "IMAGE_EDITOR"]
    return max(areas, key=lambda area: area.width * area.height, default=None)
