# SPDX-License-Identifier: Apache-2.0
"""Kernel weights sampled over the radius, in the layout that the native kernel walks.

Between two nodes weights are interpolated linearly, and the gradient is that of the interpolant,
so energy is kept exactly and forward and backward agree. Up to 32 px nodes are 1/32 px apart and a
weight of the soap bubble errs by less than 3e-4 of its peak, above, 1/8 px apart, by less than 5e-3
at the rim; tanh and extended box, whose edges bend quicker, by .03. The hard disc is a blend of the
two hard discs next to it.
Apertures and pictures have all nodes 1/8 px apart.
"""

import dataclasses
import math

import numpy as np
import torch

from cuda_lensblur.kernel import Kernel, identity_blend

__all__ = ["WeightTable", "weight_table"]

FINE_STEP_PX = 1 / 32
COARSE_STEP_PX = 1 / 8
FINE_UP_TO_PX = 32
_PAD = 16  # zeros on both sides of a row (see kernels/weight_table.h)
_FIRST = 64  # zeros before the first row
_REACH_SLACK_PX = 1e-3  # root 2 in float32 is less than root 2, and squares are compared
_LEAST_FLAT_PX = 32  # smaller flat interiors are quicker tap by tap


@dataclasses.dataclass(frozen=True)
class WeightTable:
    """See ``WeightTable`` in kernels/weight_table.h for the layout."""

    weights: np.ndarray  # float32, flat
    changes: np.ndarray  # float32, flat
    centre: np.ndarray  # int64 [nodes]
    extent: np.ndarray  # int32 [nodes]
    reach: np.ndarray  # float32 [nodes]
    flat: np.ndarray  # float32 [nodes, 2]
    inner: np.ndarray  # int32 [nodes]
    mirrored: bool
    knee: int
    fine_step: float


def _nodes(max_radius_px: float, fine_step: float) -> list[float]:
    """Return the radii of the nodes, the last of them at or above the largest radius."""
    fine = math.ceil(min(max_radius_px, FINE_UP_TO_PX) / fine_step)
    radii = [i * fine_step for i in range(fine + 1)]
    while radii[-1] < max_radius_px:
        radii.append(radii[-1] + COARSE_STEP_PX)
    return radii


def _sizes(kernel: Kernel, radii: list[float]) -> list[float]:
    r = torch.tensor(radii, dtype=torch.float64).clamp(min=1)
    return [float(rho) for rho in kernel.size(r)[0]]


def _raw_weights(kernel: Kernel, rho: float, extent: int) -> torch.Tensor:
    """Return weights that are not normalised, (rows, 2 extent + 1), float64; see `mirrored`."""
    size = torch.tensor(rho, dtype=torch.float64)
    offsets = torch.arange(-extent, extent + 1, dtype=torch.float64)
    if not kernel.mirrored:
        return kernel.weight(size, offsets[None], offsets[:, None])
    right = kernel.weight(size, offsets[None, extent:], offsets[extent:, None])
    return torch.cat([right[:, 1:].flip(1), right], 1)


def _total(kernel: Kernel, weights: torch.Tensor) -> float:
    if kernel.mirrored:
        return float(weights[0].sum() + 2 * weights[1:].sum())
    return float(weights.sum())


def _node_weights(kernel: Kernel, radius: float, rho: float, extent: int) -> np.ndarray:
    """Return a node's weights; they sum to 1 over the whole disc."""
    k = _raw_weights(kernel, rho, extent)
    share = float(identity_blend(torch.tensor(radius, dtype=torch.float64))[0])
    k = share * k / _total(kernel, k)
    k[0 if kernel.mirrored else extent, extent] += 1 - share
    return k.numpy()


def _grown(weights: np.ndarray, extent: int, mirrored: bool) -> np.ndarray:
    """Pad a node's weights with zeros to a larger extent."""
    grow = extent - (weights.shape[1] - 1) // 2
    return np.pad(weights, ((0 if mirrored else grow, grow), (grow, grow)))


