# SPDX-License-Identifier: Apache-2.0
"""A layer whose detail changes in time: several pictures, each faded into the next.

`Change` follows what is smooth across a surface. Fine detail needs a picture of its own: at knots
in time lie offsets from the atlas, and between two knots one fades into the other, so that no frame
is where a picture ends and nothing pops. Mapping, matte and radii stay those of the one atlas.
"""

from collections.abc import Mapping

import torch
from torch import nn

from pullfocus.model.sampling import sample_parts

__all__ = ["Looks", "looks_from"]

_STEP = 0.02  # root-encoded: smaller differences are grain


class Looks(nn.Module):
    """Root-encoded offsets of one layer's atlas at knots in time."""

    times: torch.Tensor
    knots: torch.Tensor
    place: torch.Tensor

    def __init__(self, times: torch.Tensor, knots: torch.Tensor, height: int, width: int) -> None:
        """Lay them out, all zero.

        Args:
            times: (T,) of every frame; one that repeats another has its time.
            knots: (K,) rising, in the same unit.
            height: of the atlas, texels at full resolution.
            width: of it.
        """
        super().__init__()
        self.register_buffer("times", times.float())
        self.register_buffer("knots", knots.float())
        # (scale x, y, shift x, y) from texels of the atlas to these: a lifted model's are finer
        self.register_buffer("place", torch.tensor([1.0, 1.0, 0.0, 0.0]))
        # the fourth channel is never seen: lookups are made for four
        self.offsets = nn.Parameter(torch.zeros(len(knots), height, width, 4))

    def shares(self, t: int) -> list[tuple[int, float]]:
        """Return which knots frame ``t`` is made of, and how much of each; they sum to 1."""
        time, knots = float(self.times[t]), self.knots.cpu().tolist()
        after = next((k for k, knot in enumerate(knots) if knot >= time), len(knots) - 1)
        if after == 0 or time >= knots[after]:
            return [(after, 1.0)]
        share = (time - knots[after - 1]) / (knots[after] - knots[after - 1])
        return [(after - 1, 1 - share), (after, share)]

    def forward(self, t: int, texel: torch.Tensor) -> torch.Tensor:
        """Return what frame ``t`` adds at texels (2, h, w) of the atlas, (3, h, w) root-encoded."""
        mixed = sum(share * self.offsets[k] for k, share in self.shares(t))
        assert isinstance(mixed, torch.Tensor)
        return self._at(mixed, texel)

    def picture(self, knot: int, texel: torch.Tensor) -> torch.Tensor:
        """Return what one knot adds at texels (2, h, w) of the atlas, (3, h, w) root-encoded."""
        return self._at(self.offsets[knot], texel)

    def _at(self, offsets: torch.Tensor, texel: torch.Tensor) -> torch.Tensor:
        scale, shift = self.place[:2, None, None], self.place[2:, None, None]
        return sample_parts(offsets, texel * scale + shift)[0]

    def energy(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what a solve keeps small, summed over knots: total variation, and size."""
        held, count = self.offsets[..., :3], len(self.knots)
        across = _huber(held.diff(dim=1)) + _huber(held.diff(dim=2))
        return count * across, count * _huber(held)


def _huber(values: torch.Tensor) -> torch.Tensor:
    zero = torch.zeros_like(values)
    return torch.nn.functional.huber_loss(values, zero, delta=_STEP) / _STEP


def looks_from(tensors: Mapping[str, torch.Tensor], within: str) -> Looks | None:
    """Lay out the looks that a state holds under ``within``, values still to be loaded."""
    offsets = tensors.get(f"{within}offsets")
    if offsets is None:
        return None
    height, width = offsets.shape[1:3]
    return Looks(tensors[f"{within}times"], tensors[f"{within}knots"], height, width)
