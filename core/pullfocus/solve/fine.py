# SPDX-License-Identifier: Apache-2.0
"""Steps at the plate's own size, after a solve on its proxy: a few looks at every frame.

Atlases alone move. Motion, radii and mattes came to rest over hundreds of looks while their rates
fell; a few more, at rates that move a texel, shake them loose and cost 3 to 6 dB. A step sees one
frame, in strips: what autograd keeps is a strip's, whatever the size of the frame, and gradients
are the frame's to rounding.
"""

import math
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch

from pullfocus.errors import SolveError
from pullfocus.model.colour import to_display
from pullfocus.model.grid import Box
from pullfocus.model.sampling import sample_atlas
from pullfocus.model.shot_model import Lookup, ShotModel
from pullfocus.model.texture import Texture
from pullfocus.observe.ceiling import CEILING_WIDTH
from pullfocus.solve.adam import adam_for
from pullfocus.solve.bright import as_far_as_plates_go
from pullfocus.solve.lifted import model_state
from pullfocus.solve.losses import regularisers
from pullfocus.solve.rates import parameter_groups
from pullfocus.solve.settings import SolveSettings
from pullfocus.solve.solver import StepReport
from pullfocus.solve.stored import load_optimiser, load_random, optimiser_state, random_state

__all__ = ["STRIP_PIXELS", "FineSolver"]

STRIP_PIXELS = 500_000
"""Of a frame, worked out at once."""
_WARMUP_STEPS = 8
_LAST_RATE = 0.02  # of the first


def _by_rows(atlas: torch.Tensor, grad: torch.Tensor) -> Lookup:
    """Return a lookup into an atlas, whose gradient it adds to ``grad``, row by row as needed."""

    def look_up(texel: torch.Tensor) -> torch.Tensor:
        rows = texel.detach()[1]
        if not rows.numel():
            return sample_atlas(atlas[:1], texel)
        last = len(atlas)
        # the four rows of a bicubic lookup; past the edge it reads the last one
        top = int(rows.min().clamp(0, last - 1)) - 2
        bottom = int(rows.max().clamp(0, last - 1)) + 4
        kept = slice(max(0, top), min(last, bottom))
        part = atlas[kept].detach().requires_grad_()

        def add(found: torch.Tensor) -> None:
            grad[kept] += found

        part.register_hook(add)
        return sample_atlas(part, texel - texel.new_tensor([0, kept.start])[:, None, None])

    return look_up


