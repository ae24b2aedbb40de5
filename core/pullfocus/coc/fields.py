# SPDX-License-Identifier: Apache-2.0
"""Random fields to compose training pictures with: circles of confusion, mattes, textures."""

from __future__ import annotations

import cv2
import numpy as np

__all__ = ["coc_field", "gradient", "matte", "noise", "procedural"]


def noise(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """Smooth noise, (size, size) float32 in about -1..1, with so many cells a side."""
    coarse = rng.uniform(-1, 1, (cells + 3, cells + 3)).astype(np.float32)
    fine = cv2.resize(coarse, None, fx=size / cells, fy=size / cells, interpolation=cv2.INTER_CUBIC)
    start = int(rng.integers(0, max(1, fine.shape[0] - size)))
    return fine[start : start + size, start : start + size]


def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in -1..1: x, y."""
    line = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
    return np.broadcast_to(line, (size, size)), np.broadcast_to(line[:, None], (size, size))


def coc_field(rng: np.random.Generator, size: int, base: float, most: float) -> np.ndarray:
    """Circle of confusion over one surface: smooth, planar, stepped or as a floor's depth has it.

    Args:
        rng: random numbers.
        size: side in px.
        base: signed radius in px at the middle; fields may pass through focus.
        most: largest radius, px.

    Returns:
        (size, size) float32, radius in px, 0..most.
    """
    kind = rng.choice(5, p=[0.3, 0.15, 0.25, 0.12, 0.18])
    field: np.ndarray
    x, y = _grid(size)
    if kind == 0:
        field = np.full((size, size), base, np.float32)
    elif kind == 1:
        field = base + rng.uniform(0.5, 5) * noise(rng, size, int(rng.integers(1, 4)))
    elif kind == 2:
        turn, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 9)
        field = base + slope * (np.cos(turn) * x + np.sin(turn) * y)
    elif kind == 3:
        offset = rng.uniform(-0.6, 0.6)
        turn = rng.uniform(0, 2 * np.pi)
        side = np.cos(turn) * x + np.sin(turn) * y + 0.15 * noise(rng, size, 3) > offset
        field = np.where(side, base, base + rng.uniform(-8, 8)).astype(np.float32)
    else:  # a floor that runs to the horizon: disparity is linear in the rows, constant above
        horizon, slope = rng.uniform(-1.2, 0.5), rng.uniform(2, 9)
        field = base + slope * (np.maximum(y - horizon, 0) - max(-horizon, 0))
    return np.minimum(np.abs(field), most).astype(np.float32)


def matte(rng: np.random.Generator, size: int) -> np.ndarray:
    """Random coverage, (size, size) float32 0..1: blobs, polygons, bars, stems; soft or hard."""
    kind = rng.choice(5, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    x, y = _grid(size)
    if kind == 0:
        field = noise(rng, size, int(rng.integers(2, 6)))
        field = field + 0.3 * noise(rng, size, int(rng.integers(6, 16)))
        mask = (field > rng.uniform(-0.1, 0.5)).astype(np.float32)
    elif kind == 1:
        mask = np.zeros((size, size), np.float32)
        count = int(rng.integers(3, 9))
        turns = np.sort(rng.uniform(0, 2 * np.pi, count))
        reach = rng.uniform(0.25, 0.9, count) * size / 2
        centre = rng.uniform(0.25, 0.75, 2) * size
        points = centre + np.stack([np.cos(turns), np.sin(turns)], 1) * reach[:, None]
        cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    elif kind == 2:
        cx, cy = rng.uniform(-0.7, 0.7, 2)
        rx, ry = rng.uniform(0.15, 0.8, 2)
        mask = (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1).astype(np.float32)
    elif kind == 3:
        turn, edge = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5)
        bend = rng.uniform(0, 0.2) * noise(rng, size, 4)
        mask = (np.cos(turn) * x + np.sin(turn) * y + bend > edge).astype(np.float32)
    else:
        mask = np.zeros((size, size), np.float32)
        for _ in range(int(rng.integers(2, 12))):
            ends = np.round(rng.uniform(-0.1, 1.1, (2, 2)) * size * 16).astype(np.int64)
            width = int(rng.integers(1, 9))
            first, last = (tuple(int(v) for v in end) for end in ends)
            cv2.line(mask, first, last, 1.0, width, cv2.LINE_AA, 4)
    soft = rng.choice([0.5, 0.8, 2.0], p=[0.6, 0.3, 0.1])
    return np.clip(cv2.GaussianBlur(mask, (0, 0), soft), 0, 1)


def gradient(rng: np.random.Generator, size: int, like: np.ndarray | None = None) -> np.ndarray:
    """A surface without texture, (size, size, 3) float32 0..1: one colour turning into another.

    Args:
        rng: random numbers.
        size: side in px.
        like: a picture whose mean the colours are near.
    """
    if like is None:
        low, high = rng.uniform(0, 1, (2, 3)).astype(np.float32)
    else:
        mean = like.mean(axis=(0, 1))
        low, high = np.clip(mean + rng.uniform(-0.12, 0.12, (2, 3)), 0, 1).astype(np.float32)
    x, y = _grid(size)
    turn = rng.uniform(0, 2 * np.pi)
    share = 0.5 + 0.35 * (np.cos(turn) * x + np.sin(turn) * y)
    share = share + rng.uniform(0, 0.3) * noise(rng, size, int(rng.integers(1, 4)))
    return (low + (high - low) * share[..., None] * rng.uniform(0, 1)).clip(0, 1).astype(np.float32)


def procedural(rng: np.random.Generator, size: int) -> np.ndarray:
    """A sharp picture made from nothing, (size, size, 3) float32 0..1, display-encoded.

    Noise over all octaves, flat shapes, glyphs or a checker: what photographs seldom hold.
    """
    kind = rng.choice(4, p=[0.35, 0.3, 0.15, 0.2])
    low, high = rng.uniform(0, 1, (2, 3)).astype(np.float32)
    if kind == 0:
        field = np.zeros((size, size), np.float32)
        fall = rng.uniform(0.45, 0.9)
        for octave in range(1, 8):
            field += fall**octave * noise(rng, size, min(2**octave, size))
        field = (field - field.min()) / max(float(np.ptp(field)), 1e-6)
        return low + (high - low) * field[..., None]
    if kind == 3:
        x, y = _grid(size)
        cells, turn = rng.uniform(3, 24), rng.uniform(0, np.pi)
        u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
        wave = np.sin(cells * u) * (np.sin(cells * v) if rng.random() < 0.5 else 1)
        share = np.clip(0.5 + wave * rng.uniform(2, 12), 0, 1)[..., None].astype(np.float32)
        return low + (high - low) * share
    picture = np.empty((size, size, 3), np.uint8)  # OpenCV writes glyphs into 8 bits only
    picture[:] = low * 255
    if kind == 1:
        for _ in range(int(rng.integers(4, 40))):
            centre = tuple(int(v) for v in rng.integers(0, size * 16, 2))
            axes = tuple(int(v) for v in rng.integers(16, size * 5, 2))
            tint = tuple(float(v) for v in rng.uniform(0, 255, 3))
            turn = float(rng.uniform(0, 180))
            cv2.ellipse(picture, centre, axes, turn, 0, 360, tint, -1, cv2.LINE_AA, 4)
    else:
        for _ in range(int(rng.integers(6, 30))):
            glyphs = "".join(chr(c) for c in rng.integers(33, 126, int(rng.integers(1, 8))))
            place = tuple(int(v) for v in rng.integers(-20, size, 2))
            tint = tuple(float(v) for v in rng.uniform(0, 255, 3))
            height, width = float(rng.uniform(0.4, 3)), int(rng.integers(1, 5))
            cv2.putText(picture, glyphs, place, 0, height, tint, width, cv2.LINE_AA)
    return picture.astype(np.float32) / 255
