# SPDX-License-Identifier: Apache-2.0
"""A solved shot, opened: by whatever shows, paints or measures it."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cuda_lensblur.build import cache_folder
from pullfocus.errors import PassesError, SolveError
from pullfocus.model.shot_model import ShotModel
from pullfocus.observe.observe import ObserveSettings, observe
from pullfocus.observe.observed import Observed
from pullfocus.plate.sequence import parse_frames, range_text
from pullfocus.shot import Shot
from pullfocus.solve.finish import solved_model
from pullfocus.solve.folder import read_settings, reopen_shot
from pullfocus.solve.inputs import NOWHERE_ELSE, Elsewhere
from pullfocus.solve.settings import settings_from_record

__all__ = ["Solved", "chosen_frames", "load_solve", "opened"]

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Solved:
    """A solve folder that is open: what several verbs may share instead of opening it again."""

    folder: Path
    shot: Shot
    model: ShotModel


def opened(
    solve: Path | Solved,
    progress: Progress = lambda stage, done: None,
    where: Elsewhere = NOWHERE_ELSE,
) -> Solved:
    """Open a solve folder, unless it is open; see `load_solve`."""
    if isinstance(solve, Solved):
        return solve
    return Solved(solve, *load_solve(solve, progress, where))


def load_solve(
    solve_dir: Path,
    progress: Progress = lambda stage, done: None,
    where: Elsewhere = NOWHERE_ELSE,
) -> tuple[Shot, ShotModel]:
    """Open a solve folder: the shot and its solved model, atlases at full resolution.

    Raises:
        PullfocusError: no solve, a damaged checkpoint, or footage that moved.
    """
    shot = reopen_shot(solve_dir, where)
    settings = settings_from_record(read_settings(solve_dir)["settings"])
    observed = _measured(shot, solve_dir / "observe", settings.observe, progress)
    return shot, solved_model(observed, settings, solve_dir)


def _measured(
    shot: Shot, cache: Path, settings: ObserveSettings | None, progress: Progress
) -> Observed:
    """Read the solve's measurement; where it is gone and cannot be written, measure at home."""
    if cache.exists() and not os.access(cache, os.W_OK):
        with contextlib.suppress(SolveError):
            return observe(shot, cache, settings, report=progress)
        cache = cache_folder() / "observe"
    return observe(shot, cache, settings, report=progress)


def chosen_frames(shot: Shot, frames: str | None) -> list[int]:
    """Return the indices of the frames asked for, all for None.

    Raises:
        PassesError: a frame that the solve does not have.
    """
    if frames is None:
        return list(range(len(shot.frames)))
    wanted = parse_frames(frames)
    missing = [f for f in wanted if f not in shot.frames]
    if missing:
        raise PassesError(
            f"--frames: expected frames of the solve ({range_text(shot.frames)}),"
            f" got {range_text(missing)}"
        )
    return [shot.frames.index(f) for f in wanted]
