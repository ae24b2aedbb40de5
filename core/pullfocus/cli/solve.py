# SPDX-License-Identifier: Apache-2.0
"""``pullfocus solve`` and ``pullfocus demo``: the command line of solving a shot."""

from __future__ import annotations

import signal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pullfocus.cli.matte import (
    BoxOption,
    KeyOption,
    MatteCommandOption,
    MatteModelOption,
    ScribbleOption,
)
from pullfocus.cli.options import (
    DeinterlaceOption,
    Device,
    DeviceOption,
    FramesOption,
    OverscanOption,
    PlateLayerOption,
    Preset,
    PresetOption,
    ProgressOption,
    Report,
    TextureOption,
    ThreadsOption,
    WeightSet,
    WeightsOption,
    fix_threads,
    named_mattes,
    reporting,
    say_if_slow,
)
from pullfocus.devices import check_device
from pullfocus.progress import Progress

if TYPE_CHECKING:
    from pullfocus.solve.run import SolveOutcome

__all__ = ["Quality", "ShotPath", "demo", "solve"]


class Quality(StrEnum):
    """How much work goes into a solve."""

    draft = "draft"
    standard = "standard"
    high = "high"


class Layers(StrEnum):
    """Who says what layers there are."""

    given = "given"
    auto = "auto"


MatteOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=PATH",
        help="Matte of a layer, front to back, repeated; rough is fine. Without one the whole "
        "frame is a single layer.",
    ),
]
ShotPath = "Sequence (shot.####.exr, shot.%04d.png), a folder of frames, or a movie."


def solve(
    plate: Annotated[str, typer.Argument(metavar="PLATE", help=f"Misfocused footage. {ShotPath}")],
    out: Annotated[
        Path,
        typer.Option(metavar="X.solve", help="Solve folder; an unfinished one goes on."),
    ],
    matte: MatteOption = None,
    key: KeyOption = None,
    box: BoxOption = None,
    scribble: ScribbleOption = None,
    auto: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Guess this layer's subject; said, and shown."),
    ] = None,
    matte_command: MatteCommandOption = None,
    matte_model: MatteModelOption = None,
    matte_slack: Annotated[
        float | None,
        typer.Option(
            metavar="PX",
            min=0,
            help="How far the edges of mattes may be wrong, in plate pixels; beyond, inside and "
            "outside stay as given. Default: 8 at 512 wide, and with the width.",
        ),
    ] = None,
    rematte: Annotated[
        bool,
        typer.Option(
            "--rematte",
            help="Solve a draft first, find all mattes again from its layers, then solve with "
            "those; the old ones stay where they explain the plate as well.",
        ),
    ] = False,
    layers: Annotated[
        Layers,
        typer.Option(
            help="auto: look for parts of layers that move apart from the rest, and make them "
            "layers (of the background mg, of fg fg2) where short solves show that they "
            "explain more; said, and shown in parts/preview.png.",
        ),
    ] = Layers.given,
    preset: PresetOption = Preset.fast,
    quality: Annotated[
        Quality | None,
        typer.Option(help="How much work: a look, a result (default), a better one."),
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option(
            metavar="GB",
            min=0.1,
            help="Keep to about so much memory: a smaller proxy, or refused if none is small "
            "enough.",
        ),
    ] = None,
    proxy: Annotated[
        str,
        typer.Option(
            metavar="auto|off|WIDTH",
            help="Solve motion, mattes and radii on smaller frames, so many px wide, then draw "
            "atlases from the plate at its own size. auto: 640 for plates from 800 on.",
        ),
    ] = "auto",
    steps: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Exactly so many steps, instead of the quality's own number, which ends early "
            "when nothing more is gained. 0: the fusion of all frames alone, nothing solved.",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="Spend about this many minutes instead of a number of steps."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Start of the random numbers; same seed, same result.")
    ] = None,
    device: DeviceOption = Device.cpu,
    colorspace: Annotated[
        str | None,
        typer.Option(
            metavar="SPACE",
            help="Colour space of the plate, an OCIO name such as srgb_texture, ACEScg or "
            "arri_logc3_ei800. Default: sRGB for 8-bit stills and movies, scene-linear for EXR.",
        ),
    ] = None,
    working_space: Annotated[
        str | None,
        typer.Option(metavar="SPACE", help="Scene-linear space of everything that is written."),
    ] = None,
    coc: Annotated[
        str | None,
        typer.Option(
            metavar="auto|PATH",
            help="auto: start from what the COC network reads off the plate. PATH: known circle of "
            "confusion, EXR frames, radius in plate pixels. Default: solved from nothing, by the "
            "preset paper auto.",
        ),
    ] = None,
    texture: TextureOption = None,
    weights: WeightsOption = WeightSet.hashing,
    frames: FramesOption = None,
    rate: Annotated[
        str | None,
        typer.Option(metavar="FPS", help="Frames per second, such as 24 or 24000/1001."),
    ] = None,
    plate_layer: PlateLayerOption = None,
    overscan: OverscanOption = False,
    deinterlace: DeinterlaceOption = None,
    shutter: Annotated[
        str | None,
        typer.Option(
            metavar="DEGREES|auto",
            help="Tell motion blur from defocus: how long the shutter is open, 360 for all the "
            "time between frames, or auto to find it. Up to five looks at an atlas for one.",
        ),
    ] = None,
    plate_lens: Annotated[
        str | None,
        typer.Option(
            "--lens",
            metavar="auto|round|FILE",
            help="The plate's own lens: looked for after half of the steps and looked through from "
            "there on where it is proved, taken for round, or read from a lens file or passes.json."
            " Default: auto, of a draft round.",
        ),
    ] = None,
    ignore_cuts: Annotated[
        bool,
        typer.Option("--ignore-cuts", help="Take frames with a hard cut among them as one shot."),
    ] = False,
    finish: Annotated[
        bool,
        typer.Option(
            help="After a proxy is solved go on to the plate's size; --no-finish ends before, and "
            "the same command without it goes on, here or on another machine.",
        ),
    ] = True,
    restart: Annotated[
        bool, typer.Option("--restart", help="Discard the solve in --out and start over.")
    ] = False,
    threads: ThreadsOption = None,
    progress: ProgressOption = Report.auto,
) -> None:
    """Solve a shot: sharp layers, mattes and focus from a plate and its mattes.

    Ctrl-C saves; the same command goes on. Look at preview.png in the solve folder meanwhile.
    """
    given = dict(locals())
    from pullfocus.api.solving import fitted_to, solve_footage
    from pullfocus.roto.found import MatteRequest
    from pullfocus.solve.asked import COC_AUTO, asked_settings
    from pullfocus.solve.inputs import ShotInputs

    settings = asked_settings(given)
    inputs = ShotInputs(
        plate=plate,
        mattes=named_mattes(matte),
        coc=None if coc == COC_AUTO else coc,
        frames=frames,
        colorspace=colorspace,
        working_space=working_space,
        rate=rate,
        plate_layer=plate_layer,
        overscan=overscan,
        deinterlace=deinterlace,
    )
    request = MatteRequest.parsed(
        key=key, box=box, scribble=scribble, auto=auto, command=matte_command, model=matte_model
    )
    shot = inputs.open()
    check_device(device)
    fix_threads(threads)
    settings = fitted_to(
        shot,
        settings,
        proxy=proxy,
        memory_gb=memory,
        layers=len({*request.layers, *shot.layer_names}),
        matte_slack_px=matte_slack,
        steps_follow_frames=steps is None and preset is Preset.fast,
    )
    with reporting(progress) as say:
        say_if_slow(say)
        outcome = solve_footage(
            shot,
            inputs,
            out,
            settings,
            request=request,
            rematte=rematte,
            split=layers is Layers.auto,
            ignore_cuts=ignore_cuts,
            until_converged=settings.ends_early and steps is None and minutes is None,
            minutes=minutes,
            device=device.value,
            restart=restart,
            finish=finish,
            threads=threads,
            progress=say,
        )
        if outcome is not None:
            _end_solve(outcome, say)


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for all results.")] = Path(
        "demo"
    ),
    quality: Annotated[Quality, typer.Option(help="How much work.")] = Quality.standard,
    progress: ProgressOption = Report.auto,
) -> None:
    """Solve, bake and measure the small clip that comes with the source, and show the gain."""
    from pullfocus.cli.demo import run_demo
    from pullfocus.solve import asked

    with reporting(progress) as say:
        say_if_slow(say)
        outcome = run_demo(out, asked.base_settings(quality), progress=say)
        if outcome is not None:
            _end_solve(outcome, say)


