# SPDX-License-Identifier: GPL-3.0-or-later
"""The plate's lens as a camera of the scene: f-stop and distance. Nothing of Blender in here.

A lens blurs by a radius that is linear in one over the distance, ``b (1 / focus - 1 / distance)``
px, near negative. So two places of the shot whose distance is known tie its depth, px of radius, to
the scene. A camera with an aperture of radius ``A`` and ``f`` px of focal length has ``b = A f``.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import AddonError

FARTHEST = 1e6
"""Focus beyond the end of the world: any distance that blurs as infinity does, scene units."""


@dataclass(frozen=True)
class Tie:
    """Two places of the shot: how deep they lie in it, and how far away in the scene."""

    near_depth: float
    """px of radius, as focus is set."""
    near_distance: float
    """From the camera, scene units."""
    far_depth: float
    far_distance: float

    def strength_px(self) -> float:
        """Return b: px of radius by one over scene units.

        Raises:
            AddonError: the places lie at the same depth, or in the wrong order.
        """
        if not 0 < self.near_distance < self.far_distance:
            raise AddonError(
                "expected the near place before the far one, got distances"
                f" {self.near_distance:g} and {self.far_distance:g}"
            )
        if self.far_depth - self.near_depth < 1e-3:
            raise AddonError(
                "expected places of different depth, got"
                f" {self.near_depth:.2f} and {self.far_depth:.2f} px"
            )
        return (self.far_depth - self.near_depth) / (1 / self.near_distance - 1 / self.far_distance)

    def distance_of(self, depth: float) -> float:
        """Return the distance at which something of a depth stands, scene units."""
        inverse = 1 / self.far_distance - (depth - self.far_depth) / self.strength_px()
        return min(1 / inverse, FARTHEST) if inverse > 0 else FARTHEST


def f_stop(tie: Tie, *, focal_mm: float, focal_px: float, aperture: float = 1.0) -> float:
    """Return the f-stop that blurs as the plate's lens does.

    Args:
        tie: of the shot to the scene.
        focal_mm: the camera's focal length; Blender takes a thousandth of it as scene units.
        focal_px: the same in px of the picture.
        aperture: scale of all blur; 0 gives the smallest hole that Blender knows.
    """
    radius = aperture * tie.strength_px() / focal_px
    return min(focal_mm / 1000 / (2 * radius), 128.0) if radius > 0 else 128.0


def focal_length_px(
    focal_mm: float, sensor_mm: tuple[float, float], fit: str, size_px: tuple[int, int]
) -> float:
    """Return a camera's focal length in px, as Blender fits its sensor to the picture."""
    if fit == "AUTO":
        return focal_mm / sensor_mm[0] * max(size_px)
    return focal_mm / sensor_mm[fit == "VERTICAL"] * size_px[fit == "VERTICAL"]
