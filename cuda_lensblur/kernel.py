# SPDX-License-Identifier: Apache-2.0
"""The kernels of the paper's Fig. 4: how a source pixel's light lies over its circle of confusion.

All are functions of ``d = rho - |x|``, the distance to the edge, but the Gaussian. ``rho`` is the
kernel's own size: what a radius in px means for it is said by `Kernel.size`. Two deviations from
Eq. 2 of the paper, both needed to read radii as a host does:

* as written, the soap bubble acts like a disc 0.6 to 0.8 px larger than ``r``. `calibrated` radii
  are those of the hard disc with the same area, which is what a renderer or a compositor calls the
  circle of confusion (Gaussian: the same variance);
* as written, ``r = 0`` keeps 58 % of the light on its pixel. Below 1 px every kernel fades to the
  exact identity, with variance close to ``r^2`` and a slope in ``r`` that is nowhere zero.
"""

import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np
import torch

from cuda_lensblur.errors import LensBlurError

__all__ = ["DISCS", "Kernel", "disc_kernel", "identity_blend"]

Weight = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]  # rho, dx, dy
Size = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]

_TANH_TAIL_PX = 1.5
_GAUSSIAN_SIGMAS = 3.5


@dataclasses.dataclass(frozen=True)
class Kernel:
    """One kernel. Tensors of any shape that broadcast; lengths in px."""

    name: str
    weight: Weight
    """Weight, not normalised, at offset (dx, dy) for a size rho."""
    slope: Weight | None
    """Its derivative in rho; None where there is none to follow."""
    reach: Callable[[float], float]
    """How far a kernel of size rho reaches."""
    size: Size
    """Radius >= 1 px -> (rho, its derivative)."""
    mirrored: bool = True
    """Whether it is the same on all four sides of its centre."""
    flat_depth: float | None = None
    """From how far inside the edge the weight is 1 within 1e-5, px; None: nowhere."""
    code: int = -1
    """Its number in kernels/disc.h; -1 where it is only tabulated."""
    beta: float = 2.0
    """Of the soap bubble."""


