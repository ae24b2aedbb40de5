# SPDX-License-Identifier: Apache-2.0
"""Does our blur mean the same radius as Blender's Defocus? Sharp edges and points, side by side.

The two are not the same operator, so no agreement to the last digit is to be had: ours has the
rim of the paper's Eq. 2 and moves light by the radius of where it comes from, Blender gathers by
the smaller of two radii (see blender_defocus.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import torch
from lens_blur_scene import ramp, write_exr

from cuda_lensblur import scatter_blur

SIDE_PX = 480
SQUARE = slice(140, 340)
POINT_STEP_PX = 60
POINT_LIGHT = 100.0
RADIUS_PX = 12.0
EDGE_REACH_PX = 45


def square_and_points() -> np.ndarray:
    """Draw a white square and a row of points on opaque black, (H, W, 4) float32."""
    image = np.zeros((SIDE_PX, SIDE_PX, 4), np.float32)
    image[SQUARE, SQUARE, :3] = 1
    image[60, POINT_STEP_PX::POINT_STEP_PX, :3] = POINT_LIGHT
    image[..., 3] = 1
    return image


def edge_radius_px(profile: np.ndarray) -> float:
    """Return the radius of the disc that blurs a step into ``profile`` (1-D).

    The slope of an edge blurred by a disc is a half ellipse whose mean distance from its centre
    is 4 r / (3 pi).
    """
    slope = np.abs(np.diff(profile.astype(np.float64)))
    x = np.arange(len(slope))
    centre = np.average(x, weights=slope)
    return 3 * math.pi / 4 * float(np.average(np.abs(x - centre), weights=slope))


def edges(image: np.ndarray) -> tuple[float, float]:
    """Return the radii of the square's left and right edge, px."""
    middle = image[SIDE_PX // 2 - 20 : SIDE_PX // 2 + 20, :, 1].mean(0)
    left, right = SQUARE.start, SQUARE.stop
    return (
        edge_radius_px(middle[left - EDGE_REACH_PX : left + EDGE_REACH_PX]),
        edge_radius_px(middle[right - EDGE_REACH_PX : right + EDGE_REACH_PX]),
    )


def psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    """Return the PSNR of RGB, white = 1, in dB."""
    error = float(np.mean((a[..., :3].astype(np.float64) - b[..., :3]) ** 2))
    return -10 * math.log10(max(error, 1e-12))


def save_side_by_side(path: Path, ours: np.ndarray, theirs: np.ndarray) -> None:
    """Write ours, theirs, and 8 times their difference on grey, display-encoded."""
    shown = [np.clip(x[..., :3], 0, 1) ** (1 / 2.2) for x in (ours, theirs)]
    difference = np.clip(0.5 + 4 * (ours - theirs)[..., :3], 0, 1)
    strip = np.concatenate([*shown, difference], 1)[..., ::-1]
    if not cv2.imwrite(str(path), np.round(255 * strip).astype(np.uint8)):
        raise SystemExit(f"{path} cannot be written")


def agreement(out: Path, run_blender: Callable[..., object]) -> list[str]:
    """Blur both scenes both ways; returns lines of Markdown, pictures go to ``out``."""
    image = square_and_points()
    flat = np.full((SIDE_PX, SIDE_PX), RADIUS_PX, np.float32)
    growing = ramp(SIDE_PX, SIDE_PX, 2 * RADIUS_PX)
    lines = [
        "",
        "Agreement with Blender's Defocus (radii measured at the left / right edge of a square)",
        "",
        "Defocus gathers by the smaller of two radii and divides by what it gathered; ours moves",
        "light by the radius of its source. On the ramp they differ by that.",
        "",
        "| radius px | PSNR dB | at the edges | ours | Blender |",
        "|---|---|---|---|---|",
    ]
    for name, radius in (("flat", flat), ("ramp", growing)):
        top = float(radius.max())
        source, target = out / f"square_{name}.exr", out / f"square_{name}_defocus.exr"
        write_exr(source, image, radius)
        run_blender("defocus", source, target, top, (SIDE_PX, SIDE_PX))
        theirs = np.asarray(oiio.ImageBuf(str(target)).get_pixels(oiio.FLOAT))
        planar = torch.from_numpy(image).permute(2, 0, 1).contiguous()
        ours = scatter_blur(planar, torch.from_numpy(radius)).permute(1, 2, 0).numpy()
        save_side_by_side(out / f"square_{name}.png", ours, theirs)
        at_edges = [float(radius[0, i - 1 : i + 1].mean()) for i in (SQUARE.start, SQUARE.stop)]
        cells = [
            f"{RADIUS_PX:g}" if name == "flat" else f"0..{top:g}",
            f"{psnr_db(ours, theirs):.1f}",
            *(
                " / ".join(f"{v:.2f}" for v in pair)
                for pair in (at_edges, edges(ours), edges(theirs))
            ),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
