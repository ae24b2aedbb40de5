# SPDX-License-Identifier: GPL-3.0-or-later
"""Where focus lies: what a pixel shows, the middle of a layer, and keys on the group's Focus."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import AddonError
from .exr_pixels import read_rows
from .passes import Passes

_SOLID = 0.5
_SAMPLED_FRAMES = 5
_SAMPLED_ROWS = 48


def depth_at(
    passes: Passes, x: int, y: int, frame: int, hidden: frozenset[str] = frozenset()
) -> float:
    """Return the depth of what a pixel shows, px of radius: the focus that makes it sharp.

    Args:
        passes: the shot.
        x: px from the left.
        y: px from the top.
        frame: number in the files.
        hidden: layers that are not shown: what lies behind them is.

    Raises:
        AddonError: no depth in this shot, no such pixel or frame, or nothing is shown there.
    """
    focus = _focus(passes)
    width, height = passes.size_px
    if not (0 <= x < width and 0 <= y < height):
        raise AddonError(f"expected a pixel within {width}x{height}, got {x},{y}")
    if frame not in focus:
        first, last = passes.frames[0], passes.frames[-1]
        raise AddonError(f"expected a frame of the shot ({first}-{last}), got {frame}")
    for layer in passes.layers:
        if layer.name in hidden:
            continue
        wanted = (f"{layer.name}_coc.X", f"{layer.name}_uv.Z")
        coc, matte = read_rows(passes.file(frame), wanted, y, 1)[:, 0, x]
        if matte > _SOLID:
            return float(coc) + focus[frame]
    raise AddonError(f"expected something at {x},{y}, got none of the layers that are shown")


def layer_depth(passes: Passes, layer: str) -> float:
    """Return the middle depth of a layer, px of radius.

    It is the one written in passes.json, so that focus on a layer is the same as `pullfocus
    refocus` and Nuke set it. Older passes lack it: it is measured then, over a few frames spread
    over the shot.

    Raises:
        AddonError: no depth in this shot, or the layer is seen in none of the frames.
    """
    focus = _focus(passes)
    written = {one.name: one.depth for one in passes.layers}.get(layer)
    if written is not None:
        return written
    missing = set(passes.missing())
    frames = [frame for frame in passes.frames if frame not in missing]
    if not frames:
        raise AddonError(f"expected frames in {passes.folder}, got none")
    chosen = np.linspace(0, len(frames) - 1, min(_SAMPLED_FRAMES, len(frames))).round().astype(int)
    found = []
    for frame in (frames[index] for index in chosen):
        coc, matte = _spread_rows(passes, frame, (f"{layer}_coc.X", f"{layer}_uv.Z"))
        solid = matte > _SOLID
        if solid.any():
            found.append(float(np.median(coc[solid])) + focus[frame])
    if not found:
        raise AddonError(f"expected {layer} in some frame, got it in none of {len(chosen)}")
    return float(np.median(found))


def _spread_rows(passes: Passes, frame: int, channels: tuple[str, ...]) -> np.ndarray:
    """Return rows spread over a frame, (channels, rows, width): a median needs no more."""
    height = passes.size_px[1]
    rows = np.linspace(0, height - 1, min(height, _SAMPLED_ROWS)).round().astype(int)
    path = passes.file(frame)
    return np.concatenate([read_rows(path, channels, int(row), 1) for row in rows], axis=1)


def key_focus(node: Any, depth: float, frame: float | None) -> None:
    """Set Focus of a PullFocus node, with a key at a scene frame unless that is None."""
    socket = node.inputs["Focus"]
    socket.default_value = depth
    if "Follow Plate" in node.inputs:
        node.inputs["Follow Plate"].default_value = 0.0
    if frame is not None:
        socket.keyframe_insert("default_value", frame=frame)


def pixel_under(where: tuple[float, float], size_px: tuple[int, int]) -> tuple[int, int]:
    """Return the pixel (x, y from the top) at a place of an image, 0..1 from the bottom left."""
    width, height = size_px
    return int(np.floor(where[0] * width)), int(np.floor((1 - where[1]) * height))


def place_on_backdrop(
    mouse: tuple[float, float],
    region: tuple[float, float],
    image_px: tuple[float, float],
    zoom: float,
    offset: tuple[float, float],
) -> tuple[float, float]:
    """Return the place (0..1 from the bottom left) of the node editor's backdrop under the mouse.

    Args:
        mouse: px in the region, from its bottom left.
        region: its width and height, px.
        image_px: width and height of what the backdrop shows.
        zoom: of the backdrop.
        offset: of the backdrop, px.
    """
    x, y = (
        (at - size / 2 - shift) / (zoom * pixels) + 0.5
        for at, size, pixels, shift in zip(mouse, region, image_px, offset, strict=True)
    )
    return x, y


def _focus(passes: Passes) -> dict[int, float]:
    if not passes.can_pull or passes.focus is None:
        raise AddonError("expected a shot in which focus moves: here depth is unknown")
    return passes.focus