def identity_blend(radius: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the share of the disc in the kernel, and its slope: 0 at r = 0, 1 from r = 1 px."""
    r = radius.clamp(0, 1)
    inside = (radius < 1).to(radius.dtype)
    return 0.9 * r * r + 0.1 * r, (1.8 * r + 0.1) * inside


def _soap_tail(beta: float) -> float:
    """Return how far outside the edge Eq. 2 is still above 1e-3, px; beyond, it is cut."""
    return max(3.0, 6.0 / beta)


def _soap_weight(d: torch.Tensor, beta: float) -> torch.Tensor:
    e = torch.exp(-beta * d.abs())
    outside = torch.where(d > -_soap_tail(beta), e / (e - d), torch.zeros_like(d))
    return torch.where(d >= 0, 1 / (1 - d * e), outside)


def _soap_slope(d: torch.Tensor, beta: float) -> torch.Tensor:
    e = torch.exp(-beta * d.abs())
    outside = e * (1 - beta * d) / (e - d) ** 2
    outside = torch.where(d > -_soap_tail(beta), outside, torch.zeros_like(d))
    return torch.where(d >= 0, (1 - beta * d) * e / (1 - d * e) ** 2, outside)


def _tanh_weight(d: torch.Tensor) -> torch.Tensor:
    return torch.where(d > -_TANH_TAIL_PX, 0.5 + 0.5 * torch.tanh(4 * d), torch.zeros_like(d))


def _tanh_slope(d: torch.Tensor) -> torch.Tensor:
    slope = 2 * (1 - torch.tanh(4 * d) ** 2)
    return torch.where(d > -_TANH_TAIL_PX, slope, torch.zeros_like(d))


def _gaussian_weight(rho: torch.Tensor, dx: torch.Tensor, dy: torch.Tensor) -> torch.Tensor:
    t2 = dx * dx + dy * dy
    k = torch.exp(-t2 / (2 * rho * rho))
    return torch.where(t2 <= (_GAUSSIAN_SIGMAS * rho) ** 2, k, torch.zeros_like(k))


def _gaussian_slope(rho: torch.Tensor, dx: torch.Tensor, dy: torch.Tensor) -> torch.Tensor:
    return _gaussian_weight(rho, dx, dy) * (dx * dx + dy * dy) / rho**3


def _of_edge(weight: Callable[[torch.Tensor], torch.Tensor]) -> Weight:
    """Turn a function of the distance to the edge into one of size and offset."""
    return lambda rho, dx, dy: weight(rho - torch.hypot(dx, dy))


def _scaled(factor: float) -> Size:
    return lambda r: (r * factor, torch.full_like(r, factor))


@functools.lru_cache(maxsize=16)
def _area_curve(beta: float, max_radius_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Tabulate (equal-area radius, rho of Eq. 2), float64, by integrating it in polar form."""
    step = 1 / 512
    d = np.arange(-_soap_tail(beta), max_radius_px + 2, step) + step / 2
    k = _soap_weight(torch.from_numpy(d), beta).numpy()
    # area(rho) = 2 pi * integral of (rho - d) k(d) dd for d from the tail to rho
    rho = d + step / 2
    area = 2 * math.pi * (rho * np.cumsum(k) - np.cumsum(k * d)) * step
    return np.sqrt(area / math.pi), rho


def _soap_size(beta: float, radius: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn radii of the equal-area disc into the ``r`` of Eq. 2, and the slope of that."""
    top = 64.0
    while radius.numel() and float(radius.max()) > top:
        top *= 2
    equal_area, rho = _area_curve(beta, top)
    knots = torch.from_numpy(equal_area).to(radius.device)
    values = torch.from_numpy(rho).to(radius.device)
    r64 = radius.detach().double().contiguous()
    i = torch.searchsorted(knots, r64).clamp(1, len(knots) - 1)
    slope = (values[i] - values[i - 1]) / (knots[i] - knots[i - 1])
    found = values[i - 1] + slope * (r64 - knots[i - 1])
    return found.to(radius.dtype), slope.to(radius.dtype)


def _flat_depth(beta: float) -> float:
    """How deep inside a soap bubble d e^(-beta d), what Eq. 2 adds to 1, is below 1e-5."""
    d = 1 / beta
    while d * math.exp(-beta * d) > 1e-5:
        d += 0.25
    return d


DISCS = ("soap_bubble", "gaussian", "disc", "tanh", "extended_box")
"""Names of the kernels, in the order of their codes."""


@functools.lru_cache(maxsize=32)
def disc_kernel(name: str, beta: float = 2.0, calibrated: bool = True) -> Kernel:
    """Return a kernel of Fig. 4.

    Args:
        name: soap_bubble (Eq. 2), gaussian (Gur and Wolf), disc (hard edge), tanh (Busam et al.,
            Luo et al.) or extended_box (Gwosdek et al.: a linear edge one px wide).
        beta: thickness of the soap bubble's rim, > 1/e; others ignore it.
        calibrated: see the module's docstring; False reads radii as the papers write them.

    Raises:
        LensBlurError: an unknown name, or a beta for which Eq. 2 has a pole.
    """
    if name == "soap_bubble" and not 1 / math.e < beta < math.inf:
        raise LensBlurError(
            f"beta: expected a number > 1/e, where Eq. 2 stays positive, got {beta}"
        )
    if name == "soap_bubble":
        return Kernel(
            name,
            _of_edge(lambda d: _soap_weight(d, beta)),
            _of_edge(lambda d: _soap_slope(d, beta)),
            reach=lambda rho: rho + _soap_tail(beta),
            size=functools.partial(_soap_size, beta) if calibrated else _scaled(1.0),
            flat_depth=_flat_depth(beta),
            code=0,
            beta=beta,
        )
    if name == "gaussian":
        return Kernel(
            name,
            _gaussian_weight,
            _gaussian_slope,
            reach=lambda rho: _GAUSSIAN_SIGMAS * rho,
            size=_scaled(0.5 if calibrated else 1.0),  # a disc's variance is r^2 / 4
            code=1,
        )
    if name == "disc":
        return Kernel(
            name,
            _of_edge(lambda d: (d >= 0).to(d.dtype)),
            None,  # a step: its slope is zero almost everywhere, and says nothing
            reach=lambda rho: rho,
            size=_scaled(1.0),
            flat_depth=0.0,
            code=2,
        )
    if name == "tanh":
        return Kernel(
            name,
            _of_edge(_tanh_weight),
            _of_edge(_tanh_slope),
            reach=lambda rho: rho + _TANH_TAIL_PX,
            size=_scaled(1.0),
            flat_depth=_TANH_TAIL_PX,
            code=3,
        )
    if name == "extended_box":
        return Kernel(
            name,
            _of_edge(lambda d: (d + 0.5).clamp(0, 1)),
            _of_edge(lambda d: (d.abs() < 0.5).to(d.dtype)),
            reach=lambda rho: rho + 0.5,
            size=_scaled(1.0),
            flat_depth=0.5,
            code=4,
        )
    raise LensBlurError(f"kernel: expected one of {', '.join(DISCS)}, got {name!r}")
