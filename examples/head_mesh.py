# SPDX-License-Identifier: Apache-2.0
"""A head with nose, chin, a mouth that opens and thin hair; looks along -y, its middle at 0."""

from __future__ import annotations

import numpy as np
from tube_mesh import Part, grid_faces, tube

__all__ = ["HEIGHT_M", "MOUTH_LATITUDE", "hair", "head", "mouth_corners"]

HEIGHT_M = 0.25
_HALF = np.array([0.078, 0.098, 0.125])  # half axes: x, y, z
MOUTH_LATITUDE = np.radians(-27)
_MOUTH_HALF_WIDTH = np.radians(24)
_JAW_DEGREES = 17.0
_HINGE = np.array([0.0, 0.015, -0.015])


def _bump(longitude: np.ndarray, latitude: np.ndarray, at: tuple[float, float], wide: float,
          high: float) -> np.ndarray:  # fmt: skip
    """1 at a place (degrees), falling off over `wide` x `high` degrees."""
    x = (np.degrees(longitude) - at[0]) / wide
    y = (np.degrees(latitude) - at[1]) / high
    return np.exp(-(x**2) - y**2)


def _surface(longitude: np.ndarray, latitude: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Points (..., 3) of the closed head. Longitude 0 is the face's middle."""
    level = np.cos(latitude)
    outwards = np.stack(
        [np.sin(longitude) * level, -np.cos(longitude) * level, np.sin(latitude)], -1
    )
    point = outwards * _HALF * scale
    place = (longitude, latitude)
    forward = 0.026 * _bump(*place, (0, -7), 9, 11) + 0.010 * _bump(*place, (0, 5), 6, 14)
    forward += 0.016 * _bump(*place, (0, -58), 28, 14)
    forward -= 0.010 * (_bump(*place, (-24, 9), 13, 9) + _bump(*place, (24, 9), 13, 9))
    forward += 0.004 * _bump(*place, (0, -22), 20, 4) + 0.004 * _bump(*place, (0, -32), 18, 4)
    point[..., 1] -= forward * scale
    # narrower below, as skulls are
    narrow = 1 - 0.22 * np.clip(-np.sin(latitude), 0, 1) ** 1.5
    point[..., 0] *= narrow
    return point


def _smooth(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _opened(longitude: np.ndarray, latitude: np.ndarray, mouth: float) -> np.ndarray:
    """Points of the lower part, its jaw turned by `mouth` (0 closed, 1 wide open)."""
    point = _surface(longitude, latitude)
    lips = np.cos(np.clip(np.abs(longitude) / _MOUTH_HALF_WIDTH, 0, 1) * np.pi / 2) ** 1.2
    cheeks = np.cos(np.clip(np.abs(longitude) / np.radians(80), 0, 1) * np.pi / 2) ** 2
    deep = _smooth((MOUTH_LATITUDE - latitude) / np.radians(20))
    weight = lips * (1 - deep) + cheeks * deep
    weight = weight * _smooth((latitude - np.radians(-88)) / np.radians(20))
    angle = np.radians(_JAW_DEGREES) * mouth * weight
    arm = point - _HINGE
    y = arm[..., 1] * np.cos(angle) - arm[..., 2] * np.sin(angle)
    z = arm[..., 1] * np.sin(angle) + arm[..., 2] * np.cos(angle)
    return np.stack([arm[..., 0], y, z], -1) + _HINGE


def head(mouth: float = 0.0, *, columns: int = 72, rows: int = 24) -> list[Part]:
    """Skull, jaw, and what is seen through the open mouth."""
    longitude = np.linspace(-np.pi, np.pi, columns + 1)
    parts = []
    for low, high, lower in (
        (MOUTH_LATITUDE, np.pi / 2, False),
        (-np.pi / 2, MOUTH_LATITUDE, True),
    ):
        lon, lat = np.meshgrid(longitude, np.linspace(high, low, rows))
        points = _opened(lon, lat, mouth) if lower else _surface(lon, lat)
        uv = np.stack([lon / (2 * np.pi) + 0.5, lat / np.pi + 0.5], -1)
        parts.append(
            Part("face", points.reshape(-1, 3), grid_faces(rows, columns + 1), uv.reshape(-1, 2))
        )
    lon, lat = np.meshgrid(
        np.radians(np.linspace(-40, 40, 21)), np.radians(np.linspace(-5, -70, 17))
    )
    u, v = np.meshgrid(np.linspace(0, 1, 21), np.linspace(1, 0, 17))
    inside = _surface(lon, lat, 0.9)
    parts.append(
        Part(
            "mouth", inside.reshape(-1, 3), grid_faces(17, 21), np.stack([u, v], -1).reshape(-1, 2)
        )
    )
    return parts


def mouth_corners(mouth: float) -> np.ndarray:
    """Points (N, 3) round the mouth, lips and chin's top, to frame it by."""
    lon, lat = np.meshgrid(
        np.radians([-26, -12, 0, 12, 26]), MOUTH_LATITUDE + np.radians([9.0, 0.0])
    )
    upper = _surface(lon, lat).reshape(-1, 3)
    lon, lat = np.meshgrid(
        np.radians([-26, -12, 0, 12, 26]), MOUTH_LATITUDE - np.radians([0.0, 11.0])
    )
    return np.concatenate([upper, _opened(lon, lat, mouth).reshape(-1, 3)])


def hair(
    rng: np.random.Generator,
    time: float,
    *,
    strands: int = 150,
    length: float = 0.16,
    radius: float = 0.0016,
    wind: float = 1.0,
) -> list[Part]:
    """Strands that grow from the top and back, hang, and swing with `time` (seconds).

    The same generator state gives the same strands: only `time` moves them.
    """
    parts = []
    for _ in range(strands):
        lon = np.radians(rng.uniform(60, 300))
        lat = np.radians(rng.uniform(5, 78))
        root = _surface(np.array(lon), np.array(lat), 0.99)
        outwards = root / np.linalg.norm(root)
        long = length * rng.uniform(0.5, 1.2)
        phase, lift = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.75)
        s = np.linspace(0, 1, 9)[:, None]
        away = outwards * (np.sqrt(s) * lift + 0.25 * s) * long * 0.6
        down = np.array([0.0, 0.0, -1.0]) * s**1.6 * long
        sway = np.sin(2 * np.pi * 1.3 * time + phase + 2 * s) * s**1.5 * 0.020 * wind
        path = root + away + down + sway * np.array([1.0, 0.3, 0.1])
        thick = radius * (1 - 0.75 * s[:, 0])
        parts.append(tube("hair", path, thick, np.array([0.31, 0.95, 0.05]), around=4))
    return parts
