# SPDX-License-Identifier: Apache-2.0
"""Meshes for clips: tubes and sheets that bend, as vertices, quads and texture coordinates.

World metres, x right, y away from the camera, z up, as in Blender. Nothing here needs it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Part", "grid_faces", "smooth_path", "tube"]


@dataclass(frozen=True)
class Part:
    """One textured surface of a moving subject. Its topology never changes."""

    texture: str
    vertices: np.ndarray  # (V, 3) float, metres
    faces: np.ndarray  # (F, 4) int
    uv: np.ndarray  # (V, 2) float, 0..1, v up

    def moved(self, matrix: np.ndarray, offset: np.ndarray) -> Part:
        """The same, turned (and scaled) by a 3x3 matrix, then shifted."""
        return Part(self.texture, self.vertices @ matrix.T + offset, self.faces, self.uv)


def grid_faces(rows: int, columns: int) -> np.ndarray:
    """Quads of a sheet of `rows` x `columns` vertices, row by row."""
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    return np.stack([corner, corner + 1, corner + columns + 1, corner + columns], -1)


def smooth_path(joints: np.ndarray, count: int) -> np.ndarray:
    """A curve (count, 3) from the first joint to the last that bends softly round those between.

    Joints (J, 3) are corners of a quadratic B-spline, clamped at both ends: a knee is round.
    """
    from scipy.interpolate import BSpline

    joints = np.asarray(joints, float)
    degree = min(2, len(joints) - 1)
    inner = np.linspace(0, 1, len(joints) - degree + 1)
    knots = np.concatenate([np.zeros(degree), inner, np.ones(degree)])
    return BSpline(knots, joints, degree)(np.linspace(0, 1, count))


def tube(
    texture: str,
    path: np.ndarray,
    radii: np.ndarray,
    side: np.ndarray,
    *,
    around: int = 20,
    repeat: tuple[float, float] = (1.0, 1.0),
) -> Part:
    """A skin round a path.

    Args:
        texture: name of its picture.
        path: (N, 3) middle, metres.
        radii: (N,), (N, 2): across `side` and across the third axis, or (N, 2, around): one by one.
        side: (3,) or (N, 3) direction that is never along the path.
        around: vertices of a ring; the first is repeated, for texture coordinates.
        repeat: how often the picture goes round and along.
    """
    count = len(path)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.broadcast_to(side, (count, 3))
    third = np.cross(along, side)
    third /= np.linalg.norm(third, axis=1, keepdims=True)
    first = np.cross(third, along)
    radii = np.asarray(radii, float)
    if radii.ndim == 1:
        radii = np.stack([radii, radii], -1)
    if radii.ndim == 2:
        radii = np.repeat(radii[..., None], around, -1)
    angle = np.linspace(0, 2 * np.pi, around + 1)
    radii = np.concatenate([radii, radii[..., :1]], -1)
    ring = (
        first[:, None] * (np.cos(angle) * radii[:, 0])[..., None]
        + third[:, None] * (np.sin(angle) * radii[:, 1])[..., None]
    )
    vertices = (path[:, None] + ring).reshape(-1, 3)
    u, v = np.meshgrid(angle / (2 * np.pi) * repeat[0], np.linspace(1, 0, count) * repeat[1])
    return Part(
        texture, vertices, grid_faces(count, around + 1), np.stack([u, v], -1).reshape(-1, 2)
    )
