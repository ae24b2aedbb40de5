# SPDX-License-Identifier: Apache-2.0
"""Training in two stages (paper section 3.4): deblur first, then read the radius.

A training folder holds everything: settings, state, weights so far, log.jsonl, pictures. A kill
loses at most the steps since the last state; the same command goes on, step for step as if it had
never stopped, since a batch depends on the seed and its number alone.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from pullfocus.coc.network import CocEstimate, CocNetwork, DeblurNetwork
from pullfocus.coc.pool import Batch, Pool, draw_batch
from pullfocus.errors import PullfocusError
from pullfocus.solve.checkpoint import load, save, write_json

__all__ = [
    "Stage",
    "TrainSettings",
    "Trainer",
    "coc_loss",
    "export",
    "measure",
    "read_log",
    "train",
    "trained",
]

STATE, WEIGHTS, LOG, SETTINGS = (
    "state.safetensors",
    "weights.safetensors",
    "log.jsonl",
    "train.json",
)


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
    batch: int = 8
    crop: int = 160
    """Side of a training picture, px."""
    rate: float = 1e-3
    warmup_steps: int = 100
    weight_decay: float = 1e-2
    ema: float = 0.999
    """How much of the running mean of the weights stays, a step; it is the mean that is used."""
    huber_px: float = 2.0
    """Errors beyond count linearly."""
    confidence_weight: float = 0.1
    """Weight of the expected error's own likelihood."""
    seed: int = 0
    precision: str = "bfloat16"
    """bfloat16 (autocast; twice as fast where the processor has it) or float32."""


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
        draw: Callable[[int], Batch],
        *,
        encoder: dict[str, torch.Tensor] | None = None,
        device: str = "cpu",
    ) -> None:
        """Set up a stage.

        Args:
            settings: see `TrainSettings`.
            draw: step -> batch.
            encoder: weights that the encoder starts from; needed unless deblur or scratch.
            device: where to compute.
        """
        torch.manual_seed(settings.seed)
        self.settings, self.draw, self.device = settings, draw, torch.device(device)
        deblur = settings.stage is Stage.deblur
        self.network: nn.Module = DeblurNetwork() if deblur else CocNetwork()
        if encoder is not None:
            self.network.encoder.load_state_dict(encoder)
        if settings.stage is Stage.frozen:
            self.network.encoder.requires_grad_(False)
        self.network = self.network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.trained = [p for p in self.network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            self.trained, lr=settings.rate, weight_decay=settings.weight_decay, betas=(0.9, 0.99)
        )
        self.mean = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.step_index = 0

    def _rate(self) -> float:
        s = self.settings
        warm = min(1.0, (self.step_index + 1) / s.warmup_steps)
        share = min(1.0, self.step_index / s.steps)
        return s.rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))

    def step(self) -> float:
        """Take one step and return its loss."""
        s = self.settings
        blurred, sharp, radius = (t.to(self.device) for t in self.draw(self.step_index))
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        half = torch.autocast(self.device.type, torch.bfloat16, enabled=s.precision == "bfloat16")
        with half:
            shown = self.network(blurred.contiguous(memory_format=torch.channels_last))
        if isinstance(shown, CocEstimate):
            loss = coc_loss(shown, radius, s)
        else:
            loss = _deblur_loss(shown.float(), sharp)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimiser.step()
        keep = min(s.ema, (1 + self.step_index) / (10 + self.step_index))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.mean[name].lerp_(value, 1 - keep)
        self.step_index += 1
        return float(loss.detach())

    def averaged(self) -> nn.Module:
        """A network with the running mean of the weights, ready for use."""
        network = type(self.network)()
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
                self.optimiser.state[parameter] = {
                    k: v if k == "step" else v.to(self.device) for k, v in moments.items()
                }
        self.step_index = int(tensors["step"])


