# SPDX-License-Identifier: Apache-2.0
"""Who walks or stands in the market clip: a walker and a jar, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from market_paint import (
    FRUIT,
    Painter,
    Rng,
    colour,
    fractal,
    to_linear,
)
from scipy.ndimage import gaussian_filter

SUBJECT_TEXELS_PER_METRE = 400


@dataclass
class Cutout:
    """A card with somebody on it, standing upright: linear RGBA premultiplied, feet at the origin.

    `radius` (metres by row, 0 above and below) makes it a turning body instead: the texture is
    then the unrolled skin, once around.
    """

    rgba: np.ndarray
    scale: float
    half_width: float
    height: float
    radius: np.ndarray | None = None


def paint_walker(rng: Rng) -> Cutout:
    """A market woman in a plaid coat with a basket, as a cut-out."""
    scale, half_width, height = SUBJECT_TEXELS_PER_METRE, 0.44, 1.46
    shape = (round(height * scale), round(2 * half_width * scale))
    person = Painter(np.zeros((*shape, 3), np.float32), scale, (half_width, height))
    cover = np.zeros(shape, np.float32)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    bend = 5 * fractal(rng, shape, 120, 2)
    thread = 0.10 * fractal(rng, shape, 5, 2) + 0.07 * np.sin((x + y) * 0.9)

    def plaid(base: np.ndarray, bars: np.ndarray, line: np.ndarray) -> np.ndarray:
        u, v = (x + bend) / 34, (y + bend + 0.15 * x) / 34
        wide = (np.abs(u % 1 - 0.5) < 0.22) * 0.5 + (np.abs(v % 1 - 0.5) < 0.22) * 0.5
        thin = (np.abs((u + 0.5) % 1 - 0.5) < 0.06) | (np.abs((v + 0.5) % 1 - 0.5) < 0.06)
        cloth = base + (bars - base) * wide[..., None]
        return (cloth * (1 - 0.75 * thin[..., None]) + line * 0.75 * thin[..., None]) * (
            1 + thread[..., None]
        )

    def part(corners: list[tuple[float, float]], paint: np.ndarray, round_off: float = 3.0) -> None:
        nonlocal cover
        # Rounded: a blurred polygon cut at one half, with an edge about two texels wide.
        edge = np.clip((person.mask(corners, round_off) - 0.5) * 2.2 * round_off / 2.5 + 0.5, 0, 1)
        shade = gaussian_filter(edge, 14)
        folds = 0.60 + 0.46 * shade + 0.10 * fractal(rng, shape, 60, 3)
        person.fill(edge, paint * folds[..., None])
        cover = cover + edge - cover * edge

    def ball(x0: float, y0: float, wide: float, high: float, paint: np.ndarray) -> None:
        angles = np.linspace(0, 2 * np.pi, 40)
        part([(x0 + wide * np.cos(a), y0 + high * np.sin(a)) for a in angles], paint)

    skin = colour(224, 168, 132) * (1 + 0.04 * fractal(rng, shape, 20, 3)[..., None])
    coat = plaid(colour(150, 40, 50), colour(44, 40, 74), colour(236, 206, 120))
    jeans = colour(58, 82, 124) * (1 + 0.9 * thread + 0.12 * fractal(rng, shape, 30, 4))[..., None]
    boots = colour(84, 52, 34) * (1 + 0.10 * fractal(rng, shape, 16, 3)[..., None])
    knit = np.where(
        ((x * 0.55 + y * 0.8) % 30 < 15)[..., None], colour(240, 224, 190), colour(40, 128, 122)
    )
    knit = knit * (1 + 0.16 * np.sin(x * 1.3) * np.sin(y * 1.1))[..., None]
    part(
        [(0.02, 0.60), (0.20, 0.60), (0.27, 0.30), (0.33, 0.10), (0.24, 0.06), (0.16, 0.30)], jeans
    )
    part(
        [(0.21, 0.13), (0.36, 0.14), (0.37, 0.03), (0.24, 0.00), (0.12, 0.02), (0.20, 0.06)], boots
    )
    part(
        [(-0.18, 0.60), (0.06, 0.60), (-0.02, 0.34), (-0.09, 0.10), (-0.20, 0.10), (-0.17, 0.34)],
        jeans,
    )
    part(
        [(-0.08, 0.14), (-0.21, 0.14), (-0.21, 0.06), (-0.33, 0.03), (-0.32, 0.00), (-0.08, 0.00)],
        boots,
    )
    part(
        [(0.14, 1.02), (0.25, 0.94), (0.32, 0.74), (0.26, 0.64), (0.19, 0.76), (0.12, 0.84)],
        coat * 0.85,
    )
    ball(0.29, 0.64, 0.045, 0.05, skin)
    part(
        [
            (-0.15, 1.06),
            (0.15, 1.06),
            (0.20, 0.80),
            (0.25, 0.46),
            (0.0, 0.42),
            (-0.25, 0.46),
            (-0.19, 0.80),
        ],
        coat,
    )
    for button in (0.56, 0.68, 0.80, 0.92):
        person.disc(-0.05, button, 0.017, colour(238, 208, 120))
    part([(-0.24, 0.52), (0.0, 0.56), (0.0, 0.53), (-0.24, 0.49)], coat * 0.5, 1.5)
    # Arm and basket in front.
    part(
        [
            (-0.10, 1.02),
            (-0.20, 0.94),
            (-0.25, 0.74),
            (-0.36, 0.66),
            (-0.33, 0.59),
            (-0.18, 0.66),
            (-0.10, 0.84),
        ],
        coat * 1.1,
    )
    ball(-0.35, 0.62, 0.042, 0.042, skin)
    for spot in range(26):
        person.disc(
            -0.40 + 0.27 * (spot % 9) / 8, 0.52 + 0.035 * (spot // 9), 0.036, FRUIT[rng.integers(4)]
        )
        cv2.circle(
            cover,
            person.at(-0.40 + 0.27 * (spot % 9) / 8, 0.52 + 0.035 * (spot // 9)),
            round(0.036 * scale),
            1.0,
            -1,
            cv2.LINE_AA,
        )
    weave = np.where(
        ((x // 9 + y // 7) % 2 < 1)[..., None], colour(206, 160, 92), colour(128, 84, 44)
    )
    part([(-0.44, 0.53), (-0.10, 0.53), (-0.14, 0.36), (-0.40, 0.36)], weave)
    # Scarf, head, hair, hat.
    part([(0.06, 1.05), (0.15, 1.05), (0.22, 0.82), (0.14, 0.80)], knit)
    part([(-0.05, 1.16), (0.07, 1.16), (0.08, 1.02), (-0.06, 1.02)], skin * 0.8)
    hair = (
        colour(92, 54, 34)
        * (1 + 0.35 * np.sin(x * 0.55 + 0.9 * bend) * 0.5 + 0.2 * thread)[..., None]
    )
    part([(-0.03, 1.37), (0.12, 1.34), (0.17, 1.18), (0.14, 1.04), (0.04, 1.06)], hair)
    ball(-0.01, 1.23, 0.092, 0.118, skin)
    part(
        [(0.03, 1.36), (0.11, 1.30), (0.11, 1.16), (0.065, 1.16), (0.045, 1.27), (-0.03, 1.33)],
        hair,
    )
    part([(-0.13, 1.09), (0.12, 1.10), (0.15, 1.02), (0.0, 0.98), (-0.14, 1.02)], knit)
    for eye in (-0.062, 0.002):
        person.disc(eye, 1.25, 0.016, colour(250, 250, 246))
        person.disc(eye - 0.004, 1.25, 0.009, colour(38, 44, 60))
        person.line((eye - 0.02, 1.285), (eye + 0.018, 1.287), 0.009, colour(80, 46, 30))
    person.line((-0.036, 1.24), (-0.046, 1.205), 0.008, colour(180, 116, 88))
    person.line((-0.062, 1.170), (-0.008, 1.168), 0.013, colour(184, 60, 64))
    person.disc(-0.078, 1.20, 0.014, colour(228, 138, 112))
    ribbon = colour(240, 196, 74)
    felt = colour(38, 92, 84) * (1 + 0.14 * fractal(rng, shape, 9, 3)[..., None])
    part([(-0.11, 1.31), (-0.08, 1.45), (0.07, 1.45), (0.11, 1.31)], felt)
    part(
        [(-0.108, 1.34), (0.108, 1.34), (0.112, 1.31), (-0.112, 1.31)],
        ribbon * np.ones_like(felt),
        1.2,
    )
    part([(-0.19, 1.315), (0.17, 1.315), (0.15, 1.29), (-0.17, 1.285)], felt * 0.9, 2.0)
    return _cutout(person.canvas, cover, scale, half_width, height)


def paint_jar(rng: Rng) -> Cutout:
    """A big painted jar on a turntable: its unrolled skin and its outline."""
    scale, height = SUBJECT_TEXELS_PER_METRE, 1.20
    rows = round(height * scale)
    up = np.linspace(height, 0, rows)
    radius = np.interp(
        up,
        [0.0, 0.03, 0.06, 0.35, 0.65, 0.90, 1.00, 1.10, 1.14, 1.19, 1.20],
        [0.18, 0.20, 0.19, 0.28, 0.33, 0.26, 0.15, 0.15, 0.19, 0.19, 0.18],
    )
    radius = gaussian_filter(radius, 6)
    around = 2 * np.pi * 0.30
    shape = (rows, round(around * scale))
    y = np.arange(rows, dtype=np.float32)[:, None, None]
    glaze = colour(226, 216, 190) * (1 + 0.10 * fractal(rng, shape, 40, 5)[..., None])
    jar = Painter(np.array(glaze, np.float32), scale, (0.0, height))
    blue, rust, dark = colour(34, 70, 138), colour(178, 78, 40), colour(40, 36, 44)
    for low, high, paint in ((0.0, 0.10, blue), (0.24, 0.27, rust), (0.80, 0.84, blue),
                             (0.97, 1.02, rust), (1.12, 1.20, blue)):  # fmt: skip
        jar.box(
            0, low, around, high - low, paint * (1 + 0.12 * fractal(rng, shape, 20, 3)[..., None])
        )
    count = 12
    for k in range(count):
        left = k * around / count
        step = around / count
        jar.fill(
            jar.mask([(left, 0.12), (left + step / 2, 0.22), (left + step, 0.12)]),
            rust if k % 2 else blue,
        )
        jar.fill(jar.mask([(left, 0.96), (left + step / 2, 0.86), (left + step, 0.96)]), dark)
        jar.line((left + step / 2, 0.32), (left + step / 2, 0.46), 0.014, colour(60, 112, 60))
        jar.disc(left + step / 2, 0.47, 0.042, FRUIT[k % 4])
        for leaf in (-0.05, 0.05):
            jar.line(
                (left + step / 2, 0.33), (left + step / 2 + leaf, 0.41), 0.018, colour(70, 132, 64)
            )
    for k, words in enumerate(("OLIVES", "HONEY", "1892", "TEA & SALT")):
        jar.text(k * around / 4 + 0.03, 0.60, words, 0.10 if len(words) < 8 else 0.06, dark)
        jar.line((k * around / 4 + 0.03, 0.55), (k * around / 4 + 0.40, 0.55), 0.012, rust)
    for _ in range(140):
        jar.disc(rng.uniform(0, around), rng.uniform(0.1, 1.1), rng.uniform(0.003, 0.008), dark)
    jar.canvas *= 1 + 0.05 * np.sin(y * 0.35)
    return _cutout(jar.canvas, np.ones(shape, np.float32), scale, 0.36, height, radius)


def other_look(cutout: Cutout, share: float, seed: int) -> Cutout:
    """The cut-out with blotches on it that turn into others, of which it has a share, 0 to 1."""
    shape = cutout.rgba.shape[:2]

    def blotches(which: int) -> np.ndarray:
        noise = np.random.default_rng((seed, which)).standard_normal(shape)
        band = gaussian_filter(noise, 4) - gaussian_filter(noise, 12)
        return np.clip(band / band.std(), -2, 2)

    pattern = (1 - share) * blotches(0) + share * blotches(1)
    rgba = cutout.rgba.copy()
    rgba[..., :3] *= np.clip(1 + 0.35 * pattern, 0.1, 3)[..., None]
    rgba[..., :3] = np.minimum(rgba[..., :3], rgba[..., 3:])
    return replace(cutout, rgba=rgba)


def _cutout(canvas: np.ndarray, cover: np.ndarray, scale: float, half_width: float, height: float,
            radius: np.ndarray | None = None) -> Cutout:  # fmt: skip
    light = to_linear(np.clip(canvas, 0.01, 0.97))
    rgba = np.concatenate([light * cover[..., None], cover[..., None]], -1).astype(np.float32)
    return Cutout(rgba, scale, half_width, height, radius)
