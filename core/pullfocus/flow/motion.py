# SPDX-License-Identifier: Apache-2.0
"""Motion of a layer between two frames, from its mapping: same place in the atlas, other pixel."""

import math

import cv2
import numpy as np
import torch

from pullfocus.model.grid import Box
from pullfocus.model.parts import Mapping

__all__ = ["interpolated_motion", "layer_motion"]

_ITERATIONS = 5
_GRID_PX = 512  # width at which mappings are looked up pixel by pixel
_STRIDE_PX = 2  # between the places that are interpolated; a mapping bends over 16 px and more
_SPARE_TEXELS = 8
_FEWEST = 16


@torch.no_grad()
def layer_motion(mapping: Mapping, t: int, to: int, frame: Box, margin: int) -> np.ndarray:
    """Return where the pixels of frame ``t`` go in frame ``to``, (h, w, 2) px, x right, y down.

    Newton's method on the mapping of the other frame, whose values and Jacobian are looked up in
    pictures of it; places that leave the frame by more than ``margin`` px are only extrapolated.
    Mappings bend over 16 px at 512 wide: on larger frames the work is done on every second pixel,
    or fourth, and interpolated.
    """
    level = max(0, round(math.log2(frame.width / _GRID_PX)))
    if level == 0:
        return _newton(mapping, t, to, frame, margin)
    step = 2**level
    # one more all round, so that pixels of the edge lie between two
    width, height = (-(-n // step) for n in (frame.width, frame.height))
    coarse = Box(frame.left // step, frame.top // step, width, height, level).grown(1)
    moved = _newton(mapping, t, to, coarse, max(1, margin // step)) * np.float32(step)
    whole = cv2.resize(moved, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(whole[step : step + frame.height, step : step + frame.width])


def _newton(mapping: Mapping, t: int, to: int, frame: Box, margin: int) -> np.ndarray:
    """Return where the pixels of a box of any level go, (h, w, 2) px of the level."""
    px = 2**frame.level
    wanted = np.moveaxis(mapping(t, frame).cpu().numpy(), 0, -1)
    wide = frame.grown(margin)
    there = np.moveaxis(mapping(to, wide).cpu().numpy(), 0, -1)
    by_x, by_y = (
        px * np.moveaxis(a, 0, -1) for a in mapping.jacobian(to, wide).cpu().numpy().swapaxes(0, 1)
    )
    stack = [np.ascontiguousarray(a, np.float32) for a in (there, by_x, by_y)]
    x, y = np.meshgrid(
        np.arange(frame.width, dtype=np.float32), np.arange(frame.height, dtype=np.float32)
    )
    at_x, at_y = x.copy(), y.copy()
    for _ in range(_ITERATIONS):
        here, gx, gy = (
            cv2.remap(
                a, at_x + margin, at_y + margin, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            for a in stack
        )
        error = wanted - here
        det = gx[..., 0] * gy[..., 1] - gx[..., 1] * gy[..., 0]
        det = np.where(np.abs(det) < 1e-3, 1e-3, det)
        step_x = (gy[..., 1] * error[..., 0] - gy[..., 0] * error[..., 1]) / det
        step_y = (gx[..., 0] * error[..., 1] - gx[..., 1] * error[..., 0]) / det
        # a folded or extrapolated mapping must not throw a pixel across the frame
        at_x += step_x.clip(-margin, margin)
        at_y += step_y.clip(-margin, margin)
    return np.stack([at_x - x, at_y - y], -1)


@torch.no_grad()
def interpolated_motion(mapping: Mapping, t: int, to: int, frame: Box, margin: int) -> np.ndarray:
    """Return the same as `layer_motion`, the paper's way (Eq. 5, 6).

    Inverse Jacobians and offsets of places in frame ``to`` are interpolated linearly between the
    texels they land on (scipy's LinearNDInterpolator). Texels that lie outside all of them, places
    that left the frame by more than ``margin`` px, take the nearest.
    """
    from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator  # .3 s

    wanted = np.moveaxis(mapping(t, frame).cpu().numpy(), 0, -1)
    wide = frame.grown(margin)
    pick = (..., slice(None, None, _STRIDE_PX), slice(None, None, _STRIDE_PX))
    texel = mapping(to, wide).double()[pick].flatten(1).T.cpu().numpy()
    slopes = mapping.jacobian(to, wide).double()[pick].flatten(2).permute(2, 0, 1)
    inverse = torch.linalg.inv(slopes).cpu().numpy()
    columns, rows = (axis.numpy()[::_STRIDE_PX] for axis in (wide.columns(), wide.rows()))
    place = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2).astype(np.float64)
    low, high = wanted.min((0, 1)) - _SPARE_TEXELS, wanted.max((0, 1)) + _SPARE_TEXELS
    near = ((texel >= low) & (texel <= high)).all(1)
    if near.sum() >= _FEWEST:  # triangulating is what costs
        texel, inverse, place = texel[near], inverse[near], place[near]
    offset = place - np.einsum("nij,nj->ni", inverse, texel)
    known = np.concatenate([inverse.reshape(-1, 4), offset], 1)
    asked = wanted.reshape(-1, 2).astype(np.float64)
    found = LinearNDInterpolator(texel, known)(asked)
    outside = np.isnan(found[:, 0])
    if outside.any():
        found[outside] = NearestNDInterpolator(texel, known)(asked[outside])
    landed = np.einsum("nij,nj->ni", found[:, :4].reshape(-1, 2, 2), asked) + found[:, 4:]
    own = np.stack(np.meshgrid(np.arange(frame.width), np.arange(frame.height)), -1)
    return (landed.reshape(own.shape) - own).astype(np.float32)
