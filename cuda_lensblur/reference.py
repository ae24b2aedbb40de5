# SPDX-License-Identifier: Apache-2.0
"""The lens blur in plain torch, any float type: the definition of correct.

``out(p) = sum_q image(q) w(p - q; r(q))``: every source pixel spreads its light over its own disc
(scatter-sum, paper section 3.3). It is also what runs where no compiler is found. Loops run over
the offsets of the largest disc, so memory stays at a few frames.
"""

import math
from collections.abc import Iterator

import torch
from torch.nn.functional import pad

from cuda_lensblur.kernel import TAIL_PX, identity_blend, literal_radius, weight, weight_slope

__all__ = ["backward", "disc_reach", "forward"]


def disc_reach(max_radius_px: float, beta: float, calibrated: bool) -> int:
    """Return how many px a disc of this radius reaches from its centre."""
    r = torch.tensor(float(max_radius_px), dtype=torch.float64)
    return math.ceil(float(literal_radius(r, beta, calibrated)[0]) + TAIL_PX)


class _Disc:
    """Per-pixel weights and their slopes at one offset, normalised over the whole disc."""

    def __init__(self, radius: torch.Tensor, beta: float, calibrated: bool) -> None:
        self.beta = beta
        self.rho, self.rho_slope = literal_radius(radius, beta, calibrated)
        self.share, self.share_slope = identity_blend(radius)
        top = float(radius.max()) if radius.numel() else 0.0
        self.reach = disc_reach(top, beta, calibrated)
        self.total = torch.zeros_like(radius)
        self.total_slope = torch.zeros_like(radius)
        for dy, dx in self.offsets():
            d = self.rho - math.hypot(dy, dx)
            self.total += weight(d, beta)
            self.total_slope += weight_slope(d, beta) * self.rho_slope

    def offsets(self) -> Iterator[tuple[int, int]]:
        for dy in range(-self.reach, self.reach + 1):
            for dx in range(-self.reach, self.reach + 1):
                if math.hypot(dy, dx) <= self.reach:
                    yield dy, dx

    def weight(self, dy: int, dx: int) -> torch.Tensor:
        k = weight(self.rho - math.hypot(dy, dx), self.beta) / self.total
        return self.share * k + (1 - self.share) * float(dy == 0 and dx == 0)

    def slope(self, dy: int, dx: int) -> torch.Tensor:
        d = self.rho - math.hypot(dy, dx)
        k = weight(d, self.beta) / self.total
        k_slope = (weight_slope(d, self.beta) * self.rho_slope - k * self.total_slope) / self.total
        return self.share * k_slope + self.share_slope * (k - float(dy == 0 and dx == 0))


def forward(
    image: torch.Tensor,  # [B, C, H, W]
    radius: torch.Tensor,  # [B, H, W] px
    beta: float,
    calibrated: bool,
) -> torch.Tensor:
    """Scatter every pixel of ``image`` over its disc; light that leaves the frame is lost."""
    disc = _Disc(radius, beta, calibrated)
    reach, (height, width) = disc.reach, image.shape[-2:]
    out = pad(torch.zeros_like(image), (reach, reach, reach, reach))
    for dy, dx in disc.offsets():
        window = out[..., reach + dy : reach + dy + height, reach + dx : reach + dx + width]
        window += image * disc.weight(dy, dx)[:, None]
    return out[..., reach : reach + height, reach : reach + width].contiguous()


def backward(
    grad: torch.Tensor,  # [B, C, H, W]
    image: torch.Tensor,  # [B, C, H, W]
    radius: torch.Tensor,  # [B, H, W] px
    beta: float,
    calibrated: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients in ``image`` and ``radius`` for the output gradient ``grad``."""
    disc = _Disc(radius, beta, calibrated)
    reach, (height, width) = disc.reach, image.shape[-2:]
    padded = pad(grad, (reach, reach, reach, reach))
    grad_image = torch.zeros_like(image)
    grad_radius = torch.zeros_like(radius)
    for dy, dx in disc.offsets():
        g = padded[..., reach + dy : reach + dy + height, reach + dx : reach + dx + width]
        grad_image += g * disc.weight(dy, dx)[:, None]
        grad_radius += (g * image).sum(1) * disc.slope(dy, dx)
    return grad_image, grad_radius
