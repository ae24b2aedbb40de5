# SPDX-License-Identifier: Apache-2.0
"""Short solves that tell whether a layer more explains a shot better.

They run on small frames, at half of their resolution, and are asked about frames that they were not
solved from: a layer more always explains better what it was solved from.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pullfocus.plate.colour import linear_to_display
from pullfocus.progress import Progress
from pullfocus.shot import FrameSource, Shot

__all__ = ["Small", "Tried", "small_shot", "try_layers"]

_STEPS = 160  # of a trial, all at half resolution
_HELD = 4  # every so manieth frame is held out
_AROUND_PX = 32  # at 512 wide, round a part: where it is asked what explains more


@dataclass(frozen=True, eq=False)
class _Held:
    """Frames in memory, as a source of footage."""

    frames: np.ndarray
    unit: float

    def read(self, index: int) -> np.ndarray:
        return self.frames[index].astype(np.float32) * np.float32(self.unit)

    def describe(self) -> str:
        return "frames in memory"

    def fingerprint(self) -> str:
        return hashlib.sha256(self.frames.tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class Small:
    """A shot on small frames."""

    shot: Shot
    light: np.ndarray
    """(T, h, w, 3) float16, scene-linear."""
    mattes: tuple[np.ndarray, ...]
    """(T, h, w) uint8 each, front to back."""

    @property
    def display(self) -> list[np.ndarray]:
        """Frames (h, w, 3) uint8, display-encoded."""
        encoded = (linear_to_display(one.astype(np.float32)).clip(0, 1) for one in self.light)
        return [(one * 255 + 0.5).astype(np.uint8) for one in encoded]


@dataclass(frozen=True, eq=False)
class Tried:
    """What a short solve misses in the frames that were held out of it."""

    missed: dict[int, np.ndarray]
    """Frame index to (h, w) squared difference, display-encoded, mean over RGB; NaN where there is
    no scene."""

    def round(self, mattes: np.ndarray) -> float:
        """Return the root mean square round mattes (T, h, w) 0..1, display-encoded."""
        kept = []
        for t, miss in self.missed.items():
            reach = round(_AROUND_PX * miss.shape[1] / 512)
            brush = np.ones((2 * reach + 1,) * 2, np.uint8)
            size = (miss.shape[1], miss.shape[0])
            near = cv2.resize(mattes[t].astype(np.float32), size, interpolation=cv2.INTER_AREA)
            near = cv2.dilate((near > 0.05).astype(np.uint8), brush) > 0
            kept.append(miss[near & np.isfinite(miss)])
        known = np.concatenate(kept) if kept else np.zeros(0)
        return float(np.sqrt(known.mean())) if known.size else 0.0


def small_shot(shot: Shot, width: int, progress: Progress) -> Small:
    """Read a shot and its mattes at a width, px, or at their own where that is less."""
    width = min(width, shot.width)
    size = (width, max(16, round(shot.height * width / shot.width)))

    def reduced(source: FrameSource, t: int) -> np.ndarray:
        frame = np.asarray(source.read(t), np.float32)
        return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))

    count = len(shot.frames)
    light = np.zeros((count, *size[::-1], 3), np.float16)
    mattes = tuple(np.zeros((count, *size[::-1]), np.uint8) for _ in shot.mattes)
    for t in range(count):
        light[t] = reduced(shot.plate, t).clip(-6e4, 6e4)
        for own, (_, source) in zip(mattes, shot.mattes, strict=True):
            own[t] = (reduced(source, t).clip(0, 1) * 255 + 0.5).astype(np.uint8)
        progress("looking for parts", (t + 1) / count)
    return Small(shot, light, mattes)


def try_layers(
    small: Small,
    layers: Sequence[tuple[str, np.ndarray]],
    folder: Path,
    settings: Any,
    progress: Progress,
) -> Tried:
    """Solve small frames for a short time with these layers before the last.

    Args:
        small: the frames.
        layers: name and matte, (T, h, w) uint8, front to back.
        folder: where to keep what is measured meanwhile.
        settings: of the solve that this one is for.
        progress: told how far it is.
    """
    import torch

    from pullfocus.model.colour import to_display
    from pullfocus.observe.observe import observe
    from pullfocus.solve.settings import QUALITIES
    from pullfocus.solve.solver import Solver

    height, width = small.light.shape[1:3]
    shot = replace(
        small.shot,
        width=width,
        height=height,
        plate=_Held(small.light, 1.0),
        mattes=tuple((name, _Held(matte, 1 / 255)) for name, matte in layers),
        display=None,
        data=None,
        coc=None,
        headers=None,
        footage=(),
    )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".tmp-", dir=folder, ignore_cleanup_errors=True
    ) as cache:
        observed = observe(shot, Path(cache), settings.observe, report=progress)
        held = np.zeros(len(observed.frames), bool)
        held[observed.told[_HELD // 2 :: _HELD]] = True
        if observed.source is not None:
            held = held[observed.source]  # a frame that repeats one would tell it
        untold = held if observed.untold is None else held | observed.untold
        trial = replace(
            QUALITIES["draft"],
            steps=_STEPS,
            coarse_share=1.0,
            seed=settings.seed,
            model=settings.model,
        )
        solver = Solver(replace(observed, untold=untold), trial)
        while not solver.finished:
            solver.step()
            progress(f"trying {len(layers) + 1} layers", solver.step_index / _STEPS)
        model, level = solver.model, solver.model.atlas_level
        missed = {}
        with torch.no_grad():
            atlases = model.step_atlases()
            for t in np.flatnonzero(held).tolist():
                shown = to_display(model.reblur(t, level, atlases)).permute(1, 2, 0).cpu().numpy()
                miss = np.square(shown - observed.at_least(t, shown, level)).mean(-1)
                covered = observed.covered_at(level)
                missed[t] = miss if covered is None else np.where(covered, np.nan, miss)
    return Tried(missed)
