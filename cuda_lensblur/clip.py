# SPDX-License-Identifier: Apache-2.0
"""What cuts a disc by where it lies in the frame: a cat's eye, barn doors, astigmatism.

A clip is a set of conics for every source pixel. At an offset ``(u, v)`` from it, in radii of its
circle of confusion (at least 1 px), ``u`` to the right and ``v`` down,

    f = c0 + c1 u + c2 v + c3 u^2 + c4 u v + c5 v^2

is to first order the distance to the edge, inside positive. The weight is multiplied by a ramp
across the edge, 1 px wide or `Clip.softness` radii, whichever is more, and what is left of the disc
is scaled to sum to one: light is moved, never lost.
"""

import dataclasses
import math

import torch

from cuda_lensblur.errors import LensBlurError
from cuda_lensblur.kernel import identity_blend

__all__ = ["LEAST_LEFT", "MOST_CONICS", "Clip", "ramps"]

MOST_CONICS = 8
LEAST_LEFT = 1e-4
"""Share of a disc below which light is lost: conics that leave nothing."""


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """Conics that cut every source's disc."""

    conics: torch.Tensor
    """(K, 6, H, W) or (B, K, 6, H, W): c0 to c5 of K conics."""
    softness: tuple[float, ...]
    """Width of each conic's ramp, radii; 0 is one px."""

    def fitting(self, image: torch.Tensor) -> torch.Tensor:
        """Return conics as (B, K, 6, H, W) for a batched image (B, C, H, W).

        Raises:
            LensBlurError: shapes that do not fit, too many conics, NaN, or a softness below 0.
        """
        conics = self.conics if self.conics.dim() == 5 else self.conics[None]
        expected = (image.shape[0], len(self.softness), 6, *image.shape[-2:])
        if tuple(conics.shape) != expected:
            raise LensBlurError(
                f"clip: expected conics {expected} to fit the image, got {tuple(conics.shape)}"
            )
        if not 1 <= len(self.softness) <= MOST_CONICS:
            raise LensBlurError(
                f"clip: expected 1 to {MOST_CONICS} conics, got {len(self.softness)}"
            )
        if not all(math.isfinite(s) and s >= 0 for s in self.softness):
            raise LensBlurError(f"clip: expected softness >= 0, got {self.softness}")
        if not bool(conics.isfinite().all()):
            raise LensBlurError("clip: expected finite conics, got NaN or infinity")
        return conics.detach().to(image).contiguous()


def ramps(
    conics: torch.Tensor,  # [B, K, 6, H, W]
    softness: list[float],
    radius: torch.Tensor,  # [B, H, W] px
    dx: float,
    dy: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what conics leave of the weights at an offset, and its slope by the radius."""
    r = radius.clamp(min=1)
    grows = (radius >= 1).to(radius.dtype)
    u, v = dx / r, dy / r
    u_slope, v_slope = -u / r * grows, -v / r * grows
    mask, slope = torch.ones_like(r), torch.zeros_like(r)
    for k, soft in enumerate(softness):
        c0, c1, c2, c3, c4, c5 = conics[:, k].unbind(1)
        f = c0 + u * (c1 + c3 * u + c4 * v) + v * (c2 + c5 * v)
        f_slope = (c1 + 2 * c3 * u + c4 * v) * u_slope + (c2 + 2 * c5 * v + c4 * u) * v_slope
        most = 1 / max(soft, 1e-9)
        steep = r.clamp(max=most)
        t = steep * f + 0.5
        t_slope = steep * f_slope + (r < most) * grows * f
        own = t.clamp(0, 1)
        slope = slope * own + mask * torch.where((t > 0) & (t < 1), t_slope, 0)
        mask = mask * own
    share, share_slope = identity_blend(radius)
    return 1 + share * (mask - 1), share_slope * (mask - 1) + share * slope