def _end_solve(outcome: SolveOutcome, say: Progress) -> None:
    """Say how a solve ended; a stop by a signal becomes the exit code."""
    facts = {
        "folder": str(outcome.folder),
        "finished": outcome.finished,
        "step": outcome.step,
        "total_steps": outcome.total_steps,
        "seconds": outcome.seconds,
        "psnr_reblur": outcome.psnr_reblur,
        "peak_memory_mb": outcome.peak_memory_mb,
        "words": list(outcome.words),
    }
    if outcome.stop_signal is not None:
        name = signal.Signals(outcome.stop_signal).name
        say.done(
            f"stopped by {name} at step {outcome.step}; the same command goes on from there",
            stop_signal=name,
            **facts,
        )
        raise typer.Exit(128 + outcome.stop_signal)
    if outcome.for_later:
        say.done(
            f"solved the proxy of {outcome.folder}: {outcome.step} steps in {outcome.seconds:.0f} s"
            "; the same command without --no-finish goes on to the plate's size",
            **facts,
        )
        return
    words = "".join(f"{sentence}\n" for sentence in outcome.words)
    matched = f"plate matched to {outcome.psnr_reblur:.1f} dB, " if outcome.step else ""
    say.done(
        f"solved {outcome.folder}: {outcome.step} steps in {outcome.seconds:.0f} s, "
        f"{matched}peak memory {outcome.peak_memory_mb / 1000:.1f} GB\n"
        f"{words}"
        f"look at {outcome.folder / 'preview.png'}, "
        f"then: pullfocus bake {outcome.folder} --out DIR",
        **facts,
    )
