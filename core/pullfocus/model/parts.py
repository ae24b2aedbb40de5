# SPDX-License-Identifier: Apache-2.0
"""The parts that a layer is made of, chosen by name; every kind answers the same questions."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from pullfocus.model.change import Change, without_offset
from pullfocus.model.coc import CocLattice
from pullfocus.model.exposure import Exposure
from pullfocus.model.grid import Box
from pullfocus.model.in_sight import in_sight
from pullfocus.model.layout import AtlasLayout, atlas_layout
from pullfocus.model.looks import Looks
from pullfocus.model.mapping import LatticeMapping
from pullfocus.model.matte import LayerMatte
from pullfocus.model.networks.atlas import NetworkTexture
from pullfocus.model.networks.decoder import AtlasDecoder, DecoderTexture
from pullfocus.model.networks.mapping import MappingNetwork
from pullfocus.model.networks.matte import MatteNetwork
from pullfocus.model.settings import ModelSettings
from pullfocus.model.spline import knot_count
from pullfocus.model.texture import Texture
from pullfocus.observe.observed import Observed
from pullfocus.observe.scale import SAME, Scale

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
    change: Change | None
    looks: Looks | None
    """Pictures over time, once a solve has found that one does not do."""

    def __init__(
        self,
        name: str,
        mapping: Mapping,
        texture: Atlas,
        coc: CocLattice,
        matte: Matte | None,
        exposure: Exposure,
        change: Change | None,
        layout: AtlasLayout,
    ) -> None:
        super().__init__()
        self.name = name
        self.mapping = mapping
        self.texture = texture
        self.coc = coc
        self.matte = matte
        self.exposure = exposure
        self.change = change
        self.looks = None
        self.layout = layout

    def as_shot(self, t: int, box: Box, colour: torch.Tensor) -> torch.Tensor:
        """Bring the atlas's colour (3, h, w), scene-linear, to the light and look of a frame."""
        colour = self.exposure(t, colour)
        if self.change is None or not self.change.awake:
            return colour
        return self.change(t, box, colour)

    def as_in_atlas(self, t: int, box: Box, colour: torch.Tensor) -> torch.Tensor:
        """Bring a frame's colour (3, h, w) on ``box``, scene-linear, to those of the atlas."""
        if self.change is not None and self.change.awake:
            colour = self.change.undone(t, box, colour)
        colour = self.exposure.undone(t, colour)
        if self.looks is None:
            return colour
        with torch.no_grad():
            look = self.looks(t, self.mapping(t, box))
        return without_offset(colour, look)

    def by_frame(self) -> list[torch.Tensor]:
        """Return what is held for each frame apart, (T, ...); networks hold nothing so."""
        held: list[torch.Tensor] = []
        held += [self.coc.lattice, self.exposure.log_gain, self.exposure.offset]
        if isinstance(self.mapping, LatticeMapping):
            held += [self.mapping.shake, self.mapping.time_basis]
            if self.mapping.flutter is not None:
                held += [self.mapping.flutter, self.mapping.in_sight]
            if self.mapping.unseen is not None:
                held.append(self.mapping.unseen)
        if isinstance(self.matte, LayerMatte):
            held.append(self.matte.residual)
        if self.change is not None:
            held.append(self.change.lattice)
        return held


def build_decoder(settings: ModelSettings) -> AtlasDecoder:
    """Make the network that draws the atlases of all layers."""
    nets = settings.networks
    return AtlasDecoder(
        nets.noise_channels, nets.decoder_channels, mixed_precision=nets.mixed_precision
    )


@dataclass(frozen=True)
class _Lattices:
    """The size that lattices are laid out for: the plate's, or its proxy's."""

    width: int
    height: int
    scale: Scale

    @classmethod
    def of(cls, observed: Observed, scale: Scale) -> "_Lattices":
        width, height = round(observed.width / scale.x), round(observed.height / scale.y)
        return cls(width, height, scale)

    @property
    def wide(self) -> float:
        """Px that are one at 512 wide."""
        return self.width / 512

    def cells(self, spacing_px: float) -> tuple[int, int]:
        """Return the intervals of a lattice down and across; spacing is px at 512 wide."""
        spacing = spacing_px * self.wide
        return knot_count(self.height, spacing, 2), knot_count(self.width, spacing, 2)


def build_layer(
    observed: Observed,
    index: int,
    settings: ModelSettings,
    decoder: AtlasDecoder | None,
    scale: Scale = SAME,
) -> Layer:
    """Lay out one layer; networks take their weights from torch's random numbers.

    Lattices are those of a proxy, ``scale`` times smaller than the shot.
    """
    lattices = _Lattices.of(observed, scale)
    layout = atlas_layout(observed, index, settings, settings.overscan_px * observed.width / 512)
    return Layer(
        observed.layer_names[index],
        _mapping(observed, index, settings, layout, lattices),
        _texture(settings, layout.height, layout.width, decoder),
        CocLattice(
            frames=len(observed.frames),
            width=lattices.width,
            height=lattices.height,
            cells=lattices.cells(settings.coc_cell_px),
            overscan_px=settings.overscan_px * lattices.wide,
            start_px=settings.coc_start_px * lattices.wide,
            scale=scale,
        ),
        None
        if index == len(observed.layer_names) - 1
        else _matte(observed, index, settings, lattices),
        Exposure(len(observed.frames), observed.light if settings.exposure else None),
        _change(observed, settings, lattices) if settings.change else None,
        layout,
    )


def _change(observed: Observed, settings: ModelSettings, lattices: _Lattices) -> Change:
    return Change(
        frames=len(observed.frames),
        width=lattices.width,
        height=lattices.height,
        cells=lattices.cells(settings.change_cell_px),
        overscan_px=settings.overscan_px * lattices.wide,
        scale=lattices.scale,
    )


def _mapping(
    observed: Observed,
    index: int,
    settings: ModelSettings,
    layout: AtlasLayout,
    lattices: _Lattices,
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
    return measured_mapping(observed, index, settings, layout, lattices.scale)


def measured_mapping(
    observed: Observed,
    index: int,
    settings: ModelSettings,
    layout: AtlasLayout,
    scale: Scale = SAME,
) -> LatticeMapping:
    """Return the mapping that was measured off the plate: homographies, and what they miss."""
    lattices = _Lattices.of(observed, scale)
    last = index == len(observed.layer_names) - 1
    cells = lattices.cells(settings.mapping_cell_px)
    shown = None
    if last and settings.background_flutter:
        shown = torch.from_numpy(in_sight(observed, cells, settings.overscan_px / 512))
    lattice = LatticeMapping(
        torch.from_numpy(layout.to_atlas @ scale.to_plate()),
        width=lattices.width,
        height=lattices.height,
        cells=cells,
        in_sight=shown,
        tells_hidden=last and settings.background_still,
        frames_per_knot=settings.background_frames_per_knot
        if last
        else settings.mapping_frames_per_knot,
        overscan_px=settings.overscan_px * lattices.wide,
        scale=scale,
    )
    residual = np.array(observed.residual[index]) / np.array([scale.x, scale.y], np.float32)
    lattice.fit(torch.from_numpy(residual), lattices.width, lattices.height)
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


def _matte(observed: Observed, index: int, settings: ModelSettings, lattices: _Lattices) -> Matte:
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
        cells=lattices.cells(settings.matte_cell_px),
        slack_px=settings.matte_slack_px * observed.width / 512,
        scale=lattices.scale,
    )
