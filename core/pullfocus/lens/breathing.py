# SPDX-License-Identifier: Apache-2.0
"""Focus breathing: the picture grows or shrinks as focus is pulled, all of it alike.

The solve's mappings hold it, mixed with what the camera does. Breathing is what the sizes of all
layers share and what follows focus; a dolly or a zoom goes its own even way, layer by layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch

from pullfocus.model.shot_model import ShotModel

__all__ = ["Breathing", "fit_breathing", "layer_sizes", "undone_colour", "undone_motion"]

_LEVEL = 3  # sizes are smooth: they are gathered at an eighth of the size
_SURE = 4.0  # deviations by which breathing must stand out of what is not explained
_LEAST = 0.002  # of the size, from focus to focus; less nobody sees
_FEWEST = 6  # frames


@dataclass(frozen=True, eq=False)
class Breathing:
    """How the size of the picture follows focus."""

    scale: np.ndarray
    """(T,) size of the picture, about its middle; 1 where focus is in the middle of its travel."""
    per_px: float
    """Natural logarithm of the size for a px of radius that focus moves towards the far."""

    @property
    def share(self) -> float:
        """By how much the largest picture of the shot is larger than the smallest."""
        return float(self.scale.max() / self.scale.min() - 1)

    def record(self, frames: Sequence[int]) -> dict[str, Any]:
        """What passes.json keeps; divide distances from the frame's middle by it to undo it."""
        by_frame = zip(frames, self.scale, strict=True)
        return {
            "scale": {str(frame): round(float(scale), 6) for frame, scale in by_frame},
            "per_px": round(self.per_px, 6),
        }


def fit_breathing(sizes: np.ndarray, weight: np.ndarray, focus: np.ndarray) -> Breathing | None:
    """Find how the sizes of layers follow focus, beside a steady change of each.

    Args:
        sizes: (L, T) logarithm of the size at which each frame shows a layer; any origin.
        weight: (L, T) trust, 0 where a layer is not seen.
        focus: (T,) of the lens, px of radius, far positive.

    Returns:
        The breathing, or None where it does not stand out.
    """
    layers, count = sizes.shape
    if count < _FEWEST:
        return None
    time = np.linspace(-1, 1, count)
    centre = (focus.min() + focus.max()) / 2
    rows, values, trust = [], [], []
    for layer in range(layers):
        own = np.zeros((count, 1 + 2 * layers))
        own[:, 0] = focus - centre
        own[:, 1 + 2 * layer], own[:, 2 + 2 * layer] = 1, time
        rows.append(own)
        values.append(sizes[layer])
        trust.append(np.sqrt(weight[layer]))
    matrix, value, root = np.concatenate(rows), np.concatenate(values), np.concatenate(trust)
    seen = root > 0
    matrix, value = (matrix[seen] * root[seen, None]), value[seen] * root[seen]
    if len(value) <= matrix.shape[1]:
        return None
    solution = np.linalg.lstsq(matrix, value, rcond=None)[0]
    left = value - matrix @ solution
    noise = float(left @ left) / (len(value) - matrix.shape[1])
    deviation = np.sqrt(noise * np.linalg.pinv(matrix.T @ matrix)[0, 0])
    found = Breathing(np.exp(solution[0] * (focus - centre)), float(solution[0]))
    stands_out = abs(solution[0]) > _SURE * deviation and found.share > _LEAST
    return found if stands_out else None


@torch.no_grad()
def layer_sizes(model: ShotModel) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithm of the size at which frames show layers, and how much they show, (L, T).

    The size is that of a texel on the frame, in the middle of what is seen.
    """
    count = len(model.observed.frames)
    sizes, weight = np.zeros((len(model.layers), count)), np.zeros((len(model.layers), count))
    for t in range(count):
        for index, layer in enumerate(model.frame(t, level=_LEVEL, overscan=False)):
            if min(layer.texel.shape[1:]) < 2:
                continue
            x, y = layer.texel.double().cpu().numpy()
            area = np.abs(
                np.diff(x, axis=1)[:-1] * np.diff(y, axis=0)[:, :-1]
                - np.diff(x, axis=0)[:, :-1] * np.diff(y, axis=1)[:-1]
            )
            seen = (layer.alpha[0, :-1, :-1] > 0.5).cpu().numpy() & (area > 0)
            if seen.any():
                sizes[index, t] = -0.5 * float(np.median(np.log(area[seen])))
                weight[index, t] = float(seen.sum())
    return sizes, weight / max(float(weight.max()), 1.0)


def _places(height: int, width: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return where a frame of size 1 looks in one that has breathed."""
    middle = (width - 1) / 2, (height - 1) / 2
    x = (np.arange(width, dtype=np.float32) - middle[0]) * np.float32(scale) + middle[0]
    y = (np.arange(height, dtype=np.float32) - middle[1]) * np.float32(scale) + middle[1]
    return np.broadcast_to(x, (height, width)), np.broadcast_to(y[:, None], (height, width))


def undone_colour(values: np.ndarray, scale: float, *, smooth: bool = True) -> np.ndarray:
    """Return a plane (h, w) or (h, w, C) as a lens that does not breathe shows it.

    Args:
        values: of a frame.
        scale: its size, `Breathing.scale`.
        smooth: whether values in between mean something; else the nearest is taken.
    """
    height, width = values.shape[:2]
    x, y = (np.ascontiguousarray(axis, np.float32) for axis in _places(height, width, scale))
    how = cv2.INTER_CUBIC if smooth else cv2.INTER_NEAREST
    data = np.ascontiguousarray(values, np.float32)
    return np.asarray(cv2.remap(data, x, y, how, borderMode=cv2.BORDER_REPLICATE))


def undone_motion(motion: np.ndarray, scale: float, scale_there: float) -> np.ndarray:
    """Return motion (h, w, 2) px, +v up, between two frames whose breathing is undone.

    Args:
        motion: px to the other frame.
        scale: size of this frame.
        scale_there: size of the other.
    """
    height, width = motion.shape[:2]
    x, y = _places(height, width, scale)
    moved = undone_colour(motion, scale, smooth=False)
    middle = (width - 1) / 2, (height - 1) / 2
    here_x, here_y = np.arange(width), np.arange(height)[:, None]
    to_x = (x + moved[..., 0] - middle[0]) / scale_there + middle[0]
    to_y = (y - moved[..., 1] - middle[1]) / scale_there + middle[1]
    return np.stack([to_x - here_x, here_y - to_y], -1).astype(np.float32)
