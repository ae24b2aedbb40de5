# SPDX-License-Identifier: Apache-2.0
"""A picture of an atlas for whoever paints it: what is used, which way is up, where it bends."""

from pathlib import Path

import cv2
import numpy as np

from pullfocus.checkpoint import replacing
from pullfocus.output import DIGEST, pixel_digest
from pullfocus.plate.colour import linear_to_display

__all__ = ["atlas_guide", "write_guide"]

_CHECKS = 24  # along the longer side
_LEAST_WIDTH = 720  # px of the picture
_MARGIN = 40


def atlas_guide(name: str, atlas: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Draw a guide, uint8 (rows, columns, 3), red first.

    The atlas display-encoded under a checker that shows how places lie; what no frame shows is
    dark; an outline runs round what is used. A margin above names the layer and its size; small
    atlases are enlarged by a whole number.

    Args:
        name: of the layer.
        atlas: (height, width, 3) scene-linear.
        used: (height, width) uint8, see `atlases.used_texels`.
    """
    height, width = atlas.shape[:2]
    side = max(8, max(height, width) // _CHECKS)
    y, x = np.mgrid[:height, :width] // side
    checker = np.where((x + y) % 2, 0.9, 1.1)[..., None]
    shown = (linear_to_display(atlas).clip(0, 1) * checker).clip(0, 1)
    shown = np.where(used[..., None] > 0, shown, 0.25 * shown)
    picture = np.ascontiguousarray((shown * 255).round().astype(np.uint8))
    outlines, _ = cv2.findContours(used, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, outlines, -1, (255, 200, 0), 1, cv2.LINE_AA)
    text = f"{name}: paint {width} x {height} px; used inside the yellow line"
    enlarged = max(1, -(-_LEAST_WIDTH // width))
    large = np.repeat(np.repeat(picture, enlarged, 0), enlarged, 1)
    framed = cv2.copyMakeBorder(large, _MARGIN, 0, 0, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    white, font = (235, 235, 235), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(framed, text, (8, 26), font, 0.6, white, 1, cv2.LINE_AA)
    return framed


def write_guide(path: Path, picture: np.ndarray) -> None:
    """Write a guide as PNG, whole or not at all, with a digest of its pixels.

    Raises:
        SolveError: the disk is full or the folder cannot be written; an earlier file stays.
    """
    import OpenImageIO as oiio

    height, width, count = picture.shape
    spec = oiio.ImageSpec(width, height, count, "uint8")
    spec.attribute(DIGEST, pixel_digest(picture))
    with replacing(path) as temporary:
        output = oiio.ImageOutput.create("png")
        if output is None:
            raise OSError(oiio.geterror())
        written = output.open(str(temporary), spec) and output.write_image(picture)
        problem = output.geterror()
        if not (output.close() and written):
            raise OSError(problem.strip() or "no reason given")
