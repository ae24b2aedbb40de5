# SPDX-License-Identifier: Apache-2.0
"""Where networks stand before the first step: mappings fitted to a plain one (Kasten et al. 2021).

Passes of random pixels over the frames; a good fit ends them.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn.functional import l1_loss

from pullfocus.model.colour import to_display
from pullfocus.model.networks.mapping import MappingNetwork
from pullfocus.model.parts import measured_mapping
from pullfocus.model.shot_model import ShotModel

__all__ = ["fit_atlases", "fit_mappings"]

_POINTS = 10_000
_RATE = 1e-3
_GOOD_PX = 0.25  # root mean square over a pass
_ATLAS_STEPS = 400
_ATLAS_RATE = 3e-3

Target = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _identity(model: ShotModel, index: int) -> Target:
    """Return uv = s (x, y) in texels: the frame in the middle, s = 0.8 of a window of 1.25."""
    layer, observed = model.layers[index], model.observed
    assert isinstance(layer.mapping, MappingNetwork)
    centre = layer.mapping.centre
    middle = centre.new_tensor([(observed.width - 1) / 2, (observed.height - 1) / 2])
    scale = layer.layout.texels_per_px
    return lambda t, points: centre + scale * (points - middle)


def _measured(model: ShotModel, index: int) -> Target:
    layout = model.layers[index].layout
    mapping = measured_mapping(model.observed, index, model.settings, layout).to(model.device)
    return mapping.texels_at


def fit_mappings(
    model: ShotModel, random: np.random.Generator, *, to_motion: bool, passes: int
) -> list[float]:
    """Fit every mapping network to uv = 0.8 (x, y), or to the measured motion.

    Args:
        model: whose mappings are fitted.
        random: draws pixels.
        to_motion: which of the two.
        passes: over all frames, at most.

    Returns:
        The root mean square error of each over its last pass, plate px.
    """
    observed = model.observed
    errors = []
    for index, layer in enumerate(model.layers):
        if not isinstance(layer.mapping, MappingNetwork):
            continue
        target = (_measured if to_motion else _identity)(model, index)
        frames = len(observed.frames)
        count = max(1, min(_POINTS, observed.width * observed.height // 4))
        optimiser = torch.optim.Adam(layer.mapping.parameters(), lr=_RATE)
        error_px = float("inf")
        for done in range(passes):
            for group in optimiser.param_groups:
                group["lr"] = _RATE * (1 - done / passes)
            squares = []
            for _ in range(frames):
                t = torch.from_numpy(random.integers(frames, size=count)).to(model.device)
                pixels = random.random((count, 2)) * [observed.width, observed.height] - 0.5
                points = torch.from_numpy(pixels).to(model.device, torch.float32)
                with torch.no_grad():
                    wanted = layer.mapping.uv_of_texel(target(t, points))
                error = (layer.mapping.uv(t, points) - wanted).square().sum(1).mean()
                optimiser.zero_grad(set_to_none=True)
                error.backward()
                optimiser.step()
                squares.append(error.detach())
            scale = layer.mapping.half_side / layer.layout.texels_per_px
            error_px = float(torch.stack(squares).mean().sqrt()) * scale
            if error_px < _GOOD_PX:
                break
        errors.append(error_px)
    return errors


def fit_atlases(model: ShotModel, atlases: list[torch.Tensor]) -> float:
    """Fit networks that draw atlases to pictures of them.

    Args:
        model: its atlases at any level.
        atlases: (height, width, 3) scene-linear, one a layer, of that level.

    Returns:
        The mean absolute error left, display-encoded.
    """
    textures = [layer.texture for layer in model.layers]
    drawn = [p for texture in textures for p in texture.parameters()]
    if model.decoder is not None:
        drawn += list(model.decoder.parameters())
    optimiser = torch.optim.Adam(drawn, lr=_ATLAS_RATE)
    wanted = [to_display(atlas.to(model.device)) for atlas in atlases]
    left = 0.0
    for step in range(_ATLAS_STEPS):
        for group in optimiser.param_groups:
            group["lr"] = _ATLAS_RATE * (1 - step / _ATLAS_STEPS)
        losses = [
            l1_loss(to_display(texture.linear()[..., :3]), atlas)
            for texture, atlas in zip(textures, wanted, strict=True)
        ]
        loss = torch.stack(losses).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        left = loss.item()
    return left
