# SPDX-License-Identifier: Apache-2.0
"""How far off estimates of the circle of confusion are: one table for every method and data set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from pullfocus.coc.camera import record
from pullfocus.coc.classical import gradient_ratio_coc
from pullfocus.coc.dataset import ComposeSettings, compose
from pullfocus.coc.estimate import estimate_coc, load_network
from pullfocus.coc.renders import read_scene, scene_folders
from pullfocus.coc.tiles import load_bank
from pullfocus.errors import PullfocusError
from pullfocus.evaluate.truth import open_truth

__all__ = [
    "CONSTANT",
    "Case",
    "CocReport",
    "Method",
    "clip_cases",
    "composed_cases",
    "evaluate_coc",
    "network_method",
    "rendered_cases",
]

CONSTANT, CLASSICAL = "constant", "gradient ratio"
HELD_SEED = 900_000_000
"""Held-out pictures are composed from here on; training starts at 0."""
_SHOWN = 4

Method = Callable[[np.ndarray], np.ndarray]
"""Display-encoded frame (H, W, 3) to radius in px (H, W)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A frame and its true circle of confusion."""

    name: str
    frame: np.ndarray
    """(H, W, 3) float32 0..1, display-encoded."""
    coc: np.ndarray
    """(H, W), radius in px, >= 0."""


@dataclass(frozen=True, kw_only=True)
class CocReport:
    """Root-mean-square errors by data set and method."""

    rmse_px: Mapping[str, Mapping[str, float]]
    """Data set -> method -> RMSE of the radius, px."""
    frames: Mapping[str, int]
    seconds: Mapping[str, float]
    """Method -> mean seconds a frame of 512x288, scaled by pixels."""
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Data set -> contact sheet (H, W, 3) uint8 BGR."""

    def table(self) -> str:
        """Radius and diameter side by side: papers mean either."""
        names = list(next(iter(self.rmse_px.values())))
        head = ["RMSE px, radius / diameter", *(f"{k} ({n})" for k, n in self.frames.items())]
        rows = [[*head, "s a frame"]]
        for name in names:
            cells = [f"{by[name]:.2f} / {2 * by[name]:.2f}" for by in self.rmse_px.values()]
            seconds = f"{self.seconds[name]:.2f}" if name in self.seconds else ""
            rows.append([name, *cells, seconds])
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )


def composed_cases(tiles: Path, count: int = 64) -> Iterator[Case]:
    """Pictures composed from held-out tiles by seed, recorded with noise and compression."""
    bank = load_bank(tiles)
    for index in range(count):
        sample = compose(bank, HELD_SEED + index, ComposeSettings())
        bits = record(np.random.default_rng(index), sample.blurred)
        frame = bits.astype(np.float32) / 255
        yield Case(name=f"composed {index}", frame=frame, coc=sample.coc)


def rendered_cases(folder: Path) -> Iterator[Case]:
    """Rendered scenes (examples/render_coc.py), every variant."""
    for scene in scene_folders(folder):
        for index, sample in enumerate(read_scene(scene)):
            frame = np.round(sample.blurred * 255).astype(np.float32) / 255
            yield Case(name=f"{scene.name} {index}", frame=frame, coc=sample.coc)


def clip_cases(folder: Path, every: int = 1) -> Iterator[Case]:
    """Frames of a clip whose circle of confusion is known."""
    clip = open_truth(folder)
    for number in clip.frames[::every]:
        frame = clip.read(number)
        if frame.coc is None:
            raise PullfocusError(f"{folder}: expected truth with coc.X, found none")
        yield Case(
            name=f"{folder.name} {number}",
            frame=frame.plate.astype(np.float32),
            coc=np.abs(frame.coc),
        )


def network_method(weights: Path | None) -> Method:
    """The network with the shipped weights, or with others."""
    network = load_network(weights)
    return lambda frame: estimate_coc(network, frame).radius_px


def evaluate_coc(
    sets: Mapping[str, Callable[[], Iterator[Case]]],
    methods: Mapping[str, Method],
    *,
    report: Callable[[str, float], None] = lambda stage, fraction: None,
) -> CocReport:
    """Measure methods on sets of frames, beside a constant and the gradient ratio.

    The constant is each set's own mean radius: the best that any constant can do there.

    Args:
        sets: name -> what gives its cases.
        methods: name -> estimate; the first one is pictured.
        report: told the stage and the fraction done.

    Raises:
        PullfocusError: a set that cannot be read, or is empty.
    """
    methods = {CLASSICAL: gradient_ratio_coc, **methods}
    shown = next(reversed(methods)) if len(methods) == 1 else list(methods)[1]
    errors: dict[str, dict[str, float]] = {}
    counts: dict[str, int] = {}
    pictures: dict[str, np.ndarray] = {}
    spent: dict[str, list[float]] = {name: [] for name in methods}
    for done, (title, cases) in enumerate(sets.items()):
        held = list(cases())
        if not held:
            raise PullfocusError(f"{title}: expected frames to measure on, found none")
        truth = np.concatenate([case.coc.ravel() for case in held])
        errors[title] = {CONSTANT: float(truth.std())}
        counts[title] = len(held)
        rows = []
        for name, method in methods.items():
            squares = 0.0
            for index, case in enumerate(held):
                began = time.perf_counter()
                estimate = method(case.frame)
                scale = case.coc.size / (512 * 288)
                spent[name].append((time.perf_counter() - began) / scale)
                squares += float(np.square(estimate - case.coc).sum(dtype=np.float64))
                if name == shown and index % max(1, len(held) // _SHOWN) == 0:
                    rows.append(_row(case, estimate))
            errors[title][name] = float(np.sqrt(squares / truth.size))
            report(f"measuring {title}", (done + 1) / len(sets))
        pictures[title] = np.vstack(rows[:_SHOWN])
    return CocReport(
        rmse_px=errors,
        frames=counts,
        seconds={name: float(np.median(values)) for name, values in spent.items()},
        pictures=pictures,
    )


def _row(case: Case, estimate: np.ndarray) -> np.ndarray:
    """Frame, estimate and truth side by side, on one scale of colours."""
    top = max(4.0, float(case.coc.max()))

    def coloured(radius: np.ndarray) -> np.ndarray:
        share = np.clip(radius / top * 255, 0, 255).astype(np.uint8)
        return cv2.applyColorMap(share, cv2.COLORMAP_TURBO)

    frame = np.round(case.frame[..., ::-1] * 255).astype(np.uint8)
    return np.hstack([frame, coloured(estimate), coloured(case.coc)])
