# SPDX-License-Identifier: Apache-2.0
"""Uniform cubic B-splines: a few control values, smooth everywhere between them."""

import functools

import torch

from pullfocus.model.grid import Box
from pullfocus.observe.scale import SAME, Scale

__all__ = ["box_bases", "knot_count", "spline_basis", "spline_slopes"]


def knot_count(length: float, spacing: float, at_least: int = 1) -> int:
    """Return how many intervals of about ``spacing`` cover ``length``."""
    return max(at_least, round(length / spacing))


def spline_basis(positions: torch.Tensor, start: float, end: float, intervals: int) -> torch.Tensor:
    """Return the weights of the control values at each position.

    Args:
        positions: (n,), anywhere; outside ``start..end`` the value at the end goes on.
        start: where the first interval begins.
        end: where the last one ends.
        intervals: how many; there are ``intervals + 3`` control values.

    Returns:
        (n, intervals + 3), rows sum to 1.
    """
    x = ((positions - start) / max(end - start, 1e-9) * intervals).clamp(0, intervals)
    i = x.floor().clamp(max=intervals - 1)
    t = x - i
    weights = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    basis = positions.new_zeros(len(positions), intervals + 3)
    for k, w in enumerate(weights):
        basis.scatter_(1, (i.long() + k)[:, None], w[:, None])
    return basis


def spline_slopes(
    positions: torch.Tensor, start: float, end: float, intervals: int
) -> torch.Tensor:
    """Return the derivative of `spline_basis` by position, (n, intervals + 3), rows sum to 0.

    Outside ``start..end``, where the value goes on unchanged, it is zero.
    """
    per_unit = intervals / max(end - start, 1e-9)
    inside = ((positions >= start) & (positions <= end)).to(positions.dtype)
    x = ((positions - start) * per_unit).clamp(0, intervals)
    i = x.floor().clamp(max=intervals - 1)
    t = x - i
    slopes = (
        -((1 - t) ** 2) / 2,
        (3 * t**2 - 4 * t) / 2,
        (-3 * t**2 + 2 * t + 1) / 2,
        t**2 / 2,
    )
    basis = positions.new_zeros(len(positions), intervals + 3)
    for k, s in enumerate(slopes):
        basis.scatter_(1, (i.long() + k)[:, None], (s * per_unit * inside)[:, None])
    return basis


Span = tuple[float, float]
_PIECE = 256
"""Pixels: boxes come in all sizes, and bases are held for whole pieces."""


def box_bases(
    box: Box,
    span_y: Span,
    span_x: Span,
    cells: tuple[int, int],
    device: torch.device | str = "cpu",
    scale: Scale = SAME,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `spline_basis` at the pixel centres of a box, down and across.

    Args:
        box: where.
        span_y: where the first interval down begins and the last one ends, px of the lattice.
        span_x: the same across.
        cells: intervals down and across.
        device: where the weights are wanted.
        scale: from px of the lattice to px of the box's plate.

    Returns:
        (height, cells + 3), and (cells + 3, width): the latter for a product from the right.
    """
    places = box.level, scale, cells
    down = _on_axis(box.top, box.height, span_y, down=True, places=places)
    across = _on_axis(box.left, box.width, span_x, down=False, places=places)
    return down.to(device), across.T.to(device).contiguous()


Places = tuple[int, Scale, tuple[int, int]]


def _on_axis(first: int, count: int, span: Span, *, down: bool, places: Places) -> torch.Tensor:
    low, high = first // _PIECE * _PIECE, -(-(first + count) // _PIECE) * _PIECE
    held = _held_basis(low, high - low, span, down, places)
    return held[first - low : first - low + count]


@functools.lru_cache(maxsize=64)
def _held_basis(first: int, count: int, span: Span, down: bool, places: Places) -> torch.Tensor:
    level, scale, cells = places
    centres = Box(0, first, 0, count, level).rows()
    centres = scale.rows(centres) if down else scale.columns(centres)
    return spline_basis(centres, *span, cells[0 if down else 1])
