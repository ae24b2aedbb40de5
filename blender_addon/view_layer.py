# SPDX-License-Identifier: GPL-3.0-or-later
"""The alpha of a view layer, rendered in its own scene and written as grey pictures.

A compositor that asks another scene for its layer does it too, and takes Blender 5.2 down with it
where that scene is drawn by Workbench and a window is open.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from . import compat
from .errors import AddonError

_RENDER = ("film_transparent", "use_compositing", "use_sequencer", "filepath")
_FILE = ("media_type", "file_format", "color_mode", "color_depth")  # one allows the next


def write_view_layer(scene: Any, layer: str, folder: Path, numbers: list[int]) -> str:
    """Render a view layer and write its alpha as grey PNG; returns the pattern.

    The scene's first frame goes with the plate's first; the film is transparent meanwhile.

    Raises:
        AddonError: the scene has no camera.
    """
    if scene.camera is None:
        raise AddonError(f"expected a camera in {scene.name} to render the view layer {layer!r}")
    folder.mkdir(parents=True, exist_ok=True)
    rendered = folder / ".rendered.exr"
    manager, current = bpy.context.window_manager, scene.frame_current
    grey = bpy.data.scenes.new("PullFocus matte")  # how files are written, nothing else
    try:
        compat.write_grey_png(grey)
        manager.progress_begin(0, len(numbers))
        with _rendered_alone(scene, layer, rendered):
            for step, number in enumerate(numbers):
                manager.progress_update(step)
                scene.frame_set(scene.frame_start + number - numbers[0])
                bpy.ops.render.render(write_still=True, scene=scene.name)
                _write_alpha(rendered, folder / f"matte.{number:04d}.png", grey)
    finally:
        manager.progress_end()
        scene.frame_set(current)
        bpy.data.scenes.remove(grey)
        rendered.unlink(missing_ok=True)
    return str(folder / "matte.####.png")


@contextmanager
def _rendered_alone(scene: Any, layer: str, path: Path) -> Iterator[None]:
    """Render one layer, on a transparent film, without compositor, into an EXR; then as before."""
    render = scene.render
    owners = [(render, name) for name in _RENDER]
    owners += [(render.image_settings, name) for name in _FILE]
    owners += [(one, "use") for one in scene.view_layers]
    before = [(one, name, getattr(one, name)) for one, name in owners if hasattr(one, name)]
    try:
        render.film_transparent, render.use_compositing, render.use_sequencer = True, False, False
        render.filepath = str(path)
        for one in scene.view_layers:
            one.use = one.name == layer
        compat.write_exr(render.image_settings)
        yield
    finally:
        for one, name, value in before:
            setattr(one, name, value)


def _write_alpha(rendered: Path, path: Path, grey: Any) -> None:
    picture = bpy.data.images.load(str(rendered))
    matte = None
    try:
        width, height = picture.size
        pixels = np.empty(4 * width * height, np.float32)
        picture.pixels.foreach_get(pixels)
        pixels = pixels.reshape(-1, 4)
        pixels[:, :3] = pixels[:, 3:]
        pixels[:, 3] = 1
        matte = bpy.data.images.new("PullFocus matte", width, height, float_buffer=True)
        matte.pixels.foreach_set(pixels.ravel())
        matte.save_render(str(path), scene=grey)
    finally:
        for image in (picture, matte):
            if image is not None:
                bpy.data.images.remove(image)
