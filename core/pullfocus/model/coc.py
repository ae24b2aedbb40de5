# SPDX-License-Identifier: Apache-2.0
"""Circle of confusion of one layer: a smooth radius field per frame."""

import math

import torch
from torch import nn
from torch.nn.functional import softplus

from pullfocus.model.fields import soft_radius
from pullfocus.model.grid import Box
from pullfocus.model.roughness import roughness
from pullfocus.model.spline import box_bases
from pullfocus.native import has_native
from pullfocus.observe.scale import SAME, Scale

__all__ = ["CocLattice"]


class CocLattice(nn.Module):
    """Radius in plate px, through softplus of a B-spline lattice for every frame."""

    def __init__(
        self,
        *,
        frames: int,
        width: int,
        height: int,
        cells: tuple[int, int],
        overscan_px: float,
        start_px: float,
        scale: Scale = SAME,  # the lattice is of a proxy, radii are asked of the plate
    ) -> None:
        super().__init__()
        self.scale = scale
        self.span_x = (-overscan_px, width - 1 + overscan_px)
        self.span_y = (-overscan_px, height - 1 + overscan_px)
        self.cells = cells
        raw = math.log(math.expm1(start_px))
        self.lattice = nn.Parameter(torch.full((frames, cells[0] + 3, cells[1] + 3), raw))

    def forward(self, t: int, box: Box, scale: float = 1.0) -> torch.Tensor:
        """Return the radius at the pixel centres of ``box``, (h, w), >= 0, plate px * ``scale``."""
        device = self.lattice.device
        down, across = box_bases(box, self.span_y, self.span_x, self.cells, device, self.scale)
        along_rows = down @ self.lattice[t]
        scale = scale * self.scale.radius
        if has_native(along_rows):
            return soft_radius((along_rows, across), scale)
        return softplus(along_rows @ across) * scale

    def largest(self, t: int) -> float:
        """Return a bound on the radius anywhere in frame ``t``, plate px."""
        return float(softplus(self.lattice.detach()[t].max())) * self.scale.radius

    def places(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return x and y of the lattice's values, px of the lattice."""
        axes = []
        for (start, end), cells in zip((self.span_x, self.span_y), self.cells[::-1], strict=True):
            axes.append(start + (torch.arange(cells + 3) - 1) * ((end - start) / cells))
        return axes[0], axes[1]

    @torch.no_grad()
    def grow(self, factor: torch.Tensor) -> None:
        """Multiply radii by a smooth factor at `places`, (rows, columns)."""
        radius = softplus(self.lattice) * factor.to(self.lattice)
        self.lattice.copy_(radius + torch.log(-torch.expm1(-radius.clamp(min=1e-6))))

    def roughness(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean squared change of the raw lattice in space, and in time."""
        space, time = roughness(self.lattice, {1: 1, 2: 1}, {0: 1})
        return space, time
