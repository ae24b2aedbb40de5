# SPDX-License-Identifier: Apache-2.0
"""A layer's matte, the paper's way: an MLP of (x, y, t) that the given matte only starts.

alpha = 0.99 (tanh + 1) / 2 + 0.001 (Kasten 2021): never quite 0 or 1, so gradients never die.
"""

import torch
from torch import nn

from pullfocus.model.grid import Box
from pullfocus.model.networks.perceptron import Perceptron, normalised
from pullfocus.observe.observed import level_size

__all__ = ["MatteNetwork"]


class MatteNetwork(nn.Module):
    """Matte of one layer but the last."""

    def __init__(
        self,
        *,
        frames: int,
        width: int,
        height: int,
        layers: int,
        hidden: int,
        octaves: int,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self.frames, self.width, self.height = frames, width, height
        self.network = Perceptron(
            3, 1, layers=layers, width=hidden, octaves=octaves, recompute=recompute
        )

    def at(self, t: int | torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Return the matte at places (n, 2) in plate px, (n,), 0.001..0.991.

        ``t`` is a frame, or one for every place, (n,).
        """
        size = {"frames": self.frames, "width": self.width, "height": self.height}
        out = self.network(normalised(t, points, **size))[:, 0]
        return 0.5 * (torch.tanh(out) + 1) * 0.99 + 0.001

    def forward(self, t: int, box: Box, offset: torch.Tensor) -> torch.Tensor:
        """Return the matte on ``box``, (h, w); what the atlas says (``offset``) is not asked."""
        return self.at(t, box.points(offset.device)).reshape(box.height, box.width)

    def bounds(self, t: int, level: int) -> Box:
        """Return the box that the matte stays within: the whole frame."""
        return Box(0, 0, *level_size(self.width, self.height, level), level)
