# SPDX-License-Identifier: Apache-2.0
"""The contact sheet of a solve: plate | sharp | matte | COC | reblur error | confidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pullfocus.checkpoint import replacing

if TYPE_CHECKING:
    import torch

    from pullfocus.model.floor import Floor

__all__ = ["PreviewRow", "contact_sheet", "floor_of", "render_row", "spread", "write_preview"]

_TITLES = ("plate", "sharp", "matte", "COC radius", "misfit", "confidence, white 1")
_TINTS = ((80, 170, 255), (90, 220, 120), (255, 120, 200), (60, 220, 230))  # BGR, front to back
_BACKGROUND = 24
_INK = (225, 225, 225)
_GAP = 6
_HEADER = 26
_ERROR_GAIN = 8.0
_THUMB_WIDTH = 256


@dataclass(frozen=True, kw_only=True)
class PreviewRow:
    """What the sheet shows of one frame; pictures are (H, W, 3) float32, RGB, display-encoded."""

    frame: int
    plate: np.ndarray
    sharp: np.ndarray
    reblur: np.ndarray
    mattes: tuple[np.ndarray, ...]
    """(H, W) coverage 0..1 of every layer but the last, front to back."""
    coc_radius_px: np.ndarray
    """(H, W) COC radius of what is seen, without sign."""
    confidence: np.ndarray | None = None
    """(H, W) how far the result can be relied on, 0..1; None: nothing tells yet."""


def spread(count: int, wanted: int = 4) -> list[int]:
    """Up to `wanted` indices of 0..count-1, evenly spread, without the very ends if possible."""
    if count <= wanted:
        return list(range(count))
    return [int((i + 0.5) * count / wanted) for i in range(wanted)]


def write_preview(path: Path, model: Any, observed: Any) -> None:
    """Render four frames of `model` (a ShotModel) and write the sheet as PNG, atomically.

    Raises:
        SolveError: the file cannot be written; an earlier one is untouched.
    """
    floor = floor_of(model)
    rows = [render_row(model, observed, t, floor) for t in spread(len(observed.frames))]
    sheet = contact_sheet(rows)
    _, encoded = cv2.imencode(".png", sheet)
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())


def floor_of(model: Any) -> Floor | None:
    """Return what judges a model: None without a lens, or while its atlases are held small."""
    from pullfocus.model.floor import Floor
    from pullfocus.model.shot_model import ShotModel

    if not isinstance(model, ShotModel) or model.atlas_level or model.settings.reblur == "none":
        return None
    return Floor(model, [atlas.detach() for atlas in model.linear_atlases()])


def render_row(model: Any, observed: Any, t: int, floor: Floor | None = None) -> PreviewRow:
    """Render frame index `t` (0..T-1) of the model beside its plate, at about thumbnail size.

    With a `floor` the row has confidence, as the pass that a bake writes.
    """
    import torch

    from pullfocus.model.in_focus import share_in_focus

    level = max(0, int(math.log2(observed.width / _THUMB_WIDTH)))
    frame = model.frame_box(level)
    coc = np.zeros((frame.height, frame.width), np.float32)
    free = np.ones_like(coc)  # what the layers in front let through
    mattes, radii = [], []
    with torch.no_grad():
        for layer in model.frame(t, level=level, overscan=False):
            alpha = _placed(layer.alpha[0], layer.box, frame)
            radius = _placed(layer.radius_px.abs(), layer.box, frame)
            radii.append(radius * 2**level)
            coc += free * alpha * radii[-1]
            free = free * (1 - alpha)
            mattes.append(alpha)
        confidence = None
        if floor is not None:
            in_focus = share_in_focus(list(zip(mattes, radii, strict=True)), level)
            found = floor.frame(t, level=level)
            confidence = found.confidence(found.kept * (1 - in_focus), in_focus)
        return PreviewRow(
            frame=observed.frames[t],
            plate=np.asarray(observed.plate_display(t, level), np.float32),
            sharp=_srgb(_picture(model.sharp(t, level))),
            reblur=_srgb(_picture(model.reblur(t, level))),
            mattes=tuple(mattes[:-1]),
            coc_radius_px=coc,
            confidence=confidence,
        )


def contact_sheet(rows: Sequence[PreviewRow], *, thumb_width: int = _THUMB_WIDTH) -> np.ndarray:
    """Lay the rows out with titles, frame numbers and scales.

    Returns:
        (H, W, 3) uint8, BGR, for OpenCV.
    """
    height, width = rows[0].plate.shape[:2]
    thumb_width = min(thumb_width, 2 * width)
    size = (thumb_width, max(1, round(thumb_width * height / width)))
    top_px = _coc_scale(rows)
    titles = list(_TITLES)
    titles[3] = f"COC 0..{top_px:g} px"
    titles[4] = f"misfit x{_ERROR_GAIN:g}"
    if rows[0].confidence is None:
        titles.pop()

    columns, lines = len(titles), len(rows)
    sheet = np.full(
        (_HEADER + lines * (size[1] + _GAP) + _HEADER, columns * (size[0] + _GAP) + _GAP, 3),
        _BACKGROUND,
        np.uint8,
    )
    for column, title in enumerate(titles):
        _write(sheet, title, _GAP + column * (size[0] + _GAP) + 2, 18)
    for line, row in enumerate(rows):
        y = _HEADER + line * (size[1] + _GAP)
        for column, picture in enumerate(_cells(row, top_px)):
            x = _GAP + column * (size[0] + _GAP)
            sheet[y : y + size[1], x : x + size[0]] = _fit(picture, size)
        _tag(sheet, f"frame {row.frame}", _GAP + 4, y + size[1] - 6)
        error_x = _GAP + 4 * (size[0] + _GAP) + 4
        _tag(sheet, f"{_psnr(row.plate, row.reblur):.1f} dB", error_x, y + size[1] - 6)
    _scale_bar(sheet, _GAP + 3 * (size[0] + _GAP), size[0], top_px)
    return sheet


def _cells(row: PreviewRow, top_px: float) -> tuple[np.ndarray, ...]:
    """The pictures of a row by column, uint8 BGR, plate size."""
    coc = _bytes(row.coc_radius_px / top_px)
    error = np.abs(row.plate - row.reblur).mean(-1) * _ERROR_GAIN
    cells = (
        _bgr(row.plate),
        _bgr(row.sharp),
        _matte_picture(row),
        cv2.applyColorMap(coc, cv2.COLORMAP_TURBO),
        cv2.applyColorMap(_bytes(error), cv2.COLORMAP_INFERNO),
    )
    if row.confidence is None:
        return cells
    return (*cells, _bytes(np.dstack([row.confidence] * 3)))


def _matte_picture(row: PreviewRow) -> np.ndarray:
    """A grey plate with each layer's matte as a tint, the front one hiding those behind."""
    grey = row.plate.mean(-1, keepdims=True) * np.full(3, 0.6, np.float32)
    for matte, tint in reversed(list(zip(row.mattes, _tints(len(row.mattes)), strict=True))):
        colour = np.array(tint, np.float32) / 255 * (0.35 + 0.65 * row.plate.mean(-1)[..., None])
        grey = grey + matte[..., None] * (colour - grey)
    return _bytes(grey)


