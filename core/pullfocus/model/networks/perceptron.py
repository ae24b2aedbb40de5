# SPDX-License-Identifier: Apache-2.0
"""Coordinate networks: multi-layer perceptrons with ReLU, and the encoding in front of them."""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import relu
from torch.utils.checkpoint import checkpoint

__all__ = ["Perceptron", "encoded", "normalised"]

_PIECE = 1 << 15  # points that are recomputed together


def encoded(x: torch.Tensor, octaves: int) -> torch.Tensor:
    """Return sin and cos of 2^j pi x for j < octaves, (n, 2 octaves d); x itself is left out.

    Without octaves x (n, d) is returned as it is.
    """
    if octaves == 0:
        return x
    scales = math.pi * 2.0 ** torch.arange(octaves, device=x.device, dtype=x.dtype)
    phase = (x[:, None, :] * scales[:, None]).flatten(1)
    return torch.cat([phase.sin(), phase.cos()], 1)


def normalised(
    t: int | torch.Tensor, points: torch.Tensor, *, frames: int, width: int, height: int
) -> torch.Tensor:
    """Return (x, y, t) of places (n, 2) in plate px as the networks take them, (n, 3).

    x and y are centred and in -1..1 along the longer side, so that both keep one scale; t runs from
    -1 to 1. Whole frames of a network anchored at the top left would fall off a wide atlas.
    """
    centre = points.new_tensor([(width - 1) / 2, (height - 1) / 2])
    xy = (points - centre) * (2 / max(width, height))
    time = torch.as_tensor(t, dtype=points.dtype, device=points.device)
    time = 2 * time / max(1, frames - 1) - (1 if frames > 1 else 0)
    return torch.cat([xy, time.reshape(-1, 1).expand(len(points), 1)], 1)


class Perceptron(nn.Module):
    """``layers`` linear layers, ReLU between them; the output is linear.

    At ``skips`` (numbered from 1) a layer sees the encoded input again. ``recompute`` keeps no
    hidden layers for the backward pass.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        layers: int,
        width: int,
        octaves: int = 0,
        skips: tuple[int, ...] = (),
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self.octaves = octaves
        self.skips = skips
        self.recompute = recompute
        first = 2 * octaves * inputs if octaves else inputs
        sizes = [first, *[width] * (layers - 1), outputs]
        self.linear = nn.ModuleList(
            nn.Linear(a + (first if i in skips else 0), b)
            for i, (a, b) in enumerate(pairwise(sizes), 1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, inputs) to (n, outputs)."""
        if self.recompute and torch.is_grad_enabled() and len(x) > _PIECE:
            pieces = [
                checkpoint(self._run, piece, use_reentrant=False) for piece in x.split(_PIECE)
            ]
            return torch.cat(pieces)
        return self._run(x)

    def _run(self, x: torch.Tensor) -> torch.Tensor:
        start = hidden = encoded(x, self.octaves)
        for i, layer in enumerate(self.linear, 1):
            if i > 1:
                hidden = relu(hidden)
            hidden = layer(torch.cat([hidden, start], 1) if i in self.skips else hidden)
        return hidden
