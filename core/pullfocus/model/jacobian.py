# SPDX-License-Identifier: Apache-2.0
"""How a mapping stretches: d texel / d plate px, where no closed form is known."""

from collections.abc import Callable

import torch
from torch.func import jacrev, vmap

__all__ = ["by_autograd"]


def by_autograd(
    texels_at: Callable[[torch.Tensor], torch.Tensor],
    points: torch.Tensor,
    *,
    chunk: int | None = None,
) -> torch.Tensor:
    """Return the Jacobian of a mapping at given places (Eq. 5 of the paper).

    Args:
        texels_at: places (n, 2) in plate px to texels (n, 2), differentiable.
        points: (n, 2) plate px (x, y).
        chunk: how many places are held at once; all by default.

    Returns:
        (n, 2, 2): texel x, y by plate x, y.
    """
    return vmap(jacrev(lambda point: texels_at(point[None])[0]), chunk_size=chunk)(points)
