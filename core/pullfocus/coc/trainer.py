# SPDX-License-Identifier: Apache-2.0
"""One stage of training, step by step: losses, rates, running mean, state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import nn
from torch.nn import functional

from pullfocus.coc.network import CocEstimate, CocNetwork, DeblurNetwork, NetworkSettings
from pullfocus.coc.pool import Batch
from pullfocus.errors import PullfocusError

__all__ = ["Stage", "TrainSettings", "Trainer", "coc_loss"]


class Stage(StrEnum):
    """What is trained, and from where."""

    deblur = "deblur"
    """Encoder and a decoder that deblurs: the first stage."""
    frozen = "frozen"
    """A new decoder reads the radius; the encoder stays as deblurring left it (the paper's way)."""
    tuned = "tuned"
    """As frozen, but the encoder learns on."""
    scratch = "scratch"
    """Encoder and decoder from random numbers: the paper's ablation, Table 3."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How a stage is trained."""

    stage: Stage = Stage.deblur
    steps: int = 4000
    """Steps of the stage; the rate follows a cosine over them."""
    minutes: float | None = None
    """Of training, instead of steps: the rate follows a cosine over the time that has passed."""
    batch: int = 8
    crop: int = 160
    """Side of a training picture, px."""
    rate: float = 1e-3
    warmup_steps: int = 100
    weight_decay: float = 1e-2
    ema: float = 0.999
    """How much of the running mean of the weights stays, a step; it is the mean that is used."""
    huber_px: float = 6.0
    """Errors beyond count linearly."""
    confidence_weight: float = 0.1
    """Weight of the expected error's own likelihood."""
    seed: int = 0
    precision: str = "bfloat16"
    """bfloat16 (autocast; twice as fast where the processor has it) or float32."""
    render_share: float = 0.25
    """Share of pictures that are rendered, where any are: few scenes are soon known by heart."""
    h264: bool = True
    """Whether pictures are recorded in H.264 too; False: VP8 in its place."""


def coc_loss(
    estimate: CocEstimate, radius_px: torch.Tensor, settings: TrainSettings
) -> torch.Tensor:
    """Huber loss of the radius in px, and how well its expected error is told (Laplace).

    The likelihood does not reach the radius: it would turn away from what is hard.
    """
    huber = functional.huber_loss(estimate.radius_px, radius_px, delta=settings.huber_px)
    miss = (estimate.radius_px.detach() - radius_px).abs()
    told = (miss / estimate.error_px + estimate.error_px.log()).mean()
    return huber + settings.confidence_weight * told


def _deblur_loss(shown: torch.Tensor, sharp: torch.Tensor) -> torch.Tensor:
    return (shown - sharp).abs().mean()


class Trainer:
    """One stage of training, step by step."""

    def __init__(
        self,
        settings: TrainSettings,
        *,
        encoder: dict[str, torch.Tensor] | None = None,
        sizes: NetworkSettings | None = None,
        device: str = "cpu",
        compiled: bool = False,
    ) -> None:
        """Set up a stage.

        Args:
            settings: see `TrainSettings`.
            encoder: weights that the encoder starts from; needed unless deblur or scratch.
            sizes: of the network.
            device: where to compute.
            compiled: compile the network (torch.compile): slow to start, for long trainings on a
                GPU, which spends more on starting these small kernels than on running them.

        Raises:
            PullfocusError: the encoder is of another size.
        """
        torch.manual_seed(settings.seed)
        if torch.device(device).type == "cuda":
            torch.backends.cudnn.benchmark = True  # one size of picture: what is fastest stays so
        self.settings, self.device = settings, torch.device(device)
        deblur = settings.stage is Stage.deblur
        self.network: nn.Module = DeblurNetwork(sizes) if deblur else CocNetwork(sizes)
        if encoder is not None:
            try:
                self.network.encoder.load_state_dict(encoder)
            except RuntimeError as error:
                raise PullfocusError(
                    "expected the encoder of a network of this version's size, got another's; "
                    "train its deblur stage again"
                ) from error
        if settings.stage is Stage.frozen:
            self.network.encoder.requires_grad_(False)
        self.network = self.network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._forward = torch.compile(self.network) if compiled else self.network
        self.trained = [p for p in self.network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            self.trained,
            lr=settings.rate,
            weight_decay=settings.weight_decay,
            betas=(0.9, 0.99),
            fused=self.device.type == "cuda",  # a network of many small tensors: launches cost
        )
        self.mean = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.step_index = 0

    def _rate(self, share: float) -> float:
        s = self.settings
        warm = min(1.0, (self.step_index + 1) / s.warmup_steps)
        return s.rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))

    def step(self, batch: Batch, share: float | None = None) -> float:
        """Take one step and return its loss.

        Args:
            batch: what is learned from.
            share: of the training that is done, 0..1; None: that of the steps.
        """
        s = self.settings
        held = batch.moved(self.device)
        rate = self._rate(self.step_index / s.steps if share is None else share)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        half = torch.autocast(self.device.type, torch.bfloat16, enabled=s.precision == "bfloat16")
        with half:
            shown = self._forward(held.frames.contiguous(memory_format=torch.channels_last))
        if isinstance(shown, CocEstimate):
            loss = coc_loss(shown, held.radius_px.float(), s)
        else:
            assert held.sharp is not None
            loss = _deblur_loss(shown.float(), held.sharp)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.trained, 1.0)
        told = torch.stack([loss.detach(), norm]).tolist()  # one wait for the device a step
        if not all(map(math.isfinite, told)):
            raise PullfocusError(
                f"step {self.step_index}: expected a finite loss and gradient, got neither or one; "
                "the state before it is kept: try a smaller --rate, or --float32"
            )
        self.optimiser.step()
        keep = min(s.ema, (1 + self.step_index) / (10 + self.step_index))
        with torch.no_grad():
            now = self.network.state_dict()
            torch._foreach_lerp_(list(self.mean.values()), [now[k] for k in self.mean], 1 - keep)
        self.step_index += 1
        return float(told[0])

    def averaged(self) -> nn.Module:
        """A network with the running mean of the weights, ready for use."""
        network = type(self.network)(self.network.settings)
        network.load_state_dict(self.mean)
        return network.to(self.device).eval()

    def state(self) -> dict[str, torch.Tensor]:
        """All it takes to go on exactly."""
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"mean.{k}": v for k, v in self.mean.items()}
        for index, parameter in enumerate(self.trained):
            for name, value in self.optimiser.state.get(parameter, {}).items():
                tensors[f"adam.{index}.{name}"] = torch.as_tensor(value)
        return tensors | {"step": torch.tensor(self.step_index)}

    def load_state(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from what `state` returned."""

        def part(prefix: str) -> dict[str, torch.Tensor]:
            return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}

        self.network.load_state_dict(part("network."))
        self.mean = {k: v.to(self.device) for k, v in part("mean.").items()}
        for index, parameter in enumerate(self.trained):
            moments = part(f"adam.{index}.")
            if moments:
                state = {k: v.to(self.device) for k, v in moments.items()}
                self.optimiser.state[parameter] = state
        self.step_index = int(tensors["step"])
