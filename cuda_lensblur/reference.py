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

from cuda_lensblur.clip import LEAST_LEFT, ramps
from cuda_lensblur.kernel import Kernel, Weight, identity_blend

__all__ = ["backward", "forward"]

Conics = tuple[torch.Tensor, list[float]]  # [B, K, 6, H, W] and their softness, see clip.py


class _Disc:
    """Per-pixel weights and their slopes at one offset, normalised over the whole disc."""

    def __init__(self, radius: torch.Tensor, kernel: Kernel, *, slopes: bool) -> None:
        self.kernel = kernel
        self.rho, self.rho_slope = kernel.size(radius.clamp(min=1))
        self.rho_slope = self.rho_slope * (radius >= 1)
        self.share, self.share_slope = identity_blend(radius)
        top = float(self.rho.max()) if radius.numel() else 0.0
        self.reach = math.ceil(kernel.reach(top))
        self.total = torch.zeros_like(radius)
        self.total_slope = torch.zeros_like(radius)
        for dy, dx in self.offsets():
            self.total += self._at(kernel.weight, dy, dx)
            if slopes and kernel.slope is not None:
                self.total_slope += self._at(kernel.slope, dy, dx) * self.rho_slope

    def _at(self, function: Weight, dy: int, dx: int) -> torch.Tensor:
        return function(self.rho, self.rho.new_tensor(float(dx)), self.rho.new_tensor(float(dy)))

    def offsets(self) -> Iterator[tuple[int, int]]:
        for dy in range(-self.reach, self.reach + 1):
            for dx in range(-self.reach, self.reach + 1):
                # what is mirrored is round; pictures and irises have corners
                if not self.kernel.mirrored or math.hypot(dy, dx) <= self.reach:
                    yield dy, dx

    def weight(self, dy: int, dx: int) -> torch.Tensor:
        k = self._at(self.kernel.weight, dy, dx) / self.total
        return self.share * k + (1 - self.share) * float(dy == 0 and dx == 0)

    def slope(self, dy: int, dx: int) -> torch.Tensor:
        assert self.kernel.slope is not None
        k = self._at(self.kernel.weight, dy, dx) / self.total
        k_slope = self._at(self.kernel.slope, dy, dx) * self.rho_slope - k * self.total_slope
        centre = float(dy == 0 and dx == 0)
        return self.share * k_slope / self.total + self.share_slope * (k - centre)


class _CutDisc(_Disc):
    """The same, cut by conics and scaled to sum to one again."""

    def __init__(
        self, radius: torch.Tensor, kernel: Kernel, conics: Conics, *, slopes: bool
    ) -> None:
        super().__init__(radius, kernel, slopes=slopes)
        self.radius, self.conics = radius, conics
        self.left = torch.zeros_like(radius)
        self.left_slope = torch.zeros_like(radius)
        for dy, dx in self.offsets():
            mask, _ = self._mask(dy, dx)
            self.left += super().weight(dy, dx) * mask
            if slopes:
                self.left_slope += self._cut_slope(dy, dx)
        self.left_slope *= self.left > LEAST_LEFT
        self.left.clamp_(min=LEAST_LEFT)

    def _mask(self, dy: int, dx: int) -> tuple[torch.Tensor, torch.Tensor]:
        return ramps(*self.conics, self.radius, float(dx), float(dy))

    def _cut_slope(self, dy: int, dx: int) -> torch.Tensor:
        mask, mask_slope = self._mask(dy, dx)
        cut = super().weight(dy, dx) * mask_slope
        return cut if self.kernel.slope is None else cut + super().slope(dy, dx) * mask

    def weight(self, dy: int, dx: int) -> torch.Tensor:
        return super().weight(dy, dx) * self._mask(dy, dx)[0] / self.left

    def slope(self, dy: int, dx: int) -> torch.Tensor:
        change = self.weight(dy, dx) * self.left_slope
        return (self._cut_slope(dy, dx) - change) / self.left


def _disc(radius: torch.Tensor, kernel: Kernel, conics: Conics | None, *, slopes: bool) -> _Disc:
    if conics is None:
        return _Disc(radius, kernel, slopes=slopes)
    return _CutDisc(radius, kernel, conics, slopes=slopes)


def forward(
    image: torch.Tensor,  # [B, C, H, W]
    radius: torch.Tensor,  # [B, H, W] px
    kernel: Kernel,
    conics: Conics | None = None,
) -> torch.Tensor:
    """Scatter every pixel of ``image`` over its disc; light that leaves the frame is lost."""
    disc = _disc(radius, kernel, conics, slopes=False)
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
    kernel: Kernel,
    conics: Conics | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients in ``image`` and ``radius`` for the output gradient ``grad``.

    That in ``radius`` is zero for a kernel without a slope.
    """
    disc = _disc(radius, kernel, conics, slopes=True)
    reach, (height, width) = disc.reach, image.shape[-2:]
    padded = pad(grad, (reach, reach, reach, reach))
    grad_image = torch.zeros_like(image)
    grad_radius = torch.zeros_like(radius)
    for dy, dx in disc.offsets():
        g = padded[..., reach + dy : reach + dy + height, reach + dx : reach + dx + width]
        grad_image += g * disc.weight(dy, dx)[:, None]
        if kernel.slope is not None:
            grad_radius += (g * image).sum(1) * disc.slope(dy, dx)
    return grad_image, grad_radius
