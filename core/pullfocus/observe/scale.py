# SPDX-License-Identifier: Apache-2.0
"""From a proxy, a smaller copy of the plate, to the plate: both show the same picture.

Lattices of a solve live in the proxy's pixels; a model of the plate's size looks them up there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["SAME", "Scale"]


@dataclass(frozen=True)
class Scale:
    """Plate px in a px of the proxy, across and down; centres sit at whole numbers in both."""

    x: float = 1.0
    y: float = 1.0

    @classmethod
    def between(cls, proxy: tuple[int, int], plate: tuple[int, int]) -> Scale:
        """Return the scale from a proxy's (width, height) to the plate's."""
        return cls(plate[0] / proxy[0], plate[1] / proxy[1])

    @property
    def radius(self) -> float:
        """Plate px in a px of radius."""
        return math.sqrt(self.x * self.y)

    def columns(self, x: torch.Tensor) -> torch.Tensor:
        """Return proxy px of plate px, across."""
        return x if self.x == 1 else (x + 0.5) / self.x - 0.5

    def rows(self, y: torch.Tensor) -> torch.Tensor:
        """Return proxy px of plate px, down."""
        return y if self.y == 1 else (y + 0.5) / self.y - 0.5

    def points(self, places: torch.Tensor) -> torch.Tensor:
        """Return proxy px (n, 2) of plate px (n, 2), each (x, y)."""
        if self == SAME:
            return places
        return (places + 0.5) / places.new_tensor([self.x, self.y]) - 0.5

    def to_plate(self) -> np.ndarray:
        """Return the (3, 3) matrix from proxy px to plate px."""
        shift_x, shift_y = (self.x - 1) / 2, (self.y - 1) / 2
        return np.array([[self.x, 0, shift_x], [0, self.y, shift_y], [0, 0, 1.0]])


SAME = Scale()
