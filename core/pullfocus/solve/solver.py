# SPDX-License-Identifier: Apache-2.0
"""The fast solver: one frame a step, coarse then fine, on every parameter at once."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from pullfocus.errors import SolveError
from pullfocus.model.shot_model import ShotModel, build_model
from pullfocus.observe.observed import Observed
from pullfocus.solve.initial import fuse, sharp_by_detail, sharp_by_radius
from pullfocus.solve.losses import display, reconstruction, regularisers
from pullfocus.solve.settings import SolveSettings

__all__ = ["Solver", "StepReport"]

_BETAS = (0.9, 0.99)
_EPS = 1e-12  # losses are means over pixels: gradients are tiny


@dataclass(frozen=True)
class StepReport:
    """What one step says."""

    step: int
    """Steps done."""
    terms: dict[str, float]
    """Every term, weighted."""
    loss: float
    psnr_reblur: float
    """Reblurred frame against the plate, dB, display-encoded."""


class Solver:
    """Fits a model to an observed shot."""

    def __init__(self, observed: Observed, settings: SolveSettings, *, device: str = "cpu") -> None:
        self.observed = observed
        self.settings = settings
        self.step_index = 0
        self.total_steps = settings.steps
        self.model: ShotModel = build_model(observed, settings.model).to(device)
        self.random = np.random.default_rng(settings.seed)
        self.queue: list[int] = []
        self.coarse_until = round(settings.coarse_share * self.total_steps)
        self.model.hold_atlases_at(1 if self.coarse_until else 0)
        self._fill(sharp_by_detail(observed))
        self._start_optimiser()

    # -- the plan ---------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.step_index >= self.total_steps

    def _rate(self) -> float:
        s = self.settings
        warm = min(1.0, (self.step_index + 1) / s.warmup_steps)
        return warm * (
            0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.step_index / self.total_steps))
        )

    def _next_frame(self) -> int:
        if not self.queue:
            self.queue = self.random.permutation(len(self.observed.frames)).tolist()
        return self.queue.pop()

    # -- the parameters ---------------------------------------------------------------------

    def _fill(self, sharpness) -> None:  # type: ignore[no-untyped-def]
        for index, layer in enumerate(self.model.layers):
            layer.texture.set_linear(fuse(self.model, index, sharpness).to(self.model.device))

    def _groups(self) -> list[dict]:
        s, wide = self.settings, self.observed.width / 512
        groups = []
        for layer in self.model.layers:
            groups.append({"params": [layer.texture.texels], "base": s.texture_rate})
            groups.append(
                {
                    "params": [layer.mapping.lattice, layer.mapping.shake],
                    "base": s.mapping_rate_px * wide,
                }
            )
            if self.observed.coc is None:
                groups.append({"params": [layer.coc.lattice], "base": s.coc_rate})
            if layer.matte is not None:
                groups.append({"params": [layer.matte.residual], "base": s.frame_matte_rate})
        return groups

    def _start_optimiser(self) -> None:
        groups = self._groups()
        self.optimiser = torch.optim.Adam(groups, lr=1.0, betas=_BETAS, eps=_EPS, fused=True)

    # -- one step ---------------------------------------------------------------------------

    def step(self) -> StepReport:
        """Take one step."""
        if self.model.atlas_level and self.step_index >= self.coarse_until:
            self._refine()
        level = self.model.atlas_level
        t = self._next_frame()
        rate = self._rate()
        for group in self.optimiser.param_groups:
            group["lr"] = group["base"] * rate
        plate = torch.from_numpy(self.observed.plate_display(t, level)).permute(2, 0, 1)
        plate = plate.to(self.model.device)
        shown = display(self.model.reblur(t, level))
        terms = reconstruction(shown, plate, self.settings) | regularisers(
            self.model, self.settings
        )
        loss = torch.stack(list(terms.values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.step_index += 1
        mse = float((shown.detach() - plate).square().mean())
        return StepReport(
            self.step_index,
            {k: v.item() for k, v in terms.items()},
            loss.item(),
            -10 * math.log10(max(mse, 1e-10)),
        )

    def _refine(self) -> None:
        self.model.hold_atlases_at(0)
        self._start_optimiser()