class FineSolver:
    """Fits a lifted model to the plate."""

    def __init__(
        self, model: ShotModel, settings: SolveSettings, *, strip_pixels: int = STRIP_PIXELS
    ) -> None:
        self.model = model
        self.settings = settings
        self.strip_pixels = strip_pixels
        self.step_index = self.first_step = 0
        self.total_steps = settings.fine_looks * len(model.observed.told)
        texels = {
            layer.texture.texels for layer in model.layers if isinstance(layer.texture, Texture)
        }
        for parameter in model.parameters():
            parameter.requires_grad_(parameter in texels)
        groups = parameter_groups(model, settings)
        self.optimiser = adam_for([g for g in groups if texels.issuperset(g["params"])])
        self.random = np.random.default_rng(settings.seed)
        self.queue: list[int] = []

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.step_index >= self.total_steps

    def _rate(self) -> float:
        warm = min(1.0, (self.step_index + 1) / _WARMUP_STEPS)
        turn = 0.5 * (1 + math.cos(math.pi * self.step_index / self.total_steps))
        return self.settings.fine_rate * warm * (_LAST_RATE + (1 - _LAST_RATE) * turn)

    def _strips(self) -> list[Box]:
        frame = self.model.frame_box()
        count = math.ceil(frame.width * frame.height / self.strip_pixels)
        edges = [round(frame.height * i / count) for i in range(count + 1)]
        return [
            Box(0, top, frame.width, bottom - top)
            for top, bottom in pairwise(edges)
            if bottom > top
        ]

    def step(self) -> StepReport:
        """Take one step.

        Raises:
            SolveError: a loss or gradient is not a number.
        """
        if not self.queue:
            self.queue = self.random.permutation(self.model.observed.told).tolist()
        t, rate = self.queue.pop(), self._rate()
        for group in self.optimiser.param_groups:
            group["lr"] = group["base"] * rate
        self.optimiser.zero_grad(set_to_none=True)
        try:
            l1, squares = self._compare(t)
            terms = regularisers(self.model, self.settings)
        except (ValueError, OverflowError) as error:  # a parameter that is not a number
            raise self._diverged(error) from error
        if terms:
            torch.stack(list(terms.values())).sum().backward()
        grads = [
            p.grad.sum()
            for g in self.optimiser.param_groups
            for p in g["params"]
            if p.grad is not None
        ]
        if not (math.isfinite(l1) and bool(torch.stack(grads).isfinite().all())):
            raise self._diverged("expected a finite loss and gradient, got neither")
        self.optimiser.step()
        self.model.tie_repeats()
        self.step_index += 1
        said = {"l1": l1} | {name: term.item() for name, term in terms.items()}
        psnr = -10 * math.log10(max(squares, 1e-10))
        return StepReport(self.step_index, said, sum(said.values()), psnr)

    def _compare(self, t: int) -> tuple[float, float]:
        """Add the gradients of frame ``t``; return its weighted L1 and its mean square."""
        model = self.model
        textures = [layer.texture for layer in model.layers]
        atlases = [texture.linear() for texture in textures]
        grads = [torch.zeros_like(atlas) for atlas in atlases]
        lookups = [
            _by_rows(atlas.detach(), grad) for atlas, grad in zip(atlases, grads, strict=True)
        ]
        frame = model.frame_box()
        weight = self.settings.l1_weight
        count = 3 * frame.width * frame.height
        covered = model.observed.covered_at()
        l1 = squares = 0.0
        for piece in self._strips():
            rows = slice(piece.top, piece.top + piece.height)
            plate = torch.from_numpy(model.observed.plate_rows(t, rows)).permute(2, 0, 1)
            plate = plate.to(model.device)
            layers = model.frame(t, atlases=lookups, piece=piece)
            shown = to_display(model.blurred(layers, piece))
            if model.observed.ceiling is not None:
                shown = as_far_as_plates_go(shown, model.observed.ceiling)
            missing = shown - plate
            if covered is not None:  # bars and words say nothing
                missing = missing * torch.from_numpy(~covered[rows]).to(plate.device)
            if model.observed.ceiling is not None:  # what is clipped says at least
                clipped = plate >= model.observed.ceiling - CEILING_WIDTH
                missing = torch.where(clipped, missing.clamp(max=0), missing)
            loss = weight * missing.abs().sum() / count
            loss.backward()
            l1 += loss.item()
            squares += missing.detach().square().sum().item() / count
        torch.autograd.backward(atlases, grads)
        return l1, squares

    def _diverged(self, why: object) -> SolveError:
        return SolveError(f"the solve diverged at step {self.step_index} of the plate: {why}")

    def state(self) -> dict[str, torch.Tensor]:
        """Return all it takes to go on exactly."""
        tensors = model_state(self.model)
        tensors |= optimiser_state(self.optimiser)
        tensors["plan"] = torch.tensor([self.step_index, self.total_steps])
        tensors["queue"] = torch.tensor(self.queue, dtype=torch.int64)
        tensors["random"] = random_state(self.random)
        return tensors

    def load_state(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Go on from what `state` returned; the model has its parameters already."""
        load_optimiser(self.optimiser, tensors)
        self.step_index, self.total_steps = tensors["plan"].tolist()
        self.first_step = self.step_index
        self.queue = tensors["queue"].tolist()
        load_random(self.random, tensors["random"])
