# SPDX-License-Identifier: Apache-2.0
"""How a layer's light changes from frame to frame: flicker, ramps, a camera's automatic exposure.

An atlas holds one picture; a gain and an offset bring it to the light of each frame. A fade at an
end of a shot is known beforehand, and lies over that.
"""

import numpy as np
import torch
from torch import nn

from pullfocus.model.planes import exposed

__all__ = ["Exposure"]

_STEP = 0.01  # so that one step size suits gain and offset


class Exposure(nn.Module):
    """Gain and offset of one layer in every frame, by colour, in scene-linear light."""

    fade: torch.Tensor | None

    def __init__(self, frames: int, light: np.ndarray | None = None) -> None:
        """``light``: (T, 2, 3) gain and offset of a fade; None: nothing fades."""
        super().__init__()
        known = None if light is None else torch.from_numpy(light).float()
        self.register_buffer("fade", known, persistent=False)
        self.log_gain = nn.Parameter(torch.zeros(frames, 3))
        self.offset = nn.Parameter(torch.zeros(frames, 3))

    def forward(self, t: int, colour: torch.Tensor) -> torch.Tensor:
        """Bring the atlas's colour (3, h, w), scene-linear, to the light of frame ``t``."""
        gain, offset = self._of(t)
        return exposed(colour, gain, offset)

    def _of(self, t: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return gain and offset of a frame, (3,) each."""
        gain, offset = self.log_gain[t].exp(), _STEP * self.offset[t]
        if self.fade is None:
            return gain, offset
        return gain * self.fade[t, 0], offset * self.fade[t, 0] + self.fade[t, 1]

    @torch.no_grad()
    def undone(self, t: int, colour: torch.Tensor) -> torch.Tensor:
        """Bring a frame's colour (3, ...), scene-linear, to the light of the atlas."""
        shape = (3,) + (1,) * (colour.ndim - 1)
        gain, offset = (one.reshape(shape) for one in self._of(t))
        return (colour - offset) / gain

    def told(self, t: int) -> float:
        """Return how much of the scene a frame shows: noise weighs more in what is faded."""
        return 1.0 if self.fade is None else float(self.fade[t, 0].mean())

    def drift(self) -> torch.Tensor:
        """Return the mean square of what is changed, and of the gain's mean: an atlas has it."""
        spread = self.log_gain.square().mean() + self.offset.square().mean()
        return spread + 10 * self.log_gain.mean(0).square().mean()
