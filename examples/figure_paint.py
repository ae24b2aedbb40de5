# SPDX-License-Identifier: Apache-2.0
"""Pictures for the skins of figures and heads, drawn from a seed; display-encoded RGB, 0..1."""

from __future__ import annotations

import cv2
import numpy as np
from head_mesh import MOUTH_LATITUDE
from market_paint import colour, fractal
from scipy.ndimage import gaussian_filter

__all__ = ["NAMES", "paint_skins"]

Rng = np.random.Generator
NAMES = (
    "boot",
    "denim",
    "face",
    "hair",
    "knit",
    "mouth",
    "petal",
    "plaid",
    "skin",
    "stalk",
    "wicker",
)


def paint_skins(rng: Rng, side: int = 512) -> dict[str, np.ndarray]:
    """One square picture (side, side, 3) a name; faces are twice as large."""
    shape = (side, side)
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    thread = 0.12 * np.sin(2 * np.pi * 64 * (x + y)) + 0.10 * fractal(rng, shape, 5, 2)

    def soft(name: np.ndarray, amount: float, cell: float) -> np.ndarray:
        return name * (1 + amount * fractal(rng, shape, cell, 4)[..., None])

    def band(position: np.ndarray, at: float, wide: float) -> np.ndarray:
        distance = np.abs((position - at + 0.5) % 1 - 0.5)
        return np.clip((wide / 2 - distance) * side / 1.5 + 0.5, 0, 1)[..., None]

    skins: dict[str, np.ndarray] = {}
    plaid = soft(np.broadcast_to(colour(150, 40, 50), (*shape, 3)).copy(), 0.12, 60)
    for position in (x, y):
        repeated = position * 2 % 1
        for at, wide, paint, share in (
            (0.2, 0.24, colour(40, 42, 78), 0.55),
            (0.55, 0.05, colour(238, 208, 124), 0.8),
            (0.75, 0.12, colour(28, 84, 70), 0.6),
            (0.92, 0.025, colour(232, 228, 214), 0.9),
        ):
            cover = band(repeated, at, wide) * share
            plaid = plaid * (1 - cover) + paint * cover
    skins["plaid"] = plaid * (1 + 0.6 * thread[..., None])
    denim = colour(62, 88, 132) * (1 + 1.1 * thread + 0.12 * fractal(rng, shape, 40, 4))[..., None]
    for at in (0.03, 0.07, 0.53):
        seam = band(x, at, 0.008) * (np.sin(2 * np.pi * 40 * y) > -0.4)[..., None]
        denim = denim * (1 - seam) + colour(214, 160, 82) * seam
    skins["denim"] = denim
    boot = soft(np.broadcast_to(colour(92, 58, 38), (*shape, 3)).copy(), 0.2, 24)
    for at in np.linspace(0.2, 0.5, 5):
        lace = band(y, at, 0.02) * (np.abs(x - 0.5) < 0.3)[..., None]
        boot = boot * (1 - lace) + colour(226, 214, 186) * lace
    skins["boot"] = boot
    stripes = np.where(
        (np.floor(y * 4) % 2 < 1)[..., None], colour(240, 226, 192), colour(36, 126, 120)
    )
    skins["knit"] = (
        gaussian_filter(stripes, (1, 1, 0))
        * (1 + 0.28 * np.sin(2 * np.pi * 40 * x) * np.sin(2 * np.pi * 32 * y))[..., None]
    )
    skins["skin"] = soft(np.broadcast_to(colour(222, 168, 134), (*shape, 3)).copy(), 0.06, 30)
    skins["hair"] = colour(96, 58, 36) * (
        1 + 0.45 * fractal(rng, shape, 12, 3) + 0.2 * np.sin(2 * np.pi * 30 * x)
    ).clip(0.3, 1.8)[..., None]  # fmt: skip
    weave = np.where(
        ((np.floor(x * 16) + np.floor(y * 10)) % 2 < 1)[..., None],
        colour(208, 162, 94),
        colour(126, 82, 44),
    )
    skins["wicker"] = soft(gaussian_filter(weave, (1, 1, 0)), 0.15, 18)
    skins["petal"] = soft(np.broadcast_to(colour(240, 190, 60), (*shape, 3)).copy(), 0.3, 90)
    skins["stalk"] = soft(np.broadcast_to(colour(70, 120, 50), (*shape, 3)).copy(), 0.2, 30)
    skins["mouth"] = _mouth(side)
    skins["face"] = _face(rng, 2 * side)
    return {name: np.clip(skin, 0.01, 0.97).astype(np.float32) for name, skin in skins.items()}


