# SPDX-License-Identifier: Apache-2.0
"""Passes against a clip with truth: figures, a table, a contact sheet."""

import csv
import io
import json
import math
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pullfocus.bake.passes import Passes
from pullfocus.bake.passes_json import read_passes_json
from pullfocus.errors import PassesError, PlateError
from pullfocus.evaluate.metrics import encode_srgb
from pullfocus.evaluate.scores import FIGURES, PassFrame, pass_frame, score_frame
from pullfocus.evaluate.truth import TruthClip, TruthFrame, open_truth
from pullfocus.plate.exr import read_exr

__all__ = ["Report", "Summary", "evaluate"]

_SHEET_ROWS = 4
_TRUTH_SPACE = "lin_rec709_srgb"
_UNTOLD_SPACE = "scene_linear"


@dataclass(frozen=True)
class Summary:
    """One figure over all frames that have it."""

    mean: float
    worst: float
    worst_frame: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was measured."""

    frames: tuple[int, ...]
    scores: tuple[dict[str, float], ...]
    """One a frame, by the names in `scores.FIGURES`; a figure may be missing."""
    picture: Path
    """The contact sheet."""
    notes: tuple[str, ...] = ()
    """What a reader must know: frames left out, what was assumed."""

    def summary(self, name: str) -> Summary | None:
        """Mean and worst frame of a figure; None where no frame has it."""
        better = next(figure.better for figure in FIGURES if figure.name == name)
        found = [
            (scores[name], frame)
            for scores, frame in zip(self.scores, self.frames, strict=True)
            if name in scores
        ]
        if not found:
            return None
        values = [value for value, _ in found]
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
        """Frames whose beauty has a lower PSNR than their plate."""
        return tuple(
            frame
            for frame, scores in zip(self.frames, self.scores, strict=True)
            if scores["psnr"] < scores["plate_psnr"]
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
                f"{summary.worst:.{digits}f}",
                str(summary.worst_frame),
                gain,
            )
        stream = io.StringIO()
        Console(file=stream, width=100, color_system=None).print(table)
        worse = self.worse_than_plate
        lines = [line.rstrip() for line in stream.getvalue().strip("\n").splitlines()]
        lines.append(
            f"{len(self.frames)} frames, {len(worse)} worse than their plate"
            + (f": {_numbers(worse)}" if worse else "")
        )
        return "\n".join([*lines, *self.notes])

    def facts(self) -> dict[str, Any]:
        """The same for programs; every value is valid JSON."""
        figures = {}
        for figure in FIGURES:
            summary = self.summary(figure.name)
            if summary is not None:
                figures[figure.name] = {
                    "mean": _finite(summary.mean),
                    "worst": _finite(summary.worst),
                    "worst_frame": summary.worst_frame,
                    "unit": figure.unit,
                }
        return {
            "frames": len(self.frames),
            "plate_psnr": _finite(self.plate_psnr),
            "psnr": _finite(self.psnr),
            "gain_db": _finite(self.gain_db),
            "worse_than_plate": list(self.worse_than_plate),
            "figures": figures,
            "notes": list(self.notes),
            "picture": str(self.picture),
        }

    def csv(self) -> str:
        """One line a frame, one column a figure; empty where a frame has none."""
        names = [figure.name for figure in FIGURES if self.summary(figure.name) is not None]
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["frame", *names])
        for frame, scores in zip(self.frames, self.scores, strict=True):
            cells = [f"{scores[name]:.6g}" if name in scores else "" for name in names]
            writer.writerow([frame, *cells])
        return stream.getvalue()


def evaluate(
    passes_dir: Path | str, truth_dir: Path | str, out: Path | str | None = None
) -> Report:
    """Measure baked passes against a clip whose sharp frames are known.

    Writes `report.csv` (by frame), `report.json` and `contact_sheet.png` into `out`, by default
    the folder `evaluation` in `passes_dir`.

    Raises:
        PassesError: passes or truth are missing, damaged, or do not fit each other.
        ColourError: the passes' colour space is unknown.
    """
    passes_dir = Path(passes_dir)
    passes = read_passes_json(passes_dir)
    truth = open_truth(truth_dir)
    frames = tuple(frame for frame in passes.frames if frame in truth.frames)
    if not frames:
        raise PassesError(
            f"expected passes and truth of the same frames, got {_numbers(passes.frames)} in"
            f" {passes_dir} and {_numbers(truth.frames)} in {truth.folder}"
        )
    read = _reader(passes_dir, passes)
    scores: list[dict[str, float]] = []
    before: tuple[PassFrame, TruthFrame] | None = None
    for frame in frames:
        now = read(frame), truth.read(frame)
        adjacent = before is not None and before[1].number == frame - 1
        scores.append(score_frame(*now, before=before if adjacent else None))
        before = now
    folder = passes_dir / "evaluation" if out is None else Path(out)
    report = Report(
        frames=frames,
        scores=tuple(scores),
        picture=folder / "contact_sheet.png",
        notes=_notes(passes, truth, frames),
    )
    _write_report(report, [(read(frame), truth.read(frame)) for frame in _to_show(report)])
    return report


def _reader(folder: Path, passes: Passes) -> Callable[[int], PassFrame]:
    """A function that reads a frame of passes with its colour display-encoded like the truth's."""
    from pullfocus.plate.colour import colour_transform

    source = passes.colorspace
    convert = colour_transform(_TRUTH_SPACE if source == _UNTOLD_SPACE else source, _TRUTH_SPACE)

    def read(frame: int) -> PassFrame:
        path = folder / passes.file_name(frame)
        try:
            channels = read_exr(path)
        except PlateError as error:
            raise PassesError(str(error)) from error
        found = pass_frame(
            channels, passes.layer_names, coc_signed=passes.coc_signed, where=str(path)
        )
        return replace(
            found,
            beauty=encode_srgb(convert(found.beauty)),
            background=encode_srgb(convert(found.background)),
        )

    return read