def _needed(weights: np.ndarray, change: np.ndarray, *, mirrored: bool) -> tuple[int, float]:
    """Return how far from the middle anything but zeros lies, along an axis and in all."""
    used = (weights != 0) | (change != 0)
    extent = weights.shape[1] // 2
    across = np.abs(np.arange(-extent, extent + 1))
    down = across[extent:] if mirrored else across
    along = max(across[used.any(0)].max(initial=0), down[used.any(1)].max(initial=0))
    return int(along), float(np.hypot(across, down[:, None])[used].max(initial=0))


def _cropped(weights: np.ndarray, extent: int, mirrored: bool) -> np.ndarray:
    """Leave off zeros beyond an extent."""
    off = weights.shape[1] // 2 - extent
    rows = slice(0 if mirrored else off, weights.shape[0] - off)
    return weights[rows, off : weights.shape[1] - off]


def _is_inside(inner: int, extent: int) -> np.ndarray:
    """Return what a flat interior of whole px covers, (extent + 1, 2 extent + 1) bool."""
    x, y = np.arange(-extent, extent + 1), np.arange(extent + 1)
    return x**2 + y[:, None] ** 2 <= inner**2


def weight_table(kernel: Kernel, max_radius_px: int, *, flats: bool = True) -> WeightTable:
    """Tabulate the discs of radius 0..``max_radius_px``, flat interiors apart if `flats`.

    Memory grows with the cube of the radius: soap bubble 1.5 MB to 16 px, 10 MB to 32, 125 MB to
    128; the Gaussian, which reaches further, 330 MB to 128. Shapes that are not mirrored take twice
    the rows of a quarter of the nodes.
    """
    fine_step = FINE_STEP_PX if kernel.mirrored else COARSE_STEP_PX
    radii = _nodes(max_radius_px, fine_step)
    sizes = _sizes(kernel, radii)
    extents = [max(1, math.ceil(kernel.reach(rho))) for rho in sizes[1:]]
    weights, changes, centres = [np.zeros(_FIRST, np.float32)], [np.zeros(_FIRST, np.float32)], []
    position = _FIRST
    flat_weights, inners, kept, reaches = [], [], [], []
    current = _node_weights(kernel, radii[0], sizes[0], extents[0])
    for i, extent in enumerate(extents):
        following = _node_weights(kernel, radii[i + 1], sizes[i + 1], extent)
        current = _grown(current, extent, kernel.mirrored)
        inner = -1 if kernel.flat_depth is None else math.floor(sizes[i] - kernel.flat_depth)
        inner = inner if flats and inner >= _LEAST_FLAT_PX else -1
        flat, flat_change, change = 0.0, 0.0, following - current
        if inner >= 0:
            inside = _is_inside(inner, extent)
            # a row counts twice but the middle one: means that keep the energy
            times = np.where(np.arange(extent + 1) > 0, 2, 1)[:, None] * inside
            flat = float((current * times).sum() / times.sum())
            flat_change = float((change * times).sum() / times.sum())
            current, change = np.where(inside, 0, current), np.where(inside, 0, change)
        flat_weights.append((flat, flat_change))
        inners.append(inner)
        planes = [plane.astype(np.float32) for plane in (current, change)]
        along, reach = _needed(*planes, mirrored=kernel.mirrored)
        needed = max(inner, 1, along)
        kept.append(needed)
        reaches.append(max(inner, 1, reach) + _REACH_SLACK_PX)
        rows = [
            np.pad(_cropped(plane, needed, kernel.mirrored), ((0, 0), (_PAD, _PAD)))
            for plane in planes
        ]
        weights.append(rows[0].ravel())
        changes.append(rows[1].ravel())
        first_row = 0 if kernel.mirrored else needed
        centres.append(position + first_row * rows[0].shape[1] + _PAD + needed)
        position += rows[0].size
        current = following
    return WeightTable(
        np.concatenate(weights),
        np.concatenate(changes),
        np.array(centres, np.int64),
        np.array(kept, np.int32),
        np.array(reaches, np.float32),
        np.array(flat_weights, np.float32),
        np.array(inners, np.int32),
        kernel.mirrored,
        round(FINE_UP_TO_PX / fine_step),
        fine_step,
    )
