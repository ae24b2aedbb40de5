# SPDX-License-Identifier: Apache-2.0
"""Spline fields and what is made of them, in one native pass over a box.

Each is defined by the torch form of the part that calls it: `LatticeMapping`, `LayerMatte` and
`CocLattice`. A field is a product of values along rows, (height, controls), and a basis across,
(controls, width); gradients flow into the values along rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pullfocus.model.grid import Box
from pullfocus.native import run

__all__ = ["Bounds", "bounded_matte", "mapped", "soft_radius"]

Field = tuple[torch.Tensor, torch.Tensor]
"""Values along rows, basis across."""


class _Map(torch.autograd.Function):
    @staticmethod
    def forward(ctx, down_a, down_b, across_a, across_b, rows, columns, homography):  # type: ignore[no-untyped-def]
        downs = (down_a.contiguous(), down_b.contiguous())
        held = (*downs, across_a, across_b, rows, columns, homography)
        out = torch.empty(2, len(rows), len(columns))
        run("map_forward", *_for_map(*held), out)
        ctx.save_for_backward(*held, out)
        return out

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        *held, out = ctx.saved_tensors
        to_a, to_b = torch.empty_like(held[0]), torch.empty_like(held[1])
        run("map_backward", *_for_map(*held), out, grad.contiguous(), to_a, to_b)
        return to_a, to_b, None, None, None, None, None


def _for_map(down_a, down_b, across_a, across_b, rows, columns, homography):  # type: ignore[no-untyped-def]
    fields = (down_a, across_a, len(across_a), down_b, across_b, len(across_b))
    return len(rows), len(columns), rows, columns, homography, *fields


def mapped(
    lattice: Field, shake: Field, rows: torch.Tensor, columns: torch.Tensor, to_atlas: torch.Tensor
) -> torch.Tensor:
    """Return atlas texels (2, h, w) of pixels moved by two fields, then by a homography.

    Args:
        lattice: values along rows (h, 2 * controls), x then y.
        shake: the same.
        rows: (h,) plate px of the pixel centres.
        columns: (w,) the same.
        to_atlas: (3, 3).
    """
    (down_a, across_a), (down_b, across_b) = lattice, shake
    out: torch.Tensor = _Map.apply(
        down_a, down_b, across_a, across_b, rows, columns, to_atlas.contiguous()
    )
    return out


@dataclass(frozen=True)
class Bounds:
    """The given matte of all rows that are asked for, and what it may become."""

    given: torch.Tensor
    """(H, W) float32, logits."""
    least: torch.Tensor
    """(H, W) uint8, 0..255."""
    most: torch.Tensor
    """(H, W) uint8, 0..255."""

    def sizes(self, box: Box) -> tuple[int, ...]:
        """Return what native functions want to know of a box in the frame."""
        return (*self.given.shape, box.top, box.left, box.height, box.width)


class _Matte(torch.autograd.Function):
    @staticmethod
    def forward(ctx, offset, down, across, bounds, box, slack):  # type: ignore[no-untyped-def]
        offset, down = offset.contiguous(), down.contiguous()
        sigmoid, out = torch.empty_like(offset), torch.empty_like(offset)
        planes = (bounds.given, bounds.least, bounds.most)
        field = (down, across, len(across), slack)
        run("matte_forward", *planes, *bounds.sizes(box), offset, *field, sigmoid, out)
        ctx.save_for_backward(down, across, sigmoid)
        ctx.bounds, ctx.box, ctx.slack = bounds, box, slack
        return out

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        down, across, sigmoid = ctx.saved_tensors
        to_offset, to_down, grad = (
            torch.empty_like(sigmoid),
            torch.empty_like(down),
            grad.contiguous(),
        )
        run(
            "matte_backward",
            *(ctx.bounds.least, ctx.bounds.most, *ctx.bounds.sizes(ctx.box)),
            *(across, len(across), ctx.slack, sigmoid, grad, to_offset, to_down),
        )
        return to_offset, to_down, None, None, None, None


def bounded_matte(
    offset: torch.Tensor, residual: Field, bounds: Bounds, box: Box, slack: float
) -> torch.Tensor:
    """Return a matte on a box, (h, w), 0..1.

    Args:
        offset: (h, w) logits, added to the given ones.
        residual: a field of more.
        bounds: the given matte, and how far it may go.
        box: where in it; the matte goes on past the edge.
        slack: how far the sigmoid is stretched, so that 0 and 1 are reached.
    """
    out: torch.Tensor = _Matte.apply(offset, *residual, bounds, box, slack)
    return out


class _Radius(torch.autograd.Function):
    @staticmethod
    def forward(ctx, down, across, scale):  # type: ignore[no-untyped-def]
        down = down.contiguous()
        out = torch.empty(len(down), across.shape[1])
        run("radius_forward", *out.shape, down, across, len(across), scale, out)
        ctx.save_for_backward(down, across, out)
        ctx.scale = scale
        return out

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        down, across, out = ctx.saved_tensors
        to_down, grad = torch.empty_like(down), grad.contiguous()
        field = (across, len(across), ctx.scale)
        run("radius_backward", *out.shape, *field, out, grad, to_down)
        return to_down, None, None


def soft_radius(field: Field, scale: float) -> torch.Tensor:
    """Return the softplus of a field, times ``scale``, (h, w)."""
    out: torch.Tensor = _Radius.apply(*field, float(scale))
    return out