def _notes(passes: Passes, truth: TruthClip, frames: tuple[int, ...]) -> tuple[str, ...]:
    notes = []
    left_out = [frame for frame in passes.frames if frame not in frames]
    if left_out:
        notes.append(f"no truth for {len(left_out)} frames of passes: {_numbers(left_out)}")
    unbaked = [frame for frame in truth.frames if frame not in frames]
    if unbaked:
        notes.append(f"no passes for {len(unbaked)} frames of truth: {_numbers(unbaked)}")
    if passes.colorspace == _UNTOLD_SPACE:
        notes.append(f"the passes' primaries are not told: taken as {_TRUTH_SPACE}")
    if not passes.coc_signed and "truth" in truth.parts:
        notes.append("the COC has no sign: radii are compared")
    if len(passes.layers) > 2:
        first, last = passes.layer_names[0], passes.layer_names[-1]
        notes.append(f"subject is the layer {first}, background the layer {last}")
    absent = [part for part in ("alpha", "clean", "truth") if part not in truth.parts]
    if absent:
        notes.append(f"the truth clip has no {', '.join(absent)}: those figures are left out")
    return tuple(notes)


def _to_show(report: Report) -> list[int]:
    """A few frames over the clip, and the worst."""
    spread = np.linspace(0, len(report.frames) - 1, min(_SHEET_ROWS, len(report.frames)))
    chosen = {report.frames[round(float(place))] for place in spread}
    worst = report.summary("psnr")
    if worst is not None:
        chosen.add(worst.worst_frame)
    return sorted(chosen)


def _write_report(report: Report, shown: list[tuple[PassFrame, TruthFrame]]) -> None:
    import cv2

    from pullfocus.evaluate.sheet import contact_sheet

    sheet = contact_sheet(shown)
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(sheet[..., ::-1]))
    if not done:
        raise PassesError(f"expected to encode the contact sheet, got nothing: {report.picture}")
    folder = report.picture.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / "report.csv", report.csv().encode())
        facts = {**report.facts(), "by_frame": _by_frame(report)}
        text = json.dumps(facts, indent=2, allow_nan=False) + "\n"
        _replace(folder / "report.json", text.encode())
        _replace(report.picture, encoded.tobytes())
    except OSError as error:
        raise PassesError(
            f"expected a folder to write the report into, got {folder}: {error.strerror}"
        ) from error


def _by_frame(report: Report) -> dict[str, dict[str, float | None]]:
    return {
        str(frame): {name: _finite(value) for name, value in scores.items()}
        for frame, scores in zip(report.frames, report.scores, strict=True)
    }


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        mask = os.umask(0)
        os.umask(mask)
        beside.chmod(0o666 & ~mask)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _finite(value: float) -> float | None:
    """JSON has no infinity: a perfect PSNR is null."""
    return value if math.isfinite(value) else None


def _numbers(frames: tuple[int, ...] | list[int]) -> str:
    """Frame numbers in short: all of a few, else first and last."""
    if len(frames) <= 6:
        return ", ".join(str(frame) for frame in frames)
    return f"{frames[0]} to {frames[-1]}"
