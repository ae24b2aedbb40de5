# SPDX-License-Identifier: Apache-2.0
"""The solver: one frame a step, on every parameter at once; coarse then fine where asked to.

Fast or the paper's, it is the same loop: settings say what layers are made of, how they start, and
which terms count.
"""

import json
import math
from dataclasses import dataclass

import numpy as np
import torch

from pullfocus.errors import SolveError
from pullfocus.lens.search import find_plate_lens, solved_lens, tuned_plate_lens
from pullfocus.lens.virtual import fit_virtual_lens
from pullfocus.model.colour import to_display
from pullfocus.model.hidden import tell_hidden
from pullfocus.model.networks.perceptron import Perceptron
from pullfocus.model.plate_lens import AUTO, ROUND, plate_lens_from_record
from pullfocus.model.shot_model import ShotModel, build_model
from pullfocus.model.texture import Texture
from pullfocus.model.unbalanced import unbalance
from pullfocus.observe.observed import Observed
from pullfocus.observe.raft import flow_method
from pullfocus.plate.colour import display_to_linear
from pullfocus.solve.adam import adam_for
from pullfocus.solve.bright import as_far_as_plates_go, with_longer_steps
from pullfocus.solve.changing import wake_changes
from pullfocus.solve.closing import doubted_mattes
from pullfocus.solve.initial import (
    Sharpness,
    fuse,
    measure_exposure,
    sharp_by_detail,
    sharp_by_radius,
)
from pullfocus.solve.lifted import load_model, model_state
from pullfocus.solve.losses import reconstruction, regularisers
from pullfocus.solve.paper.motion_field import measure_motion
from pullfocus.solve.paper.point_terms import PointTerms
from pullfocus.solve.paper.start import fit_atlases, fit_mappings
from pullfocus.solve.parallel import ALONE, Alone
from pullfocus.solve.prior import CocPrior, network_estimate, read_priors
from pullfocus.solve.rates import parameter_groups
from pullfocus.solve.settings import SolveSettings
from pullfocus.solve.several_looks import wake_looks
from pullfocus.solve.side_by_side import Hands, Worked, load_worked, worked_state
from pullfocus.solve.stored import load_optimiser, load_random, optimiser_state, random_state
from pullfocus.solve.unsharp import never_sharp, with_longer_steps_of

__all__ = ["Solver", "StepReport"]

