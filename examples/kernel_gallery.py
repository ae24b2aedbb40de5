# SPDX-License-Identifier: Apache-2.0
"""Our version of Fig. 4 of the paper: what one highlight turns into under every kernel.

    python examples/kernel_gallery.py --photo night.jpg --out gallery.png

Rows: the kernels by radius from 1 to 16 px; the soap bubble by beta from 0.5 to 8; shapes of the
iris; a photo reblurred by each of them in linear light, highlights lifted as a sensor clips them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from cuda_lensblur import Aperture, scatter_blur

KERNELS = ("soap_bubble", "gaussian", "disc", "tanh", "extended_box")
RADII = (1, 2, 4, 8, 12, 16)
BETAS = (0.5, 0.7, 1, 2, 4, 8)
IRISES = {
    "6 blades": Aperture(blades=6, rotation_deg=15),
    "rounded 5": Aperture(blades=5, roundness=0.5),
    "anamorphic": Aperture(squeeze=1.8),
    "ring": Aperture(inner_radius=0.45),
    "rim": Aperture(rim_beta=1.0, blades=8),
    "heart": None,  # a picture
}
TILE = 192
PHOTO_RADIUS = 9.0


def heart() -> torch.Tensor:
    """A picture of a highlight, (64, 64)."""
    y, x = np.mgrid[1.25:-1.25:64j, -1.25:1.25:64j]
    inside = (x**2 + y**2 - 1) ** 3 - x**2 * y**3 < 0
    return torch.from_numpy(inside.astype(np.float32))


def spot(radius: float, **options: object) -> np.ndarray:
    """One highlight's disc, enlarged to a tile; its mean weight is mid grey."""
    size = 49
    image = torch.zeros(1, size, size)
    image[0, size // 2, size // 2] = 1
    out = scatter_blur(image, torch.full((size, size), float(radius)), **options)[0].numpy()
    level = out * np.pi * max(radius, 1) ** 2 * 0.5
    return cv2.resize(level, (TILE, TILE), interpolation=cv2.INTER_NEAREST)


def reblurred(photo: np.ndarray, **options: object) -> np.ndarray:
    """A display-encoded photo (h, w, 3) out of focus, display-encoded."""
    linear = np.where(photo <= 0.04045, photo / 12.92, ((photo + 0.055) / 1.055) ** 2.4)
    bright = np.clip((linear.max(-1, keepdims=True) - 0.8) / 0.2, 0, 1)
    lifted = torch.from_numpy((linear * (1 + 6 * bright**2)).astype(np.float32)).permute(2, 0, 1)
    border = int(PHOTO_RADIUS) * 2
    wide = torch.nn.functional.pad(lifted[None], (border,) * 4, "reflect")[0]
    radius = torch.full(wide.shape[1:], PHOTO_RADIUS)
    out = scatter_blur(wide, radius, **options)[:, border:-border, border:-border]
    seen = out.permute(1, 2, 0).numpy().clip(0, 1)
    return np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)


def labelled(tile: np.ndarray, text: str) -> np.ndarray:
    """Put a caption on a tile, (TILE, TILE, 3) of 0..1."""
    shown = tile if tile.ndim == 3 else np.repeat(tile[..., None], 3, 2)
    canvas = np.ascontiguousarray((shown.clip(0, 1) * 255).round().astype(np.uint8))
    for colour, thickness in (((0, 0, 0), 3), ((240, 240, 240), 1)):
        cv2.putText(canvas, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, thickness)
    return cv2.copyMakeBorder(canvas, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(40, 40, 40))


def gallery(photo: np.ndarray | None) -> np.ndarray:
    """Draw everything, (height, width, 3) uint8."""
    irises = {name: heart() if shape is None else shape for name, shape in IRISES.items()}
    rows = [[labelled(spot(r, kernel=name), f"{name} r={r}") for r in RADII] for name in KERNELS]
    rows.append([labelled(spot(16, beta=float(b)), f"soap_bubble beta={b:g}") for b in BETAS])
    rows.append([labelled(spot(16, kernel=shape), name) for name, shape in irises.items()])
    if photo is not None:
        tile = cv2.resize(photo, (TILE, TILE), interpolation=cv2.INTER_AREA)
        plain = [labelled(tile, "photo")]
        rows.append(plain + [labelled(reblurred(tile, kernel=k), k) for k in KERNELS])
        rows.append([labelled(reblurred(tile, kernel=s), name) for name, s in irises.items()])
    return np.vstack([np.hstack(row) for row in rows])


def main() -> None:
    """Read the command line, draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("gallery.png"))
    parser.add_argument("--photo", type=Path, help="a photo with highlights, cropped square")
    options = parser.parse_args()
    photo = None
    if options.photo is not None:
        held = cv2.imread(str(options.photo))
        if held is None:
            parser.error(f"expected a readable picture, got {options.photo}")
        side = min(held.shape[:2])
        top, left = ((n - side) // 2 for n in held.shape[:2])
        photo = held[top : top + side, left : left + side].astype(np.float32) / 255
    if not cv2.imwrite(str(options.out), gallery(photo)):
        parser.error(f"expected a place to write a picture, got {options.out}")
    print(options.out)


if __name__ == "__main__":
    main()
