# SPDX-License-Identifier: Apache-2.0
"""Uniform cubic B-splines: a few control values, smooth everywhere between them."""

import torch

__all__ = ["knot_count", "spline_basis", "spline_slopes"]


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
