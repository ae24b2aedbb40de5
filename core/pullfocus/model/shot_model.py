# SPDX-License-Identifier: Apache-2.0
"""The model of a shot: layers front to back, each a mapping, a texture, a matte and a COC."""

import math
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import torch
from torch import nn

from pullfocus.model.change import with_offset
from pullfocus.model.formation import LayerFrame, flat_reblur, reblur, seen_through, sharp
from pullfocus.model.glass import Glass
from pullfocus.model.grid import Box
from pullfocus.model.parts import Layer, build_decoder, build_layer
from pullfocus.model.sampling import sample_parts
from pullfocus.model.settings import ModelSettings
from pullfocus.model.shutter import Shutter
from pullfocus.model.solved_lens import SolvedLens
from pullfocus.observe.observed import Observed, level_size
from pullfocus.observe.scale import SAME, Scale

__all__ = ["Layer", "Lookup", "ModelSettings", "ShotModel", "build_model"]

Lookup = Callable[[torch.Tensor], torch.Tensor]
"""What an atlas shows at texels (2, h, w): (4, h, w)."""
Atlases = Sequence[torch.Tensor | Lookup | None]
_CHANNELS = 4  # of an atlas
_SMOOTH_PX = 384
_RIM_PX = 4  # that a disc's soft rim reaches past its radius, at most


