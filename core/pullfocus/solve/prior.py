# SPDX-License-Identifier: Apache-2.0
"""What the COC network says of a shot, as start and prior of every layer's radius (section 3.4).

The network reads each frame alone and knows of no layers. Where a layer is seen clear of others,
its lattice is fitted to what was read there, weighted by the network's confidence; the fit is where
the solve starts, and what it is drawn back to, the more the surer the network was.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch.nn.functional import softplus

from pullfocus.model.coc import CocLattice
from pullfocus.model.shot_model import ShotModel
from pullfocus.model.spline import spline_basis
from pullfocus.observe.observed import Observed

__all__ = ["CocPrior", "Estimate", "fit_lattice", "network_estimate", "read_priors"]

Estimate = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Display-encoded frame (H, W, 3) -> radius in px, confidence 0..1, both (H, W)."""

_STEP_PX = 4
"""Pixels between those that a lattice is fitted to, at 512 wide."""
_SMOOTH = 0.05
_SMALLEST_PX = 0.05
_CLEAR_PX = 8
"""Border around a layer in front that is not read, px at 512 wide: its blur reaches there."""
_TRIM_PX = 3
"""Inner edge of a layer that is not read."""


class CocPrior:
    """Anchors of one layer's COC lattice, and how much each is to be trusted."""

    def __init__(self, anchor_px: torch.Tensor, trust: torch.Tensor) -> None:
        """Hold (T, rows, columns) radii in px at the lattice's knots, and trust 0..1."""
        self.anchor_px, self.trust = anchor_px, trust

    def penalty(self, coc: CocLattice) -> torch.Tensor:
        """Mean squared distance from the anchors, px^2, weighted by trust."""
        return (self.trust * (softplus(coc.lattice) - self.anchor_px).square()).mean()


def network_estimate() -> Estimate:
    """The shipped network.

    Raises:
        PullfocusError: its weights are missing.
    """
    from pullfocus.coc.estimate import estimate_coc, load_network

    network = load_network()

    def read(display: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = estimate_coc(network, display)
        return found.radius_px, found.confidence

    return read


@torch.no_grad()
def read_priors(model: ShotModel, estimate: Estimate) -> list[CocPrior]:
    """Read every frame, set every layer's COC lattice to what was read, and return the priors."""
    observed = model.observed
    frames = len(observed.frames)
    step = max(1, round(_STEP_PX * observed.width / 512))
    layers = model.layers
    middles = [coc_middle(layer.coc) for layer in layers]
    trusts = [torch.zeros_like(layer.coc.lattice) for layer in layers]
    for t in range(frames):
        radius, confidence = estimate(observed.plate_display(t))
        for index, layer in enumerate(layers):
            weight = _clear(observed, index, t) * confidence**2
            raw, trust = fit_lattice(layer.coc, radius, weight, step, middles[index])
            layer.coc.lattice[t] = raw.to(model.device)
            trusts[index][t] = trust.to(model.device)
    return [
        CocPrior(softplus(layer.coc.lattice).clone(), trust)
        for layer, trust in zip(layers, trusts, strict=True)
    ]


def fit_lattice(
    coc: CocLattice, radius_px: np.ndarray, weight: np.ndarray, step: int, unknown_px: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit one frame of a lattice to radii by weighted least squares, smooth where nothing is known.

    Args:
        coc: lays the lattice out.
        radius_px: (H, W).
        weight: (H, W), 0..1.
        step: every so many pixels are used.
        unknown_px: radius where nothing at all is known of the frame.

    Returns:
        (rows, columns) of the lattice before its softplus, and trust 0..1 of every knot.
    """
    half = step // 2
    height, width = radius_px.shape
    rows = torch.arange(half, height, step, dtype=torch.float64)
    columns = torch.arange(half, width, step, dtype=torch.float64)
    kernel = (step, step)
    known = cv2.blur(weight.astype(np.float64), kernel)[half::step, half::step]
    held = cv2.blur((weight * radius_px).astype(np.float64), kernel)[half::step, half::step]
    target = np.maximum(held / np.maximum(known, 1e-9), _SMALLEST_PX)
    middle = float(np.average(target, weights=known)) if known.sum() > 1e-6 else unknown_px
    target = np.where(known > 1e-6, target, middle)
    down = spline_basis(rows, *coc.span_y, coc.cells[0])
    across = spline_basis(columns, *coc.span_x, coc.cells[1])
    shape = down.shape[1], across.shape[1]
    design = torch.einsum("ia,jb->ijab", down, across).reshape(len(rows) * len(columns), -1)
    share = torch.from_numpy(known).reshape(-1, 1)
    raw = torch.from_numpy(np.log(np.expm1(target)) - np.log(np.expm1(middle))).reshape(-1, 1)
    smooth = _SMOOTH * _roughness(*shape) + 1e-6 * torch.eye(design.shape[1], dtype=torch.float64)
    solved = torch.linalg.solve(design.T @ (share * design) + smooth, design.T @ (share * raw))
    lattice = solved.reshape(shape) + float(np.log(np.expm1(middle)))
    reach = design.sum(0).clamp(min=1e-9)
    trust = ((share * design).sum(0) / reach).reshape(shape)
    return lattice.float(), trust.float().clamp(0, 1)


def coc_middle(coc: CocLattice) -> float:
    """Mean radius of a lattice as it stands, px."""
    return float(softplus(coc.lattice.detach()).mean())


def _roughness(rows: int, columns: int) -> torch.Tensor:
    """Sum of squared differences between neighbouring knots, as a matrix."""

    def along(count: int) -> torch.Tensor:
        difference = torch.eye(count, dtype=torch.float64).diff(dim=0)
        return difference.T @ difference

    eyes = (torch.eye(rows, dtype=torch.float64), torch.eye(columns, dtype=torch.float64))
    return torch.kron(along(rows), eyes[1]) + torch.kron(eyes[0], along(columns))


def _clear(observed: Observed, layer: int, t: int) -> np.ndarray:
    """Where a layer is seen clear of others, (H, W) 0..1."""
    wide = observed.width / 512
    clear, trim = (
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        for reach in (max(1, round(px * wide)) for px in (_CLEAR_PX, _TRIM_PX))
    )
    seen = observed.matte(layer, t)
    if layer < len(observed.layer_names) - 1:
        inside = cv2.erode(seen, trim)
        seen = inside if inside.max() > 0.5 else seen
    for front in range(layer):
        seen = seen * (1 - cv2.dilate(observed.matte(front, t), clear))
    return seen
