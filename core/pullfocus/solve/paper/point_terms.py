# SPDX-License-Identifier: Apache-2.0
"""The terms on random pixels, evaluated on a model and weighted, by name."""

import numpy as np
import torch

from pullfocus.model.colour import to_display
from pullfocus.model.networks.matte import MatteNetwork
from pullfocus.model.parts import Layer
from pullfocus.model.sampling import sample_atlas
from pullfocus.model.shot_model import ShotModel
from pullfocus.solve.paper.motion_field import MotionField
from pullfocus.solve.settings import PointSettings
from pullfocus.solve.terms import (
    flow_term,
    matte_flow_term,
    matte_start_term,
    rigidity_term,
    sparsity_term,
)

__all__ = ["PointTerms"]

_WIDE_PX = 100.0  # at 512 wide


class PointTerms:
    """Draws pixels of all frames and says what the model gets wrong there."""

    def __init__(self, model: ShotModel, motion: MotionField, settings: PointSettings) -> None:
        self.model = model
        self.motion = motion
        self.settings = settings
        observed = model.observed
        pixels = observed.width * observed.height
        self.count = max(1, min(settings.count, pixels // 4))

    def __call__(
        self, random: np.random.Generator, done: float, atlases: list[torch.Tensor | None]
    ) -> dict[str, torch.Tensor]:
        """Return the weighted terms.

        Args:
            random: draws the pixels.
            done: share of the steps that are done, 0..1: some terms only help at first.
            atlases: ``ShotModel.step_atlases``.
        """
        observed, s = self.model.observed, self.settings
        t = random.integers(len(observed.frames), size=self.count)
        pixels = np.stack(
            [random.integers(n, size=self.count) for n in (observed.width, observed.height)], 1
        )
        device = self.model.device
        points = torch.from_numpy(pixels).to(device, torch.float32)
        frames = torch.from_numpy(t).to(device)
        joined = []
        for way in (1, -1):
            moved, valid = self.motion.at(t, pixels, way)
            joined.append((frames + way, points + moved.to(device), valid.to(device)))
        terms: dict[str, torch.Tensor] = {}
        free = torch.ones(self.count, device=device)  # what the layers in front let through
        for index, layer in enumerate(self.model.layers):
            alpha = self._matte(index, layer, frames, points, t, pixels)
            texel = layer.mapping.texels_at(frames, points)
            name = layer.name
            if s.flow:
                weight = free * alpha
                terms[f"flow {name}"] = s.flow * self._flow(layer, texel, weight, joined)
            terms |= self._rigidity(index, layer, frames, points, texel, done)
            if isinstance(layer.matte, MatteNetwork):
                if s.sparsity:
                    colour = self._colour(layer, texel, atlases[index])
                    terms[f"sparsity {name}"] = s.sparsity * sparsity_term(colour, alpha)
                if s.matte_flow:
                    terms[f"matte flow {name}"] = s.matte_flow * self._matte_flow(
                        layer.matte, alpha, joined
                    )
                if s.matte_start and done < s.matte_start_share:
                    given = self._given(index, t, pixels).to(device)
                    terms[f"matte start {name}"] = s.matte_start * matte_start_term(alpha, given)
            free = free * (1 - alpha)
        return terms

    def _given(self, index: int, t: np.ndarray, pixels: np.ndarray) -> torch.Tensor:
        mattes = self.model.observed.mattes[index]
        return torch.from_numpy(mattes[t, pixels[:, 1], pixels[:, 0]].astype(np.float32) / 255)

    def _matte(
        self,
        index: int,
        layer: Layer,
        frames: torch.Tensor,
        points: torch.Tensor,
        t: np.ndarray,
        pixels: np.ndarray,
    ) -> torch.Tensor:
        if layer.matte is None:
            return torch.ones_like(points[:, 0])
        if isinstance(layer.matte, MatteNetwork):
            return layer.matte.at(frames, points)
        return self._given(index, t, pixels).to(points.device)  # near enough for a weight

    def _flow(
        self,
        layer: Layer,
        texel: torch.Tensor,
        weight: torch.Tensor,
        joined: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]],
    ) -> torch.Tensor:
        scale = layer.layout.texels_per_px
        total = texel.new_zeros(())
        for frames, points, valid in joined:
            if bool(valid.any()):
                there = layer.mapping.texels_at(frames[valid], points[valid])
                whole = torch.ones_like(valid[valid])
                total = total + flow_term(texel[valid] / scale, there / scale, weight[valid], whole)
        return total / 2

    def _matte_flow(
        self,
        matte: MatteNetwork,
        alpha: torch.Tensor,
        joined: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]],
    ) -> torch.Tensor:
        total = alpha.new_zeros(())
        for frames, points, valid in joined:
            if bool(valid.any()):
                there = matte.at(frames[valid], points[valid])
                total = total + matte_flow_term(alpha[valid], there, torch.ones_like(valid[valid]))
        return total / 2

    def _rigidity(
        self,
        index: int,
        layer: Layer,
        frames: torch.Tensor,
        points: torch.Tensor,
        texel: torch.Tensor,
        done: float,
    ) -> dict[str, torch.Tensor]:
        s, last = self.settings, index == len(self.model.layers) - 1
        wide = s.wide_rigidity_background if last else s.wide_rigidity_subject
        wanted = [("rigidity", s.rigidity, 1.0)]
        if done < s.wide_rigidity_share:
            step = _WIDE_PX * self.model.observed.width / 512
            wanted.append(("wide rigidity", wide, step))
        terms = {}
        for name, weight, step in wanted:
            if not weight:
                continue
            slopes = []
            for axis in (0, 1):
                offset = torch.zeros_like(points)
                offset[:, axis] = step
                there = layer.mapping.texels_at(frames, points + offset)
                slopes.append((there - texel) / (step * layer.layout.texels_per_px))
            terms[f"{name} {layer.name}"] = weight * rigidity_term(torch.stack(slopes, 2))
        return terms

    def _colour(
        self, layer: Layer, texel: torch.Tensor, atlas: torch.Tensor | None
    ) -> torch.Tensor:
        """Return display-encoded colours (3, n) where pixels land; full resolution."""
        held = (
            texel.T[:, None]
            if self.model.atlas_level == 0
            else ((texel.T[:, None] + 0.5) / 2**self.model.atlas_level - 0.5)
        )
        found = layer.texture.at(held) if atlas is None else sample_atlas(atlas, held)
        return to_display(found[:3, 0])
