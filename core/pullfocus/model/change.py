# SPDX-License-Identifier: Apache-2.0
"""How a layer's look changes in time: a mouth, eyes, folds, shading, reflections.

An atlas holds one picture. A coarse lattice in every frame adds what that picture lacks there; fine
detail stays the atlas's. Blur keeps low frequencies, so that every frame tells its own change.
"""

import torch
from torch import nn
from torch.nn.functional import huber_loss

from pullfocus.model.grid import Box
from pullfocus.model.spline import spline_basis
from pullfocus.observe.scale import SAME, Scale

__all__ = ["Change", "with_offset", "without_offset"]

_DARKEST = 1e-4  # linear: below it a root is no measure of what is seen
_ACROSS = 0.3  # neighbouring cells differ more than neighbouring frames
_STEP = 0.004  # root-encoded: smaller changes are noise


def _huber(values: torch.Tensor) -> torch.Tensor:
    """Return the mean of absolute values, squared where they are small."""
    return huber_loss(values, torch.zeros_like(values), delta=_STEP) / _STEP


def with_offset(colour: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
    """Return scene-linear colour with a root-encoded offset added."""
    return colour + offset * (2 * colour.clamp(min=_DARKEST).sqrt() + offset.abs())


@torch.no_grad()
def without_offset(colour: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
    """Return scene-linear colour as it was before `with_offset`."""
    light = colour.clamp(min=_DARKEST)
    lighter = light.sqrt() - offset
    darker = (light + 2 * offset.square()).sqrt() - offset
    root = torch.where(offset > 0, lighter, darker).clamp(min=_DARKEST**0.5)
    return colour - offset * (2 * root + offset.abs())


class Change(nn.Module):
    """A smooth root-encoded offset of one layer's colour in every frame; asleep until asked for."""

    awake: torch.Tensor

    def __init__(
        self,
        *,
        frames: int,
        width: int,
        height: int,
        cells: tuple[int, int],
        overscan_px: float,
        scale: Scale = SAME,  # the lattice is of a proxy, a look is asked for by the plate
    ) -> None:
        super().__init__()
        self.scale = scale
        self.span_x = (-overscan_px, width - 1 + overscan_px)
        self.span_y = (-overscan_px, height - 1 + overscan_px)
        self.cells = cells
        self.register_buffer("awake", torch.tensor(False))
        self.lattice = nn.Parameter(torch.zeros(frames, 3, cells[0] + 3, cells[1] + 3))

    def offset(self, t: int, box: Box) -> torch.Tensor:
        """Return what is added at the pixel centres of ``box``, (3, h, w), root-encoded."""
        like = self.lattice
        rows = self.scale.rows(box.rows(like.device)).to(like.dtype)
        columns = self.scale.columns(box.columns(like.device)).to(like.dtype)
        down = spline_basis(rows, *self.span_y, self.cells[0])
        across = spline_basis(columns, *self.span_x, self.cells[1])
        return down @ self.lattice[t] @ across.T

    def forward(self, t: int, box: Box, colour: torch.Tensor) -> torch.Tensor:
        """Bring the atlas's colour (3, h, w), scene-linear, to the look of frame ``t``."""
        return with_offset(colour, self.offset(t, box))

    @torch.no_grad()
    def undone(self, t: int, box: Box, colour: torch.Tensor) -> torch.Tensor:
        """Bring a frame's colour (3, h, w) on ``box``, scene-linear, to the look of the atlas."""
        return without_offset(colour, self.offset(t, box))

    def size(self) -> torch.Tensor:
        """Return the mean of what is changed, in units of a step's cost."""
        return _huber(self.lattice)

    def roughness(self) -> torch.Tensor:
        """Return the mean difference between frames, and a part of that between cells."""
        g = self.lattice
        space = _ACROSS * (_huber(g.diff(dim=2)) + _huber(g.diff(dim=3)))
        return space + _huber(g.diff(dim=0)) if len(g) > 1 else space
