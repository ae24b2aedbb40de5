# SPDX-License-Identifier: Apache-2.0
"""Rendered scenes as training pictures: what examples/render_coc.py leaves, read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pullfocus.coc.dataset import Sample
from pullfocus.errors import PullfocusError
from pullfocus.plate.colour import linear_to_display
from pullfocus.plate.exr import read_exr

__all__ = ["radius_from_lens", "read_scene", "scene_folders"]

_MIDDLE = 0.3
"""Linear light that a scene's mean is exposed to."""


def radius_from_lens(
    depth_m: np.ndarray, *, lens_mm: float, fstop: float, focus_m: float, f_px: float
) -> np.ndarray:
    """Circle of confusion of a thin lens, as Cycles renders it.

    Args:
        depth_m: (H, W), planar depth, metres; huge where there is only sky.
        lens_mm: focal length.
        fstop: f-number; the aperture is lens / f-number.
        focus_m: planar distance in focus.
        f_px: focal length in px: lens / sensor width * width.

    Returns:
        (H, W) float32, radius in px, >= 0.
    """
    aperture_m = lens_mm / 1000 / fstop
    spread = np.abs(1 / focus_m - 1 / np.maximum(depth_m, 1e-6))
    return (0.5 * aperture_m * spread * f_px).astype(np.float32)


def scene_folders(folder: Path) -> list[Path]:
    """Complete scenes in a folder of them.

    Raises:
        PullfocusError: there is none.
    """
    found = sorted(path.parent for path in folder.glob("scene_*/lens.json"))
    if not found:
        raise PullfocusError(
            f"expected rendered scenes (scene_0000/lens.json) in {folder}, found none"
        )
    return found


def read_scene(folder: Path) -> Iterator[Sample]:
    """The variants of a scene, exposed alike, whole frames.

    Raises:
        PullfocusError: a file is missing, damaged, or lacks a channel.
    """
    facts = _lens(folder / "lens.json")
    channels = read_exr(folder / "sharp.exr")
    depth = _named(channels, "Depth.Z", folder / "sharp.exr")
    light = _colour(channels, "Combined.", folder / "sharp.exr")
    gain = _MIDDLE / max(float(np.minimum(light, 4 * np.median(light) + 1e-3).mean()), 1e-4)
    sharp = np.clip(linear_to_display(light * gain), 0, 1)
    f_px = facts["lens_mm"] / facts["sensor_mm"] * facts["width"]
    for variant in facts["variants"]:
        path = folder / variant["file"]
        blurred = _colour(read_exr(path), "", path)
        yield Sample(
            blurred=np.clip(linear_to_display(blurred * gain), 0, 1).astype(np.float32),
            sharp=sharp.astype(np.float32),
            coc=radius_from_lens(
                depth,
                lens_mm=facts["lens_mm"],
                fstop=variant["fstop"],
                focus_m=variant["focus_distance_m"],
                f_px=f_px,
            ),
        )


def _lens(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        missing = {"lens_mm", "sensor_mm", "width", "variants"} - set(facts)
    except (OSError, ValueError, TypeError) as error:
        raise PullfocusError(f"{path}: expected the lens of a scene as JSON, {error}") from error
    if missing:
        raise PullfocusError(f"{path}: expected {', '.join(sorted(missing))}, no such")
    return facts


def _named(channels: dict[str, np.ndarray], ending: str, path: Path) -> np.ndarray:
    for name, data in channels.items():
        if name.endswith(ending):
            return data
    raise PullfocusError(f"{path}: expected a channel ...{ending}, got {', '.join(channels)}")


def _colour(channels: dict[str, np.ndarray], before: str, path: Path) -> np.ndarray:
    return np.stack([_named(channels, f"{before}{c}", path) for c in "RGB"], axis=-1)
