# SPDX-License-Identifier: Apache-2.0
"""What was measured of a clip: means and worst frames, as a table, as facts, as CSV."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pullfocus.evaluate.scores import FIGURES

__all__ = ["Report", "Summary", "finite", "frame_numbers"]

_UNSEEN_DB = 42.0
"""Above this nobody sees a loss: such a frame or region is never below its plate."""
_FRAME_SLACK_DB, _REGION_SLACK_DB = 0.01, 0.1
"""What half floats cost a kept plate; what a part of a frame may lose."""
_REGIONS = ("subject", "edge", "background", "region")


@dataclass(frozen=True)
class Summary:
    """One figure over all frames that have it."""

    mean: float
    worst: float
    worst_frame: int | None
    """None for a figure of the whole clip."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was measured."""

    frames: tuple[int, ...]
    scores: tuple[dict[str, float], ...]
    """One a frame, by the names in `scores.FIGURES`; a figure may be missing."""
    picture: Path
    """The contact sheet."""
    clip_scores: Mapping[str, float] = field(default_factory=dict)
    """Figures of the whole clip, by the same names."""
    notes: tuple[str, ...] = ()
    """What a reader must know: frames left out, what was assumed."""

    def summary(self, name: str) -> Summary | None:
        """Mean and worst frame of a figure; None where no frame has it."""
        if name in self.clip_scores:
            return Summary(self.clip_scores[name], self.clip_scores[name], None)
        better = next(figure.better for figure in FIGURES if figure.name == name)
        found = [
            (scores[name], frame)
            for scores, frame in zip(self.scores, self.frames, strict=True)
            if name in scores
        ]
        if not found:
            return None
        values = [value for value, _ in found]
        if better == 0:  # twice as much is as bad as half
            worst, frame = max(found, key=lambda one: abs(math.log(max(one[0], 1e-6))))
        else:
            worst, frame = min(found) if better > 0 else max(found)
        return Summary(float(np.mean(values)), worst, frame)

    @property
    def psnr(self) -> float:
        """Mean over the frames of the beauty's PSNR, dB."""
        return self._mean("psnr")

    @property
    def plate_psnr(self) -> float:
        """The same of the plate."""
        return self._mean("plate_psnr")

    @property
    def gain_db(self) -> float:
        """How much the beauty's mean PSNR lies above the plate's."""
        return self.psnr - self.plate_psnr

    @property
    def worse_than_plate(self) -> tuple[int, ...]:
        """Frames whose beauty has a lower PSNR than their plate, and visibly so (below 42 dB)."""
        return self._below("psnr", _FRAME_SLACK_DB)

    @property
    def regions_below(self) -> dict[str, tuple[int, ...]]:
        """Frames whose subject, edge or background lies more than 0.1 dB below its plate's."""
        measured = [name for name in _REGIONS if self.summary(f"{name}_psnr") is not None]
        return {name: self._below(f"{name}_psnr", _REGION_SLACK_DB) for name in measured}

    def below(self) -> dict[str, int]:
        """Return how many frames, subjects, edges and backgrounds lie below their plate."""
        counts = {"frames_below": len(self.worse_than_plate)}
        return counts | {f"{name}_below": len(held) for name, held in self.regions_below.items()}

    @property
    def lowest_frame(self) -> int:
        """The frame that gains least over its plate, or loses most."""
        gains = [scores["psnr"] - scores["plate_psnr"] for scores in self.scores]
        return self.frames[int(np.nan_to_num(gains, nan=0.0).argmin())]

    def _below(self, name: str, slack_db: float) -> tuple[int, ...]:
        return tuple(
            frame
            for frame, scores in zip(self.frames, self.scores, strict=True)
            if name in scores
            and scores[name] < scores[f"plate_{name}"] - slack_db
            and scores[name] < _UNSEEN_DB
        )

    def _mean(self, name: str) -> float:
        summary = self.summary(name)
        return math.nan if summary is None else summary.mean

    def table(self) -> str:
        """A table for people, with the notes under it."""
        from rich import box
        from rich.console import Console
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD)
        table.add_column("")
        for title in ("mean", "worst", "frame", "over plate"):
            table.add_column(title, justify="right")
        for figure in FIGURES:
            summary = self.summary(figure.name)
            if summary is None:
                continue
            unit = f" {figure.unit}" if figure.unit else ""
            digits = 2 if figure.unit else 4
            gain = ""
            if figure.plate:
                gain = f"{summary.mean - self._mean(figure.plate):+.{digits}f}{unit}"
            table.add_row(
                figure.title,
                f"{summary.mean:.{digits}f}{unit}",
                "" if summary.worst_frame is None else f"{summary.worst:.{digits}f}",
                "" if summary.worst_frame is None else str(summary.worst_frame),
                gain,
            )
        stream = io.StringIO()
        Console(file=stream, width=100, color_system=None).print(table)
        worse = self.worse_than_plate
        lines = [line.rstrip() for line in stream.getvalue().strip("\n").splitlines()]
        lines.append(
            f"{len(self.frames)} frames, {len(worse)} worse than their plate"
            + (f": {frame_numbers(worse)}" if worse else "")
        )
        for name, below in self.regions_below.items():
            if below:
                lines.append(f"{name} worse than its plate in {len(below)}: {frame_numbers(below)}")
        return "\n".join([*lines, *self.notes])

    def facts(self) -> dict[str, Any]:
        """The same for programs; every value is valid JSON."""
        figures = {}
        for figure in FIGURES:
            summary = self.summary(figure.name)
            if summary is not None:
                figures[figure.name] = {
                    "mean": finite(summary.mean),
                    "worst": finite(summary.worst),
                    "worst_frame": summary.worst_frame,
                    "unit": figure.unit,
                }
        return {
            "frames": len(self.frames),
            "plate_psnr": finite(self.plate_psnr),
            "psnr": finite(self.psnr),
            "gain_db": finite(self.gain_db),
            "worse_than_plate": list(self.worse_than_plate),
            "regions_below": {name: list(held) for name, held in self.regions_below.items()},
            "lowest_frame": self.lowest_frame,
            "figures": figures,
            "notes": list(self.notes),
            "picture": str(self.picture),
        }

    def csv(self) -> str:
        """One line a frame, one column a figure; empty where a frame has none."""
        names = [
            figure.name
            for figure in FIGURES
            if any(figure.name in scores for scores in self.scores)
        ]
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["frame", *names])
        for frame, scores in zip(self.frames, self.scores, strict=True):
            cells = [f"{scores[name]:.6g}" if name in scores else "" for name in names]
            writer.writerow([frame, *cells])
        return stream.getvalue()


def finite(value: float) -> float | None:
    """JSON has no infinity: a perfect PSNR is null."""
    return value if math.isfinite(value) else None


def frame_numbers(frames: tuple[int, ...] | list[int]) -> str:
    """Frame numbers in short: all of a few, else first and last."""
    if len(frames) <= 6:
        return ", ".join(str(frame) for frame in frames)
    return f"{frames[0]} to {frames[-1]}"
