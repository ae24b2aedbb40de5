# SPDX-License-Identifier: Apache-2.0
"""The parts that a layer is made of, chosen by name; every kind answers the same questions."""

import numpy as np
import torch
from torch import nn

from pullfocus.model.atlas_network import NetworkTexture
from pullfocus.model.coc import CocLattice
from pullfocus.model.decoder import AtlasDecoder, DecoderTexture
from pullfocus.model.exposure import Exposure
from pullfocus.model.layout import AtlasLayout, atlas_layout
from pullfocus.model.mapping import LatticeMapping
from pullfocus.model.mapping_network import MappingNetwork
from pullfocus.model.matte import LayerMatte
from pullfocus.model.matte_network import MatteNetwork
from pullfocus.model.settings import ModelSettings
from pullfocus.model.spline import knot_count
from pullfocus.model.texture import Texture
from pullfocus.observe.observed import Observed

__all__ = ["Atlas", "Layer", "Mapping", "Matte", "build_decoder", "build_layer", "measured_mapping"]

Mapping = LatticeMapping | MappingNetwork
Atlas = Texture | DecoderTexture | NetworkTexture
Matte = LayerMatte | MatteNetwork


class Layer(nn.Module):
    """One layer of a shot."""

    mapping: Mapping
    texture: Atlas
    coc: CocLattice
    matte: Matte | None
    exposure: Exposure

    def __init__(
        self,
        name: str,
        mapping: Mapping,
        texture: Atlas,
        coc: CocLattice,
        matte: Matte | None,
        exposure: Exposure,
        layout: AtlasLayout,
    ) -> None:
        super().__init__()
        self.name = name
        self.mapping = mapping
        self.texture = texture
        self.coc = coc
        self.matte = matte
        self.exposure = exposure
        self.layout = layout

    def by_frame(self) -> list[torch.Tensor]:
        """Return what is held for each frame apart, (T, ...); networks hold nothing so."""
        held: list[torch.Tensor] = []
        held += [self.coc.lattice, self.exposure.log_gain, self.exposure.offset]
        if isinstance(self.mapping, LatticeMapping):
            held += [self.mapping.shake, self.mapping.time_basis]
        if isinstance(self.matte, LayerMatte):
            held.append(self.matte.residual)
        return held


def build_decoder(settings: ModelSettings) -> AtlasDecoder:
    """Make the network that draws the atlases of all layers."""
    nets = settings.networks
    return AtlasDecoder(
        nets.noise_channels, nets.decoder_channels, mixed_precision=nets.mixed_precision
    )


def build_layer(
    observed: Observed, index: int, settings: ModelSettings, decoder: AtlasDecoder | None
) -> Layer:
    """Lay out one layer; networks take their weights from torch's random numbers."""
    overscan = settings.overscan_px * observed.width / 512
    layout = atlas_layout(observed, index, settings, overscan)
    return Layer(
        observed.layer_names[index],
        _mapping(observed, index, settings, layout),
        _texture(settings, layout.height, layout.width, decoder),
        CocLattice(
            frames=len(observed.frames),
            width=observed.width,
            height=observed.height,
            cells=_cells(observed, settings.coc_cell_px),
            overscan_px=overscan,
            start_px=settings.coc_start_px * observed.width / 512,
        ),
        None if index == len(observed.layer_names) - 1 else _matte(observed, index, settings),
        Exposure(len(observed.frames)),
        layout,
    )


def _cells(observed: Observed, spacing_px: float) -> tuple[int, int]:
    """Return the intervals of a lattice down and across; spacing is px at 512 wide."""
    spacing = spacing_px * observed.width / 512
    return knot_count(observed.height, spacing, 2), knot_count(observed.width, spacing, 2)


def _mapping(
    observed: Observed, index: int, settings: ModelSettings, layout: AtlasLayout
) -> Mapping:
    if settings.mapping == "network":
        nets = settings.networks
        last = index == len(observed.layer_names) - 1
        return MappingNetwork(
            frames=len(observed.frames),
            width=observed.width,
            height=observed.height,
            atlas=(layout.height, layout.width),
            layers=nets.background_layers if last else nets.subject_layers,
            hidden=nets.width,
            recompute=nets.recompute,
        )
    return measured_mapping(observed, index, settings, layout)


def measured_mapping(
    observed: Observed, index: int, settings: ModelSettings, layout: AtlasLayout
) -> LatticeMapping:
    """Return the mapping that was measured off the plate: homographies, and what they miss."""
    lattice = LatticeMapping(
        torch.from_numpy(layout.to_atlas),
        width=observed.width,
        height=observed.height,
        cells=_cells(observed, settings.mapping_cell_px),
        frames_per_knot=settings.mapping_frames_per_knot,
        overscan_px=settings.overscan_px * observed.width / 512,
    )
    residual = torch.from_numpy(np.array(observed.residual[index]))
    lattice.fit(residual, observed.width, observed.height)
    return lattice


def _texture(
    settings: ModelSettings, height: int, width: int, decoder: AtlasDecoder | None
) -> Atlas:
    nets = settings.networks
    if settings.texture == "network":
        return NetworkTexture(
            height,
            width,
            layers=nets.atlas_layers,
            hidden=nets.width,
            octaves=nets.atlas_octaves,
            recompute=nets.recompute,
        )
    if decoder is not None:
        noise = torch.rand(nets.noise_channels, height // 8, width // 8)
        offset = settings.matte != "network"
        return DecoderTexture(decoder, height, width, noise, matte_offset=offset)
    return Texture(height, width)


def _matte(observed: Observed, index: int, settings: ModelSettings) -> Matte:
    if settings.matte == "network":
        nets = settings.networks
        return MatteNetwork(
            frames=len(observed.frames),
            width=observed.width,
            height=observed.height,
            layers=nets.matte_layers,
            hidden=nets.width,
            octaves=nets.matte_octaves,
            recompute=nets.recompute,
        )
    return LayerMatte(
        observed,
        index,
        cells=_cells(observed, settings.matte_cell_px),
        slack_px=settings.matte_slack_px * observed.width / 512,
    )
