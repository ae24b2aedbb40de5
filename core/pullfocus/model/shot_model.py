# SPDX-License-Identifier: Apache-2.0
"""The model of a shot: layers front to back, each a mapping, a texture, a matte and a COC."""

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import nn

from pullfocus.model.coc import CocLattice
from pullfocus.model.formation import LayerFrame, LensSettings, reblur, sharp
from pullfocus.model.grid import Box
from pullfocus.model.mapping import LatticeMapping
from pullfocus.model.matte import LayerMatte
from pullfocus.model.sampling import sample_atlas
from pullfocus.model.spline import knot_count
from pullfocus.model.texture import Texture
from pullfocus.observe.observed import Observed, level_size

__all__ = ["Layer", "ModelSettings", "ShotModel", "build_model"]


@dataclass(frozen=True)
class ModelSettings:
    """How finely a shot is described. Lengths are px at 512 wide; wider plates scale them."""

    texels_per_px: float = 1.25
    """Atlas resolution."""
    mapping_cell_px: float = 16.0
    """Spacing of the mapping lattice."""
    mapping_frames_per_knot: float = 2.0
    """Its spacing in time, frames."""
    coc_cell_px: float = 32.0
    """Spacing of the COC lattice."""
    matte_cell_px: float = 12.0
    """Spacing of each frame's own matte correction."""
    matte_growth_px: float = 8.0
    """How far the solve may grow a matte."""
    coc_start_px: float = 1.5
    """Radius before anything is known."""
    overscan_px: float = 24.0
    """How far past the frame's edge lattices reach."""
    largest_atlas: int = 8192
    """Sides of an atlas are kept below this, texels; long pans get coarser texels."""
    lens: LensSettings = LensSettings()  # noqa: RUF009 - frozen


class Layer(nn.Module):
    """One layer of a shot."""

    mapping: LatticeMapping
    texture: Texture
    coc: CocLattice
    matte: LayerMatte | None

    def __init__(
        self,
        name: str,
        mapping: LatticeMapping,
        texture: Texture,
        coc: CocLattice,
        matte: LayerMatte | None,
    ) -> None:
        super().__init__()
        self.name = name
        self.mapping = mapping
        self.texture = texture
        self.coc = coc
        self.matte = matte


