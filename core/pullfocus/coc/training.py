# SPDX-License-Identifier: Apache-2.0
"""Training in two stages (paper section 3.4): deblur first, then read the radius.

A training folder holds everything: settings, state, weights so far, log.jsonl, pictures. A kill
loses at most the steps since the last state; the same command goes on, step for step as if it had
never stopped, since a batch depends on the seed and its number alone. (Of a training by the clock
that is true of the batches; the rate follows the time.)
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pullfocus.checkpoint import load, save, write_json
from pullfocus.coc.network import (
    CocEstimate,
    CocNetwork,
    DeblurNetwork,
    NetworkSettings,
    sizes_of,
)
from pullfocus.coc.pool import Batch, Pool, draw_batch
from pullfocus.coc.trainer import Stage, Trainer, TrainSettings
from pullfocus.coc.workers import drawn
from pullfocus.errors import PullfocusError

__all__ = ["export", "measure", "read_encoder", "read_log", "train", "trained"]

STATE, WEIGHTS = "state.safetensors", "weights.safetensors"
LOG, SETTINGS = "log.jsonl", "train.json"


def train(
    folder: Path,
    settings: TrainSettings,
    pools: Sequence[tuple[Pool, float]],
    held: Pool,
    *,
    made_of: str = "",
    encoder_from: Path | None = None,
    device: str = "cpu",
    workers: int = 0,
    compiled: bool = False,
    save_every_s: float = 60.0,
    measure_every: int = 500,
    clock: Callable[[], float] = time.monotonic,
    report: Callable[[int, dict[str, float]], None] = lambda step, facts: None,
) -> dict[str, float]:
    """Train a stage, or go on with it.

    Args:
        folder: of the stage; one that holds a state goes on.
        settings: see `TrainSettings`; only steps and minutes may differ from the folder's own.
        pools: training pictures and their shares.
        held: pictures to measure on; never trained on.
        made_of: a word for what the pictures are made of; a folder that was begun with others is
            refused.
        encoder_from: training folder of the deblur stage (frozen, tuned).
        device: cpu or cuda.
        workers: processes that draw batches ahead; the same batches as without.
        compiled: see `Trainer`.
        save_every_s: seconds between states.
        measure_every: steps between measurements on held-out pictures.
        clock: seconds.
        report: told the step and its figures (share: of the training that is done); may raise to
            stop, and the state is saved.

    Returns:
        The last measurement: rmse_px (coc) or mae (deblur), and seconds spent in all.

    Raises:
        PullfocusError: the folder belongs to other settings, or there is no encoder to start from.
    """
    encoder = read_encoder(settings.stage, encoder_from)
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {"made_of": made_of, "network": asdict(NetworkSettings())}
    _check_settings(folder / SETTINGS, asdict(settings) | sizes)
    trainer = Trainer(settings, encoder=encoder, device=device, compiled=compiled)
    spent = 0.0
    if (folder / STATE).exists():
        tensors, meta = load(folder / STATE)
        trainer.load_state(tensors)
        spent = float(meta["seconds"])
    _cut_log(folder / LOG, trainer.step_index)
    facts: dict[str, float] = {}
    began = saved = clock()

    def keep() -> None:
        seconds = spent + clock() - began
        facts = {"stage": settings.stage.value, "step": trainer.step_index, "seconds": seconds}
        save(folder / WEIGHTS, trainer.mean, facts)
        save(folder / STATE, trainer.state(), facts)

    def done() -> float:
        """Share of the training that is done."""
        if settings.minutes is None:
            return trainer.step_index / settings.steps
        return (spent + clock() - began) / (60 * settings.minutes)

    draw = partial(_draw, pools, settings, settings.stage is Stage.deblur)
    batches = drawn(
        draw, trainer.step_index, settings.steps, workers=workers, pinned=device == "cuda"
    )
    try:
        with (
            (folder / LOG).open("a", encoding="utf-8", buffering=1) as log,
            contextlib.closing(batches),
        ):
            ahead = list(
                islice(batches, 1)
            )  # workers take seconds to start, none of the training's
            began = saved = clock()
            ready = chain(ahead, batches)
            share = done()
            while share < 1:
                loss = trainer.step(next(ready), share)
                share = 1.0 if trainer.step_index == settings.steps else done()
                line = {"step": trainer.step_index, "loss": loss, "share": round(share, 5)}
                line["seconds"] = round(spent + clock() - began, 1)
                if trainer.step_index % measure_every == 0 or share >= 1:
                    facts = measure(trainer.averaged(), held, device=device)
                    line |= facts
                log.write(json.dumps(line) + "\n")
                if clock() - saved > save_every_s:
                    keep()
                    saved = clock()
                report(trainer.step_index, line)
    finally:
        keep()
    return facts | {"seconds": spent + clock() - began}


def _draw(
    pools: Sequence[tuple[Pool, float]], settings: TrainSettings, sharp: bool, step: int
) -> Batch:
    return draw_batch(
        pools,
        settings.batch,
        crop=settings.crop,
        seed=settings.seed,
        step=step,
        sharp=sharp,
        h264=settings.h264,
    )


def read_encoder(stage: Stage, folder: Path | None) -> dict[str, torch.Tensor] | None:
    """Weights of the encoder that a stage starts from; None where it starts from random numbers.

    Raises:
        PullfocusError: there are none in the folder, or no folder is given.
    """
    if stage not in (Stage.frozen, Stage.tuned):
        return None
    if folder is None:
        raise PullfocusError(f"stage {stage}: expected the folder of a deblur stage")
    if not (folder / WEIGHTS).is_file():
        raise PullfocusError(f"expected a trained stage in {folder}, no {WEIGHTS} there")
    weights, _ = load(folder / WEIGHTS)
    named = "encoder."
    return {k[len(named) :]: v for k, v in weights.items() if k.startswith(named)}


def _check_settings(path: Path, wanted: dict[str, Any]) -> None:
    """Keep what the folder was begun with; other settings are refused, more steps are not."""
    wanted = json.loads(json.dumps(wanted))  # as it will be read again: lists, no tuples
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        for name, value in wanted.items():
            if name not in ("steps", "minutes") and found.get(name) != value:
                raise PullfocusError(
                    f"{path}: expected {name} {found.get(name)!r} as the training was begun, "
                    f"got {value!r}; use another --out"
                )
    write_json(path, wanted)


def _cut_log(path: Path, step: int) -> None:
    """Drop lines after the state's step, before the log goes on."""
    kept = [json.dumps(line) + "\n" for line in read_log(path) if line["step"] <= step]
    if path.exists():
        path.write_text("".join(kept), encoding="utf-8")


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
    kind = DeblurNetwork if meta["stage"] == Stage.deblur else CocNetwork
    network: nn.Module = kind(sizes_of(tensors))
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


def read_log(path: Path) -> list[dict[str, float]]:
    """Lines of a log, without a torn last one."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines
