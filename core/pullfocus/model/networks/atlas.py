# SPDX-License-Identifier: Apache-2.0
"""An atlas that is an MLP of (u, v), as in Kasten et al. 2021; the paper's ablation (section 4.2).

While a solve runs it is evaluated where pixels land; what is written is drawn texel by texel.
"""

import torch
from torch import nn

from pullfocus.model.colour import to_linear
from pullfocus.model.networks.perceptron import Perceptron

__all__ = ["NetworkTexture"]

_SKIPS = (5, 8)  # 4 and 7 of Kasten et al., who count layers from 0
_CHUNK = 1 << 16


class NetworkTexture(nn.Module):
    """One layer's atlas (height, width, 4) as a function of the place."""

    pointwise = True

    def __init__(
        self,
        height: int,
        width: int,
        *,
        layers: int,
        hidden: int,
        octaves: int,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self.full = height, width
        self.level = 0
        self.network = Perceptron(
            2, 3, layers=layers, width=hidden, octaves=octaves, skips=_SKIPS, recompute=recompute
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width at the current level."""
        return tuple(-(-side // 2**self.level) for side in self.full)  # type: ignore[return-value]

    def _colour(self, texel: torch.Tensor) -> torch.Tensor:
        """Return scene-linear colours (n, 3) at texels (n, 2) of the current level."""
        height, width = self.size
        uv = (2 * texel + 1 - texel.new_tensor([width, height])) / max(height, width)
        return to_linear(0.5 * (torch.tanh(self.network(uv)) + 1))

    def at(self, texel: torch.Tensor) -> torch.Tensor:
        """Evaluate at texels (2, h, w) of the current level, (4, h, w); no matte offset."""
        colour = self._colour(texel.flatten(1).T).T.reshape(3, *texel.shape[1:])
        return torch.cat([colour, torch.zeros_like(colour[:1])])

    def linear(self) -> torch.Tensor:
        """Draw (height, width, 4): scene-linear colour, matte offset 0."""
        height, width = self.size
        like = next(self.parameters())
        rows, columns = (torch.arange(n, device=like.device).to(like) for n in (height, width))
        texel = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).reshape(-1, 2)
        colour = torch.cat([self._colour(part) for part in texel.split(_CHUNK)])
        return torch.cat([colour, torch.zeros_like(colour[:, :1])], 1).reshape(height, width, 4)

    def matte_offset(self) -> torch.Tensor:
        """Return the matte channel: there is none."""
        return next(self.parameters()).new_zeros(1)

    def held_at(self, level: int) -> "NetworkTexture":
        """Return the texture at a pyramid level: the same function of the place."""
        self.level = level
        return self
