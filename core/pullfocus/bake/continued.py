# SPDX-License-Identifier: Apache-2.0
"""A layer's circle of confusion past its silhouette.

A blur that gathers, as hosts' own nodes do, asks at a pixel beside the layer how far light comes to
it: a radius of zero there cuts the blurred silhouette.
"""

import numpy as np
import torch

from pullfocus.solve.initial import fill_holes

__all__ = ["continued"]

_SOLID = 0.25  # of a matte, from which on its radii are kept as they are


def continued(radius_px: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return radii (h, w) px that go on smoothly where the layer is not.

    What the layer's solid parts say is spread by averages that grow with the distance, so what
    comes lies between the smallest and the largest radius there; where the matte is faint it fades
    in. A layer that a frame does not show keeps a radius of zero.

    Args:
        radius_px: signed or not, (h, w), meaningful where ``alpha`` is above zero.
        alpha: the layer's matte, (h, w) 0..1.
    """
    if (alpha >= _SOLID).all():
        return radius_px
    known = ((alpha - _SOLID) / _SOLID).clip(0, 1)
    if not known.any():  # soft or thin all over
        known = alpha
    held = torch.from_numpy(np.where(alpha > 0, radius_px, 0).astype(np.float32))[None]
    spread = fill_holes(held, torch.from_numpy(known.astype(np.float32))[None])[0].numpy()
    own = (alpha / _SOLID).clip(0, 1)
    return np.asarray(own * radius_px + (1 - own) * spread, np.float32)
