# SPDX-License-Identifier: Apache-2.0
"""Camera mode: a shot's depth in metres, once its camera and one distance are known.

A thin lens of focal length f at f-stop N, focused at S, shows a point at distance z as a circle of
radius ``f^2 / (2 N (S - f)) * (z - S) / z`` on the sensor. So the circle in px is a number of px a
dioptre times the difference of 1/S and 1/z: what the solve calls depth is linear in 1/z, and one
known distance settles where it begins.
"""

import math
import re
from dataclasses import dataclass

from pullfocus.errors import PullfocusError

__all__ = ["Camera", "parse_distance"]

_FEET_M = 0.3048
_DISTANCE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(m|cm|ft|in|')")
_UNITS = {"m": 1.0, "cm": 0.01, "ft": _FEET_M, "'": _FEET_M, "in": _FEET_M / 12}


def parse_distance(text: str) -> float | None:
    """Return metres for ``3.2m``, ``320cm``, ``10.5ft`` or ``126in``; None for anything else."""
    match = _DISTANCE.fullmatch(text.strip())
    return float(match[1]) * _UNITS[match[2]] if match else None


@dataclass(frozen=True)
class Camera:
    """The camera that took the plate."""

    filmback_mm: float
    """Width of the sensor that the plate shows."""
    focal_mm: float
    f_stop: float

    def __post_init__(self) -> None:
        """Refuse what no camera is."""
        for name, value in (
            ("--filmback", self.filmback_mm),
            ("--focal-length", self.focal_mm),
            ("--plate-f-stop", self.f_stop),
        ):
            if not 0 < value < 1e4:
                raise PullfocusError(f"{name}: expected a number above 0, got {value:g}")

    def px_per_dioptre(self, width: int) -> float:
        """Return how many px of radius a dioptre of defocus makes, on a plate of this width.

        Focus is taken to lie far beyond the focal length, as it does but in macro shots.
        """
        focal_m = self.focal_mm / 1000
        pitch_m = self.filmback_mm / 1000 / width
        return focal_m * focal_m / (2 * self.f_stop) / pitch_m

    def depth_px(self, distance_m: float, anchor_px: float, anchor_m: float, width: int) -> float:
        """Return the depth, px of radius, of what is `distance_m` away.

        Args:
            distance_m: from the lens.
            anchor_px: depth of a place whose distance is known, px of radius.
            anchor_m: that distance.
            width: of the plate, px.
        """
        if not (distance_m > 0 and anchor_m > 0):
            raise PullfocusError(f"expected distances above 0, got {min(distance_m, anchor_m):g} m")
        return anchor_px + self.px_per_dioptre(width) * (1 / anchor_m - 1 / distance_m)

    def distance_m(self, depth_px: float, anchor_px: float, anchor_m: float, width: int) -> float:
        """Return how far away a depth lies; infinity for what is at or beyond the horizon."""
        dioptres = 1 / anchor_m - (depth_px - anchor_px) / self.px_per_dioptre(width)
        return 1 / dioptres if dioptres > 0 else math.inf

    def aperture(self, f_stop: float) -> float:
        """Return the scale of all circles at another f-stop."""
        if not 0 < f_stop < 1e4:
            raise PullfocusError(f"--f-stop: expected a number above 0, got {f_stop:g}")
        return self.f_stop / f_stop
