# SPDX-License-Identifier: Apache-2.0
"""The network at work: weights from the package or a file, and frames of any size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pullfocus.errors import PullfocusError

if TYPE_CHECKING:
    from pullfocus.coc.network import CocNetwork

__all__ = ["FrameCoc", "estimate_coc", "load_network", "shipped_weights"]

_WORKING_PX = 640
"""Longest side that the network works on; larger frames are shrunk, radii grow back."""
_SECOND = 2.0
"""It looks at a frame twice, the second time so many times as large, and the mean counts: it reads
small radii better enlarged, and two looks seldom err alike."""
_TRAINED_MAX_PX = 16.0
_READ_MAX_PX = 1.5 * _TRAINED_MAX_PX


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameCoc:
    """What the network reads off one frame."""

    radius_px: np.ndarray
    """(H, W) float32, circle of confusion, radius in px of the frame, >= 0."""
    confidence: np.ndarray
    """(H, W) float32, 1 / (1 + expected absolute error in px of the frame worked on): 1 is
    sure, 0.5 expects to be a pixel off. Low in plain areas, where blur leaves no trace."""


def shipped_weights() -> Path:
    """Where the weights lie that come with the package."""
    return Path(__file__).parent / "weights" / "coc.safetensors"


def load_network(weights: Path | None = None) -> CocNetwork:
    """Load the network, offline.

    Args:
        weights: a weights file of ``pullfocus train-coc``; None: the shipped one.

    Raises:
        PullfocusError: the file is missing, damaged, or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from pullfocus.coc.network import CocNetwork, sizes_of

    path = weights or shipped_weights()
    if not path.is_file():
        hint = "" if weights else "; the installation is incomplete"
        raise PullfocusError(f"expected the weights of the COC network at {path}, no file{hint}")
    try:
        held = {k: v.float() for k, v in load_file(str(path)).items()}
        network = CocNetwork(sizes_of(held))
        network.load_state_dict(held)
    except (SafetensorError, OSError, RuntimeError, KeyError, IndexError) as error:
        first = str(error).strip().splitlines()[0]
        raise PullfocusError(
            f"{path}: expected weights of this version's COC network, got others: {first}"
        ) from error
    return network.eval()


def estimate_coc(network: CocNetwork, display: np.ndarray) -> FrameCoc:
    """Read the circle of confusion off one frame.

    Args:
        network: as `load_network` gives it.
        display: (H, W, 3) float, display-encoded (sRGB curve); clipped to 0..1, as in training.

    Raises:
        PullfocusError: not a colour picture.
    """
    if display.ndim != 3 or display.shape[2] != 3:
        raise PullfocusError(f"expected a frame (H, W, 3), got shape {display.shape}")
    height, width = display.shape[:2]
    working = min(1.0, _WORKING_PX / max(height, width))
    frame = np.clip(display, 0, 1).astype(np.float32)
    first, second = (_look(network, frame, working, size) for size in (1.0, _SECOND))
    # enlarged beyond what it was trained on, a radius is read too small
    trained, most = _TRAINED_MAX_PX / _SECOND, _READ_MAX_PX / _SECOND
    read = first + 0.5 * ((most - first[0]) / (most - trained)).clip(0, 1) * (second - first)
    return FrameCoc(radius_px=read[0] / np.float32(working), confidence=read[1])


def _look(network: CocNetwork, frame: np.ndarray, working: float, enlarged: float) -> np.ndarray:
    """Look at a frame once: radius, px of the frame worked on, and confidence, (2, H, W)."""
    import cv2
    import torch

    height, width = frame.shape[:2]
    scale = working * enlarged
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size != (width, height):
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        frame = cv2.resize(frame, size, interpolation=how).clip(0, 1)
    tensor = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1)))[None]
    with torch.inference_mode():
        found = network(tensor)
        radius = found.radius_px[0].clamp(max=_READ_MAX_PX) / enlarged
        confidence = 1 / (1 + found.error_px[0] / enlarged)
    read = np.dstack([radius.numpy(), confidence.numpy()])
    if size != (width, height):
        read = cv2.resize(read, (width, height), interpolation=cv2.INTER_LINEAR)
    return read.transpose(2, 0, 1)
