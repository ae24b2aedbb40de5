# SPDX-License-Identifier: Apache-2.0
"""How rough a lattice is: mean squared steps between neighbours, or changes of steps."""

import math
from collections.abc import Mapping

import torch

from pullfocus.native import has_native, run

__all__ = ["roughness"]

_AXES = 4
Asked = Mapping[int, int]
"""Along which axes, and whether steps (1) or their changes (2) are to be small."""


def roughness(lattice: torch.Tensor, *asked: Asked) -> tuple[torch.Tensor, ...]:
    """Return a sum of means of squares for everything that is asked.

    Args:
        lattice: of up to four axes.
        asked: axes with their order. One that is too short for it counts nothing.

    Returns:
        A scalar for each of `asked`, in the lattice's unit squared.
    """
    if has_native(lattice) and lattice.is_contiguous():
        out: tuple[torch.Tensor, ...] = _Roughness.apply(lattice, asked)
        return out
    return tuple(_in_torch(lattice, one) for one in asked)


def _in_torch(lattice: torch.Tensor, asked: Asked) -> torch.Tensor:
    means = [
        lattice.diff(n=order, dim=axis).square().mean()
        for axis, order in asked.items()
        if lattice.shape[axis] > order
    ]
    return torch.stack(means).sum() if means else lattice.new_zeros(())


def _plan(lattice: torch.Tensor, asked: tuple[Asked, ...]) -> tuple[list[int], list[int]]:
    """Return sizes and orders of four axes; the lattice's own are the last ones."""
    before = _AXES - lattice.ndim
    orders = [0] * _AXES
    for one in asked:
        for axis, order in one.items():
            orders[before + axis] = order if lattice.shape[axis] > order else 0
    return [1] * before + list(lattice.shape), orders


def _shares(sizes: list[int], orders: list[int]) -> list[float]:
    """Return one over the number of steps along each axis."""
    whole = math.prod(sizes)
    return [
        size / (whole * (size - order)) if size > order else 0.0
        for size, order in zip(sizes, orders, strict=True)
    ]


class _Roughness(torch.autograd.Function):
    @staticmethod
    def forward(ctx, lattice, asked):  # type: ignore[no-untyped-def]
        sizes, orders = _plan(lattice, asked)
        sums = torch.empty(_AXES, dtype=torch.float64)
        run("lattice_steps", lattice, *sizes, *orders, sums)
        ctx.save_for_backward(lattice)
        ctx.asked, ctx.plan = asked, (sizes, orders)
        means = [a * b for a, b in zip(sums.tolist(), _shares(sizes, orders), strict=True)]
        before = _AXES - lattice.ndim
        return tuple(torch.tensor(sum(means[before + axis] for axis in one)) for one in asked)

    @staticmethod
    def backward(ctx, *grads):  # type: ignore[no-untyped-def]
        (lattice,) = ctx.saved_tensors
        sizes, orders = ctx.plan
        weights, before = [0.0] * _AXES, _AXES - lattice.ndim
        shares = _shares(sizes, orders)
        for one, grad in zip(ctx.asked, grads, strict=True):
            for axis in one:
                weights[before + axis] = grad.item() * shares[before + axis]
        out = torch.zeros_like(lattice)
        run("lattice_steps_backward", lattice, *sizes, *orders, *weights, out)
        return out, None
