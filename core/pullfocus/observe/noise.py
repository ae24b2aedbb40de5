# SPDX-License-Identifier: Apache-2.0
"""Noise and grain of a plate, measured: how strong by luminance, how coarse, how alike in colours.

Blocks count in which least varies that no model of the frame explains: elsewhere that is detail, or
the model is wrong. Chance makes the least of many look weaker than they are; by how much is known
from how many independent values a block of such noise has. In a frame that is detail all over, or
that a model explains badly, even the least is none: differences of neighbours, which hold all noise
and little else, say how much there can be at most.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

__all__ = ["BLOCK", "Look", "Noise", "measure_noise", "share_finest"]

BLOCK = 16
"""Px of a block's side; spectra have as many bins."""
_PLAIN = 0.25  # share of the blocks of a luminance that counts: those in which least varies
_SHORT = 1.271  # by how many deviations the mean of that quarter of a normal law falls short
_BINS = 10  # of luminance
_FEWEST = 40  # blocks in a bin
_LOW, _HIGH = 0.02, 0.97  # display-encoded: beyond, noise is cut off
_MEDIAN = 0.6745  # of a normal law's absolute values, in deviations
_SECOND = 6.0  # variance of a second difference of white noise of variance 1
_GRAIN = 0.26  # of white noise's finest differences; .58 for grain smoothed by .6 px, .29 by 1 px


@dataclass(frozen=True, eq=False)
class Noise:
    """What varies where nothing is seen, display-encoded."""

    levels: np.ndarray
    """(k,) rising values at which strength was measured, 0..1."""
    sigma: np.ndarray
    """(k, 3) standard deviation there, R G B."""
    spectrum: np.ndarray
    """(BLOCK, BLOCK, 3) power by frequency as `np.fft.fft2` orders it, mean 1."""
    correlation: np.ndarray
    """(3, 3) between the colours."""

    def strength(self, shown: np.ndarray) -> np.ndarray:
        """Return the standard deviation at values (..., 3), display-encoded."""
        out = [np.interp(shown[..., c], self.levels, self.sigma[:, c]) for c in range(3)]
        return np.stack(out, -1).astype(np.float32)

    @property
    def typical(self) -> float:
        """Standard deviation of green in the middle of what was measured."""
        return float(np.median(self.sigma[:, 1]))


@dataclass(frozen=True, eq=False)
class Look:
    """A frame to measure noise on, display-encoded."""

    frame: np.ndarray
    """(h, w, 3) float32."""
    explained: np.ndarray
    """(h, w, 3) float32, what a model without noise shows there; zeros where there is none."""
    where: np.ndarray
    """(h, w) bool, what may be looked at."""


def measure_noise(looks: Iterable[Look]) -> Noise | None:
    """Measure noise on some frames.

    None where too little of them is plain, or where what varies is coarser than grain: that is what
    a model does not explain.
    """
    found: list[tuple[np.ndarray, ...]] = []
    finest: list[float] = []
    for look in looks:
        finest.append(_finest(look))
        found.append(_blocks(look))
    found = [one for one in found if len(one[0])]
    if not found:
        return None
    pixels, level = (np.concatenate(part) for part in zip(*found, strict=True))
    chosen = _quietest(pixels, level)
    if not len(chosen):
        return None
    pixels, level = pixels[chosen], level[chosen]
    variance = np.square(pixels).mean((1, 2)) / (1 - 6 / BLOCK**2)  # (n, 3); a surface was fitted
    levels, sigma = _by_level(level, variance)
    own = np.stack([np.interp(level.mean(1), levels, sigma[:, c]) for c in range(3)], -1)
    unit = pixels / np.maximum(own, 1e-6)[:, None, None]
    spectrum, correlation = _spectrum(unit), _correlation(unit)
    sigma = sigma / np.sqrt(_fallen_short(spectrum, correlation))
    fine = share_finest(spectrum)
    if fine < _GRAIN:
        return None
    typical = max(float(np.median(sigma[:, 1])), 1e-9)
    sigma = sigma * min(1.0, float(np.median(finest)) / (fine * typical))
    return Noise(levels, sigma, spectrum, correlation)


def _finest(look: Look) -> float:
    """Return the typical second difference along rows of green, as one of white noise's deviation.

    Of most px: detail only adds to it.
    """
    green = look.frame[..., 1]
    second = np.abs(2 * green[:, 1:-1] - green[:, :-2] - green[:, 2:])[look.where[:, 1:-1]]
    return float(np.median(second)) / _MEDIAN / _SECOND**0.5 if len(second) else 0.0


