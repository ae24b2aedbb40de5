# SPDX-License-Identifier: Apache-2.0
"""Grain laid over what was rebuilt, so that it matches what was kept.

It is drawn from the measured spectrum, frame by frame from the frame's number: the same frame has
the same grain whoever bakes it. What a restored frame has of its plate's low frequencies brings
their noise along; only the rest is added.
"""

from collections.abc import Iterator

import numpy as np
import torch

from pullfocus.model.floor import front_most
from pullfocus.model.shot_model import ShotModel
from pullfocus.observe.noise import BLOCK, Look, Noise, measure_noise
from pullfocus.plate.colour import linear_to_display

__all__ = ["grain", "plate_noise"]

_LOOKS = 4  # frames that noise is measured on
_IN_FOCUS_PX = 1.0  # at 512 wide; codecs leave less noise where nothing is sharp
_LEAST = 0.005  # display-encoded; less nobody sees, and a solve errs by as much


def plate_noise(model: ShotModel, atlases: list[torch.Tensor]) -> Noise | None:
    """Measure the noise of a solved shot's plate where it is in focus; None: it has next to none.

    Args:
        model: the solved shot.
        atlases: ``bake.atlases.finished_atlases``.
    """
    count = len(model.observed.frames)
    chosen = sorted({round(t) for t in np.linspace(0, count - 1, min(count, _LOOKS))})
    looks = list(_looks(model, atlases, chosen))
    noise = measure_noise(focus for focus, _ in looks) or measure_noise(all_ for _, all_ in looks)
    return noise if noise is not None and noise.typical > _LEAST else None


@torch.no_grad()
def _looks(
    model: ShotModel, atlases: list[torch.Tensor], chosen: list[int]
) -> Iterator[tuple[Look, Look]]:
    """Look at frames where they are in focus, and everywhere."""
    observed = model.observed
    most = _IN_FOCUS_PX * observed.width / 512
    for t in chosen:
        layers = model.frame(t, atlases=atlases)
        plate = observed.plate_display(t)
        shown = linear_to_display(model.blurred(layers).permute(1, 2, 0).cpu().numpy())
        radius = front_most(layers, [layer.radius_px for layer in layers], model)
        free = np.ones(radius.shape, bool)
        if observed.covered is not None:
            free &= ~observed.covered
        clipped = observed.clipped(t)
        if clipped is not None:
            free &= ~clipped.any(-1)
        yield Look(plate, shown, free & (radius < most)), Look(plate, shown, free)


def _interpolated(spectrum: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a spectrum (BLOCK, BLOCK) at the frequencies of ``np.fft.rfft2``, periodic."""
    y = np.fft.fftfreq(height)[:, None] * BLOCK
    x = np.fft.rfftfreq(width)[None] * BLOCK
    y0, x0 = np.floor(y).astype(int), np.floor(x).astype(int)
    dy, dx = y - y0, x - x0

    def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        return spectrum[row % BLOCK, column % BLOCK]

    top = at(y0, x0) * (1 - dx) + at(y0, x0 + 1) * dx
    return top * (1 - dy) + (at(y0 + 1, x0) * (1 - dx) + at(y0 + 1, x0 + 1) * dx) * dy


def grain(noise: Noise, shown: np.ndarray, frame: int, *, brought_px: float) -> np.ndarray:
    """Return what to add to a frame without noise, (h, w, 3) display-encoded.

    Args:
        noise: of the plate.
        shown: (h, w, 3) the frame's values, smoothed, display-encoded: strength goes by them.
        frame: number of the frame, which decides the pattern.
        brought_px: the frame holds its plate's noise already, smoothed by so many px (the standard
            deviation of a Gaussian); 0: it holds none.
    """
    height, width = shown.shape[:2]
    rng = np.random.default_rng((frame & 0xFFFFFFFF, 0x6AA1))
    mixing = np.linalg.cholesky(noise.correlation + 1e-6 * np.eye(3))
    white = rng.standard_normal((height, width, 3), dtype=np.float32) @ mixing.T.astype(np.float32)
    square = np.fft.fftfreq(height)[:, None] ** 2 + np.fft.rfftfreq(width)[None] ** 2
    brought = np.exp(-4 * np.pi**2 * brought_px**2 * square) if brought_px else 0.0
    planes = []
    for c in range(3):
        power = _interpolated(noise.spectrum[..., c], height, width)
        shaped = np.fft.rfft2(white[..., c]) * np.sqrt(power * (1 - brought))
        planes.append(np.fft.irfft2(shaped, s=(height, width)))
    return np.stack(planes, -1).astype(np.float32) * noise.strength(shown)