_TRIES = 4
_LENS_SHARE = 0.8  # of the coarse steps, until radii tell what discs look like


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

    def __init__(
        self,
        observed: Observed,
        settings: SolveSettings,
        *,
        device: str = "cpu",
        group: Alone = ALONE,
    ) -> None:
        self.observed = observed
        self.settings = settings
        self.group = group
        self.step_index = 0
        self.total_steps = settings.steps
        self.notes = [*observed.notes, *doubted_mattes(observed)]
        model = build_model(observed, settings.model, seed=settings.seed)
        self.model: ShotModel = model.to(device)
        if device == "cuda":
            self._compile()
        self.random = np.random.default_rng(settings.seed)
        self.queue: list[int] = []
        alone = group.size == 1 and device == "cpu" and not settings.points.used
        self.hands = Hands(settings.frames_at_once if alone else 1)
        self._worked: list[Worked] = []
        self.coarse_until = round(settings.coarse_share * self.total_steps)
        self.model.hold_atlases_at(1 if self.coarse_until else 0)
        self.lens_pending = True
        self.unsharp: list[torch.Tensor] | None = None
        self.unsharp_pending = True
        self.points = self._point_terms()
        self.priors: list[CocPrior] = []
        sharpness = sharp_by_detail(observed)
        if settings.coc_network and observed.coc is None:
            self.priors = read_priors(self.model, network_estimate())
            sharpness = sharp_by_radius(self.model)
        self._fill(sharpness)
        self._networks_started = False
        self._start_optimiser()

    def _compile(self) -> None:
        """Fuse what MLPs do between their matrices; only worth its minutes on a GPU.

        Not the decoder: torch 2.13 compiles the gradient of its replicated borders wrongly (and
        says so when it runs).
        """
        for module in self.model.modules():
            if isinstance(module, Perceptron):
                module.compile()

    def _point_terms(self) -> PointTerms | None:
        if not self.settings.points.used:
            return None
        method, note = flow_method(self.settings.flow, str(self.model.device))
        if note:
            self.notes.append(note)
        return PointTerms(self.model, measure_motion(self.observed, method), self.settings.points)

    # -- the plan ---------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.step_index >= self.total_steps

    @property
    def unsettled(self) -> bool:
        """Whether rates are high for some texels, or may yet become so: nothing ends before that.

        Whether any texel starts anew is known once that begins.
        """
        return self.unsharp is not None or (self.unsharp_pending and self._unsharp_steps() > 0)

    def _unsharp_steps(self) -> float:
        """Return how many of the last steps are for what no frame shows sharp."""
        lasts = self.settings.unsharp_share * self.total_steps
        # a solve so short knows no radii
        worth = self.settings.unsharp_rate > 0 and lasts >= len(self.observed.frames)
        return lasts if worth else 0.0

    def _rate(self) -> float:
        s = self.settings
        warm = min(1.0, (self.step_index + 1) / s.warmup_steps)
        if s.decay == "constant":
            return warm
        return warm * (
            0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.step_index / self.total_steps))
        )

    def _texture_share(self) -> float:
        """Return how long a step of texels is, of what `texture_steps` steps would be."""
        meant = self.settings.texture_steps or self.total_steps
        return math.sqrt(min(1.0, meant / max(1, self.total_steps)))

    def _next_frame(self) -> int:
        """Return this process's frame; every process draws all frames of a step."""
        while len(self.queue) < self.group.size:
            frames = self.random.permutation(self.observed.told).tolist()
            self.queue = frames + self.queue
        return [self.queue.pop() for _ in range(self.group.size)][self.group.rank]

    # -- the parameters ---------------------------------------------------------------------

    def _fill(self, sharpness: Sharpness) -> None:
        if self.settings.start != "fusion":
            return
        for index, layer in enumerate(self.model.layers):
            if isinstance(layer.texture, Texture):
                atlas = fuse(self.model, index, sharpness)
                if self.settings.model.exposure and measure_exposure(self.model, index, atlas):
                    self.notes.append(f"{layer.name}: its light changes from frame to frame")
                    atlas = fuse(self.model, index, sharpness)
                layer.texture.set_linear(atlas.to(self.model.device))

    def _start_networks(self) -> None:
        """Fit networks to where they start; a solve that goes on from a checkpoint need not."""
        if self._networks_started:
            return
        self._networks_started = True
        if self.settings.start != "fusion":
            fit_mappings(
                self.model,
                self.random,
                to_motion=self.settings.start == "motion",
                passes=self.settings.start_passes,
            )
        elif not all(isinstance(layer.texture, Texture) for layer in self.model.layers):
            sharpness = sharp_by_detail(self.observed)
            count = len(self.model.layers)
            fit_atlases(self.model, [fuse(self.model, i, sharpness) for i in range(count)])

    def _start_optimiser(self) -> None:
        groups = parameter_groups(self.model, self.settings)
        self.optimiser = adam_for(groups)

    # -- one step ---------------------------------------------------------------------------

    def step(self) -> StepReport:
        """Take one step.

        Raises:
            SolveError: the loss is not a number on several frames in a row.
        """
        self._start_networks()
        if not self._worked:
            if self.lens_pending and self.step_index >= self._lens_step():
                self._look_for_lens()
            if self.model.atlas_level and self.step_index >= self.coarse_until:
                self._refine()
            self._worked = self._work()
        return self._take(self._worked.pop(0))

    def _work(self) -> list[Worked]:
        """Return what the next frames ask for: none is worked out across a turn of the solve."""
        turns = [self.total_steps]
        turns += [self._lens_step()] if self.lens_pending else []
        turns += [self.coarse_until] if self.model.atlas_level else []
        ahead = [turn - self.step_index for turn in turns if turn > self.step_index]
        count = min([self.hands.most, *ahead])
        for _ in range(_TRIES):
            found = self.hands.work(self._worked_out, [self._next_frame() for _ in range(count)])
            if good := [one for one in found if one is not None]:
                return good
        raise SolveError(
            f"the solve diverged at step {self.step_index}: expected a finite loss and gradient,"
            f" got neither on {_TRIES * count} frames in a row"
        )

    def _terms(
        self, t: int, level: int, plate: torch.Tensor
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor, Exception | None]:
        """Return the loss by terms, the frame as the model shows it, and what broke, if any."""
        try:
            atlases = self.model.step_atlases()
            shown = to_display(self.model.reblur(t, level, atlases))
            shown = self._against(shown, plate, t, level)
            terms = reconstruction(shown, plate, self.settings)
            terms |= regularisers(self.model, self.settings, self.priors)
            if self.points is not None:
                terms |= self.points(self.random, self.step_index / self.total_steps, atlases)
        except (ValueError, OverflowError) as error:  # a parameter that is not a number
            return {}, plate, error
        return terms, shown, None

    def _against(
        self, shown: torch.Tensor, plate: torch.Tensor, t: int, level: int
    ) -> torch.Tensor:
        """Return a frame as far as the plate contradicts it, both (3, h, w) display-encoded.

        Bars and words say nothing; where the plate is clipped it only says at least so bright.
        """
        covered, clipped = self.observed.covered_at(level), self.observed.clipped(t, level)
        if covered is not None:
            shown = torch.where(torch.from_numpy(covered).to(plate.device), plate, shown)
        if clipped is not None and self.observed.ceiling is not None:
            shown = as_far_as_plates_go(shown, self.observed.ceiling)
            beyond = torch.from_numpy(clipped).permute(2, 0, 1).to(plate.device) & (shown > plate)
            shown = torch.where(beyond, plate, shown)
        return shown

    def _worked_out(self, t: int) -> Worked | None:
        """Return what a frame asks for; None when a number is not finite."""
        level = self.model.atlas_level
        plate = torch.from_numpy(self.observed.plate_display(t, level)).permute(2, 0, 1)
        plate = plate.to(self.model.device).contiguous()
        terms, shown, broken = self._terms(t, level, plate)
        if not self.group.agree(broken is None):  # all processes end, or they wait for each other
            why = broken or "in another process"
            raise SolveError(f"the solve diverged at step {self.step_index}: {why}") from broken
        loss = torch.stack(list(terms.values())).sum()
        if not self.group.agree(bool(torch.isfinite(loss))):
            return None
        # not `backward`: frames that are worked on at once would add up in one place
        gradients = torch.autograd.grad(loss, self._parameters(), allow_unused=True)
        told = [g for g in gradients if g is not None]
        self.group.average(told)
        if not bool(torch.stack([g.sum() for g in told]).isfinite().all()):
            return None
        mse = torch.nn.functional.mse_loss(shown.detach(), plate).item()
        return Worked(
            list(gradients),
            {k: v.item() for k, v in terms.items()},
            loss.item(),
            -10 * math.log10(max(mse, 1e-10)),
        )

    def _take(self, worked: Worked) -> StepReport:
        """Move the parameters as one frame asks for."""
        rate = self._rate()
        for group in self.optimiser.param_groups:
            group["lr"] = group["base"] * rate * (self._texture_share() if group["texels"] else 1)
        for parameter, gradient in zip(self._parameters(), worked.gradients, strict=True):
            parameter.grad = gradient
        self._take_step()
        self.model.tie_repeats()
        self.step_index += 1
        return StepReport(self.step_index, worked.terms, worked.loss, worked.psnr)

    def _take_step(self) -> None:
        """Take the optimiser's step, longer for some texels."""
        times = self._times_unsharp()
        if self.unsharp is None or times is None:
            self._take_bright_step()
            return
        textures = [layer.texture for layer in self.model.layers]
        texels = [one.texels for one in textures if isinstance(one, Texture)]
        with_longer_steps_of(texels, self.unsharp, times, self._take_bright_step)

    def _times_unsharp(self) -> float | None:
        """Return how much longer steps are of what no frame shows sharp; None: not now."""
        s = self.settings
        lasts = self._unsharp_steps()
        begins = self.total_steps - lasts
        if self.step_index < begins or self.model.atlas_level or not lasts:
            return None
        if self.unsharp_pending:
            self.unsharp_pending = False
            self.unsharp = never_sharp(self.model)
        gone = (self.step_index - begins) / lasts
        rate = s.unsharp_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * gone)))
        return rate / (s.texture_rate * self._texture_share() * self._rate())

    def _take_bright_step(self) -> None:
        ceiling = self.observed.ceiling
        if ceiling is None:
            self.optimiser.step()
            return
        textures = [layer.texture for layer in self.model.layers]
        texels = [one.texels for one in textures if isinstance(one, Texture)]
        with_longer_steps(texels, float(display_to_linear(np.array(ceiling))), self.optimiser.step)

    def _refine(self) -> None:
        """Go to full resolution; detail comes from the frames that the coarse phase found sharp."""
        self.settle()
        asked = wake_changes(self.model)
        self.model.hold_atlases_at(0)
        sharpness = sharp_by_radius(self.model)
        for index, layer in enumerate(self.model.layers):
            if isinstance(layer.texture, Texture):
                layer.texture.add_detail(fuse(self.model, index, sharpness).to(self.model.device))
        for name in wake_looks(self.model, sharpness):
            self.notes.append(f"{name}: its detail changes in time: it has several pictures")
        for name in asked:
            self.notes.append(f"{name}: its look changes in time")
        if self.model.lens is not None and self.settings.lens == AUTO:
            virtual = fit_virtual_lens(self.model)
            tuned = tuned_plate_lens(self.model, self.model.lens.plate, virtual)
            if tuned.words() != self.model.lens.plate.words():
                self.notes.append(tuned.words())
            self.model.lens = solved_lens(tuned, virtual)
        self._start_optimiser()

    def _lens_step(self) -> int:
        """Return at which step the solve looks for the lens."""
        return math.ceil(_LENS_SHARE * self._coarse_steps())

    def _coarse_steps(self) -> int:
        """Return how many steps go by before detail is looked at; half of them without a plan."""
        return self.coarse_until or self.total_steps // 2

    def _look_for_lens(self) -> None:
        """Look through the plate's own lens from now on, where the settings know or find one."""
        self.lens_pending = False
        asked, model = self.settings.lens, self.model
        if asked == ROUND or model.settings.reblur != "layered":
            return
        virtual = fit_virtual_lens(model)
        if asked == AUTO:
            plate = find_plate_lens(model, virtual)
        else:
            plate = plate_lens_from_record(json.loads(asked))
        if not plate.is_round:
            model.lens = solved_lens(plate, virtual)
            unbalance(model)
            self.notes.append(plate.words())

    def settle(self) -> None:
        """Do what is left once no step follows, if all frames have been looked at."""
        if self.step_index >= len(self.observed.told):
            tell_hidden(self.model)
            self.model.tie_repeats()

    # -- to disk and back -------------------------------------------------------------------

    def plan(self, *, steps: int) -> None:
        """Change the number of steps; rates and what is left of the coarse phase follow."""
        self.total_steps = max(steps, self.step_index)
        if self.model.atlas_level:
            self.coarse_until = round(self.settings.coarse_share * self.total_steps)

    def state(self) -> dict[str, torch.Tensor]:
        """Return all it takes to go on exactly."""
        self._start_networks()
        tensors = model_state(self.model)
        tensors |= optimiser_state(self.optimiser)
        tensors["atlas_level"] = torch.tensor(self.model.atlas_level)
        tensors["plan"] = torch.tensor([self.step_index, self.total_steps, self.coarse_until])
        tensors["lens_pending"] = torch.tensor(self.lens_pending)
        tensors["unsharp_pending"] = torch.tensor(self.unsharp_pending)
        for index, weight in enumerate(self.unsharp or ()):
            tensors[f"unsharp.{index}"] = weight
        tensors["queue"] = torch.tensor(self.queue, dtype=torch.int64)
        tensors["random"] = random_state(self.random)
        return tensors | worked_state(self._worked)

    def load_state(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from what `state` returned."""
        load_model(self.model, tensors)
        self._networks_started = True
        self._start_optimiser()
        load_optimiser(self.optimiser, tensors)
        self.step_index, self.total_steps, self.coarse_until = tensors["plan"].tolist()
        self.lens_pending = bool(tensors.get("lens_pending", False))
        self.unsharp_pending = bool(tensors.get("unsharp_pending", False))
        if "unsharp.0" in tensors:
            count = len(self.model.layers)
            self.unsharp = [tensors[f"unsharp.{i}"].to(self.model.device) for i in range(count)]
        self.queue = tensors["queue"].tolist()
        load_random(self.random, tensors["random"])
        self._worked = load_worked(tensors, len(self._parameters()))

    def _parameters(self) -> list[torch.Tensor]:
        return [p for group in self.optimiser.param_groups for p in group["params"]]
