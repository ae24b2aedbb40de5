# SPDX-License-Identifier: Apache-2.0
"""Grain laid over what was rebuilt, so that it matches what was kept.

It is drawn from the measured spectrum, frame by frame from the frame's number: the same frame has
the same grain whoever bakes it. What a restored frame has of its plate's low frequencies brings
their noise along, and an atlas keeps some of the noise of the frames that it was made from; only
the rest is added.

A solve that errs leaves its errors where grain is looked for. So how strong grain is, by luminance,
is told in the plainest places alone, and by the less of two: the plate's finest differences, and
those of what the solve leaves of it. The rest, its spectrum and colours, comes from
``observe.noise``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from pullfocus.model.floor import front_most
from pullfocus.model.formation import sharp
from pullfocus.model.shot_model import ShotModel
from pullfocus.model.trust import PLAIN_PX
from pullfocus.observe.noise import BLOCK, Look, Noise, measure_noise, share_finest
from pullfocus.observe.plain import FINE_PX, Plain, fine_power, finest_power, plainest
from pullfocus.plate.colour import linear_to_display

__all__ = ["Grain", "grain", "grain_of", "plate_grain"]

_LOOKS = 4  # frames that noise is measured on
_IN_FOCUS_PX = 1.0  # at 512 wide; codecs leave less noise where nothing is sharp
_LEAST = 0.004  # display-encoded, a step of 8 bits; less nobody sees
_LOW, _HIGH = 0.02, 0.97  # display-encoded: beyond, noise is cut off
_PLAIN = 0.02  # share of all px that counts as plain,
_AS_PLAIN = 1.4  # and how many times as uneven those of one luminance may be as the plainest
_FEWEST = 400  # px
_RESTORED_PX = 1.5  # radius at 512 wide, from which on a plate is replaced
_TAKEN = 1.2  # power: in focus an atlas takes some of its plate's noise for detail
_BINS = 10  # of luminance
_FAINT = 1e-3  # share of a restored frame


@dataclass(frozen=True, eq=False)
class Grain:
    """What to lay over what was restored."""

    noise: Noise
    """The plate's."""
    amount: float = 1.0
    """Share of its power that restored parts lack, up to 1, beside what they have of their plate;
    below 0 they have more than enough."""


@dataclass(frozen=True, eq=False)
class _Seen:
    """A frame that grain is looked for in, display-encoded."""

    keen: Look
    """Where it is in focus."""
    all: Look
    plate: Plain
    """Finest differences of the plate, and of what the model leaves of it; what is fine in it."""
    restored: Plain
    """What is fine in the restored frame where the plate is out of focus."""


def plate_grain(model: ShotModel, atlases: list[torch.Tensor]) -> Grain | None:
    """Measure the noise of a solved shot's plate; None: it has next to none, or none is missing.

    Args:
        model: the solved shot.
        atlases: ``bake.atlases.finished_atlases``.
    """
    count = len(model.observed.frames)
    chosen = sorted({round(t) for t in np.linspace(0, count - 1, min(count, _LOOKS))})
    seen = list(_seen(model, atlases, chosen))
    noise = measure_noise(one.keen for one in seen) or measure_noise(one.all for one in seen)
    if noise is None:
        return None
    plate, restored = (
        _together([one.plate for one in seen]),
        _together([one.restored for one in seen]),
    )
    return grain_of(noise, plate, restored, brought_px=_brought_px(model.observed.width))


def grain_of(noise: Noise, plate: Plain, restored: Plain, *, brought_px: float) -> Grain | None:
    """Return grain as strong as plain places tell; None: next to none.

    Args:
        noise: of the plate, whose strength may hold errors of a solve.
        plate: finest differences of the plate, and of what a model leaves of it; what is fine.
        restored: what is fine in what grain is laid over.
        brought_px: how far the noise is smoothed that it has of its plate.
    """
    plain = plate.among(_PLAIN, _FEWEST)
    fine = share_finest(noise.spectrum)
    bins = np.minimum((plain.level * _BINS).astype(int), _BINS - 1)
    levels, sigma, broader = [], [], []
    held = [own for own in (bins == one for one in range(_BINS)) if own.sum() >= _FEWEST]
    uneven = [float(np.median(plain.uneven[own])) for own in held]
    for own, most in zip(held, uneven, strict=True):
        if most > _AS_PLAIN * min(uneven):
            continue
        level = plain.level[own].mean()
        there = noise.strength(np.full(3, level))
        whole, left, wide = plain.power[own].mean(0)
        told = float(np.sqrt(min(whole, left * _TAKEN)))
        levels.append(level)
        broader.append(wide / max(whole, 1e-12))
        sigma.append(there * told / max(fine * float(there[1]), 1e-9))
    if not levels:
        return None
    noise = replace(noise, levels=np.array(levels), sigma=np.stack(sigma))
    wanted = fine**2 * float(np.mean(broader))  # of deviation 1, of what is fine
    amount = _missing(noise, wanted, restored.among(_PLAIN, _FEWEST), brought_px)
    return Grain(noise, amount) if noise.typical > _LEAST and amount > -1 else None


