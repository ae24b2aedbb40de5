# SPDX-License-Identifier: Apache-2.0
"""One run of a solve: its clock, its checkpoints, its log, and how it ends."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pullfocus import __version__, checkpoint
from pullfocus.errors import SolveError
from pullfocus.kept import KEPT
from pullfocus.progress import Progress
from pullfocus.signals import Stopped, StopSignals
from pullfocus.solve.budget import Budget
from pullfocus.solve.convergence import Convergence
from pullfocus.solve.finish import FULL, Finish
from pullfocus.solve.folder import (
    check_same_solve,
    read_settings,
)
from pullfocus.solve.log import SolveLog, repair_log
from pullfocus.solve.memory import peak_memory_mb

if TYPE_CHECKING:
    from pullfocus.solve.fine import FineSolver
    from pullfocus.solve.solver_like import SolverLike
    from pullfocus.threads import Threads

__all__ = ["SOLVED", "Run", "SolveOutcome"]

SOLVED = ("checkpoint.safetensors", FULL, "log.jsonl", "preview.png", *KEPT)
"""Files that a solve leaves, its settings aside."""
_PREVIEW_SHARE = 0.03  # of the run time
_SAVING_SHARE = 0.05  # of the time, at most: atlases of large plates are large files


@dataclass(frozen=True, kw_only=True)
class SolveOutcome:
    """How a run ended."""

    folder: Path
    step: int
    total_steps: int
    finished: bool
    """The solve is complete; else `stop_signal` says what stopped it, or `for_later` is set."""
    stop_signal: int | None
    seconds: float
    """Time spent on this solve, over all its runs."""
    psnr_reblur: float
    """Mean over the last steps, dB; NaN where no step was made."""
    peak_memory_mb: float
    for_later: bool = False
    """The proxy is solved; finishing at the plate's size was left to another run."""
    words: tuple[str, ...] = ()
    """What it trusts, what it left as shot, what would help: a sentence each."""


