# SPDX-License-Identifier: Apache-2.0
"""The terms of the solve, each weighted, by name."""

import torch

from pullfocus.model.shot_model import ShotModel
from pullfocus.solve.settings import SolveSettings
from pullfocus.solve.structural import SMALLEST, ms_ssim

__all__ = ["display", "reconstruction", "regularisers"]


def display(linear: torch.Tensor) -> torch.Tensor:
    """Encode scene-linear light with the sRGB curve, any shape; odd and unclipped."""
    size = linear.abs()
    high = 1.055 * size.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(size <= 0.0031308, linear * 12.92, high * linear.sign())


def reconstruction(
    shown: torch.Tensor, plate: torch.Tensor, settings: SolveSettings
) -> dict[str, torch.Tensor]:
    """Compare a reblurred frame with the plate, both display-encoded (3, h, w) (section 3.5)."""
    terms = {"l1": (shown - plate).abs().mean()}
    if min(shown.shape[-2:]) >= SMALLEST:  # smaller frames have no room for its window
        terms["structure"] = settings.structure_weight * (1 - ms_ssim(shown, plate))
    return terms


def regularisers(model: ShotModel, settings: SolveSettings) -> dict[str, torch.Tensor]:
    """Return what keeps lattices smooth and mattes near the given ones, over the whole shot."""
    wide = model.observed.width / 512
    terms = {}
    for layer in model.layers:
        name = layer.name
        terms[f"rigidity {name}"] = settings.rigidity_weight * layer.mapping.roughness() / wide**2
        if model.observed.coc is None:
            space, time = layer.coc.roughness()
            terms[f"coc {name}"] = settings.coc_smooth_weight * space
            if settings.coc_small_weight:
                small = torch.nn.functional.softplus(layer.coc.lattice).mean() / wide
                terms[f"coc small {name}"] = settings.coc_small_weight * small
            terms[f"coc time {name}"] = settings.coc_time_weight * time
        if layer.matte is not None:
            drift = layer.matte.residual.square().mean()
            drift = drift + 0.01 * layer.texture.texels[..., 3].square().mean()
            terms[f"matte {name}"] = settings.matte_weight * drift
    return terms
