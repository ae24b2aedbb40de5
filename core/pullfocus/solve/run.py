# SPDX-License-Identifier: Apache-2.0
"""Run a solve in its folder: observe, step, checkpoint, resume, stop when told.

A kill at any moment loses at most the steps since the last checkpoint; the same command goes on
from there and, where the solver is deterministic, reaches bit for bit the same end.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pullfocus import checkpoint
from pullfocus.errors import SolveError
from pullfocus.output import check_folder_free, check_not_footage
from pullfocus.plate.contents import known_digests, recall
from pullfocus.progress import Progress
from pullfocus.signals import Stopped, StopSignals
from pullfocus.solve.convergence import Convergence
from pullfocus.solve.earlier import as_begun
from pullfocus.solve.finish import Finish, finish_s, proxy_line
from pullfocus.solve.folder import (
    CONTENTS,
    locked,
    read_settings,
    reopen_shot,
    settings_record,
)
from pullfocus.solve.inputs import ShotInputs
from pullfocus.solve.memory import Part, memory_line
from pullfocus.solve.one_run import SOLVED, Run, SolveOutcome

if TYPE_CHECKING:
    from pullfocus.shot import Shot
    from pullfocus.solve.solver_like import SolverLike
    from pullfocus.threads import Threads

__all__ = ["SolveOutcome", "check_solve_folder", "on_proxy", "reopen_shot", "run_solve"]

_OWN = (*SOLVED, CONTENTS)


def run_solve(
    shot: Shot,
    out: Path,
    settings: Any,
    *,
    inputs: ShotInputs | None = None,
    device: str = "cpu",
    minutes: float | None = None,
    until_converged: bool = False,
    restart: bool = False,
    finish: bool = True,
    progress: Progress | None = None,
    make_solver: Callable[..., SolverLike] | None = None,
    observe: Callable[..., Any] | None = None,
    checkpoint_s: float = 20.0,
    threads: Threads | None = None,
    parts_sought: bool = False,
) -> SolveOutcome:
    """Solve `shot` in the folder `out`, or go on with the solve that is there.

    Args:
        shot: the shot, opened.
        out: the solve folder; made if missing.
        settings: SolveSettings (a frozen dataclass with `steps`).
        inputs: what the user named to open the shot; without it a bake cannot reopen the shot.
        device: "cpu" or "cuda".
        minutes: spend about this long instead of `settings.steps` steps.
        until_converged: end before `settings.steps` once more steps gain nothing.
        restart: discard the solve that is in `out`; only once the new one has observed its shot.
        finish: after the steps on a proxy go on to the plate's size; else another run does it.
        progress: told about stages, steps and notes.
        make_solver: `make_solver(observed, settings, device=...)`; the real Solver by default.
        observe: `observe(shot, cache_dir, settings, report=...)`; the real one by default.
        checkpoint_s: seconds between checkpoints.
        threads: how many compute; as torch is set by default.
        parts_sought: parts that move apart were looked for, and are layers where that helps.

    Returns:
        How it ended; a stop by SIGINT or SIGTERM is an outcome, with everything saved.

    Raises:
        SolveError: the folder holds another solve, is in use, or the solve cannot go on; what was
            saved before stays.
    """
    progress = progress or Progress()
    check_solve_folder(out, shot)
    recall(out / CONTENTS)
    held: list[str] = []
    if not restart and (out / "settings.json").exists():
        earlier = read_settings(out)
        settings, words, held = as_begun(earlier["settings"], settings, earlier.get("as_begun", ()))
        if words:
            progress.note(words)
    record = settings_record(out, shot, inputs, settings, minutes=minutes)
    if held:
        record["as_begun"] = held
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SolveError(f"cannot write a solve to {out}: {error.strerror}") from error
    with locked(out), StopSignals(progress) as stop:
        watch = Convergence(len(shot.frames)) if until_converged else None
        proxy = getattr(settings, "proxy", 0)
        after_s = finish_s(shot, settings) if proxy else 0.0
        run = Run(
            out,
            record,
            minutes,
            watch,
            progress,
            stop,
            checkpoint_s,
            threads,
            after_s,
            parts_sought,
        )
        meta = run.find_earlier(restart=restart)
        if meta is not None and run.is_done(meta, settings.steps):
            progress.note(f"{out} is already solved: {meta['step']} steps")
            return run.outcome_from(meta)
        stepped = bool(proxy) and meta is not None and run.has_stepped(meta, settings.steps)
        if meta is not None and stepped and not finish:
            progress.note(f"{out}: its proxy is already solved: {meta['step']} steps")
            return run.outcome_from(meta, for_later=True)
        for note in shot.notes:
            progress.note(note)
        if stepped:
            progress.note(f"going on at {shot.width}x{shot.height}: the proxy is solved")
        elif proxy:
            progress.note(proxy_line(shot, proxy))
        part: Part = "finish" if stepped else "all" if finish else "proxy"
        progress.note(memory_line(shot, settings, part))
        try:
            observed = (observe or _observe)(
                shot, out / "observe", settings, report=stop.watch(progress.stage)
            )
            last = Finish(observed, settings, out, device=device) if proxy else None
            if last is not None and stepped:
                stop.check()
                _write_record(out, record, shot)
                return run.finish(last)
            seen = on_proxy(observed, proxy, report=stop.watch(progress.stage))
            stop.check()
            if restart:
                run.discard_earlier()
            solver = (make_solver or _make_solver)(seen, settings, device=device)
            for note in getattr(solver, "notes", ()):
                progress.note(note)
            stop.check()
        except Stopped as stopped:
            return run.outcome_from(meta or {}, stop_signal=stopped.signum)
        # Until now nothing of an earlier solve was touched.
        _write_record(out, record, shot)
        return run.loop(solver, seen, meta, settings.steps, last, for_later=not finish)


def _write_record(out: Path, record: dict[str, Any], shot: Shot) -> None:
    """Write what is solved, and what its files hold."""
    checkpoint.write_json(out / "settings.json", record)
    files = [path for one in shot.footage for path in one.files]
    checkpoint.write_json(out / CONTENTS, known_digests(files))


def check_solve_folder(out: Path, shot: Shot) -> None:
    """Refuse to write into something that is not a solve folder, or over footage."""
    check_folder_free(out, shot.footage)
    check_not_footage((out / name for name in ("settings.json", *_OWN)), shot.footage)
    if not out.exists():
        return
    if not out.is_dir():
        raise SolveError(f"expected a folder for --out, got the file {out}")
    if (out / "settings.json").exists():
        read_settings(out)  # of pullfocus, or it stays: --restart removes what lies there
        return
    ours = {"observe", "footage", "mattes", "first", "rematte", "parts", ".lock", *_OWN}
    foreign = sorted(p.name for p in out.iterdir() if p.name not in ours and p.name[:4] != ".tmp")
    if foreign:
        raise SolveError(
            f"expected a solve folder or an empty one for --out, got {out} with {foreign[0]} in it"
        )


def _observe(
    shot: Shot, cache: Path, settings: Any, *, report: Callable[[str, float], None]
) -> Any:
    from pullfocus.observe.observe import observe

    return observe(shot, cache, getattr(settings, "observe", None), report=report)


def on_proxy(
    observed: Any, width: int, *, report: Callable[[str, float], None] = lambda stage, done: None
) -> Any:
    """Return what a solve takes its steps on: the shot's proxy, ``width`` px wide; 0: itself."""
    from pullfocus.observe.proxy import proxied

    return proxied(observed, width, report=report) if width else observed


def _make_solver(observed: Any, settings: Any, *, device: str) -> SolverLike:
    from pullfocus.solve.solver import Solver

    return Solver(observed, settings, device=device)
