# SPDX-License-Identifier: Apache-2.0
"""``pullfocus ablate``: the command line of comparing solvers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pullfocus.cli.options import (
    Device,
    DeviceOption,
    FramesOption,
    MetricsOption,
    ProgressOption,
    Report,
    WeightSet,
    WeightsOption,
    metric_names,
    reporting,
)
from pullfocus.devices import check_device
from pullfocus.errors import PullfocusError

__all__ = ["ablate"]


def ablate(
    clips: Annotated[
        list[Path], typer.Argument(metavar="CLIP...", help="Clips with truth, as for evaluate.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder; an unfinished one goes on.")],
    presets: Annotated[
        str,
        typer.Option(
            metavar="A,B,...",
            help="What to compare: presets of solve, with settings put over them as in "
            "fast:texture=decoder or paper:start=motion:networks.width=64.",
        ),
    ] = "fast,lna,lna-reblur,paper-no-coc,paper,paper-coc-given",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of every run, instead of its own number.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Seconds of every run, instead of steps.")
    ] = None,
    put: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="A setting of every run. Repeated."),
    ] = None,
    weights: WeightsOption = WeightSet.hashing,
    frames: FramesOption = None,
    device: DeviceOption = Device.cpu,
    metrics: MetricsOption = None,
    progress: ProgressOption = Report.auto,
) -> None:
    """Compare solvers on clips with truth: a table (csv, md) and a picture with slices in time."""
    import cv2

    from pullfocus.ablate.ablate import ablate as run_all
    from pullfocus.ablate.sheet import contact_sheet
    from pullfocus.ablate.table import csv_table, markdown_table
    from pullfocus.ablate.variants import parse_variant
    from pullfocus.checkpoint import replacing

    if steps is not None and seconds is not None:
        raise PullfocusError("expected --steps or --seconds, got both")
    check_device(device)
    variants = [
        parse_variant(text.strip(), tuple(put or ()), weights=weights.value)
        for text in presets.split(",")
    ]
    with reporting(progress) as say:
        runs = run_all(
            clips,
            variants,
            out,
            steps=steps,
            seconds=seconds,
            frames=frames,
            device=device.value,
            metrics=metric_names(metrics),
            progress=say,
        )
        if isinstance(runs, int):
            say.done("stopped; the same command goes on from there", stop_signal=runs)
            raise typer.Exit(128 + runs)
        table = markdown_table(runs)
        for name, text in (("table.csv", csv_table(runs)), ("table.md", table)):
            with replacing(out / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
        picture = out / "contact_sheet.png"
        _, encoded = cv2.imencode(".png", contact_sheet(runs)[..., ::-1])
        with replacing(picture) as temporary:
            temporary.write_bytes(encoded.tobytes())
        say.done(f"{table}\npicture: {picture}", picture=str(picture), table=str(out / "table.md"))
