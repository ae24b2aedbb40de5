# SPDX-License-Identifier: Apache-2.0
"""A rolling shutter shears frames; what is measured of motion takes that up, row by row."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from pullfocus.model.grid import Box
from pullfocus.model.mapping import LatticeMapping
from pullfocus.observe.observe import observe
from pullfocus.plate.colour import display_to_linear
from pullfocus.shot import Shot

HEIGHT, WIDTH, COUNT = 144, 256, 9
READOUT = 0.9  # of a frame's time, from the first row to the last


class Source:
    def __init__(self, frames: np.ndarray) -> None:
        self.frames = frames

    def read(self, index: int) -> np.ndarray:
        return self.frames[index]

    def describe(self) -> str:
        return "memory"

    def fingerprint(self) -> str:
        return f"rolling {self.frames.sum()}"


def looks_at(time: np.ndarray) -> np.ndarray:
    """Where a camera that is shaken looks, px along the wall."""
    return 60 + 14 * np.sin(0.9 * time)


def times(t: int) -> np.ndarray:
    """When the rows of a frame are read."""
    return t + READOUT * (np.arange(HEIGHT) / (HEIGHT - 1) - 0.5)


def test_a_sheared_frame_is_mapped_row_by_row(wall: np.ndarray, tmp_path: Path) -> None:
    x = np.arange(WIDTH, dtype=np.float32)[None]
    y = np.repeat(np.arange(HEIGHT, dtype=np.float32)[:, None], WIDTH, 1)
    frames = []
    for t in range(COUNT):
        across = (x + looks_at(times(t))[:, None]).astype(np.float32)
        seen = cv2.remap(wall, across, y, cv2.INTER_CUBIC) / np.float32(255)
        frames.append(display_to_linear(np.repeat(seen[..., None], 3, 2)))
    shot = Shot(
        name="rolls",
        frames=tuple(range(COUNT)),
        width=WIDTH,
        height=HEIGHT,
        rate=Fraction(24),
        pixel_aspect=1.0,
        colorspace="lin_rec709_srgb",
        plate=Source(np.stack(frames)),
        mattes=(),
    )
    seen = observe(shot, tmp_path)
    reference = int(np.argmin(np.abs(seen.motion[0] - np.eye(3)).sum((1, 2))))
    mapping = LatticeMapping(
        torch.from_numpy(seen.motion[0]),
        width=WIDTH,
        height=HEIGHT,
        cells=(18, 32),
        frames_per_knot=1.0,
        overscan_px=12.0,
    )
    mapping.fit(torch.from_numpy(np.array(seen.residual[0])), WIDTH, HEIGHT)
    middle = slice(12, -12), slice(40, -40)
    missed, sheared = [], []
    for t in range(COUNT):
        with torch.no_grad():
            there = mapping(t, Box(0, 0, WIDTH, HEIGHT))[0].numpy()
        true = x + (looks_at(times(t)) - looks_at(times(reference)))[:, None]
        missed.append(np.abs(there - true)[middle].mean())
        sheared.append(np.ptp(true[12:-12, 0]))
    assert max(sheared) > 15
    assert max(missed) < 0.2
    assert np.mean(missed) < 0.1
