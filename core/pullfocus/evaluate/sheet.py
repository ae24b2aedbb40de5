# SPDX-License-Identifier: Apache-2.0
"""The contact sheet: frames of a result beside their truth, to look at."""

from collections.abc import Sequence

import numpy as np

from pullfocus.evaluate.metrics import psnr
from pullfocus.evaluate.scores import PassFrame
from pullfocus.evaluate.truth import TruthFrame

__all__ = ["contact_sheet"]

_GAP = 4
_BAR = 20
_WIDEST_CELL = 384
_BACKGROUND = 24
_ERROR_GAIN = 4.0


def contact_sheet(rows: Sequence[tuple[PassFrame, TruthFrame]]) -> np.ndarray:
    """One row a frame: plate, result, truth, error, COC, true COC, matte.

    Returns:
        uint8 (H, W, 3) RGB. Frames wider than 384 px are shrunk.
    """
    largest = max(
        [1.0] + [float(np.abs(truth.coc).max()) for _, truth in rows if truth.coc is not None]
    )
    lines = [_row(result, truth, largest) for result, truth in rows]
    return np.concatenate(lines)


def _row(result: PassFrame, truth: TruthFrame, largest: float) -> np.ndarray:
    plate_psnr, result_psnr = psnr(truth.plate, truth.sharp), psnr(result.beauty, truth.sharp)
    error = np.clip(np.abs(result.beauty - truth.sharp) * _ERROR_GAIN, 0, 1)
    cells = [
        (f"{truth.number} plate {plate_psnr:.1f} dB", truth.plate),
        (f"result {result_psnr:.1f} dB ({result_psnr - plate_psnr:+.1f})", result.beauty),
        ("truth", truth.sharp),
        (f"error x{_ERROR_GAIN:.0f}", error),
        (f"COC, 0 to {largest:.1f} px", _coc_colours(result.coc, largest)),
    ]
    empty = np.zeros_like(truth.sharp)
    if truth.coc is None:
        cells.append(("no true COC", empty))
    else:
        cells.append(("COC truth", _coc_colours(truth.coc, largest)))
    if result.matte is None:
        cells.append(("one layer: no matte", empty))
    else:
        cells.append(("matte (outline: truth)", _matte_picture(result.matte, truth.alpha)))
    drawn = [_cell(label, picture) for label, picture in cells]
    gap = np.full((drawn[0].shape[0], _GAP, 3), _BACKGROUND, np.uint8)
    parts = [part for cell in drawn for part in (cell, gap)][:-1]
    return np.concatenate(parts, axis=1)


def _cell(label: str, picture: np.ndarray) -> np.ndarray:
    import cv2

    pixels = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    height, width = pixels.shape[:2]
    if width > _WIDEST_CELL:
        size = (_WIDEST_CELL, max(round(height * _WIDEST_CELL / width), 1))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    bar = np.full((_BAR, pixels.shape[1], 3), _BACKGROUND, np.uint8)
    scale = 0.42
    needed = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0]
    scale *= min(1.0, (bar.shape[1] - 6) / max(needed, 1))
    cv2.putText(
        bar, label, (3, 14), cv2.FONT_HERSHEY_SIMPLEX, scale, (220, 220, 220), 1, cv2.LINE_AA
    )
    return np.concatenate([bar, pixels])


def _coc_colours(radius_px: np.ndarray, largest: float) -> np.ndarray:
    """Radius as colour, in focus dark: 0..1 RGB. The sign is left out: a result may have none."""
    import cv2

    share = np.round(np.clip(np.abs(radius_px) / largest, 0, 1) * 255).astype(np.uint8)
    return cv2.applyColorMap(share, cv2.COLORMAP_INFERNO)[..., ::-1] / 255


def _matte_picture(matte: np.ndarray, truth: np.ndarray | None) -> np.ndarray:
    import cv2

    picture = np.repeat(np.clip(matte, 0, 1)[..., None], 3, axis=2)
    if truth is not None:
        inside = (truth > 0.5).astype(np.uint8)
        outline = cv2.dilate(inside, np.ones((3, 3), np.uint8)) != inside
        picture[outline] = (1.0, 0.25, 0.1)
    return picture
