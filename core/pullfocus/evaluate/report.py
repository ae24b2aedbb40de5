# SPDX-License-Identifier: Apache-2.0
"""Passes against a clip with truth: figures, a table, a contact sheet."""

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from pullfocus.errors import PassesError, PlateError
from pullfocus.evaluate.metrics import encode_srgb
from pullfocus.evaluate.perceptual import (
    CLIP_METRICS,
    FRAME_METRICS,
    chosen,
    clip_metric,
    frame_metric,
)
from pullfocus.evaluate.scores import PassFrame, pass_frame, score_frame
from pullfocus.evaluate.summary import Report, Summary, finite, frame_numbers
from pullfocus.evaluate.truth import TruthClip, TruthFrame, open_truth
from pullfocus.passes.contract import Passes
from pullfocus.passes.passes_json import read_passes_json
from pullfocus.plate.exr import read_exr

__all__ = ["Report", "Summary", "evaluate"]

_SHEET_ROWS = 4
_TRUTH_SPACE = "lin_rec709_srgb"
_UNTOLD_SPACE = "scene_linear"


def evaluate(
    passes_dir: Path | str,
    truth_dir: Path | str,
    out: Path | str | None = None,
    *,
    metrics: Sequence[str] | None = None,
) -> Report:
    """Measure baked passes against a clip whose sharp frames are known.

    Writes `report.csv` (by frame), `report.json`, `contact_sheet.png` and `worst_frame.png` (the
    frame that gains least over its plate, beside it) into `out`, by default the folder `evaluation`
    in `passes_dir`. `metrics` are those of `evaluate.perceptual` to measure besides; by default
    FLIP and LPIPS where they are installed.

    Raises:
        PassesError: passes or truth are missing, damaged, or do not fit each other; a metric is
            unknown or not installed.
        ColourError: the passes' colour space is unknown.
    """
    passes_dir = Path(passes_dir)
    measured, left_out = chosen(metrics)
    passes = read_passes_json(passes_dir)
    truth = open_truth(truth_dir)
    frames = tuple(frame for frame in passes.frames if frame in truth.frames)
    if not frames:
        raise PassesError(
            f"expected passes and truth of the same frames, got {frame_numbers(passes.frames)} in"
            f" {passes_dir} and {frame_numbers(truth.frames)} in {truth.folder}"
        )
    read = _reader(passes_dir, passes)
    more = {name: frame_metric(name) for name in measured if name in FRAME_METRICS}
    scores: list[dict[str, float]] = []
    before: tuple[PassFrame, TruthFrame] | None = None
    for frame in frames:
        now = read(frame), truth.read(frame)
        adjacent = before is not None and before[1].number == frame - 1
        scores.append(score_frame(*now, before=before if adjacent else None, more=more))
        before = now
    folder = passes_dir / "evaluation" if out is None else Path(out)
    report = Report(
        frames=frames,
        scores=tuple(scores),
        picture=folder / "contact_sheet.png",
        clip_scores=_clip_scores(
            [name for name in measured if name in CLIP_METRICS], read, truth, frames, passes.rate
        ),
        notes=(*_notes(passes, truth, frames), *left_out),
    )
    shown = [*_to_show(report), report.lowest_frame]
    *rows, lowest = [(read(frame), truth.read(frame)) for frame in shown]
    _write_report(report, {report.picture: rows, folder / "worst_frame.png": [lowest]})
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


def _clip_scores(
    names: Sequence[str],
    read: Callable[[int], PassFrame],
    truth: TruthClip,
    frames: tuple[int, ...],
    rate: str,
) -> dict[str, float]:
    """Figures of the plate and the beauty over the whole clip."""
    found = {}
    for name in names:
        measure = clip_metric(name)

        def of_plate(index: int) -> tuple[np.ndarray, np.ndarray]:
            known = truth.read(frames[index])
            return known.plate, known.sharp

        def of_beauty(index: int) -> tuple[np.ndarray, np.ndarray]:
            return read(frames[index]).beauty, truth.read(frames[index]).sharp

        fps = float(Fraction(rate))
        found[f"plate_{name}"] = measure(of_plate, len(frames), fps)
        found[name] = measure(of_beauty, len(frames), fps)
    return found


def _notes(passes: Passes, truth: TruthClip, frames: tuple[int, ...]) -> tuple[str, ...]:
    notes = []
    left_out = [frame for frame in passes.frames if frame not in frames]
    if left_out:
        notes.append(f"no truth for {len(left_out)} frames of passes: {frame_numbers(left_out)}")
    unbaked = [frame for frame in truth.frames if frame not in frames]
    if unbaked:
        notes.append(f"no passes for {len(unbaked)} frames of truth: {frame_numbers(unbaked)}")
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
    picked = {report.frames[round(float(place))] for place in spread}
    worst = report.summary("psnr")
    if worst is not None and worst.worst_frame is not None:
        picked.add(worst.worst_frame)
    return sorted(picked)


def _write_report(report: Report, sheets: dict[Path, list[tuple[PassFrame, TruthFrame]]]) -> None:
    pictures = {path: _encoded(path, rows) for path, rows in sheets.items()}
    folder = report.picture.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / "report.csv", report.csv().encode())
        facts = {**report.facts(), "by_frame": _by_frame(report)}
        text = json.dumps(facts, indent=2, allow_nan=False) + "\n"
        _replace(folder / "report.json", text.encode())
        for path, content in pictures.items():
            _replace(path, content)
    except OSError as error:
        raise PassesError(
            f"expected a folder to write the report into, got {folder}: {error.strerror}"
        ) from error


def _encoded(path: Path, rows: list[tuple[PassFrame, TruthFrame]]) -> bytes:
    import cv2

    from pullfocus.evaluate.sheet import contact_sheet

    done, encoded = cv2.imencode(".png", np.ascontiguousarray(contact_sheet(rows)[..., ::-1]))
    if not done:
        raise PassesError(f"expected to encode a contact sheet, got nothing: {path}")
    return encoded.tobytes()


def _by_frame(report: Report) -> dict[str, dict[str, float | None]]:
    return {
        str(frame): {name: finite(value) for name, value in scores.items()}
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
