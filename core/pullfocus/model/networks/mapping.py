# SPDX-License-Identifier: Apache-2.0
"""From a pixel of a frame to a place in the layer's atlas, the paper's way: an MLP (section 3.1).

``uv = tanh(M(x, y, t))`` in -1..1, where 1 is half of the atlas's longer side from its centre.
"""

import torch
from torch import nn

from pullfocus.model.grid import Box
from pullfocus.model.jacobian import by_autograd
from pullfocus.model.networks.perceptron import Perceptron, normalised

__all__ = ["MappingNetwork"]

_CHUNK = 16384  # points of a Jacobian held at once


class MappingNetwork(nn.Module):
    """Map plate pixels of frame t to atlas texels."""

    centre: torch.Tensor

    def __init__(
        self,
        *,
        frames: int,
        width: int,
        height: int,
        atlas: tuple[int, int],  # height, width in texels
        layers: int,
        hidden: int,
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self.frames, self.width, self.height = frames, width, height
        self.half_side = max(atlas) / 2
        self.register_buffer(
            "centre", torch.tensor([(atlas[1] - 1) / 2, (atlas[0] - 1) / 2]), persistent=False
        )
        self.network = Perceptron(3, 2, layers=layers, width=hidden, recompute=recompute)

    def uv(self, t: int | torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Return (u, v) in -1..1 of places (n, 2) in plate px, (n, 2)."""
        size = {"frames": self.frames, "width": self.width, "height": self.height}
        return torch.tanh(self.network(normalised(t, points, **size)))

    def uv_of_texel(self, texel: torch.Tensor) -> torch.Tensor:
        """Return (u, v) of atlas texels (n, 2)."""
        return (texel - self.centre) / self.half_side

    def texels_at(self, t: int | torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Return atlas texel coordinates of any places (n, 2) in plate px (x, y), (n, 2).

        Differentiable in the places. ``t`` is a frame, or one for every place, (n,).
        """
        return self.uv(t, points) * self.half_side + self.centre

    def forward(self, t: int, box: Box) -> torch.Tensor:
        """Return atlas texel coordinates (x, y) of the pixel centres of ``box``, (2, h, w)."""
        return self.texels_at(t, self._centres(box)).T.reshape(2, box.height, box.width)

    def jacobian(self, t: int, box: Box) -> torch.Tensor:
        """Return d texel / d plate px at the pixel centres of ``box``, (2, 2, h, w) (Eq. 5)."""
        slopes = by_autograd(lambda p: self.texels_at(t, p), self._centres(box), chunk=_CHUNK)
        return slopes.permute(1, 2, 0).reshape(2, 2, box.height, box.width)

    def _centres(self, box: Box) -> torch.Tensor:
        """Return a box's pixel centres (n, 2) in the network's own precision."""
        return box.points(self.centre.device).to(self.centre.dtype)
