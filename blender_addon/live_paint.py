# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the compositor follow strokes on an atlas.

Blender composes again when an image of the very tree that is shown changes; the atlas lies within
the shot's group, so nobody notices. While an Image editor shows it we look, and say so.
"""

from __future__ import annotations

import zlib
from typing import Any

import bpy
import numpy as np

_EVERY_S = 0.4
_seen: dict[str, int] = {}  # checksum by name of the image
_late: set[str] = set()  # images whose strokes the shot does not show yet


def watch(image: Any) -> None:
    """Watch an image until no Image editor shows it any more."""
    _seen[image.name] = _checksum(image)
    if not bpy.app.background and not bpy.app.timers.is_registered(_look):
        bpy.app.timers.register(_look, first_interval=_EVERY_S)


def unwatch() -> None:
    """Watch nothing."""
    _seen.clear()
    _late.clear()
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)


def _look() -> float | None:
    areas = [area for w in bpy.context.window_manager.windows for area in w.screen.areas]
    shown = {area.spaces.active.image for area in areas if area.type == "IMAGE_EDITOR"}
    viewed = any(_shows_result(area) for area in areas)
    for name in list(_seen):
        image = bpy.data.images.get(name)
        if image is None:
            _forget(name)
            continue
        now = _checksum(image)
        if now != _seen[name]:
            _seen[name] = now
            _late.add(name)
        if name in _late and viewed:  # Blender composes nothing that nobody sees
            _compose_again(image)
            _late.discard(name)
        if image not in shown and name not in _late:
            _forget(name)
    return _EVERY_S if _seen else None


def _shows_result(area: Any) -> bool:
    space = area.spaces.active
    if area.type == "IMAGE_EDITOR":
        return space.image is not None and space.image.type == "COMPOSITING"
    return bool(area.type == "NODE_EDITOR" and space.show_backdrop)


def _forget(name: str) -> None:
    del _seen[name]
    _late.discard(name)


def _checksum(image: Any) -> int:
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    return zlib.crc32(pixels.view(np.uint8))


def _compose_again(image: Any) -> None:
    image.update_tag()
    for group in bpy.data.node_groups:
        if any(getattr(node, "image", None) == image for node in group.nodes):
            group.update_tag()