class ShotModel(nn.Module):
    """All layers of a shot. Atlases may be held at a lower level while the solve is coarse."""

    def __init__(
        self,
        observed: Observed,
        layers: list[Layer],
        settings: ModelSettings,
        decoder: nn.Module | None = None,
        scale: Scale = SAME,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.decoder = decoder  # shared by the layers' textures, held here
        self.observed = observed
        self.settings = settings
        self.stack = nn.ModuleList(layers)
        self.atlas_level = 0
        self.shutter: Shutter | None = None
        if settings.shutter_degrees > 0:
            self.shutter = Shutter(settings.shutter_degrees, found=settings.shutter_found)
        self.lens: SolvedLens | None = None
        """What the shot is seen through, where that is no round disc."""

    @property
    def layers(self) -> list[Layer]:
        """The layers, front to back."""
        return cast("list[Layer]", list(self.stack))

    @property
    def wide(self) -> float:
        """Px of the lattices that are one at 512 wide."""
        return self.observed.width / self.scale.x / 512

    @property
    def smooth_level(self) -> int:
        """Pyramid level, a few hundred px wide, at which smooth things are gathered."""
        return max(1, round(math.log2(self.observed.width / _SMOOTH_PX)))

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names front to back."""
        return self.observed.layer_names

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return next(self.parameters()).device

    def frame_box(self, level: int = 0) -> Box:
        """Return the frame at a level."""
        return Box(0, 0, *level_size(self.observed.width, self.observed.height, level), level)

    def linear_atlases(self) -> list[torch.Tensor]:
        """Return each layer's atlas (height, width, 4): scene-linear colour, matte offset."""
        return [layer.texture.linear() for layer in self.layers]

    def step_atlases(self) -> list[torch.Tensor | None]:
        """Return the same for one step of a solve; None for what is cheaper to ask by the pixel."""
        return [
            None if layer.texture.pointwise else layer.texture.linear() for layer in self.layers
        ]

    def radius(self, index: int, t: int, box: Box) -> torch.Tensor:
        """Return a layer's radius in px of the box's level, (h, w); 0 in a model without a lens."""
        if self.settings.reblur == "none":
            return torch.zeros(box.height, box.width, device=self.device)
        given = self.observed.coc_radius_px(t, box.level)
        if given is not None:
            rows = np.arange(box.top, box.top + box.height).clip(0, given.shape[0] - 1)
            columns = np.arange(box.left, box.left + box.width).clip(0, given.shape[1] - 1)
            return torch.from_numpy(given[np.ix_(rows, columns)]).to(self.device)
        return self.layers[index].coc(t, box, 2.0**-box.level)

    def largest_radius(self, index: int, t: int, level: int = 0) -> float:
        """Return a bound on a layer's radius in frame ``t``, px of the level."""
        if self.settings.reblur == "none":
            return 0.0
        given = self.observed.coc_radius_px(t, level)
        if given is not None:
            return float(given.max())
        return self.layers[index].coc.largest(t) / 2**level

    @torch.no_grad()
    def sliding(self, index: int, t: int, box: Box) -> torch.Tensor:
        """Return how a layer's atlas slides by the pixels of a box, (2, h, w) texels a frame."""
        mapping, moments = self.layers[index].mapping, self.observed.moments
        here = moments.index(t if self.observed.source is None else int(self.observed.source[t]))
        before, after = moments[max(here - 1, 0)], moments[min(here + 1, len(moments) - 1)]
        if before == after:
            return torch.zeros(2, box.height, box.width, device=self.device)
        return (mapping(after, box) - mapping(before, box)) / (after - before)

    def smear_px(self, index: int, t: int, box: Box) -> torch.Tensor:
        """Return how far a layer moves while the shutter is open, (h, w) px of the box's level."""
        if self.shutter is None:
            return torch.zeros(box.height, box.width, device=self.device)
        texels = self.sliding(index, t, box).square().sum(0).sqrt() * self.shutter.share.detach()
        return texels / self.layers[index].layout.texels_per_px / 2**box.level

    def _looked_up(
        self,
        index: int,
        t: int,
        box: Box,
        texel: torch.Tensor,
        atlas: torch.Tensor | Lookup | None,
        *,
        still: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a layer's atlas at texels (2, h, w): colour (3, h, w), matte offset (h, w)."""
        texture = self.layers[index].texture

        def at(place: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            held = place if self.atlas_level == 0 else (place + 0.5) / 2**self.atlas_level - 0.5
            if isinstance(atlas, torch.Tensor):
                return sample_parts(atlas, held)
            looked_up = texture.at(held) if atlas is None else atlas(held)
            return looked_up[:3], looked_up[3]

        if still or self.shutter is None:
            return at(texel)
        sliding = self.sliding(index, t, box)
        moments = self.shutter.moments(sliding)
        if moments is None:
            return at(texel)
        colours, offsets = zip(*(at(texel + moment * sliding) for moment in moments), strict=True)
        return torch.stack(colours).mean(0), torch.stack(offsets).mean(0)

    def layer_frame(
        self,
        index: int,
        t: int,
        box: Box,
        atlas: torch.Tensor | Lookup | None = None,
        *,
        still: bool = False,
        as_shot: bool = True,
        with_radius: bool = True,
    ) -> LayerFrame:
        """Evaluate one layer on a box; ``still`` and ``as_shot`` as in `frame`.

        A fifth channel of ``atlas`` says where paint hides how the layer's look changes.
        Without its radius, where another lens has its own, that is 0.
        """
        layer = self.layers[index]
        texel = layer.mapping(t, box)
        hides = None
        if isinstance(atlas, torch.Tensor) and atlas.shape[2] > _CHANNELS:
            hides, atlas = atlas[..., _CHANNELS:], atlas[..., :_CHANNELS].contiguous()
        colour, offset = self._looked_up(index, t, box, texel, atlas, still=still)
        if layer.looks is not None and as_shot:
            look = layer.looks(t, texel)
            if hides is not None:
                cover = hides.expand(-1, -1, _CHANNELS).contiguous()
                look = look * (1 - sample_parts(cover, texel)[1].clamp(0, 1))
            colour = with_offset(colour, look)
        if layer.matte is None:
            alpha = torch.ones_like(offset)[None]
        else:
            alpha = layer.matte(t, box, offset)[None]
        if self.settings.exposure and as_shot:
            colour = layer.as_shot(t, box, colour)
        if with_radius:
            radius = self.radius(index, t, box)
        else:
            radius = colour.new_zeros(()).expand(box.height, box.width)
        side = None if self.lens is None else self.lens.side(index, t, texel)
        return LayerFrame(layer.name, box, colour, alpha, texel, radius, side)

    def frame(
        self,
        t: int,
        *,
        level: int = 0,
        overscan: bool = True,
        atlases: Atlases | None = None,
        piece: Box | None = None,
        still: bool = False,
        as_shot: bool = True,
    ) -> list[LayerFrame]:
        """Evaluate all layers of frame ``t``, front to back.

        Args:
            t: frame index.
            level: pyramid level to evaluate at.
            overscan: reach past the frame by each layer's radius, as `reblur` needs.
            atlases: `linear_atlases` or `step_atlases`, when they are at hand.
            piece: what of the frame is wanted, a box of the level; by default all of it.
            still: without the motion blur of an open shutter.
            as_shot: in the light and with the look of this frame; else as atlases hold it.
        """
        frame = self.frame_box(level)
        reaches = [0] * len(self.layers)
        if overscan:
            radii = [self.largest_radius(i, t, level) for i in range(len(self.layers))]
            if self.settings.reblur == "flat":  # one blur for all
                radii = [max(radii)] * len(radii)
            if self.lens is not None:
                glass = self._glass(level)
                extra = max(abs(shift) for shift in glass.axial_px)
                radii = [glass.growth * (radius + extra) for radius in radii]
            reaches = [math.ceil(radius) + 1 for radius in radii]
        out = []
        for index, (layer, reach) in enumerate(zip(self.layers, reaches, strict=True)):
            box = frame.grown(reach)
            if layer.matte is not None:
                box = layer.matte.bounds(t, level).grown(reach).intersection(box)
            if piece is not None:  # as little as gives it the same light
                box = piece.grown(reach + _RIM_PX).intersection(box)
            atlas = None if atlases is None else atlases[index]
            out.append(self.layer_frame(index, t, box, atlas, still=still, as_shot=as_shot))
        return out

    def sharp(self, t: int, level: int = 0) -> torch.Tensor:
        """Return the sharp frame, (3, h, w) scene-linear."""
        return sharp(self.frame(t, level=level, overscan=False), self.frame_box(level))

    def reblur(
        self, t: int, level: int = 0, atlases: Atlases | None = None, *, as_shot: bool = True
    ) -> torch.Tensor:
        """Return the frame as the plate should show it, (3, h, w) scene-linear; see `frame`."""
        overscan = self.settings.reblur != "none"
        return self.blurred(
            self.frame(t, level=level, overscan=overscan, atlases=atlases, as_shot=as_shot)
        )

    def blurred(self, layers: list[LayerFrame], piece: Box | None = None) -> torch.Tensor:
        """Return layers, evaluated with their overscan, as the plate should show them."""
        frame, kind = piece or self.frame_box(layers[0].box.level), self.settings.reblur
        if kind == "none":
            return sharp(layers, frame)
        if self.lens is not None and kind == "layered":
            level = layers[0].box.level
            coc = [x.radius_px if x.side is None else x.side * x.radius_px for x in layers]
            return seen_through(layers, coc, frame, self._glass(level), self.frame_box(level))
        blur = flat_reblur if kind == "flat" else reblur
        return blur(layers, frame, self.settings.lens)

    def _glass(self, level: int) -> Glass:
        """Return what points turn into at a level."""
        assert self.lens is not None
        return self.lens.glass(self.settings.lens.beta, 2.0**-level)

    @torch.no_grad()
    def tie_repeats(self) -> None:
        """Give frames that repeat another one what was solved of that one."""
        source = self.observed.source
        if source is None:
            return
        index = torch.from_numpy(source).to(self.device)
        for layer in self.layers:
            for held in layer.by_frame():
                held.copy_(held[index])

    def hold_atlases_at(self, level: int) -> None:
        """Hold every atlas at a pyramid level."""
        for layer in self.layers:
            layer.texture = layer.texture.held_at(level)
        self.atlas_level = level


def build_model(
    observed: Observed, settings: ModelSettings, *, seed: int = 0, scale: Scale = SAME
) -> ShotModel:
    """Lay out a model for a shot; textures are empty or noise (see ``solve.initial``).

    Args:
        observed: the shot.
        settings: what layers are made of.
        seed: of the first weights of networks, and of a decoder's noise.
        scale: from the proxy, whose lattices the model takes, to the shot.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        decoder = build_decoder(settings) if settings.texture == "decoder" else None
        count = len(observed.layer_names)
        layers = [build_layer(observed, i, settings, decoder, scale) for i in range(count)]
    model = ShotModel(observed, layers, settings, decoder, scale)
    model.tie_repeats()
    return model
