# SPDX-License-Identifier: Apache-2.0
"""Optical flow from atlas coordinates: the same place in the atlas, seen in another frame.

The paper follows a pixel by the Jacobian of (x, y, t) -> (u, v) (Eq. 5, 6); `layer_motion` does the
same and repeats it until it lands (Newton's method), so that any interval between frames will do.
The paper's own step, interpolated between inverse Jacobians, is there too.
"""

import struct
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import cv2
import numpy as np
import torch

from pullfocus.checkpoint import replacing
from pullfocus.flow.motion import interpolated_motion, layer_motion
from pullfocus.model.formation import frame_mattes
from pullfocus.model.shot_model import ShotModel

__all__ = ["Flow", "shot_flow", "write_flo"]

_COVERS = 0.5
_FLO_TAG = 202021.25


@dataclass(frozen=True)
class Flow:
    """Motion of what one frame shows to where it lies in another."""

    px: np.ndarray
    """(h, w, 2) px, x right, y down."""
    hidden: np.ndarray
    """(h, w) bool: out of the frame, or behind something, in the other frame."""


def _mattes(model: ShotModel, t: int) -> list[np.ndarray]:
    layers = model.frame(t, overscan=False)
    return [matte.cpu().numpy() for matte in frame_mattes(layers, model.frame_box())]


def _looked_up(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    border = cv2.BORDER_CONSTANT
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=border))


@torch.no_grad()
def shot_flow(model: ShotModel, t: int, to: int, *, interpolated: bool = False) -> Flow:
    """Return the flow from frame index ``t`` to ``to``, any distance apart, either way.

    Args:
        model: the solved shot.
        t: frame index whose pixels are followed.
        to: frame index in which they are looked for.
        interpolated: the paper's linear interpolation of inverse Jacobians, not Newton's method.
    """
    motion = interpolated_motion if interpolated else layer_motion
    frame = model.frame_box()
    margin = min(frame.width, max(8, ceil(frame.width / 16)) * max(1, abs(to - t)))
    here, there = _mattes(model, t), _mattes(model, to)
    flow = np.zeros((frame.height, frame.width, 2), np.float32)
    hidden = np.zeros((frame.height, frame.width), bool)
    free = np.ones(hidden.shape, bool)
    y, x = np.mgrid[: frame.height, : frame.width].astype(np.float32)
    for index, layer in enumerate(model.layers):
        own = free & (here[index] > _COVERS)
        free &= ~own
        if not own.any():
            continue
        moved = motion(layer.mapping, t, to, frame, margin)
        to_x, to_y = x + moved[..., 0], y + moved[..., 1]
        outside = (to_x < 0) | (to_y < 0) | (to_x > frame.width - 1) | (to_y > frame.height - 1)
        gone = outside | (_looked_up(there[index], to_x, to_y) <= _COVERS)
        for front in there[:index]:
            gone |= _looked_up(front, to_x, to_y) > _COVERS
        flow[own] = moved[own]
        hidden[own] = gone[own]
    return Flow(flow, hidden)


def write_flo(path: Path, flow: np.ndarray) -> None:
    """Write (h, w, 2) px, x right, y down, in the Middlebury format.

    Raises:
        SolveError: the disk is full or the folder cannot be written; an earlier file stays.
    """
    height, width = flow.shape[:2]
    with replacing(path) as temporary:
        head = struct.pack("<fii", _FLO_TAG, width, height)
        temporary.write_bytes(head + np.ascontiguousarray(flow, "<f4").tobytes())
