# SPDX-License-Identifier: Apache-2.0
"""The soap-bubble disc: its weight, its slope, and what "radius" means.

Eq. 2 of the paper: ``k(d) = e^(beta d) / (e^(beta d) - d)`` with ``d = r - |x|``, the distance to
the edge of the disc. Two deviations, both needed to read radii as a host does:

* as written, the kernel acts like a disc 0.6 to 0.8 px larger than ``r``. `calibrated` radii are
  those of the hard disc with the same area, which is what a renderer or a compositor calls the
  circle of confusion;
* as written, ``r = 0`` keeps 58 % of the light on its pixel. Below 1 px the kernel fades to the
  exact identity, with variance close to ``r^2`` and a slope in ``r`` that is nowhere zero.
"""

import functools
import math

import numpy as np
import torch

__all__ = ["TAIL_PX", "identity_blend", "literal_radius", "weight", "weight_slope"]

TAIL_PX = 3.0
"""How far past its edge a disc reaches, px: beyond, Eq. 2 is below 1e-3 and is cut."""


def weight(d: torch.Tensor, beta: float) -> torch.Tensor:
    """Return Eq. 2 at edge distance ``d`` (px, any shape), 0 beyond the tail."""
    e = torch.exp(-beta * d.abs())
    inside = 1 / (1 - d * e)
    outside = e / (e - d)
    return torch.where(d >= 0, inside, torch.where(d > -TAIL_PX, outside, torch.zeros_like(d)))


def weight_slope(d: torch.Tensor, beta: float) -> torch.Tensor:
    """Return the derivative of `weight` in ``d`` (equally in ``r``), per px, any shape."""
    e = torch.exp(-beta * d.abs())
    inside = (1 - beta * d) * e / (1 - d * e) ** 2
    outside = e * (1 - beta * d) / (e - d) ** 2
    return torch.where(d >= 0, inside, torch.where(d > -TAIL_PX, outside, torch.zeros_like(d)))


def identity_blend(radius: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the share of the disc in the kernel, and its slope: 0 at r = 0, 1 from r = 1 px."""
    r = radius.clamp(0, 1)
    inside = (radius < 1).to(radius.dtype)
    return 0.9 * r * r + 0.1 * r, (1.8 * r + 0.1) * inside


@functools.lru_cache(maxsize=16)
def _area_curve(beta: float, max_radius_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Tabulate (equal-area radius, literal radius), float64, by integrating Eq. 2 in polar form."""
    step = 1 / 512
    d = np.arange(-TAIL_PX, max_radius_px + 2, step) + step / 2
    k = weight(torch.from_numpy(d), beta).numpy()
    # area(rho) = 2 pi * integral of (rho - d) k(d) dd for d from the tail to rho
    rho = d + step / 2
    area = 2 * math.pi * (rho * np.cumsum(k) - np.cumsum(k * d)) * step
    return np.sqrt(area / math.pi), rho


def literal_radius(
    radius: torch.Tensor, beta: float, calibrated: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn a radius >= 1 px (any shape) into the ``r`` of Eq. 2, and its slope.

    Args:
        radius: circle-of-confusion radius, px; smaller values are read as 1.
        beta: thickness of the rim, Eq. 2.
        calibrated: read ``radius`` as that of the equal-area disc, else as Eq. 2 has it.
    """
    r = radius.clamp(min=1)
    above = (radius > 1).to(radius.dtype)
    if not calibrated:
        return r, above
    top = 64.0
    while r.numel() and float(r.max()) > top:
        top *= 2
    equal_area, rho = _area_curve(beta, top)
    knots = torch.from_numpy(equal_area).to(radius.device)
    values = torch.from_numpy(rho).to(radius.device)
    r64 = r.detach().double().contiguous()
    i = torch.searchsorted(knots, r64).clamp(1, len(knots) - 1)
    slope = (values[i] - values[i - 1]) / (knots[i] - knots[i - 1])
    return (
        (values[i - 1] + slope * (r64 - knots[i - 1])).to(radius.dtype),
        slope.to(radius.dtype) * above,
    )
