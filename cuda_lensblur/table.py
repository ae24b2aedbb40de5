# SPDX-License-Identifier: Apache-2.0
"""Kernel weights sampled over the radius, in the layout that the native kernel walks.

Between two nodes weights are interpolated linearly, and the gradient is that of the interpolant,
so energy is kept exactly and forward and backward agree. Up to 32 px nodes are 1/32 px apart and a
weight of the soap bubble errs by less than 3e-4 of its peak, above, 1/8 px apart, by less than 5e-3
at the rim; tanh and extended box, whose edges bend quicker, by .03. The hard disc is a blend of the
two hard discs next to it.
Apertures and pictures, which nobody differentiates, have all nodes 1/8 px apart.
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
_PAD = 15  # zeros left of a row; one more to its right (see kernels/scatter_cpu.h)
_LEAST_FLAT_PX = 40.0  # smaller flat interiors are quicker tap by tap


@dataclasses.dataclass(frozen=True)
class WeightTable:
    """See ``WeightTable`` in kernels/scatter_cpu.h for the layout."""

    weights: np.ndarray  # float32, flat
    offset: np.ndarray  # int64 [nodes]
    extent: np.ndarray  # int32 [nodes]
    flat: np.ndarray  # float32 [nodes, 2]
    inner: np.ndarray  # float32 [nodes]
    chord_offset: np.ndarray  # int64 [nodes]
    chords: np.ndarray  # int32, flat
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


def _chords(inner: float, extent: int) -> np.ndarray:
    """Return by row how far to either side of its centre a disc of radius `inner` goes; or -1."""
    dy = np.arange(extent + 1)
    return np.where(dy <= inner, np.floor(np.sqrt(np.maximum(inner**2 - dy**2, 0))), -1).astype(
        np.int32
    )


def weight_table(kernel: Kernel, max_radius_px: int) -> WeightTable:
    """Tabulate the discs of radius 0..``max_radius_px``.

    Memory grows with the cube of the radius: soap bubble 1.5 MB to 16 px, 10 MB to 32, 125 MB to
    128; the Gaussian, which reaches further, 330 MB to 128. Shapes that are not mirrored take twice
    the rows of a quarter of the nodes.
    """
    fine_step = FINE_STEP_PX if kernel.mirrored else COARSE_STEP_PX
    radii = _nodes(max_radius_px, fine_step)
    sizes = _sizes(kernel, radii)
    extents = [max(1, math.ceil(kernel.reach(rho))) for rho in sizes[1:]]
    blocks, offsets, position = [], [], 0
    flats, inners, chord_offsets, chords, chord_position = [], [], [], [], 0
    current = _node_weights(kernel, radii[0], sizes[0], extents[0])
    for i, extent in enumerate(extents):
        following = _node_weights(kernel, radii[i + 1], sizes[i + 1], extent)
        current = _grown(current, extent, kernel.mirrored)
        inner = -1.0 if kernel.flat_depth is None else sizes[i] - kernel.flat_depth
        flat, change = 0.0, following - current
        if inner >= _LEAST_FLAT_PX:
            chord = _chords(inner, extent)
            inside = np.abs(np.arange(-extent, extent + 1)) <= chord[:, None]
            # a row counts twice but the middle one: means that keep the energy
            times = np.where(np.arange(extent + 1) > 0, 2, 1)[:, None] * inside
            flat = float((current * times).sum() / times.sum())
            flat_change = float((change * times).sum() / times.sum())
            current, change = np.where(inside, 0, current), np.where(inside, 0, change)
            flats.append((flat, flat_change))
            inners.append(inner)
            chord_offsets.append(chord_position)
            chords.append(chord)
            chord_position += len(chord)
        else:
            flats.append((0.0, 0.0))
            inners.append(-1.0)
            chord_offsets.append(-1)
        rows = np.zeros((len(current), 2, 2 * extent + 2 * _PAD + 2), np.float32)
        rows[:, 0, _PAD : _PAD + 2 * extent + 1] = current
        rows[:, 1, _PAD : _PAD + 2 * extent + 1] = change
        blocks.append(rows.ravel())
        offsets.append(position)
        position += rows.size
        current = following
    return WeightTable(
        np.concatenate(blocks),
        np.array(offsets, np.int64),
        np.array(extents, np.int32),
        np.array(flats, np.float32),
        np.array(inners, np.float32),
        np.array(chord_offsets, np.int64),
        np.concatenate(chords) if chords else np.zeros(1, np.int32),
        kernel.mirrored,
        round(FINE_UP_TO_PX / fine_step),
        fine_step,
    )
