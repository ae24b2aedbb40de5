# SPDX-License-Identifier: Apache-2.0
"""A solve from footage to its last checkpoint: mattes followed, settings fitted to the shot."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from pullfocus.errors import MatteError, PullfocusError
from pullfocus.observe.cuts import check_plate
from pullfocus.progress import Progress
from pullfocus.roto.for_solve import FIRST, follow_for_solve, rematte_for_solve
from pullfocus.roto.found import MatteRequest
from pullfocus.roto.split import split_for_solve
from pullfocus.shot import Shot
from pullfocus.solve import asked
from pullfocus.solve.inputs import ShotInputs
from pullfocus.solve.memory import within_memory
from pullfocus.solve.parallel import world_size
from pullfocus.solve.presets import for_frames, takes_proxy
from pullfocus.solve.run import SolveOutcome, check_solve_folder, run_solve
from pullfocus.solve.together import solve_together
from pullfocus.threads import Threads

__all__ = ["fitted_to", "solve_footage"]


def fitted_to(
    shot: Shot,
    settings: Any,
    *,
    proxy: str = "auto",
    memory_gb: float | None = None,
    layers: int | None = None,
    matte_slack_px: float | None = None,
    steps_follow_frames: bool = True,
) -> Any:
    """Return settings as this shot wants them.

    Args:
        shot: the footage.
        settings: SolveSettings, as `asked.asked_settings` returns them.
        proxy: auto, off, or a width in px.
        memory_gb: keep to about so much, by a smaller proxy where it may be chosen.
        layers: how many there will be once mattes are found; by default the shot's own.
        matte_slack_px: how far the edges of mattes may be wrong, px of the plate.
        steps_follow_frames: more steps for more frames than a quality is meant for.

    Raises:
        PullfocusError: no such proxy, or none that is small enough.
    """
    settings = asked.with_proxy(settings, proxy, shot.width)
    if memory_gb is not None:
        choose = proxy == "auto" and takes_proxy(settings)
        settings = within_memory(shot, settings, memory_gb, any_proxy=choose, layers=layers)
    if steps_follow_frames:
        settings = for_frames(settings, len(shot.frames))
    if matte_slack_px is not None:
        settings = asked.with_matte_slack(settings, matte_slack_px, shot.width)
    return settings


def solve_footage(
    shot: Shot,
    inputs: ShotInputs,
    out: Path,
    settings: Any,
    *,
    request: MatteRequest,
    rematte: bool = False,
    split: bool = False,
    ignore_cuts: bool = False,
    until_converged: bool = False,
    minutes: float | None = None,
    device: str = "cpu",
    restart: bool = False,
    finish: bool = True,
    threads: int | None = None,
    progress: Progress,
) -> SolveOutcome | None:
    """Solve footage in a folder, or go on with the solve that is there.

    Args:
        shot: the footage, opened from `inputs`.
        inputs: what opens it again.
        out: the solve folder.
        settings: as `fitted_to` returns them.
        request: mattes to follow from marks; they lie in ``out/mattes``.
        rematte: solve a draft first and find all mattes again from its layers.
        split: look for parts of layers that move apart, and make them layers where that explains
            more.
        ignore_cuts: take frames with a hard cut among them as one shot.
        until_converged: end once more steps gain nothing.
        minutes: about so long, instead of steps.
        device: "cpu" or "cuda".
        restart: discard the solve in `out`.
        finish: after a proxy go on to the plate's size; else another call does it.
        threads: compute with so many; None: what other programs leave free.
        progress: told about everything.

    Returns:
        How it ended, a draft that was stopped before the solve included; None in all processes
        of torchrun but the first.

    Raises:
        PullfocusError: marks that do not fit, another solve in `out`, or what `run_solve` raises.
    """
    if request.layers:
        if not ignore_cuts:  # before the work of following
            check_plate(shot)
        inputs = follow_for_solve(shot, inputs, out, request, progress=progress)
        shot = inputs.open()
    if split:
        inputs = split_for_solve(shot, inputs, out, settings, progress=progress)
        shot = inputs.open()
    if rematte:
        _check_rematte(inputs)
        check_solve_folder(out, shot)
        draft = run_solve(
            shot,
            out / FIRST,
            dataclasses.replace(settings, **_work_of_a_draft(settings)),
            inputs=inputs,
            device=device,
            restart=restart,
            progress=progress,
            threads=Threads(threads),
        )
        if not draft.finished:
            return draft
        inputs = rematte_for_solve(shot, inputs, out, request, progress=progress)
        shot = inputs.open()
    return solve_together(
        shot,
        out,
        settings,
        inputs=inputs,
        device=device,
        minutes=minutes,
        until_converged=until_converged,
        restart=restart,
        finish=finish,
        progress=progress,
        threads=Threads(threads),
        parts_sought=split,
    )


def _check_rematte(inputs: ShotInputs) -> None:
    if not inputs.mattes:
        raise MatteError(
            "--rematte: expected --matte, --key, --box, --scribble or --auto, got none"
        )
    if world_size() > 1:
        raise PullfocusError("--rematte: expected one process, got torchrun: solve alone first")


def _work_of_a_draft(settings: Any) -> dict[str, Any]:
    """What differs between a draft and these settings in the amount of work."""
    draft = asked.base_settings("draft")
    names = ("steps", "coarse_share")
    if settings.preset != draft.preset or settings.steps < draft.steps:
        return {}
    return {name: getattr(draft, name) for name in names if hasattr(settings, name)}
