# SPDX-License-Identifier: Apache-2.0
"""Disc weights sampled over the radius, in the layout that the native kernel walks.

Between two nodes weights are interpolated linearly, and the gradient is that of the interpolant,
so energy is kept exactly and forward and backward agree. With 1/32 px between nodes a weight errs
by less than 3e-4 of the disc's peak.
"""

import dataclasses
import functools
import math

import numpy as np
import torch

from cuda_lensblur.kernel import TAIL_PX, identity_blend, literal_radius, weight

__all__ = ["NODE_STEP_PX", "WeightTable", "weight_table"]

NODE_STEP_PX = 1 / 32
_PAD = 15  # zeros left of a row; one more to its right (see kernels/scatter_cpu.h)


@dataclasses.dataclass(frozen=True)
class WeightTable:
    """See ``WeightTable`` in kernels/scatter_cpu.h for the layout."""

    weights: np.ndarray  # float32, flat
    offset: np.ndarray  # int64 [nodes]
    extent: np.ndarray  # int32 [nodes]


def _node_weights(radius: float, beta: float, calibrated: bool, extent: int) -> np.ndarray:
    """Return normalised weights at dy = 0..extent, dx = -extent..extent, float64."""
    r = torch.tensor(radius, dtype=torch.float64)
    rho, _ = literal_radius(r, beta, calibrated)
    share, _ = identity_blend(r)
    dx = torch.arange(-extent, extent + 1, dtype=torch.float64)
    dy = torch.arange(0, extent + 1, dtype=torch.float64)
    k = weight(rho - torch.hypot(dy[:, None], dx[None]), beta)
    total = k[0].sum() + 2 * k[1:].sum()
    k = share * k / total
    k[0, extent] += 1 - share
    return k.numpy()


@functools.lru_cache(maxsize=8)
def weight_table(max_radius_px: int, beta: float, calibrated: bool) -> WeightTable:
    """Tabulate the discs of radius 0..``max_radius_px``.

    Memory grows with the cube of the radius: 1.5 MB to 16 px, 10 MB to 32, 70 MB to 64.
    """
    nodes = round(max_radius_px / NODE_STEP_PX)
    radii = [i * NODE_STEP_PX for i in range(nodes + 1)]
    literal, _ = literal_radius(torch.tensor(radii, dtype=torch.float64), beta, calibrated)
    reach = [0, *(math.ceil(float(rho) + TAIL_PX) for rho in literal[1:])]
    blocks, offsets, position = [], [], 0
    extents = reach[1:]
    current = _node_weights(radii[0], beta, calibrated, extents[0])
    for i, extent in enumerate(extents):
        following = _node_weights(radii[i + 1], beta, calibrated, extent)
        grow = extent - (current.shape[0] - 1)
        current = np.pad(current, ((0, grow), (grow, grow)))
        rows = np.zeros((extent + 1, 2, 2 * extent + 2 * _PAD + 2), np.float32)
        rows[:, 0, _PAD : _PAD + 2 * extent + 1] = current
        rows[:, 1, _PAD : _PAD + 2 * extent + 1] = following - current
        blocks.append(rows.ravel())
        offsets.append(position)
        position += rows.size
        current = following
    return WeightTable(
        np.concatenate(blocks), np.array(offsets, np.int64), np.array(extents, np.int32)
    )
