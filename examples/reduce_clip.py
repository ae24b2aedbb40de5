# SPDX-License-Identifier: Apache-2.0
"""Reduce a clip with truth: smaller frames, by area and in linear light, and fewer of them.

    python examples/reduce_clip.py CLIP --out SMALL --width 96 --every 2

Long ablations want clips that a laptop holds. Circles of confusion shrink with the frame; flow,
which would skip frames, is left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from make_clip import save_png, save_truth
from market_paint import to_display, to_linear


def read_picture(path: Path, grey: bool) -> np.ndarray:
    """0..1, RGB or grey."""
    mode = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR
    image = cv2.imread(str(path), mode | cv2.IMREAD_ANYDEPTH)
    if image is None:
        raise SystemExit(f"expected a readable picture, got {path}")
    values = image.astype(np.float32) / (65535 if image.dtype == np.uint16 else 255)
    return values if grey else values[..., ::-1]


def read_truth(path: Path) -> dict[str, np.ndarray]:
    """Named channels of an EXR."""
    import OpenImageIO as oiio

    source = oiio.ImageInput.open(str(path))
    if source is None:
        raise SystemExit(f"expected a readable EXR, got {path}: {oiio.geterror()}")
    spec = source.spec()
    pixels = np.asarray(source.read_image("float"))
    source.close()
    return {name: pixels[..., i] for i, name in enumerate(spec.channelnames)}


def reduce_clip(clip: Path, out: Path, *, width: int, every: int) -> None:
    """Write the smaller clip."""
    out.mkdir(parents=True, exist_ok=True)
    plates = sorted(clip.glob("plate.*.png"))
    if not plates:
        raise SystemExit(f"expected plate.####.png in {clip}, got none")
    for number, plate in enumerate(plates[::every], 1):
        frame = plate.suffixes[0].lstrip(".")
        height, full = read_picture(plate, False).shape[:2]
        size = (width, round(height * width / full))
        for part in ("plate", "sharp", "clean", "alpha"):
            path = clip / f"{part}.{frame}.png"
            if not path.exists():
                continue
            picture = read_picture(path, part == "alpha")
            light = picture if part == "alpha" else to_linear(picture)
            small = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
            small = small if part == "alpha" else to_display(small)
            save_png(out / f"{part}.{number:04d}.png", small)
        truth = clip / f"truth.{frame}.exr"
        if truth.exists():
            radii = {k: v for k, v in read_truth(truth).items() if k.startswith("coc")}
            save_truth(
                out / f"truth.{number:04d}.exr",
                {
                    name: cv2.resize(v, size, interpolation=cv2.INTER_AREA) * (width / full)
                    for name, v in radii.items()
                },
            )


def main() -> None:
    """Read the command line, write the clip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--every", type=int, default=1, help="keep every n-th frame")
    options = parser.parse_args()
    reduce_clip(options.clip, options.out, width=options.width, every=options.every)


if __name__ == "__main__":
    main()
