# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns what Blender has loaded, images, clips, masks, view layers, into paths for pullfocus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from . import compat
from .command import default_folders
from .errors import AddonError
from .relative_paths import absolute
from .sequences import footage_pattern, sequence_file, sequence_numbers
from .view_layer import write_view_layer


def plate_path(scene: Any) -> str:
    """Return the plate as pullfocus takes it: absolute, a pattern where it is a sequence.

    Raises:
        AddonError: none is chosen.
    """
    settings = scene.pullfocus
    held = {
        "PATH": lambda: settings.plate_path,
        "IMAGE": lambda: settings.plate_image and settings.plate_image.filepath,
        "CLIP": lambda: settings.plate_clip and settings.plate_clip.filepath,
    }[settings.plate_source]()
    if not held:
        raise AddonError("expected a plate, got none: choose footage to solve")
    return footage_pattern(absolute(held))


def folders(scene: Any) -> tuple[str, str]:
    """Return the absolute solve and passes folders.

    Raises:
        AddonError: they follow from the plate, and none is chosen.
    """
    settings = scene.pullfocus
    solve, passes = (absolute(path) for path in (settings.solve_path, settings.passes_path))
    if not (solve and passes):
        own = default_folders(plate_path(scene), bpy.data.filepath)
        solve, passes = solve or own[0], passes or own[1]
    return solve, passes


def matte_paths(scene: Any, plate: str, folder: Path) -> tuple[tuple[str, str], ...]:
    """Return (layer, path) of every matte; masks and view layers are written into `folder`.

    Raises:
        AddonError: one of them is not there.
    """
    paths = []
    for matte in scene.pullfocus.mattes:
        paths.append((matte.name, _matte_path(scene, matte, plate, folder)))
    return tuple(paths)


def _matte_path(scene: Any, matte: Any, plate: str, folder: Path) -> str:
    if matte.source in ("PATH", "IMAGE"):
        held = matte.path if matte.source == "PATH" else matte.image and matte.image.filepath
        if not held:
            raise AddonError(f"expected a matte for the layer {matte.name!r}, got none")
        return footage_pattern(absolute(held))
    numbers = plate_numbers(scene, plate)
    size = plate_size(scene, plate, numbers[0])
    if matte.source == "MASK":
        if matte.mask is None:
            raise AddonError(f"expected a mask for the layer {matte.name!r}, got none")
        return write_mask(scene, matte.mask, folder / matte.name, numbers, size)
    if matte.view_layer not in scene.view_layers:
        raise AddonError(f"expected a view layer of {scene.name}, got {matte.view_layer!r}")
    own = _render_size(scene)
    if own != size:
        raise AddonError(
            f"expected {scene.name} to render at the plate's size, {size[0]}x{size[1]}, for the"
            f" view layer {matte.view_layer!r}, got {own[0]}x{own[1]}"
        )
    return write_view_layer(scene, matte.view_layer, folder / matte.name, numbers)


def plate_numbers(scene: Any, plate: str) -> list[int]:
    """Return the frame numbers of the plate: those of the scene's range for the first ones on."""
    numbers = sequence_numbers(plate)
    if numbers:
        return numbers
    settings = scene.pullfocus
    loaded = {"IMAGE": settings.plate_image, "CLIP": settings.plate_clip}.get(settings.plate_source)
    if loaded is not None:
        count = loaded.frame_duration
    else:
        count = scene.frame_end - scene.frame_start + 1
    return list(range(1, count + 1))  # movies are counted from 1


def plate_number(scene: Any, plate: str) -> int:
    """Return the plate's number of the scene's current frame; the first ones go together.

    Raises:
        AddonError: the plate has no such frame.
    """
    numbers = plate_numbers(scene, plate)
    number = numbers[0] + scene.frame_current - scene.frame_start
    if number not in numbers:
        raise AddonError(
            f"expected a frame of the plate, {numbers[0]} to {numbers[-1]}, got {number}:"
            " the scene's first frame goes with the plate's first"
        )
    return number


def key_mask(scene: Any, mask: Any, folder: Path, plate: str, number: int) -> str:
    """Write a mask as it is at the current frame; returns the path of the grey PNG."""
    size = plate_size(scene, plate, number)
    first = number - scene.frame_current + scene.frame_start
    pattern = write_mask(scene, mask, folder, [number], size, first=first)
    return pattern.replace("####", f"{number:04d}")


def _render_size(scene: Any) -> tuple[int, int]:
    render = scene.render
    share = render.resolution_percentage / 100
    return int(render.resolution_x * share), int(render.resolution_y * share)


def plate_size(scene: Any, plate: str, first: int) -> tuple[int, int]:
    """Return width and height of the plate; those of the scene where Blender cannot tell."""
    path = sequence_file(plate, first) or Path(plate)
    if not path.is_file():
        return _render_size(scene)
    image = bpy.data.images.load(str(path))
    try:
        width, height = image.size  # 0 for multi-layer files
        return (width, height) if width and height else _render_size(scene)
    finally:
        bpy.data.images.remove(image)


def write_mask(
    scene: Any,
    mask: Any,
    folder: Path,
    numbers: list[int],
    size: tuple[int, int],
    *,
    first: int | None = None,
) -> str:
    """Write a mask as grey PNG; returns the pattern.

    The scene's first frame goes with the plate's first: the first of the numbers, or `first`.
    """

    def fill(tree: Any) -> Any:
        node = tree.nodes.new("CompositorNodeMask")
        node.mask = mask
        return node.outputs[0]

    return _write(scene, fill, folder, numbers, size, first=first)


def _write(
    scene: Any,
    fill: Any,
    folder: Path,
    numbers: list[int],
    size: tuple[int, int],
    *,
    first: int | None = None,
) -> str:
    """Render a grey compositor picture for every number, in a scene of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    own = bpy.data.scenes.new("PullFocus matte")
    manager = bpy.context.window_manager
    tree = None
    try:
        tree = compat.make_compositor(own)
        tree.links.new(fill(tree), compat.output_socket(tree))
        render = own.render
        render.resolution_x, render.resolution_y = size
        render.resolution_percentage = 100
        compat.render_on_cpu(own)
        compat.write_grey_png(own)
        manager.progress_begin(0, len(numbers))
        for step, number in enumerate(numbers):
            manager.progress_update(step)
            shown = (
                scene.frame_start + number - (numbers[0] if first is None else first)
            )  # past frames that were left out
            own.frame_set(shown)
            render.filepath = str(folder / f"matte.{number:04d}.png")
            bpy.ops.render.render(write_still=True, scene=own.name)
    finally:
        manager.progress_end()
        bpy.data.scenes.remove(own)
        if compat.FIVE and tree is not None:
            bpy.data.node_groups.remove(tree)
    return str(folder / "matte.####.png")