def _mouth(side: int) -> np.ndarray:
    """Dark, with a row of teeth above and a tongue below."""
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    image = np.broadcast_to(colour(60, 18, 20), (side, side, 3)).copy()
    tongue = np.clip(1.4 - np.hypot((x - 0.5) / 0.26, (y - 0.78) / 0.20) * 1.2, 0, 1)[..., None]
    image = image * (1 - tongue) + colour(188, 84, 84) * tongue
    gaps = 1 - 0.4 * np.clip(np.abs(np.sin(np.pi * 14 * x)) < 0.16, 0, 1)
    teeth = np.clip((0.455 - y) * 40, 0, 1) * np.clip((0.36 - np.abs(x - 0.5)) * 40, 0, 1)
    return (
        image * (1 - teeth[..., None])
        + (colour(238, 232, 216) * gaps[..., None]) * (teeth[..., None])
    )


def _face(rng: Rng, side: int) -> np.ndarray:
    """The whole head unrolled: longitude across (the face's middle at one half), latitude up."""
    shape = (side, side)
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    lon, lat = (x - 0.5) * 360, (0.5 - y) * 180
    # noise as coarse across as down on the ball
    skin = colour(224, 170, 136) * (
        1 + 0.05 * fractal(rng, shape, 70, 4) + 0.05 * fractal(rng, shape, 9, 2)
    )[..., None]  # fmt: skip

    def lay(cover: np.ndarray, paint: np.ndarray) -> None:
        nonlocal skin
        cover = np.clip(cover, 0, 1)[..., None]
        skin = skin * (1 - cover) + paint * cover

    def spot(at: tuple[float, float], wide: float, high: float, hard: float) -> np.ndarray:
        return (1 - np.hypot((lon - at[0]) / wide, (lat - at[1]) / high)) * hard

    for side_ in (-1, 1):
        lay(spot((38 * side_, -14), 20, 14, 1.0) * 0.35, colour(226, 120, 104))
        eye = (24.0 * side_, 8.0)
        lay(spot(eye, 14, 7.5, 4) * 0.5, colour(150, 96, 80))
        lay(spot(eye, 10.5, 4.6, 5), colour(246, 244, 238))
        lay(spot((eye[0] + 1.5, eye[1]), 4.6, 4.4, 6), colour(56, 92, 112))
        lay(spot((eye[0] + 1.5, eye[1]), 2.3, 2.2, 5), colour(18, 18, 24))
        lay(spot((eye[0] + 2.8, eye[1] + 1.2), 1.2, 0.9, 4), colour(250, 250, 250))
        arc = np.abs(lat - (19.5 - 0.020 * (lon - eye[0]) ** 2)) / 1.9
        lay((1.4 - arc) * (np.abs(lon - eye[0]) < 13), colour(82, 50, 34))
        lid = np.abs(lat - (13.0 - 0.036 * (lon - eye[0]) ** 2)) / 0.8
        lay((1.3 - lid) * (np.abs(lon - eye[0]) < 11.5), colour(66, 38, 30))
        lay(spot((4.5 * side_, -14), 2.2, 1.4, 3), colour(116, 62, 52))
        lay(spot((88 * side_, 2), 8, 15, 3), colour(206, 140, 112))
        lay(spot((88 * side_, 2), 4, 9, 2) * 0.7, colour(150, 92, 74))
    middle = np.degrees(MOUTH_LATITUDE)
    bow = 4.8 * np.sqrt(np.clip(1 - (lon / 23) ** 2, 0, 1)) * (1 - 0.25 * np.exp(-((lon / 5) ** 2)))
    lay((bow - np.abs(lat - middle)) * 0.8 + (np.abs(lon) < 23) * 0.0, colour(178, 62, 66))
    for _ in range(60):
        at = (rng.uniform(-60, 60), rng.uniform(-35, 2))
        lay(spot(at, rng.uniform(0.8, 1.6), rng.uniform(0.6, 1.2), 2) * 0.5, colour(168, 104, 72))
    beard = np.clip((-32 - lat) / 10, 0, 1) * np.clip((75 - np.abs(lon)) / 20, 0, 1)
    stubble = fractal(rng, shape, 4, 1) * 0.5 + 0.5
    lay(beard * (stubble > 0.55) * 0.35, colour(92, 66, 54))
    line = (
        52
        - 26 * np.clip((np.abs(lon) - 40) / 50, 0, 1)
        - 60 * np.clip((np.abs(lon) - 85) / 30, 0, 1)
    )
    line = line + 4 * fractal(rng, shape, 24, 3)
    brown = colour(96, 58, 36) * (
        1 + 0.5 * np.sin(lon * 1.6 + 3 * fractal(rng, shape, 60, 2)) * 0.6
        + 0.25 * fractal(rng, shape, 10, 3)
    )[..., None]  # fmt: skip
    lay((lat - line) / 2 + 0.5, brown)
    return cv2.GaussianBlur(skin.astype(np.float32), (0, 0), 0.8)
