# SPDX-License-Identifier: Apache-2.0
"""What the lens-blur benchmark blurs: a frame, radii, how much work that is, and the EXR of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio


def test_frame(width: int, height: int) -> np.ndarray:
    """Draw a scene-linear, premultiplied frame, (H, W, 4) float32: hard edges and highlights.

    No pixel is black: a blur may skip those, and a real plate has none.
    """
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:height, :width]
    checks = ((x // 48 + y // 48) % 2).astype(np.float32)
    rgb = np.stack([0.05 + 0.8 * checks, 0.1 + 0.5 * x / width, 0.7 - 0.6 * y / height], 2)
    rgb *= rng.uniform(0.8, 1.2, (height, width, 1))
    count = width * height // 4000
    rgb[rng.integers(0, height, count), rng.integers(0, width, count)] = 60.0
    hole = np.hypot(x - width / 2, y - height / 2) < height / 4
    alpha = np.where(hole, 0.25, 1.0)[..., None]
    return np.concatenate([rgb * alpha, alpha], 2).astype(np.float32)


def ramp(width: int, height: int, max_radius_px: float) -> np.ndarray:
    """Return (H, W) float32 radii that grow from 0 at the left to ``max_radius_px``."""
    return np.tile(np.linspace(0, max_radius_px, width, dtype=np.float32), (height, 1))


def taps(radius: np.ndarray, channels: int) -> float:
    """Count the pixels that the discs cover, times channels: centres within r of the disc's."""
    reach = int(np.ceil(radius.max()))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    distances = np.sort(np.hypot(y, x).ravel())
    return channels * float(np.searchsorted(distances, radius.ravel(), "right").sum())


def write_exr(path: Path, image: np.ndarray, radius: np.ndarray) -> None:
    """Write RGBA (H, W, 4) and radii (H, W) as float channels ``R G B A coc.X``."""
    height, width = radius.shape
    spec = oiio.ImageSpec(width, height, 5, oiio.FLOAT)
    spec.channelnames = ("R", "G", "B", "A", "coc.X")
    out = oiio.ImageOutput.create(str(path))
    if out is None or not out.open(str(path), spec):
        raise SystemExit(f"{path} cannot be written: {oiio.geterror()}")
    out.write_image(np.concatenate([image, radius[..., None]], 2))
    out.close()
