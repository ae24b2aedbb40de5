# SPDX-License-Identifier: Apache-2.0
"""How long the shutter is open, and what a pixel sees of an atlas meanwhile.

At a pixel that stands still the atlas slides by; how fast is the difference of the mappings of the
frames before and after. Looked up at some moments of the open shutter and averaged in linear light
it gives the motion blur of the plate, which radii would have to explain otherwise.
"""

import math

import torch
from torch import nn

__all__ = ["Shutter"]

_LEAST_TEXELS = 0.5  # of sliding while open: less is no blur
_APART_TEXELS = 1.5  # between moments
_FEWEST, _MOST = 3, 5


class Shutter(nn.Module):
    """A shutter that is open for a share of the time from frame to frame, centred on the frame."""

    def __init__(self, degrees: float, *, found: bool) -> None:
        """Open it.

        Args:
            degrees: 360 is all the time; where it is found from the plate, this is the start.
            found: whether a solve may change it.
        """
        super().__init__()
        share = min(max(degrees / 360, 0.01), 0.99)
        logit = torch.tensor(math.log(share / (1 - share)))
        self.logit = nn.Parameter(logit, requires_grad=found)

    @property
    def share(self) -> torch.Tensor:
        """Of the time between two frames, 0..1."""
        return torch.sigmoid(self.logit)

    @property
    def degrees(self) -> float:
        """The same as an angle."""
        return 360 * float(self.share.detach())

    def moments(self, sliding: torch.Tensor) -> torch.Tensor | None:
        """Return the moments to look at, (k,) in frames; None where next to nothing moves.

        Args:
            sliding: (2, ...) texels a frame.
        """
        if sliding.numel() == 0:
            return None
        far = float(sliding.square().sum(0).max().sqrt()) * float(self.share.detach())
        if far < _LEAST_TEXELS:
            return None
        count = min(max(math.ceil(far / _APART_TEXELS), _FEWEST), _MOST)
        steps = (torch.arange(count, device=sliding.device) + 0.5) / count - 0.5
        return steps * self.share