def _tints(count: int) -> list[tuple[int, int, int]]:
    return [_TINTS[i % len(_TINTS)] for i in range(count)]


def _coc_scale(rows: Sequence[PreviewRow]) -> float:
    """The radius in px at the top of the colour map: near the largest, and at least 1."""
    largest = max(float(np.percentile(row.coc_radius_px, 99.5)) for row in rows)
    return float(max(1, np.ceil(largest)))


def _scale_bar(sheet: np.ndarray, x: int, width: int, top_px: float) -> None:
    y = sheet.shape[0] - _HEADER + 2
    ramp = np.linspace(0, 255, width).astype(np.uint8)[None].repeat(8, 0)
    sheet[y : y + 8, x : x + width] = cv2.applyColorMap(ramp, cv2.COLORMAP_TURBO)
    _write(sheet, "0", x, y + 20, scale=0.36)
    _write(sheet, f"{top_px / 2:g}", x + width // 2 - 6, y + 20, scale=0.36)
    _write(sheet, f"{top_px:g} px", x + width - 34, y + 20, scale=0.36)


def _tag(sheet: np.ndarray, text: str, x: int, y: int) -> None:
    """Text on a dark plate, readable on any picture."""
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)
    sheet[max(0, y - height - 3) : y + 4, max(0, x - 3) : x + width + 3] //= 3
    _write(sheet, text, x, y, scale=0.4)


def _write(sheet: np.ndarray, text: str, x: int, y: int, *, scale: float = 0.46) -> None:
    cv2.putText(sheet, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, 1, cv2.LINE_AA)


def _fit(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    smaller = size[0] < picture.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    return cv2.resize(picture, size, interpolation=how)


def _psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = float(np.mean((np.clip(a, 0, 1) - np.clip(b, 0, 1)) ** 2))
    return 99.0 if error <= 1e-10 else -10.0 * float(np.log10(error))


def _picture(image: torch.Tensor) -> np.ndarray:
    """(3, H, W) tensor to (H, W, 3) float32."""
    return np.ascontiguousarray(image.detach().float().cpu().numpy().transpose(1, 2, 0))


def _placed(image: torch.Tensor, box: Any, frame: Any) -> np.ndarray:
    """Cut `image` (h, w), which lies at `box`, to `frame`: float32, 0 where it has nothing."""
    out = np.zeros((frame.height, frame.width), np.float32)
    seen = box.intersection(frame)
    if seen.width and seen.height:
        out[seen.inside(frame)] = image.detach().float().cpu().numpy()[seen.inside(box)]
    return out


def _srgb(linear: np.ndarray) -> np.ndarray:
    x = np.clip(linear, 0, 1)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.power(x, 1 / 2.4) - 0.055)


def _bgr(picture: np.ndarray) -> np.ndarray:
    return _bytes(picture[..., ::-1])


def _bytes(values: np.ndarray) -> np.ndarray:
    finite = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)
    return (np.clip(finite, 0, 1) * 255 + 0.5).astype(np.uint8)
