# SPDX-License-Identifier: Apache-2.0
"""The terms of the solve on whole frames and lattices, each weighted, by name."""

from collections.abc import Sequence

import torch

from pullfocus.model.mapping import LatticeMapping
from pullfocus.model.matte import LayerMatte
from pullfocus.model.shot_model import ShotModel
from pullfocus.model.texture import Texture
from pullfocus.solve.prior import CocPrior
from pullfocus.solve.settings import SolveSettings
from pullfocus.solve.structural import SMALLEST, ms_ssim
from pullfocus.solve.terms import absolute_difference, gradient_term

__all__ = ["plainer", "reconstruction", "regularisers"]

_MANY = 16  # frames, from which on the prior on texels is as strong as it is set
_MOST = 8.0


def reconstruction(
    shown: torch.Tensor, plate: torch.Tensor, settings: SolveSettings
) -> dict[str, torch.Tensor]:
    """Compare a reblurred frame with the plate, both display-encoded (3, h, w) (section 3.5)."""
    terms = {}
    if settings.l1_weight:
        terms["l1"] = settings.l1_weight * absolute_difference(shown, plate)
    if settings.l2_weight:
        terms["l2"] = settings.l2_weight * (shown - plate).square().sum(0).mean()
    if settings.gradient_weight:
        terms["gradient"] = settings.gradient_weight * gradient_term(shown, plate)
    # smaller frames have no room for its window
    if settings.structure_weight and min(shown.shape[-2:]) >= SMALLEST:
        terms["structure"] = settings.structure_weight * (1 - ms_ssim(shown, plate))
    return terms


def plainer(frames: int) -> float:
    """Return how many times as strong the prior on texels is: few frames contradict too little.

    Views of a place that are alike do not tell a radius that is too large from detail that is too
    strong.
    """
    return min(_MOST, max(1.0, (_MANY / max(1, frames)) ** 1.5))


def regularisers(
    model: ShotModel, settings: SolveSettings, priors: Sequence[CocPrior] = ()
) -> dict[str, torch.Tensor]:
    """Return what keeps lattices smooth and mattes near the given ones, over the whole shot."""
    wide = model.wide
    terms = {}
    for layer, prior in zip(model.layers, priors, strict=False):  # none without the COC network
        pull = settings.coc_prior_weight / wide**2
        terms[f"coc network {layer.name}"] = pull * prior.penalty(layer.coc)
    for layer in model.layers:
        name = layer.name
        if isinstance(layer.mapping, LatticeMapping):
            bend = layer.mapping.roughness()
            bend = bend + settings.flutter_weight * layer.mapping.fluttering()
            terms[f"rigidity {name}"] = settings.rigidity_weight * bend / wide**2
        if model.observed.coc is None and model.settings.reblur != "none":
            space, time = layer.coc.roughness()
            terms[f"coc {name}"] = settings.coc_smooth_weight * space
            if settings.coc_small_weight:
                small = torch.nn.functional.softplus(layer.coc.lattice).mean() / wide
                terms[f"coc small {name}"] = settings.coc_small_weight * small
            terms[f"coc time {name}"] = settings.coc_time_weight * time
        if model.settings.exposure:
            terms[f"exposure {name}"] = settings.exposure_weight * layer.exposure.drift()
        if layer.change is not None and layer.change.awake:
            terms[f"change {name}"] = settings.change_weight * layer.change.size()
            terms[f"change time {name}"] = settings.change_time_weight * layer.change.roughness()
        if layer.looks is not None:
            variation, size = layer.looks.energy()
            terms[f"looks {name}"] = settings.looks_weight * variation
            terms[f"looks size {name}"] = settings.looks_pull_weight * size
        offset = rough = None
        if isinstance(layer.texture, Texture):
            variation, offset, rough = layer.texture.energy()
            if settings.texel_weight:
                weight = settings.texel_weight * plainer(len(model.observed.told))
                terms[f"texels {name}"] = weight * variation
        if isinstance(layer.matte, LayerMatte):
            if offset is None:
                offset = layer.texture.matte_offset().square().mean()
            drift = layer.matte.residual.square().mean() + 0.01 * offset
            terms[f"matte {name}"] = settings.matte_weight * drift
            if rough is not None:
                terms[f"matte edge {name}"] = settings.matte_smooth_weight * rough
    return terms
