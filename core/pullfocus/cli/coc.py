# SPDX-License-Identifier: Apache-2.0
"""``pullfocus coc``, ``train-coc`` and ``evaluate-coc``: the command line of the COC network."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pullfocus.cli.options import (
    DeinterlaceOption,
    Device,
    DeviceOption,
    FramesOption,
    OverscanOption,
    PlateLayerOption,
    ProgressOption,
    Report,
    reporting,
)
from pullfocus.devices import check_device
from pullfocus.errors import PullfocusError

__all__ = ["coc", "evaluate_coc", "train_coc"]

WeightsOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Weights of train-coc; default: those that are shipped."),
]
_NO_END = 10**9
"""Steps of a training that ends by the clock."""


class StageName(StrEnum):
    """Stages of training; see `pullfocus.coc.trainer.Stage`."""

    deblur = "deblur"
    frozen = "frozen"
    tuned = "tuned"
    scratch = "scratch"


def coc(
    plate: Annotated[str, typer.Argument(metavar="PLATE", help="Footage of any size.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the frames.")],
    weights: WeightsOption = None,
    colorspace: Annotated[
        str | None, typer.Option(metavar="SPACE", help="Colour space of the plate, as for solve.")
    ] = None,
    frames: FramesOption = None,
    plate_layer: PlateLayerOption = None,
    overscan: OverscanOption = False,
    deinterlace: DeinterlaceOption = None,
    progress: ProgressOption = Report.auto,
) -> None:
    """Read the circle of confusion off every frame, without a solve: coc.X and confidence.X.

    coc.X: radius in px of the plate, without a sign. confidence.X: 1 sure .. 0 not at all.
    """
    from pullfocus.coc.estimate import estimate_coc, load_network
    from pullfocus.frames.folder import frame_path, prepared_frames, shot_metadata, windows
    from pullfocus.plate.colour import linear_to_display
    from pullfocus.plate.exr import Plane, write_exr
    from pullfocus.plate.footage import open_shot

    began = time.monotonic()
    network = load_network(weights)
    shot = open_shot(
        plate,
        colorspace=colorspace,
        frames=frames,
        plate_layer=plate_layer,
        overscan=overscan,
        deinterlace=deinterlace,
    )
    with reporting(progress) as say:
        for note in shot.notes:
            say.note(note)
        every = range(len(shot.frames))
        output = prepared_frames(out, shot, every, "coc", pixel_bytes=8)
        with output.telling():
            for t in every:
                found = estimate_coc(network, linear_to_display(shot.plate.read(t)))
                planes = [
                    Plane(name="coc", data=found.radius_px, channels=("coc.X",), half=False),
                    Plane(
                        name="confidence",
                        data=found.confidence,
                        channels=("confidence.X",),
                        half=False,
                    ),
                ]
                path = frame_path(out, shot, t, "coc")
                metadata = {**shot_metadata(shot, t), "pullfocus/coc_unit": "px_radius"}
                write_exr(path, planes, metadata=metadata, windows=windows(shot))
                output.wrote(path)
                say("coc", (t + 1) / len(shot.frames))
        first = frame_path(out, shot, 0, "coc")
        seconds = time.monotonic() - began
        say.done(
            f"circle of confusion of {len(shot.frames)} frames in {seconds:.0f} s: {first}",
            first=str(first),
            frames=len(shot.frames),
            seconds=seconds,
        )


def train_coc(
    tiles: Annotated[
        Path, typer.Option(metavar="DIR", help="Sharp tiles: examples/prepare_coc_photos.py.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Training folder; an unfinished one goes on.")
    ],
    stage: Annotated[
        StageName,
        typer.Option(help="deblur first; then frozen (its encoder, held) or tuned (it learns on)."),
    ] = StageName.deblur,
    encoder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the deblur stage.")
    ] = None,
    renders: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Scenes of examples/render_coc.py to mix in.")
    ] = None,
    render_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of pictures that are rendered.")
    ] = 0.25,
    pool: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where composed pictures are kept.")
    ] = None,
    pictures: Annotated[int, typer.Option(min=1, help="Pictures to compose.")] = 12000,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the stage: 6000.")] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, help="Train by the clock instead; the rate follows it."),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that compose and draw pictures; 0: this one.")
    ] = 0,
    h264: Annotated[
        bool, typer.Option(help="Record pictures in H.264 too (PyAV), or in VP8 in its place.")
    ] = True,
    batch: Annotated[int, typer.Option(min=1, help="Pictures a step.")] = 8,
    rate: Annotated[
        float, typer.Option(min=1e-9, help="Largest rate of AdamW; it follows a cosine.")
    ] = 1e-3,
    seed: Annotated[int, typer.Option(min=0, help="Start of the random numbers.")] = 0,
    warm_up: Annotated[
        int, typer.Option(min=1, help="Steps over which the rate grows to its largest.")
    ] = 100,
    device: DeviceOption = Device.cpu,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the network first: for long runs on a GPU.")
    ] = False,
    float32: Annotated[
        bool, typer.Option("--float32", help="No bfloat16: for processors without it.")
    ] = False,
    progress: ProgressOption = Report.auto,
) -> None:
    """Train the COC network: first to deblur, then to read the radius. Stops and goes on."""
    from pullfocus.coc.session import run_training
    from pullfocus.coc.trainer import Stage, TrainSettings

    check_device(device)
    if steps is not None and minutes is not None:
        raise PullfocusError("expected --steps or --minutes, got both")
    if h264 and importlib.util.find_spec("av") is None:
        raise PullfocusError("expected PyAV to record pictures in H.264, not found; or --no-h264")
    settings = TrainSettings(
        stage=Stage(stage.value),
        steps=steps or (6000 if minutes is None else _NO_END),
        minutes=minutes,
        render_share=render_share,
        h264=h264,
        batch=batch,
        rate=rate,
        warmup_steps=warm_up,
        seed=seed,
        precision="float32" if float32 else "bfloat16",
    )
    with reporting(progress) as say:
        code = run_training(
            out,
            settings,
            tiles=tiles,
            pool=pool or out.parent / "pools",
            pictures=pictures,
            renders=renders,
            encoder=encoder,
            device=device.value,
            workers=workers,
            compiled=compiled,
            progress=say,
        )
    if code:
        raise typer.Exit(code)


def evaluate_coc(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for table and pictures.")],
    tiles: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Held-out tiles (tiles/held) to compose of.")
    ] = None,
    renders: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Held-out rendered scenes.")
    ] = None,
    clip: Annotated[
        list[Path] | None,
        typer.Option(metavar="CLIP", help="Clip with truth: its plate frames. Repeated."),
    ] = None,
    weights: WeightsOption = None,
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FILE", help="More weights to measure, such as scratch=FILE."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Composed pictures.")] = 64,
    progress: ProgressOption = Report.auto,
) -> None:
    """Measure the COC network beside a constant and the classical gradient ratio."""
    import cv2

    from pullfocus.checkpoint import replacing, write_json
    from pullfocus.coc import evaluation
    from pullfocus.output import prepared

    methods = {"network": evaluation.network_method(weights)}
    for text in against or []:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise PullfocusError(f"expected --against NAME=FILE, got {text!r}")
        if name in (*methods, evaluation.CLASSICAL, evaluation.CONSTANT):
            raise PullfocusError(f"expected another name for --against {text}: {name} is taken")
        methods[name] = evaluation.network_method(Path(path))
    sets: dict[str, Callable[[], Iterator[evaluation.Case]]] = {}
    if tiles is not None:
        sets["composed"] = partial(evaluation.composed_cases, tiles, count)
    if renders is not None:
        sets["rendered"] = partial(evaluation.rendered_cases, renders)
    for folder in clip or []:
        if folder.name in sets:
            raise PullfocusError(f"expected clips of different names, got {folder.name} twice")
        sets[folder.name] = partial(evaluation.clip_cases, folder)
    if not sets:
        raise PullfocusError("expected something to measure on: --tiles, --renders or --clip")
    with reporting(progress) as say:
        found = evaluation.evaluate_coc(sets, methods, report=say)
        prepared(out, [], footage=(), others=["coc.json"])
        facts = {
            "rmse_px": found.rmse_px,
            "frames": found.frames,
            "seconds_a_frame": found.seconds,
        }
        write_json(out / "coc.json", facts)
        for title, picture in found.pictures.items():
            with replacing(out / f"coc_{title}.png") as beside:
                cv2.imwrite(str(beside), picture)
        say.done(found.table(), **facts)