def _missing(noise: Noise, wanted: float, plain: Plain, brought_px: float) -> float:
    """Return the share of what `grain` would lay over that plain places lack.

    Args:
        noise: of the plate.
        wanted: power of what is fine in the plate, for noise of deviation 1.
        plain: what is fine in restored places.
        brought_px: how far the noise is smoothed that these have of their plate.
    """
    if not len(plain.level):
        return 1.0
    square = np.fft.fftfreq(BLOCK)[:, None] ** 2 + np.fft.fftfreq(BLOCK)[None] ** 2
    passes = np.square(1 - _smoothing(FINE_PX, square)) * (
        1 - np.square(_smoothing(brought_px, square))
    )
    laid = float((noise.spectrum[..., 1] * passes).mean())
    strength = noise.strength(np.repeat(plain.level[:, None], 3, 1))[:, 1]
    deviation = max(float(np.square(strength).mean()), 1e-12)
    has = float(plain.power[:, 0].mean()) / deviation
    return float(np.clip((wanted - has) / max(laid, 1e-6), -1, 1))


def _smoothing(deviation_px: float, square: np.ndarray) -> np.ndarray:
    """Return what a Gaussian leaves of frequencies, whose squares are given."""
    return np.asarray(np.exp(-2 * np.pi**2 * deviation_px**2 * square))


def _brought_px(width: int) -> float:
    """Return by how much the noise is smoothed that a restored frame has of its plate."""
    return PLAIN_PX * max(1.0, width / 512)


def _together(parts: list[Plain]) -> Plain:
    return Plain(
        *(np.concatenate([getattr(one, n) for one in parts]) for n in ("uneven", "level", "power"))
    )


@torch.no_grad()
def _seen(model: ShotModel, atlases: list[torch.Tensor], chosen: list[int]) -> Iterator[_Seen]:
    """Look at frames."""
    observed = model.observed
    wide = observed.width / 512
    for t in chosen:
        layers = model.frame(t, atlases=atlases)
        plate = observed.plate_display(t)
        shown, bare = (
            linear_to_display(picture.permute(1, 2, 0).cpu().numpy())
            for picture in (model.blurred(layers), sharp(layers, model.frame_box()))
        )
        left = plate - shown
        restored = bare + cv2.GaussianBlur(left, (0, 0), _brought_px(observed.width))
        radius = front_most(layers, [layer.radius_px for layer in layers], model)
        free = np.ones(radius.shape, bool)
        if observed.covered is not None:
            free &= ~observed.covered
        clipped = observed.clipped(t)
        if clipped is not None:
            free &= ~clipped.any(-1)
        uncut = free & ((plate > _LOW) & (plate < _HIGH)).all(-1)
        yield _Seen(
            Look(plate, shown, free & (radius < _IN_FOCUS_PX * wide)),
            Look(plate, shown, free),
            plainest(shown, uncut, finest_power(plate), finest_power(left), fine_power(plate)),
            plainest(bare, uncut & (radius > _RESTORED_PX * max(1.0, wide)), fine_power(restored)),
        )


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


def grain(missing: Grain, shown: np.ndarray, kept: np.ndarray, frame: int) -> np.ndarray:
    """Return what to add to a restored frame before it is mixed, (h, w, 3) display-encoded.

    The mix, kept of the restored frame and the rest of the plate, then has the plate's noise. The
    restored frame has that noise already, smoothed, and so goes with it: of amplitude b at a
    frequency, the mix has (1 - kept + kept b)^2 of its power, and what is missing of the restored
    frame is (1 - b^2) + 2 (1 / kept - 1) (1 - b), drawn as two fields.

    Args:
        missing: what to lay over.
        shown: (h, w, 3) the frame's values, smoothed, display-encoded: strength goes by them.
        kept: (h, w), share of the restored frame in the mix, 0..1; where it is 0, nothing is added.
        frame: number of the frame, which decides the pattern.
    """
    height, width = shown.shape[:2]
    noise = missing.noise
    square = np.fft.fftfreq(height)[:, None] ** 2 + np.fft.rfftfreq(width)[None] ** 2
    brought = _smoothing(_brought_px(width), square)
    spectra = [_interpolated(noise.spectrum[..., c], height, width) for c in range(3)]
    whole, mixed = (
        _drawn([power * lacks for power in spectra], noise, frame, part, width)
        for part, lacks in enumerate((1 - brought**2, 1 - brought))
    )
    too_much = 2 * min(missing.amount, 0)
    share = np.sqrt((2 / np.maximum(kept, _FAINT) - 2 + too_much).clip(0) * (kept > 0))[..., None]
    field = np.sqrt(max(missing.amount, 0)) * (kept[..., None] > 0) * whole + share * mixed
    return np.asarray(field, np.float32) * noise.strength(shown)


def _drawn(
    spectra: list[np.ndarray], noise: Noise, frame: int, part: int, width: int
) -> np.ndarray:
    """Draw noise of deviation 1 where a spectrum's mean is 1, colours alike as measured."""
    height = spectra[0].shape[0]
    rng = np.random.default_rng((frame & 0xFFFFFFFF, 0x6AA1 + part))
    mixing = np.linalg.cholesky(noise.correlation + 1e-6 * np.eye(3))
    white = rng.standard_normal((height, width, 3), dtype=np.float32) @ mixing.T.astype(np.float32)
    planes = [
        np.fft.irfft2(np.fft.rfft2(white[..., c]) * np.sqrt(power), s=(height, width))
        for c, power in enumerate(spectra)
    ]
    return np.stack(planes, -1)
