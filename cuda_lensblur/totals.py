# SPDX-License-Identifier: Apache-2.0
"""What a kernel's weights sum to over its pixels, by radius: smooth, but no closed form.

Tabulated in float64 every 1/32 px with slopes, and read between by cubic Hermite interpolation; the
hard disc, whose sum jumps, is counted.
"""

import functools
import math

import numpy as np
import torch

from cuda_lensblur.kernel import Kernel, Weight, identity_blend

__all__ = ["DiscPlanes", "blended_totals", "disc_planes"]

_STEP_PX = 1 / 32

DiscPlanes = dict[str, torch.Tensor]


def _sum(kernel: Kernel, function: Weight, rho: float) -> float:
    """Sum a function of the offset over the whole disc."""
    reach = math.ceil(kernel.reach(rho))
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)
    size = torch.tensor(rho, dtype=torch.float64)
    if not kernel.mirrored:
        return float(function(size, offsets[None], offsets[:, None]).sum())
    quarter = function(size, offsets[None, reach + 1 :], offsets[reach:, None])  # dx > 0, dy >= 0
    return float(4 * quarter.sum() + function(size, offsets[:1] * 0, offsets[:1] * 0))


@functools.lru_cache(maxsize=16)
def _nodes(kernel: Kernel, max_radius_px: int) -> np.ndarray:
    """Return (nodes, 2): totals from a radius of 1 px on, and their slopes, float64."""
    radii = 1 + np.arange(round((max_radius_px - 1) / _STEP_PX) + 2) * _STEP_PX
    sizes, size_slopes = kernel.size(torch.from_numpy(radii))
    totals = np.array([_sum(kernel, kernel.weight, float(rho)) for rho in sizes])
    if kernel.slope is None:
        return np.stack([totals, np.gradient(totals, _STEP_PX)], 1)
    slopes = [_sum(kernel, kernel.slope, float(rho)) for rho in sizes]
    return np.stack([totals, np.array(slopes) * size_slopes.numpy()], 1)


@functools.lru_cache(maxsize=16)
def _counts(max_radius_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Return squared distances at which a hard disc gains pixels, and how many it has then."""
    axis = np.arange(-max_radius_px, max_radius_px + 1)
    squares, gained = np.unique(axis[:, None] ** 2 + axis**2, return_counts=True)
    return squares, np.cumsum(gained)


def _totals(kernel: Kernel, radius: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sums of the weights and their slopes, float64, for radii clamped to 1 px and up."""
    r = radius.detach().double().clamp(min=1)
    size = 4
    while r.numel() and size < float(r.max()):
        size *= 2
    if kernel.name == "disc":
        squares, counts = (torch.from_numpy(a).to(r.device) for a in _counts(size))
        at = torch.searchsorted(squares.double(), (r * r).contiguous(), right=True) - 1
        return counts[at].double(), torch.zeros_like(r)
    nodes = torch.from_numpy(_nodes(kernel, size)).to(r.device)
    x = (r - 1) / _STEP_PX
    i = x.floor().long().clamp(0, len(nodes) - 2)
    u = x - i
    (p0, m0), (p1, m1) = nodes[i].unbind(-1), nodes[i + 1].unbind(-1)
    m0, m1, rise = m0 * _STEP_PX, m1 * _STEP_PX, p1 - p0
    bend, twist = 3 * rise - 2 * m0 - m1, m0 + m1 - 2 * rise
    value = p0 + u * (m0 + u * (bend + u * twist))
    slope = (m0 + u * (2 * bend + 3 * u * twist)) / _STEP_PX
    return value, slope * (radius.detach() >= 1)


class _Blended(torch.autograd.Function):
    @staticmethod
    def forward(ctx, radius, kernel):  # type: ignore[no-untyped-def]
        total, slope = _totals(kernel, radius)
        share, share_slope = (t.double() for t in identity_blend(radius))
        ctx.save_for_backward((share * slope + share_slope * (total - 1)).to(radius.dtype))
        return (share * total + 1 - share).to(radius.dtype)

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        (slope,) = ctx.saved_tensors
        return grad * slope, None


def blended_totals(kernel: Kernel, radius: torch.Tensor) -> torch.Tensor:
    """Return what each pixel's weights sum to before normalisation, with its gradient.

    Args:
        kernel: which weights.
        radius: px, any shape; 0 has the sum 1, that of the identity.
    """
    return _Blended.apply(radius, kernel)


def disc_planes(kernel: Kernel, radius: torch.Tensor) -> DiscPlanes:
    """Return what kernels that work out weights tap by tap need of every pixel.

    A weight is ``scale k(rho, t)`` and ``centre`` more on the pixel itself.

    Args:
        kernel: of `DISCS`.
        radius: px, any shape and float type.

    Returns:
        rho, scale, centre and their derivatives by the radius, d_rho, d_scale, d_centre: float32,
        the radius's shape.
    """
    r = radius.detach().double()
    rho, d_rho = kernel.size(r.clamp(min=1))
    d_rho = d_rho * (r >= 1)
    share, d_share = identity_blend(r)
    if kernel.slope is None:
        d_share = torch.zeros_like(d_share)
    total, d_total = _totals(kernel, r)
    planes = {
        "rho": rho,
        "scale": share / total,
        "centre": 1 - share,
        "d_rho": d_rho,
        "d_scale": (d_share - share * d_total / total) / total,
        "d_centre": -d_share,
    }
    return {name: plane.float().contiguous() for name, plane in planes.items()}
