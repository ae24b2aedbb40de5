# SPDX-License-Identifier: Apache-2.0
"""Training pictures composed by seed: layers with known circles of confusion, blurred by our lens.

Paper section 3.4 renders films; here layers of sharp tiles stand for them (see also
examples/render_coc.py, which renders scenes). The same seed and tiles give the same picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch

from cuda_lensblur import Aperture, scatter_blur
from pullfocus.coc.fields import coc_field, gradient, matte, noise, procedural
from pullfocus.coc.tiles import TileBank, load_bank
from pullfocus.plate.colour import display_to_linear, linear_to_display

__all__ = ["ComposeSettings", "Composer", "Sample", "compose"]

# Few kernels, used often: each costs a table. Rims from strong to none, and irises with blades.
_KERNELS: tuple[dict, ...] = (
    {"kernel": "disc"},
    {"kernel": "disc"},
    {"kernel": "soap_bubble", "beta": 1.0},
    {"kernel": "soap_bubble", "beta": 2.0},
    {"kernel": "soap_bubble", "beta": 4.0},
    {"kernel": "tanh"},
    {"kernel": Aperture(blades=6, rotation_deg=15)},
    {"kernel": Aperture(blades=7, roundness=0.5)},
)


@dataclass(frozen=True, kw_only=True)
class ComposeSettings:
    """How training pictures are composed."""

    size: int = 192
    """Side of a picture, px."""
    max_radius_px: float = 16.0
    """Largest circle of confusion, radius in px of the picture."""
    photo_share: float = 0.45
    """Share of surfaces that wear a photograph, where there are any."""
    procedural_share: float = 0.12
    """Share of surfaces that wear a texture made from nothing."""
    plain_share: float = 0.12
    """Share of surfaces without a texture: only their silhouettes tell of blur."""
    fading_share: float = 0.35
    """Share of surfaces whose texture fades away in places, as skies and walls do."""
    patched_share: float = 0.4
    """Share of surfaces that are joined of several: a wall with doors and posters, some of them
    plain, all at one depth. What is plain is told by its edges."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """One training picture and what is known of it."""

    blurred: np.ndarray
    """(S, S, 3) float32 0..1, display-encoded, as the lens gave it: no noise, no grading."""
    sharp: np.ndarray
    """(S, S, 3) float32 0..1, display-encoded: without the lens."""
    coc: np.ndarray
    """(S, S) float32, radius in px of the surface seen in the sharp picture."""


def compose(bank: TileBank, seed: int, settings: ComposeSettings | None = None) -> Sample:
    """Compose one picture: 1 to 4 layers, each with its own field of blur, through one lens.

    Every layer is blurred before it is put over the next, in linear light, with light from
    outside the frame.

    Args:
        bank: sharp tiles.
        seed: decides everything; the same seed gives the same picture.
        settings: sizes and shares.
    """
    settings = settings or ComposeSettings()
    rng = np.random.default_rng(seed)
    margin = int(np.ceil(settings.max_radius_px))
    side = settings.size + 2 * margin
    count = int(rng.choice([1, 2, 3, 4], p=[0.25, 0.4, 0.25, 0.1]))
    kernel = _KERNELS[int(rng.integers(len(_KERNELS)))]
    shown = torch.zeros(3, side, side)
    sharp = torch.zeros(3, side, side)
    through = torch.ones(side, side)
    free = torch.ones(side, side)
    coc = np.zeros((side, side), np.float32)
    for index, base in enumerate(_layer_radii(rng, count, settings.max_radius_px)):
        last = index == count - 1
        colour = torch.from_numpy(_surface(rng, bank, side, settings).transpose(2, 0, 1).copy())
        cover = np.ones((side, side), np.float32) if last else matte(rng, side)
        radius = coc_field(rng, side, base, settings.max_radius_px)
        alpha = torch.from_numpy(cover)
        light = torch.cat([colour * alpha, alpha[None]])
        blurred = scatter_blur(light, torch.from_numpy(radius), **kernel)
        if last:  # complete: only the frame's border lacks light
            blurred = blurred / blurred[3:].clamp(min=1e-4)
        shown += through * blurred[:3]
        through = through * (1 - blurred[3]).clamp(0, 1)
        sharp += free * light[:3]
        seen = free.numpy() > 0.5
        coc[seen] = radius[seen]
        free = free * (1 - alpha)
    inside = slice(margin, margin + settings.size)
    both = torch.stack([shown, sharp])[:, :, inside, inside].permute(0, 2, 3, 1).numpy()
    display = np.clip(linear_to_display(both), 0, 1).astype(np.float32)
    return Sample(blurred=display[0], sharp=display[1], coc=coc[inside, inside].copy())


_bank = lru_cache(maxsize=2)(load_bank)


@dataclass(frozen=True, kw_only=True)
class Composer:
    """Index -> picture; opens its tiles by itself, so that other processes can be handed it."""

    tiles: Path
    """A bank of tiles."""
    first_seed: int = 0
    settings: ComposeSettings = field(default_factory=ComposeSettings)

    def __call__(self, index: int) -> Sample:
        """Compose the picture of an index, by one thread: sums of more differ in the last bit."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return compose(_bank(self.tiles), self.first_seed + index, self.settings)
        finally:
            torch.set_num_threads(threads)


