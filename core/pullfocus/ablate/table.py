# SPDX-License-Identifier: Apache-2.0
"""The table of an ablation: a line a run, then a line a variant over all clips."""

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from pullfocus.ablate.ablate import Run

__all__ = ["COLUMNS", "csv_table", "markdown_table"]


class Column(NamedTuple):
    """A figure of a run."""

    name: str
    title: str
    digits: int


COLUMNS = (
    Column("steps", "steps", 0),
    Column("seconds", "s", 0),
    Column("plate_psnr", "plate dB", 2),
    Column("psnr", "sharp dB", 2),
    Column("frames_below", "frames below plate", 0),
    Column("subject_psnr", "subject dB", 2),
    Column("subject_below", "subject below", 0),
    Column("edge_psnr", "edge dB", 2),
    Column("edge_below", "edge below", 0),
    Column("background_psnr", "background dB", 2),
    Column("background_below", "background below", 0),
    Column("region_psnr", "region dB", 2),
    Column("region_below", "region below", 0),
    Column("detail", "detail", 2),
    Column("subject_detail", "subject detail", 2),
    Column("reblur_psnr", "plate match dB", 2),
    Column("ssim", "SSIM", 3),
    Column("ms_ssim", "MS-SSIM", 3),
    Column("tpsnr", "tPSNR dB", 2),
    Column("tof", "tOF px", 2),
    Column("flip", "FLIP", 3),
    Column("fvvdp", "FovVideoVDP", 2),
    Column("lpips", "LPIPS", 3),
    Column("clean_behind_psnr", "behind subject dB", 2),
    Column("coc_subject_radius", "COC fg px", 2),
    Column("coc_background_radius", "COC bg px", 2),
    Column("matte_iou", "matte IoU", 3),
    Column("holes", "holes %", 2),
    Column("ghost", "ghost", 3),
)
_ALL = "all"


def _lines(runs: Sequence[Run]) -> list[tuple[str, str, dict[str, float]]]:
    """Return (clip, variant, figures) of every run, and means over the clips."""
    lines = [(run.clip.name, run.variant, run.figures) for run in runs]
    clips = {run.clip for run in runs}
    if len(clips) < 2:
        return lines
    for variant in dict.fromkeys(run.variant for run in runs):
        own = [run.figures for run in runs if run.variant == variant]
        shared = set.intersection(*(set(figures) for figures in own))
        means = {name: sum(figures[name] for figures in own) / len(own) for name in shared}
        lines.append((_ALL, variant, means))
    return lines


def csv_table(runs: Sequence[Run]) -> str:
    """One line a run and one a variant; empty where there is no figure."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["clip", "variant", *[column.name for column in COLUMNS]])
    for clip, variant, figures in _lines(runs):
        cells = [f"{figures[c.name]:.6g}" if c.name in figures else "" for c in COLUMNS]
        writer.writerow([clip, variant, *cells])
    return stream.getvalue()


def markdown_table(runs: Sequence[Run]) -> str:
    """The same for people; columns that nobody has are left out."""
    lines = _lines(runs)
    columns = [c for c in COLUMNS if any(c.name in figures for _, _, figures in lines)]
    rows = [["clip", "variant", *[c.title for c in columns]]]
    for clip, variant, figures in lines:
        cells = [f"{figures[c.name]:.{c.digits}f}" if c.name in figures else "" for c in columns]
        rows.append([clip, variant, *cells])
    text = ["| " + " | ".join(row) + " |" for row in rows]
    text.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(text) + "\n"