class ShotModel(nn.Module):
    """All layers of a shot. Atlases may be held at a lower level while the solve is coarse."""

    def __init__(self, observed: Observed, layers: list[Layer], settings: ModelSettings) -> None:
        super().__init__()
        self.observed = observed
        self.settings = settings
        self.stack = nn.ModuleList(layers)
        self.atlas_level = 0

    @property
    def layers(self) -> list[Layer]:
        """The layers, front to back."""
        return cast("list[Layer]", list(self.stack))

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

    def radius(self, index: int, t: int, box: Box) -> torch.Tensor:
        """Return a layer's radius in px of the box's level, (h, w)."""
        given = self.observed.coc_radius_px(t, box.level)
        if given is not None:
            rows = np.arange(box.top, box.top + box.height).clip(0, given.shape[0] - 1)
            columns = np.arange(box.left, box.left + box.width).clip(0, given.shape[1] - 1)
            return torch.from_numpy(given[np.ix_(rows, columns)]).to(self.device)
        return self.layers[index].coc(t, box) / 2**box.level

    def largest_radius(self, index: int, t: int, level: int = 0) -> float:
        """Return a bound on a layer's radius in frame ``t``, px of the level."""
        given = self.observed.coc_radius_px(t, level)
        if given is not None:
            return float(given.max())
        return self.layers[index].coc.largest(t) / 2**level

    def layer_frame(
        self, index: int, t: int, box: Box, atlas: torch.Tensor | None = None
    ) -> LayerFrame:
        """Evaluate one layer on a box."""
        layer = self.layers[index]
        atlas = layer.texture.linear() if atlas is None else atlas
        texel = layer.mapping(t, box)
        held = texel if self.atlas_level == 0 else (texel + 0.5) / 2**self.atlas_level - 0.5
        looked_up = sample_atlas(atlas, held)
        if layer.matte is None:
            alpha = torch.ones_like(looked_up[:1])
        else:
            alpha = layer.matte(t, box, looked_up[3])[None]
        radius = self.radius(index, t, box)
        return LayerFrame(layer.name, box, looked_up[:3], alpha, texel, radius)

    def frame(
        self,
        t: int,
        *,
        level: int = 0,
        overscan: bool = True,
        atlases: list[torch.Tensor] | None = None,
    ) -> list[LayerFrame]:
        """Evaluate all layers of frame ``t``, front to back.

        Args:
            t: frame index.
            level: pyramid level to evaluate at.
            overscan: reach past the frame by each layer's radius, as `reblur` needs.
            atlases: `linear_atlases`, when they are at hand.
        """
        frame = self.frame_box(level)
        out = []
        for index, layer in enumerate(self.layers):
            reach = math.ceil(self.largest_radius(index, t, level)) + 1 if overscan else 0
            box = frame.grown(reach)
            if layer.matte is not None:
                box = layer.matte.bounds(t, level).grown(reach).intersection(box)
            atlas = None if atlases is None else atlases[index]
            out.append(self.layer_frame(index, t, box, atlas))
        return out

    def sharp(self, t: int, level: int = 0) -> torch.Tensor:
        """Return the sharp frame, (3, h, w) scene-linear."""
        return sharp(self.frame(t, level=level, overscan=False), self.frame_box(level))

    def reblur(
        self, t: int, level: int = 0, atlases: list[torch.Tensor] | None = None
    ) -> torch.Tensor:
        """Return the frame as the plate should show it, (3, h, w) scene-linear."""
        layers = self.frame(t, level=level, atlases=atlases)
        return reblur(layers, self.frame_box(level), self.settings.lens)

    def hold_atlases_at(self, level: int) -> None:
        """Resample every atlas to a pyramid level."""
        if level == self.atlas_level:
            return
        for layer in self.layers:
            height, width = layer.texture.texels.shape[:2]
            if level > self.atlas_level:
                step = 2 ** (level - self.atlas_level)
                size = -(-height // step), -(-width // step)
            else:
                step = 2 ** (self.atlas_level - level)
                size = height * step, width * step
            layer.texture = layer.texture.resized(*size)
        self.atlas_level = level


def _mapped_corners(motion: np.ndarray, boxes: list[tuple[float, ...]]) -> np.ndarray:
    """Return where the corners of each frame's box land, (n, 2) px of the reference frame."""
    corners = []
    for matrix, (left, top, right, bottom) in zip(motion, boxes, strict=True):
        points = np.array([[left, right, left, right], [top, top, bottom, bottom], [1, 1, 1, 1]])
        x, y, w = matrix @ points
        corners.append(np.stack([x / w, y / w], 1))
    return np.concatenate(corners)


def _layer_boxes(observed: Observed, index: int, border: float) -> list[tuple[float, ...]]:
    """Return what each frame shows of a layer, (left, top, right, bottom) plate px."""
    boxes: list[tuple[float, ...]] = []
    for t in range(len(observed.frames)):
        if index == len(observed.layer_names) - 1:
            box = (0.0, 0.0, observed.width - 1.0, observed.height - 1.0)
        else:
            matte = observed.matte(index, t)
            columns, rows = np.flatnonzero(matte.max(0) > 0), np.flatnonzero(matte.max(1) > 0)
            if len(columns) == 0:
                continue
            box = (float(columns[0]), float(rows[0]), float(columns[-1]), float(rows[-1]))
        boxes.append((t, box[0] - border, box[1] - border, box[2] + border, box[3] + border))
    return boxes


def _to_atlas(
    observed: Observed, index: int, settings: ModelSettings, border: float
) -> tuple[np.ndarray, int, int]:
    """Return (maps from plate px to texels, atlas height, atlas width) from the union of frames."""
    boxes = _layer_boxes(observed, index, border)
    motion = observed.motion[index]
    corners = _mapped_corners(motion[[int(b[0]) for b in boxes]], [b[1:] for b in boxes])
    low, high = corners.min(0), corners.max(0)
    scale = settings.texels_per_px
    scale = min(scale, settings.largest_atlas / float((high - low).max() + 1))
    # whole multiples of 8, so that levels halve evenly
    width, height = (int(-(-float(n + 1) * scale // 8) * 8) for n in high - low)
    shift = (scale - 1) / 2
    place = np.array(
        [[scale, 0, shift - low[0] * scale], [0, scale, shift - low[1] * scale], [0, 0, 1.0]]
    )
    return place @ motion, height, width


def build_model(observed: Observed, settings: ModelSettings) -> ShotModel:
    """Lay out a model for a shot; textures are empty (see ``solve.initial``)."""
    wide = observed.width / 512
    frames, last = len(observed.frames), len(observed.layer_names) - 1
    overscan = settings.overscan_px * wide

    def cells(spacing: float) -> tuple[int, int]:
        return (
            knot_count(observed.height, spacing * wide, 2),
            knot_count(observed.width, spacing * wide, 2),
        )

    layers = []
    for index, name in enumerate(observed.layer_names):
        to_atlas, height, width = _to_atlas(observed, index, settings, overscan)
        mapping = LatticeMapping(
            torch.from_numpy(to_atlas),
            width=observed.width,
            height=observed.height,
            cells=cells(settings.mapping_cell_px),
            frames_per_knot=settings.mapping_frames_per_knot,
            overscan_px=overscan,
        )
        mapping.fit(
            torch.from_numpy(np.array(observed.residual[index])), observed.width, observed.height
        )
        coc = CocLattice(
            frames=frames,
            width=observed.width,
            height=observed.height,
            cells=cells(settings.coc_cell_px),
            overscan_px=overscan,
            start_px=settings.coc_start_px * wide,
        )
        matte = None
        if index != last:
            matte = LayerMatte(
                observed,
                index,
                cells=cells(settings.matte_cell_px),
                growth_px=settings.matte_growth_px * wide,
            )
        layers.append(Layer(name, mapping, Texture(height, width), coc, matte))
    return ShotModel(observed, layers, settings)
