# SPDX-License-Identifier: Apache-2.0
"""Run variants of the solver on clips with truth, under one budget, and measure them.

Every run lies in a folder of its own (``OUT/CLIP/VARIANT``: solve, passes, report); what is there
is not done again, so a stopped ablation goes on with the same command.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pullfocus.ablate.variants import Variant
from pullfocus.bake.bake import bake
from pullfocus.checkpoint import load_meta, write_json
from pullfocus.errors import SolveError
from pullfocus.evaluate.report import evaluate
from pullfocus.evaluate.truth import open_truth
from pullfocus.model.colour import to_display
from pullfocus.progress import Progress
from pullfocus.solve.inputs import ShotInputs
from pullfocus.solve.run import run_solve
from pullfocus.solve.solved import load_solve

__all__ = ["Run", "ablate"]


@dataclass(frozen=True)
class Run:
    """One variant on one clip."""

    clip: Path
    variant: str
    folder: Path
    figures: dict[str, float]
    """By the names in `table.COLUMNS`; a figure may be missing."""


def ablate(
    clips: Sequence[Path],
    variants: Sequence[Variant],
    out: Path,
    *,
    steps: int | None = None,
    seconds: float | None = None,
    frames: str | None = None,
    device: str = "cpu",
    metrics: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> list[Run] | int:
    """Run every variant on every clip.

    Args:
        clips: folders with truth (plate, sharp, alpha, truth).
        variants: what to run.
        out: folder for all of it.
        steps: of every run; or
        seconds: of every run, fitting of networks and observing included.
        frames: a range of each clip; all by default.
        device: "cpu" or "cuda".
        metrics: perceptual ones to measure besides, as `evaluate` takes them.
        progress: told about everything.

    Returns:
        The runs, clip by clip; or the number of the signal that stopped them, all saved.

    Raises:
        PullfocusError: a clip without truth, two of one name, a variant that wants what a clip
            does not have.
    """
    progress = progress or Progress()
    if len({clip.name for clip in clips}) < len(clips):
        raise SolveError("expected clips of different names: results are kept by name")
    for clip in clips:
        truth = open_truth(clip)
        for variant in variants:
            if variant.settings.coc == "given" and "truth" not in truth.parts:
                raise SolveError(f"{variant.label}: expected a true circle of confusion in {clip}")
    runs = []
    for clip in clips:
        for variant in variants:
            folder = out / clip.name / variant.file_name
            progress.note(f"{clip.name}, {variant.label}")
            stopped = _solve(clip, variant, folder, steps, seconds, frames, device, progress)
            if stopped is not None:
                return stopped
            figures = _measure(clip, folder, metrics, progress)
            runs.append(Run(clip, variant.label, folder, figures))
    return runs


def _solve(
    clip: Path,
    variant: Variant,
    folder: Path,
    steps: int | None,
    seconds: float | None,
    frames: str | None,
    device: str,
    progress: Progress,
) -> int | None:
    """Solve, or go on; returns the signal that stopped it, if any."""
    settings = variant.settings
    if steps is not None:
        settings = replace(settings, steps=steps)
    given = settings.coc == "given"
    matte = clip / "alpha.####.png"
    inputs = ShotInputs(
        plate=str(clip / "plate.####.png"),
        mattes=(("fg", str(matte)),) if any(clip.glob("alpha.*.png")) else (),
        coc=str(clip / "truth.####.exr") if given else None,
        frames=frames,
    )
    folder.mkdir(parents=True, exist_ok=True)
    outcome = run_solve(
        inputs.open(),
        folder / "x.solve",
        settings,
        inputs=inputs,
        device=device,
        minutes=None if seconds is None else seconds / 60,
        progress=progress,
    )
    return outcome.stop_signal


def _measure(
    clip: Path, folder: Path, metrics: Sequence[str] | None, progress: Progress
) -> dict[str, float]:
    """Bake and evaluate a solve, or read what was measured of the same checkpoint."""
    solve, found = folder / "x.solve", folder / "figures.json"
    meta = load_meta(solve / "checkpoint.safetensors")
    stamp = {
        "step": meta["step"],
        "seconds": meta["seconds"],
        "metrics": None if metrics is None else list(metrics),
    }
    if found.exists():
        known = json.loads(found.read_text(encoding="utf-8"))
        if known["stamp"] == stamp:
            return known["figures"]
    # the model alone is measured: none of the plate's own pixels
    bake(solve, folder / "passes", keep_plate=False, progress=progress)
    report = evaluate(folder / "passes", clip, folder / "report", metrics=metrics)
    figures = {name: one["mean"] for name, one in report.facts()["figures"].items()}
    figures |= report.below()
    figures |= {"steps": meta["step"], "seconds": meta["seconds"], "reblur_psnr": _reblur(solve)}
    kept = {k: v for k, v in figures.items() if v is not None and math.isfinite(v)}
    write_json(found, {"stamp": stamp, "figures": kept})
    return kept


def _reblur(solve: Path) -> float:
    """Return the mean PSNR of reblurred frames against the plate, dB, display-encoded."""
    import torch

    _, model = load_solve(solve)
    observed: Any = model.observed
    values = []
    with torch.no_grad():
        atlases = model.step_atlases()
        for t in range(len(observed.frames)):
            shown = to_display(model.reblur(t, atlases=atlases)).clamp(0, 1)
            plate = observed.plate_display(t).clip(0, 1)
            error = np.square(shown.permute(1, 2, 0).cpu().numpy() - plate).mean()
            values.append(-10 * math.log10(max(float(error), 1e-12)))
    return float(np.mean(values))
