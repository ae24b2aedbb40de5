# SPDX-License-Identifier: Apache-2.0
"""How a layer's light changes from frame to frame: flicker, ramps, a camera's automatic exposure.

An atlas holds one picture; a gain and an offset bring it to the light of each frame.
"""

import torch
from torch import nn

from pullfocus.model.planes import exposed

__all__ = ["Exposure"]

_STEP = 0.01  # so that one step size suits gain and offset


class Exposure(nn.Module):
    """Gain and offset of one layer in every frame, by colour, in scene-linear light."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.log_gain = nn.Parameter(torch.zeros(frames, 3))
        self.offset = nn.Parameter(torch.zeros(frames, 3))

    def forward(self, t: int, colour: torch.Tensor) -> torch.Tensor:
        """Bring the atlas's colour (3, h, w), scene-linear, to the light of frame ``t``."""
        return exposed(colour, self.log_gain[t].exp(), _STEP * self.offset[t])

    @torch.no_grad()
    def undone(self, t: int, colour: torch.Tensor) -> torch.Tensor:
        """Bring a frame's colour (3, ...), scene-linear, to the light of the atlas."""
        shape = (3,) + (1,) * (colour.ndim - 1)
        offset = _STEP * self.offset[t].reshape(shape)
        return (colour - offset) * (-self.log_gain[t]).exp().reshape(shape)

    def drift(self) -> torch.Tensor:
        """Return the mean square of what is changed, and of the gain's mean: an atlas has it."""
        spread = self.log_gain.square().mean() + self.offset.square().mean()
        return spread + 10 * self.log_gain.mean(0).square().mean()