def train(
    folder: Path,
    settings: TrainSettings,
    pools: Sequence[tuple[Pool, float]],
    held: Pool,
    *,
    encoder_from: Path | None = None,
    device: str = "cpu",
    save_every_s: float = 60.0,
    measure_every: int = 500,
    report: Callable[[int, dict[str, float]], None] = lambda step, facts: None,
) -> dict[str, float]:
    """Train a stage, or go on with it.

    Args:
        folder: of the stage; one that holds a state goes on.
        settings: see `TrainSettings`; only steps may differ from the folder's own.
        pools: training pictures and their shares.
        held: pictures to measure on; never trained on.
        encoder_from: training folder of the deblur stage (frozen, tuned).
        device: cpu or cuda.
        save_every_s: seconds between states.
        measure_every: steps between measurements on held-out pictures.
        report: told the step and its figures; may raise to stop, and the state is saved.

    Returns:
        The last measurement: rmse_px (coc) or mae (deblur), and seconds spent in all.

    Raises:
        PullfocusError: the folder belongs to other settings, or there is no encoder to start from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_settings(folder / SETTINGS, settings)
    encoder = None
    if settings.stage in (Stage.frozen, Stage.tuned):
        if encoder_from is None:
            raise PullfocusError(f"stage {settings.stage}: expected the folder of a deblur stage")
        weights, _ = load(encoder_from / WEIGHTS)
        named = "encoder."
        encoder = {k[len(named) :]: v for k, v in weights.items() if k.startswith(named)}

    def draw(step: int) -> Batch:
        return draw_batch(pools, settings.batch, crop=settings.crop, seed=settings.seed, step=step)

    trainer = Trainer(settings, draw, encoder=encoder, device=device)
    spent = 0.0
    if (folder / STATE).exists():
        tensors, meta = load(folder / STATE)
        trainer.load_state(tensors)
        spent = float(meta["seconds"])
    _cut_log(folder / LOG, trainer.step_index)
    facts: dict[str, float] = {}
    began = saved = time.monotonic()

    def keep() -> None:
        seconds = spent + time.monotonic() - began
        facts = {"stage": settings.stage.value, "step": trainer.step_index, "seconds": seconds}
        save(folder / WEIGHTS, trainer.mean, facts)
        save(folder / STATE, trainer.state(), facts)

    try:
        with (folder / LOG).open("a", encoding="utf-8", buffering=1) as log:
            while trainer.step_index < settings.steps:
                loss = trainer.step()
                line = {"step": trainer.step_index, "loss": loss}
                line["seconds"] = round(spent + time.monotonic() - began, 1)
                if trainer.step_index % measure_every == 0 or trainer.step_index == settings.steps:
                    facts = measure(trainer.averaged(), held, device=device)
                    line |= facts
                log.write(json.dumps(line) + "\n")
                if time.monotonic() - saved > save_every_s:
                    keep()
                    saved = time.monotonic()
                report(trainer.step_index, line)
    finally:
        keep()
    return facts | {"seconds": spent + time.monotonic() - began}


def export(folder: Path) -> Path:
    """Write the averaged weights of a stage that reads radii as half floats, to be shipped.

    Returns:
        coc.safetensors in the folder; `pullfocus.coc.estimate.load_network` reads it.
    """
    tensors, meta = load(folder / WEIGHTS)
    path = folder / "coc.safetensors"
    save(path, {k: v.half() for k, v in tensors.items()}, meta)
    return path


def trained(folder: Path) -> nn.Module:
    """The network of a training folder as it stands, with its averaged weights.

    Raises:
        PullfocusError: the folder holds no weights.
    """
    tensors, meta = load(folder / WEIGHTS)
    network: nn.Module = DeblurNetwork() if meta["stage"] == Stage.deblur else CocNetwork()
    network.load_state_dict(tensors)
    return network.eval()


@torch.no_grad()
def measure(
    network: nn.Module, held: Pool, *, device: str = "cpu", most: int = 64
) -> dict[str, float]:
    """RMSE of the radius in px, or mean absolute error of deblurring, on held-out pictures."""
    squares: list[float] = []
    plain: list[float] = []
    count = min(most, len(held))
    for start in range(0, count, 8):
        chosen = [held[i] for i in range(start, min(start + 8, count))]
        frames = torch.stack([torch.from_numpy(s.blurred) for s in chosen]).permute(0, 3, 1, 2)
        shown = network(frames.to(device))
        for index, sample in enumerate(chosen):
            if isinstance(shown, CocEstimate):
                miss = shown.radius_px[index].cpu() - torch.from_numpy(sample.coc)
                squares.append(float(miss.square().mean()))
            else:
                sharp = torch.from_numpy(sample.sharp).permute(2, 0, 1)
                plain.append(float((shown[index].cpu() - sharp).abs().mean()))
    if squares:
        return {"rmse_px": math.sqrt(sum(squares) / len(squares))}
    return {"mae": sum(plain) / len(plain)}


def _check_settings(path: Path, settings: TrainSettings) -> None:
    """Keep what the folder was begun with; other settings are refused, more steps are not."""
    wanted = asdict(settings)
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        for name, value in wanted.items():
            if name != "steps" and found.get(name) != value:
                raise PullfocusError(
                    f"{path}: expected {name} {found.get(name)!r} as the training was begun, "
                    f"got {value!r}; use another --out"
                )
    write_json(path, wanted)


def read_log(path: Path) -> list[dict[str, float]]:
    """Lines of a log, without a torn last one."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines


def _cut_log(path: Path, step: int) -> None:
    """Drop lines after the state's step, before the log goes on."""
    kept = [json.dumps(line) + "\n" for line in read_log(path) if line["step"] <= step]
    if path.exists():
        path.write_text("".join(kept), encoding="utf-8")
