# SPDX-License-Identifier: Apache-2.0
"""The picture of an ablation: a frame, and slices through time, of every variant (Fig. 6 and 9).

A slice takes one row (or column) of every frame and lays them side by side: what flickers or swims
shows as a broken line.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pullfocus.ablate.ablate import Run
from pullfocus.evaluate.metrics import encode_srgb
from pullfocus.evaluate.truth import TruthClip, open_truth
from pullfocus.passes.passes_json import read_passes_json
from pullfocus.plate.exr import read_exr

__all__ = ["contact_sheet"]

_GAP = 6
_BAR = 22
_BACKGROUND = 24
_CELL = 360  # px a frame is shown wide, at least about that


def _volume(run: Run) -> tuple[tuple[int, ...], np.ndarray]:
    """Return the frame numbers and (T, H, W, 3) display-encoded beauty of a run's passes."""
    folder = run.folder / "passes"
    passes = read_passes_json(folder)
    frames = []
    for number in passes.frames:
        channels = read_exr(folder / passes.file_name(number))
        frames.append(encode_srgb(np.stack([channels[c] for c in "RGB"], -1)))
    return passes.frames, np.stack(frames).astype(np.float32)


def _worst_row(truth: np.ndarray, plate: np.ndarray) -> tuple[int, int, int]:
    """Return the frame, row and column where the plate errs most: there is most to repair."""
    error = np.square(plate - truth).sum(-1)
    t = int(error.sum((1, 2)).argmax())
    return t, int(error.sum((0, 2)).argmax()), int(error.sum((0, 1)).argmax())


def contact_sheet(runs: Sequence[Run]) -> np.ndarray:
    """One row a variant between the plate and the truth, clip below clip.

    Returns:
        uint8 (H, W, 3) RGB: the frame that the plate shows worst, its row and its column of most
        error over time.
    """
    clips = list(dict.fromkeys(run.clip for run in runs))
    parts = [_clip_sheet(clip, [run for run in runs if run.clip == clip]) for clip in clips]
    width = max(part.shape[1] for part in parts)
    padded = [
        np.pad(p, ((0, _GAP), (0, width - p.shape[1]), (0, 0)), constant_values=_BACKGROUND)
        for p in parts
    ]
    return np.concatenate(padded)


def _clip_sheet(clip: Path, runs: Sequence[Run]) -> np.ndarray:
    numbers, _ = _volume(runs[0])
    truth: TruthClip = open_truth(clip)
    known = [truth.read(number) for number in numbers]
    plate, sharp = (np.stack([getattr(k, n) for k in known]) for n in ("plate", "sharp"))
    t, row, column = _worst_row(sharp, plate)
    lines = [("plate", plate)]
    lines += [(_label(run), _volume(run)[1]) for run in runs]
    lines.append(("truth", sharp))
    scale = max(1, round(_CELL / plate.shape[2]))
    head = f"{clip.name}, frame {numbers[t]}; row {row} and column {column} over time"
    drawn = [_line(label, volume, t, row, column, scale) for label, volume in lines]
    sheet = np.concatenate(drawn)
    return np.concatenate([_text(head, sheet.shape[1]), sheet])


def _label(run: Run) -> str:
    return f"{run.variant} {run.figures['psnr']:.2f} dB"


def _line(label: str, volume: np.ndarray, t: int, row: int, column: int, scale: int) -> np.ndarray:
    """Draw one variant: the frame, the row over time, the column over time."""
    height = volume.shape[1]
    frame = volume[t].copy()
    frame[row, ::4], frame[::4, column] = (1, 0.3, 0.6), (1, 0.85, 0.2)
    times = max(1, height // len(volume))  # a slice about as tall as a frame
    across = np.repeat(volume[:, row], times, axis=0)
    down = np.repeat(volume[:, :, column].swapaxes(0, 1), times, axis=1)
    cells = []
    for picture in (frame, across, down):
        tall = np.pad(
            picture,
            ((0, max(0, height - picture.shape[0])), (0, 0), (0, 0)),
            constant_values=_BACKGROUND / 255,
        )[:height]
        pixels = np.round(tall.clip(0, 1) * 255).astype(np.uint8)
        cells.append(pixels.repeat(scale, 0).repeat(scale, 1))
        cells.append(np.full((height * scale, _GAP, 3), _BACKGROUND, np.uint8))
    body = np.concatenate(cells[:-1], axis=1)
    return np.concatenate([_text(label, body.shape[1]), body])


def _text(text: str, width: int) -> np.ndarray:
    import cv2

    bar = np.full((_BAR, width, 3), _BACKGROUND, np.uint8)
    ink = (225, 225, 225)
    cv2.putText(bar, text, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, 1, cv2.LINE_AA)
    return bar