class Run:
    """One run of a solve: the clock, and the files of its folder."""

    def __init__(
        self,
        out: Path,
        record: Mapping[str, Any],
        minutes: float | None,
        watch: Convergence | None,
        progress: Progress,
        stop: StopSignals,
        checkpoint_s: float,
        threads: Threads | None,
        after_s: float,
        parts_sought: bool = False,
    ) -> None:
        self.out = out
        self.record = record
        self.minutes = minutes
        self.watch = watch
        self.converged = False
        self.progress = progress
        self.stop = stop
        self.parts_sought = parts_sought
        self.checkpoint_s = checkpoint_s
        self.threads = threads
        self.started = time.monotonic()
        self.spent_before = 0.0  # seconds of earlier runs
        self.spent_on_preview = 0.0
        self.fine_steps = 0  # at the plate's size, after those of a proxy
        self.psnr = math.nan
        share = record["settings"].get("coarse_share", 0.0)
        self.budget = Budget(minutes, share, kept_back_s=after_s)

    @property
    def seconds(self) -> float:
        """Spent on this solve so far, over all its runs."""
        return self.spent_before + time.monotonic() - self.started

    @property
    def checkpoint_path(self) -> Path:
        """Where the last state lies."""
        return self.out / "checkpoint.safetensors"

    def find_earlier(self, *, restart: bool) -> dict[str, Any] | None:
        """The facts of the checkpoint to go on from, if there is one."""
        if restart or not (self.out / "settings.json").exists():
            return None
        check_same_solve(self.out, read_settings(self.out), self.record)
        if not self.checkpoint_path.exists():
            return None
        meta = checkpoint.load_meta(self.checkpoint_path)
        self.spent_before = meta["seconds"]
        self.psnr = meta["psnr_reblur"] if meta["psnr_reblur"] is not None else math.nan
        return meta

    def is_done(self, meta: Mapping[str, Any], steps: int) -> bool:
        """Whether the checkpoint ends what this command asks for."""
        if self.minutes is None:
            settled = not meta["converged"] or self.watch is not None
            if (
                meta["minutes"] is None
                and meta["finished"]
                and settled
                and steps == meta["steps_asked"]
            ):
                return True
            if steps < meta["step"]:
                raise SolveError(
                    f"{self.out} has done {meta['step']} steps, {steps} were asked for; ask for "
                    "more, or start over with --restart"
                )
            return bool(meta["finished"]) and steps == meta["step"]
        if meta["finished"] and self.minutes == meta["minutes"]:
            return True
        if self.has_stepped(meta, steps):
            return False
        if self.minutes * 60 <= meta["seconds"]:
            raise SolveError(
                f"{self.out} has used {meta['seconds'] / 60:.1f} minutes, {self.minutes:g} were "
                "asked for; ask for more, or start over with --restart"
            )
        return False

    def discard_earlier(self) -> None:
        """Remove the solve that --restart replaces; the observe cache is keyed by its inputs."""
        # The settings go first: a folder without them is a new solve, whatever else lies there.
        for name in ("settings.json", *SOLVED):
            (self.out / name).unlink(missing_ok=True)

    def loop(
        self,
        solver: SolverLike,
        observed: Any,
        meta: dict[str, Any] | None,
        steps: int,
        last: Finish | None = None,
        *,
        for_later: bool = False,
    ) -> SolveOutcome:
        """Step until the solver has finished, the minutes are over, or a signal says stop.

        `last` is what is to be done after all steps, now or, where it is left `for_later`, by
        another run.
        """
        if meta is not None:
            self._resume(solver, meta, steps)
        self.fine_steps = 0 if last is None or for_later else last.steps
        last_save = time.monotonic()
        finished = solver.finished
        repair_log(self.out / "log.jsonl", last_step=solver.step_index)
        if self.watch is not None:
            self.watch.catch_up(self.out / "log.jsonl")
        said = len(getattr(solver, "notes", ()))
        with SolveLog(self.out / "log.jsonl") as log:
            while not finished and self.stop.signum is None:
                if self.threads is not None:
                    self._follow_cores(self.threads, solver, observed)
                report = self.budget.time(solver.step)
                said = self._say_notes(solver, said)
                self._check(report)
                self._follow(report.psnr_reblur)
                if self.watch is not None:
                    self.watch.follow(report.psnr_reblur)
                log.write(report, self.seconds)
                if self.budget.plan(solver, self.seconds):
                    self.progress.note(
                        f"{solver.total_steps} steps fit into {self.minutes:g} minutes"
                    )
                finished = (
                    solver.finished
                    or self.budget.is_spent(self.seconds)
                    or self._has_converged(solver)
                )
                self._tell(solver, report)
                if not finished and time.monotonic() - last_save >= self.checkpoint_s:
                    log.sync()
                    self._save(solver, steps, finished=False)
                    last_save = time.monotonic()
                    self._refresh_preview(solver.model, observed)
            if self.stop.signum is not None:
                self.progress.note(f"stopping: saving step {solver.step_index} in {self.out}")
            log.sync()
            if finished:
                solver.settle()
            self._save(solver, steps, finished=finished and last is None, stepped=finished)
        if finished and last is not None and not for_later:
            return self.finish(last)
        if finished:
            self._write_preview(solver.model, observed)
        done = finished and last is None
        return SolveOutcome(
            folder=self.out,
            step=solver.step_index,
            total_steps=solver.total_steps,
            finished=done,
            stop_signal=None if finished else self.stop.signum,
            seconds=self.seconds,
            psnr_reblur=self.psnr,
            peak_memory_mb=peak_memory_mb(),
            for_later=finished and not done,
            words=self._closing(solver.model) if done and solver.step_index else (),
        )

    def finish(self, last: Finish) -> SolveOutcome:
        """Do what is left once all steps are done, whoever took them: the plate's size."""
        meta = checkpoint.load_meta(self.checkpoint_path)
        self.fine_steps = last.steps
        fine = self._finish(last, meta["step"])
        if fine is None:
            return self.outcome_from(meta, stop_signal=self.stop.signum)
        tensors, meta = checkpoint.load(self.checkpoint_path)
        checkpoint.save(self.checkpoint_path, tensors, meta | self._facts(finished=True))
        self._write_preview(fine.model, last.observed)
        words = self._closing(fine.model) if meta["step"] else ()
        return dataclasses.replace(self.outcome_from(meta), finished=True, words=words)

    def _finish(self, last: Finish, before: int) -> FineSolver | None:
        """Take the steps at the plate's size; None if a signal says stop, with all saved.

        Args:
            last: what is to be done.
            before: steps that were taken before these.
        """
        try:
            solver = last.start(self.stop.watch(self.progress.stage))
        except Stopped:
            return None
        path, observed = self.out / "log.jsonl", last.observed
        repair_log(path, last_step=before + solver.step_index)
        total, took_s = before + solver.total_steps, 0.0
        last_save, saving_s = time.monotonic(), 0.0
        with SolveLog(path) as log:
            while not solver.finished and self.stop.signum is None:
                if self.threads is not None:
                    self.threads.follow(solver.strip_pixels)
                began = time.monotonic()
                report = solver.step()
                took_s += time.monotonic() - began
                self._check(report)
                self._follow(report.psnr_reblur)
                report = dataclasses.replace(report, step=before + report.step)
                log.write(report, self.seconds)
                left = solver.total_steps - solver.step_index
                pace_s = took_s / max(1, report.step - before - solver.first_step)
                self._say(report, total, left * pace_s)
                due = max(self.checkpoint_s, saving_s / _SAVING_SHARE)
                if not solver.finished and time.monotonic() - last_save >= due:
                    log.sync()
                    saving_s = time.monotonic()
                    last.save(solver)
                    last_save = time.monotonic()
                    saving_s = last_save - saving_s
                    self._refresh_preview(solver.model, observed)
            if not solver.finished:
                self.progress.note(f"stopping: saving step {before + solver.step_index} of {total}")
            log.sync()
            last.save(solver)
        return solver if solver.finished else None

    def _say_notes(self, solver: SolverLike, said: int) -> int:
        """Say what a step has noticed; returns how many notes there are."""
        notes = getattr(solver, "notes", ())
        for note in notes[said:]:
            self.progress.note(note)
        return len(notes)

    def outcome_from(
        self,
        meta: Mapping[str, Any],
        *,
        stop_signal: int | None = None,
        for_later: bool = False,
    ) -> SolveOutcome:
        """Return how a run ends that takes no step, from the facts of a checkpoint."""
        return SolveOutcome(
            folder=self.out,
            step=meta.get("step", 0),
            total_steps=meta.get("total_steps", 0),
            finished=bool(meta.get("finished", False)) and stop_signal is None,
            stop_signal=stop_signal,
            seconds=self.seconds,
            psnr_reblur=self.psnr,
            peak_memory_mb=peak_memory_mb(),
            for_later=for_later,
        )

    def _resume(self, solver: SolverLike, meta: dict[str, Any], steps: int) -> None:
        """Load the checkpoint and, where it still holds, its plan."""
        tensors, meta = checkpoint.load(self.checkpoint_path)
        solver.load_state(tensors)
        total = self.budget.resume(meta, steps, self.seconds)
        if solver.total_steps != total:
            solver.plan(steps=total)
        self.progress.note(f"going on from step {solver.step_index} of {total}")

    def has_stepped(self, meta: Mapping[str, Any], steps: int) -> bool:
        """Whether all steps that this command asks for were done by an earlier one."""
        asked = meta["minutes"] == self.minutes and meta["steps_asked"] == steps
        settled = not meta["converged"] or self.watch is not None
        return bool(meta.get("stepped", False)) and asked and settled

    def _has_converged(self, solver: SolverLike) -> bool:
        if getattr(solver, "unsettled", False):
            return False
        if self.watch is None or not self.watch.reached(
            solver.step_index, solver.total_steps, self.budget.coarse_steps(solver)
        ):
            return False
        self.converged = True
        self.progress.note(f"done early: the last {2 * self.watch.stretch} steps gained nothing")
        return True

    def _check(self, report: Any) -> None:
        figures = {"loss": report.loss, **report.terms}
        broken = [name for name, value in figures.items() if not math.isfinite(value)]
        if broken:
            raise SolveError(
                f"the solve diverged at step {report.step} ({', '.join(broken)} is not a number); "
                f"{self.out} keeps the last checkpoint"
            )

    def _follow_cores(self, threads: Threads, solver: SolverLike, observed: Any) -> None:
        """Use the cores that are free, for several frames at once where the solver can."""
        pixels, hands = _pixels(solver, observed), getattr(solver, "hands", None)
        if hands is None:
            threads.follow(pixels)
        else:
            threads.follow(pixels, at_once=hands.most)
            hands.count = threads.hands

    def _follow(self, psnr: float) -> None:
        # A step sees one frame, and frames differ by several dB: show a running mean.
        if math.isfinite(psnr):
            self.psnr = psnr if math.isnan(self.psnr) else 0.95 * self.psnr + 0.05 * psnr

    def _tell(self, solver: SolverLike, report: Any) -> None:
        left_s = self.budget.left_s(solver, self.seconds)
        if self.fine_steps:
            left_s += self.budget.kept_back_s
        self._say(report, solver.total_steps + self.fine_steps, left_s)

    def _say(self, report: Any, total: int, left_s: float) -> None:
        self.progress.step(report.step, total, eta_s=left_s, psnr=self.psnr, loss=report.loss)

    def _save(
        self, solver: SolverLike, steps: int, *, finished: bool, stepped: bool = False
    ) -> None:
        checkpoint.save(
            self.checkpoint_path,
            solver.state(),
            {
                "pullfocus": __version__,
                "step": solver.step_index,
                "total_steps": solver.total_steps,
                "steps_asked": steps,
                "minutes": self.minutes,
                "plans": self.budget.plans,
                "stepped": stepped,
                "converged": self.converged,
                **self._facts(finished=finished),
            },
        )

    def _facts(self, *, finished: bool) -> dict[str, Any]:
        """Return what of a checkpoint's facts the second half of a solve changes."""
        return {
            "finished": finished,
            "seconds": self.seconds,
            "psnr_reblur": None if math.isnan(self.psnr) else self.psnr,
        }

    def _refresh_preview(self, model: Any, observed: Any) -> None:
        """Refresh the preview if pictures have cost little of the time so far."""
        elapsed = time.monotonic() - self.started
        if self.spent_on_preview <= _PREVIEW_SHARE * elapsed:
            self._write_preview(model, observed)

    def _write_preview(self, model: Any, observed: Any) -> None:
        from pullfocus.solve.preview import write_preview

        began = time.monotonic()
        path = self.out / "preview.png"
        write_preview(path, model, observed)
        self.spent_on_preview += time.monotonic() - began
        self.progress.preview(str(path))

    def _closing(self, model: Any) -> tuple[str, ...]:
        """Say what a finished solve is worth, where it has a lens to judge it by."""
        from pullfocus.model.shot_model import ShotModel
        from pullfocus.solve.closing import closing_words

        if not isinstance(model, ShotModel) or model.atlas_level or model.settings.reblur == "none":
            return ()
        return closing_words(model, parts_sought=self.parts_sought)


def _pixels(solver: SolverLike, observed: Any) -> int:
    """Return the size of the frame that the next step computes."""
    level = getattr(solver.model, "atlas_level", 0)
    return (observed.width >> level) * (observed.height >> level)
