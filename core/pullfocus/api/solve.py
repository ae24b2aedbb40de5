# SPDX-License-Identifier: Apache-2.0
"""Solving a shot from Python."""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from pathlib import Path

from pullfocus.api.several import several
from pullfocus.api.shots import reopenable
from pullfocus.api.solved_shot import Listener, SolvedShot, open_solve
from pullfocus.api.solving import fitted_to, solve_footage
from pullfocus.devices import check_device
from pullfocus.errors import PullfocusError, SolveError
from pullfocus.progress import Progress
from pullfocus.roto.found import MatteRequest
from pullfocus.shot import Shot
from pullfocus.solve.asked import COC_AUTO, asked_settings
from pullfocus.solve.run import check_solve_folder

__all__ = ["solve_shot"]

_LOG = logging.getLogger("pullfocus")


def solve_shot(
    shot: Shot,
    out: str | Path,
    *,
    key: str | Sequence[str] = (),
    box: str | Sequence[str] = (),
    scribble: str | Sequence[str] = (),
    auto: str | Sequence[str] = (),
    quality: str | None = None,
    preset: str = "fast",
    steps: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    read_blur: bool = False,
    shutter: str | float | None = None,
    proxy: str | int = "auto",
    memory_gb: float | None = None,
    matte_slack_px: float | None = None,
    rematte: bool = False,
    layers: str = "given",
    ignore_cuts: bool = False,
    device: str = "cpu",
    threads: int | None = None,
    restart: bool = False,
    progress: Listener | None = None,
) -> SolvedShot:
    """Solve a shot in a folder, or go on with the solve that is there; a solved one is opened.

    Args:
        shot: as `open_shot` returns it. Pictures in memory are written to ``out/footage`` first.
        out: the solve folder.
        key: exact mattes of single frames, ``fg:1016=roto.png``, followed through all.
        box: boxes around the subject, ``fg:1016=x,y,w,h`` in px from the top left.
        scribble: strokes, ``fg:1016=strokes.png``.
        auto: layers whose subject is guessed.
        quality: draft, standard or high; None: standard.
        preset: fast, or one of the paper's.
        steps: exactly so many.
        minutes: about so long.
        seed: of random numbers; the same gives the same result.
        read_blur: start from what the network reads off the plate (``--coc auto``).
        shutter: degrees, or "auto": tell motion blur from defocus.
        proxy: auto, off, or a width in px.
        memory_gb: keep to about so much.
        matte_slack_px: how far edges of mattes may be wrong, px.
        rematte: solve a draft first, and find all mattes again from it.
        layers: given, or "auto": parts of layers that move apart become layers where that explains
            more (``--layers auto``).
        ignore_cuts: take frames with a hard cut among them as one shot.
        device: "cpu" or "cuda".
        threads: None: what other programs leave free.
        restart: discard what lies in `out`.
        progress: told what is done. What a person should know goes to the log "pullfocus".

    Raises:
        PullfocusError: settings or marks that do not fit, or another solve in `out`.
        KeyboardInterrupt: after all that was done is saved; the same call goes on.
    """
    folder = Path(out)
    check_device(device)
    if layers not in ("given", "auto"):
        raise PullfocusError(f"layers: expected given or auto, got {layers!r}")
    settings = asked_settings(
        {
            "quality": quality,
            "preset": preset,
            "steps": steps,
            "minutes": minutes,
            "seed": seed,
            "coc": COC_AUTO if read_blur else None,
            "shutter": None if shutter is None else str(shutter),
            "ignore_cuts": ignore_cuts,
        }
    )
    if read_blur and shot.coc is not None:
        raise PullfocusError("expected read_blur or a known circle of confusion, got both")
    request = MatteRequest.parsed(
        key=several(key), box=several(box), scribble=several(scribble), auto=several(auto)
    )
    check_solve_folder(folder, shot)
    shot, inputs = reopenable(shot, folder, restart=restart)
    settings = fitted_to(
        shot,
        settings,
        proxy=str(proxy),
        memory_gb=memory_gb,
        layers=len({*request.layers, *shot.layer_names}),
        matte_slack_px=matte_slack_px,
        steps_follow_frames=steps is None and preset == "fast",
    )
    outcome = solve_footage(
        shot,
        inputs,
        folder,
        settings,
        request=request,
        rematte=rematte,
        split=layers == "auto",
        ignore_cuts=ignore_cuts,
        until_converged=settings.ends_early and steps is None and minutes is None,
        minutes=minutes,
        device=device,
        restart=restart,
        threads=threads,
        progress=_Told(progress),
    )
    if outcome is None:
        raise SolveError("expected the first process of torchrun, got another: it opens the solve")
    if outcome.stop_signal == signal.SIGINT:
        raise KeyboardInterrupt
    if outcome.stop_signal is not None:
        raise SolveError(f"stopped at step {outcome.step}, saved: the same call goes on from there")
    for sentence in outcome.words:
        _LOG.info(sentence)
    return open_solve(folder)


class _Told(Progress):
    """Hands stages and steps to a function, and notes to the log."""

    def __init__(self, listener: Listener | None) -> None:
        self._listener = listener

    def stage(self, name: str, fraction: float) -> None:
        if self._listener is not None:
            self._listener(name, fraction)

    def step(self, step: int, total: int, *, eta_s: float, **facts: float) -> None:
        self.stage("solving", step / max(1, total))

    def note(self, text: str) -> None:
        _LOG.info(text)