def share_finest(spectrum: np.ndarray) -> float:
    """Return what is told of noise of deviation 1 by its second differences; 1 for white noise."""
    gain = (2 - 2 * np.cos(2 * np.pi * np.fft.fftfreq(BLOCK))) ** 2
    return float(np.sqrt((spectrum[..., 1] * gain).mean() / _SECOND))


def _blocks(look: Look) -> tuple[np.ndarray, np.ndarray]:
    """Return what nothing explains, in blocks (n, BLOCK, BLOCK, 3), and their levels (n, 3)."""
    frame = look.frame
    cut_off = ((frame < _LOW) | (frame > _HIGH)).any(-1)
    usable = (look.where & ~cut_off)[..., None]
    rows, columns = (n // BLOCK for n in frame.shape[:2])

    def cut(values: np.ndarray) -> np.ndarray:
        inner = values[: rows * BLOCK, : columns * BLOCK]
        shape = (rows, BLOCK, columns, BLOCK, values.shape[2])
        return inner.reshape(shape).transpose(0, 2, 1, 3, 4).reshape(-1, BLOCK, BLOCK, shape[-1])

    whole = cut(usable).all((1, 2, 3))
    pixels = cut(frame - look.explained)[whole]
    return pixels - _surface(pixels), cut(frame)[whole].mean((1, 2))


def _surface(pixels: np.ndarray) -> np.ndarray:
    """Return the least-squares surface of second order through each block."""
    x = np.linspace(-1, 1, BLOCK)
    down, across = np.meshgrid(x, x, indexing="ij")
    basis = np.stack([np.ones_like(x + across), down, across, down**2, across**2, down * across])
    basis = np.linalg.qr(basis.reshape(6, -1).T)[0].astype(np.float32)
    flat = pixels.reshape(len(pixels), BLOCK**2, 3)
    fitted = np.einsum("pk,nkc->npc", basis, np.einsum("pk,npc->nkc", basis, flat))
    return fitted.reshape(pixels.shape)


def _bins(level: np.ndarray) -> np.ndarray:
    return np.minimum((level.mean(1) * _BINS).astype(int), _BINS - 1)


def _quietest(pixels: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return the indices of the quietest quarter of the blocks of every luminance."""
    varies, bins = np.square(pixels).mean((1, 2, 3)), _bins(level)
    chosen = []
    for one in np.unique(bins):
        own = np.flatnonzero(bins == one)
        if len(own) >= _FEWEST:
            chosen.append(own[np.argsort(varies[own])[: round(_PLAIN * len(own))]])
    return np.concatenate(chosen) if chosen else np.zeros(0, int)


def _by_level(level: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return levels (k,) and deviations (k, 3) of chosen blocks."""
    bins = _bins(level)
    levels = [level[bins == one].mean() for one in np.unique(bins)]
    sigma = [np.sqrt(variance[bins == one].mean(0)) for one in np.unique(bins)]
    return np.array(levels), np.stack(sigma)


def _fallen_short(spectrum: np.ndarray, correlation: np.ndarray) -> float:
    """Return the share of the variance that the quietest quarter of blocks shows."""
    values = BLOCK**2 / np.square(spectrum.mean(-1)).mean()
    values *= 9 / np.square(correlation).sum()  # colours that go together are one
    return float(max(1 - _SHORT * np.sqrt(2 / values), 0.2))


def _spectrum(unit: np.ndarray) -> np.ndarray:
    """Return the mean power of blocks (n, BLOCK, BLOCK, 3) by frequency, mean 1."""
    window = np.hanning(BLOCK + 1)[:-1]
    shaped = unit * (window[:, None] * window[None])[None, ..., None]
    power = np.square(np.abs(np.fft.fft2(shaped, axes=(1, 2))))
    power = np.median(power, 0)  # some texture in a few blocks does not count
    rounded = np.abs(np.fft.fftfreq(BLOCK, 1 / BLOCK))
    ring = np.maximum(rounded[:, None], rounded[None])
    power[ring <= 1] = power[ring == 2].mean(0)  # which the fit took away
    return power / power.mean((0, 1))


def _correlation(unit: np.ndarray) -> np.ndarray:
    flat = unit.reshape(-1, 3)
    covariance = flat.T @ flat / len(flat)
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale)
