# SPDX-License-Identifier: Apache-2.0
"""What the optimiser moves, and how fast: a group of parameters for every kind of part."""

from typing import Any

from pullfocus.model.mapping import LatticeMapping
from pullfocus.model.matte import LayerMatte
from pullfocus.model.networks.decoder import DecoderTexture
from pullfocus.model.parts import Layer
from pullfocus.model.shot_model import ShotModel
from pullfocus.model.texture import Texture
from pullfocus.solve.settings import SolveSettings

__all__ = ["parameter_groups"]

# Losses of the fast solver are means over pixels, seen a dozen times a frame: gradients are tiny,
# and old ones mislead. Networks keep Adam's own values (section 4.1).
_FREE = {"betas": (0.9, 0.99), "eps": 1e-12}
_NETWORK = {"betas": (0.9, 0.999), "eps": 1e-8}


def parameter_groups(model: ShotModel, settings: SolveSettings) -> list[dict[str, Any]]:
    """Return groups for ``torch.optim.Adam``.

    ``base`` is the rate before any decay; ``texels``, whether more steps than
    `SolveSettings.texture_steps` make each shorter.
    """
    groups = [group for layer in model.layers for group in _of_layer(model, layer, settings)]
    if model.shutter is not None and model.shutter.logit.requires_grad:
        groups.append(_free([model.shutter.logit], settings.shutter_rate))
    if model.decoder is not None:
        groups.append(_network(model.decoder, settings))
    return groups


def _of_layer(model: ShotModel, layer: Layer, s: SolveSettings) -> list[dict[str, Any]]:
    groups = []
    if isinstance(layer.texture, Texture):
        groups.append(_texels(layer.texture.texels, s))
    elif not isinstance(layer.texture, DecoderTexture):
        groups.append(_network(layer.texture, s))
    elif isinstance(layer.matte, LayerMatte):  # the decoder itself belongs to all layers
        groups.append(_texels(layer.texture.offset, s))
    if isinstance(layer.mapping, LatticeMapping):
        rate = s.mapping_rate_px * model.wide
        groups.append(_free([layer.mapping.lattice, layer.mapping.shake], rate))
        if layer.mapping.flutter is not None:
            groups.append(_free([layer.mapping.flutter], s.flutter_rate * rate))
    else:
        groups.append(_network(layer.mapping, s))
    if model.observed.coc is None and model.settings.reblur != "none":
        groups.append(_free([layer.coc.lattice], s.coc_rate))
    if model.settings.exposure:
        groups.append(_free(list(layer.exposure.parameters()), s.exposure_rate))
    if layer.change is not None and layer.change.awake:
        groups.append(_free([layer.change.lattice], s.change_rate))
    if layer.looks is not None:
        groups.append(_texels(layer.looks.offsets, s))
    if isinstance(layer.matte, LayerMatte):
        groups.append(_free([layer.matte.residual], s.frame_matte_rate))
    elif layer.matte is not None:
        groups.append(_network(layer.matte, s))
    return groups


def _free(parameters: list[Any], rate: float) -> dict[str, Any]:
    return {"params": parameters, "base": rate, "texels": False, **_FREE}


def _texels(parameter: Any, settings: SolveSettings) -> dict[str, Any]:
    return {**_free([parameter], settings.texture_rate), "texels": True}


def _network(module: Any, settings: SolveSettings) -> dict[str, Any]:
    return {
        "params": list(module.parameters()),
        "base": settings.network_rate,
        "texels": False,
        **_NETWORK,
    }