def _layer_radii(rng: np.random.Generator, count: int, most: float) -> list[float]:
    """Signed radius of each layer, front to back: through one lens, or unrelated."""
    if rng.random() < 0.6:
        disparity = np.sort(rng.uniform(0, 1, count))[::-1]
        focus = rng.choice(disparity) if rng.random() < 0.5 else rng.uniform(0, 1)
        aperture = most * rng.uniform(0.2, 1.3)
        return [float(aperture * (focus - d)) for d in disparity]
    return [float(v) for v in most * rng.uniform(0, 1, count) ** 1.3]


def _surface(
    rng: np.random.Generator, bank: TileBank, side: int, settings: ComposeSettings
) -> np.ndarray:
    """What a layer wears: (side, side, 3) float32, scene-linear."""
    picture = _picture(rng, bank, side, settings)
    if rng.random() < settings.patched_share:
        for _ in range(int(rng.integers(1, 5))):
            cover = matte(rng, side)[..., None]
            picture = picture + cover * (_picture(rng, bank, side, settings) - picture)
    linear = display_to_linear(np.ascontiguousarray(picture, np.float32))
    if rng.random() < 0.2:  # lamps and glints: what bokeh is seen by
        dots = rng.random((side, side)) < rng.uniform(5e-5, 1e-3)
        glow = cv2.dilate(dots.astype(np.float32), np.ones((2, 2), np.uint8))
        linear = linear + glow[..., None] * rng.uniform(1, 12) * rng.uniform(0.5, 1, 3)
    gain = 2 ** rng.uniform(-1.2, 0.6)
    return (linear * gain).astype(np.float32)


def _picture(
    rng: np.random.Generator, bank: TileBank, side: int, settings: ComposeSettings
) -> np.ndarray:
    """A tile, a texture made from nothing, or none: (side, side, 3) float32, display-encoded."""
    tile = None
    plain = rng.random() < settings.plain_share
    if not plain and rng.random() >= settings.procedural_share:
        tile = bank.draw(rng, settings.photo_share)
    if plain:
        picture = gradient(rng, side)
    elif tile is None:
        picture = procedural(rng, side)
    else:
        tile = _enough(tile, side)
        # Mostly shrunk (what is left is sharp at its pixels); a few a little enlarged, as
        # textures in films are: the shape of a blur must tell it from softness.
        crop = int(rng.integers(int(0.85 * side), tile.shape[0] + 1))
        top, left = rng.integers(0, tile.shape[0] - crop + 1, 2)
        part = tile[top : top + crop, left : left + crop]
        way = cv2.INTER_AREA if crop >= side else cv2.INTER_CUBIC
        part = cv2.resize(part, (side, side), interpolation=way)
        part = np.rot90(part, int(rng.integers(4)))
        picture = part.astype(np.float32) / 255
    if not plain and rng.random() < settings.fading_share:
        here = np.clip(0.5 + rng.uniform(1, 4) * noise(rng, side, int(rng.integers(1, 5))), 0, 1)
        picture = picture + (1 - here[..., None]) * (gradient(rng, side, picture) - picture)
    return picture


def _enough(tile: np.ndarray, side: int) -> np.ndarray:
    """A tile of at least 1.29 times the side, mirrored at its borders where it is smaller."""
    lacking = int(1.29 * side) - tile.shape[0]
    return tile if lacking <= 0 else np.pad(tile, ((0, lacking), (0, lacking), (0, 0)), "reflect")
