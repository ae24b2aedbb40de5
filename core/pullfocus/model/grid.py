# SPDX-License-Identifier: Apache-2.0
"""Where a piece of a frame lies: a box of pixels at a pyramid level, in plate pixels."""

import functools
from dataclasses import dataclass

import torch

__all__ = ["Box"]


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels of one pyramid level; it may reach outside the frame (overscan)."""

    left: int
    top: int
    width: int
    height: int
    level: int = 0

    def columns(self, device: torch.device | str = "cpu") -> torch.Tensor:
        """Return the plate-px x of the pixel centres, (width,) float32."""
        return _centres(self.left, self.width, self.level).to(device)

    def rows(self, device: torch.device | str = "cpu") -> torch.Tensor:
        """Return the plate-px y of the pixel centres, (height,) float32."""
        return _centres(self.top, self.height, self.level).to(device)

    def points(self, device: torch.device | str = "cpu") -> torch.Tensor:
        """Return the plate-px (x, y) of the pixel centres row by row, (height * width, 2)."""
        grid = torch.meshgrid(self.columns(device), self.rows(device), indexing="xy")
        return torch.stack(grid, -1).reshape(-1, 2)

    def inside(self, outer: "Box") -> tuple[slice, slice]:
        """Return the (rows, columns) of ``outer`` that this box covers."""
        y, x = self.top - outer.top, self.left - outer.left
        return slice(y, y + self.height), slice(x, x + self.width)

    def grown(self, px: int) -> "Box":
        """Return the box with a border of ``px`` pixels of its level."""
        return Box(
            self.left - px, self.top - px, self.width + 2 * px, self.height + 2 * px, self.level
        )

    def intersection(self, other: "Box") -> "Box":
        """Return what both cover; width or height is 0 when nothing."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right = min(self.left + self.width, other.left + other.width)
        bottom = min(self.top + self.height, other.top + other.height)
        return Box(left, top, max(0, right - left), max(0, bottom - top), self.level)


@functools.lru_cache(maxsize=512)
def _centres(first: int, count: int, level: int) -> torch.Tensor:
    scale = 2.0**level
    return (torch.arange(first, first + count, dtype=torch.float32) + 0.5) * scale - 0.5
