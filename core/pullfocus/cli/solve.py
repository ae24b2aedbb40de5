# SPDX-License-Identifier: Apache-2.0
"""``pullfocus solve`` and ``pullfocus demo``: the command line of solving a shot."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    Texture,
    TextureOption,
    ThreadsOption,
    WeightSet,
    WeightsOption,
    check_device,
    fix_threads,
    named_mattes,
    reporting,
    say_if_slow,
)
from pullfocus.errors import MatteError, PullfocusError
from pullfocus.progress import Progress

if TYPE_CHECKING:
    from pullfocus.solve.run import SolveOutcome

__all__ = ["Quality", "ShotPath", "demo", "solve", "solve_settings"]

_COC_AUTO = "auto"
_SHUTTER_START = 180.0


class Quality(StrEnum):
    """How much work goes into a solve."""

    draft = "draft"
    standard = "standard"
    high = "high"


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
    ignore_cuts: Annotated[
        bool,
        typer.Option("--ignore-cuts", help="Take frames with a hard cut among them as one shot."),
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Discard the solve in --out and start over.")
    ] = False,
    threads: ThreadsOption = None,
    progress: ProgressOption = Report.auto,
) -> None:
    """Solve a shot: sharp layers, mattes and focus from a plate and its mattes.

    Ctrl-C saves; the same command goes on. Look at preview.png in the solve folder meanwhile.
    """
    from pullfocus.roto.found import MatteRequest
    from pullfocus.solve.inputs import ShotInputs
    from pullfocus.solve.memory import within_memory
    from pullfocus.solve.presets import for_frames, takes_proxy
    from pullfocus.solve.together import solve_together
    from pullfocus.threads import Threads

    settings = solve_settings(
        {
            "preset": preset,
            "quality": quality,
            "steps": steps,
            "minutes": minutes,
            "seed": seed,
            "coc": coc,
            "texture": texture,
            "weights": weights,
            "ignore_cuts": ignore_cuts,
            "shutter": shutter,
        }
    )
    inputs = ShotInputs(
        plate=plate,
        mattes=named_mattes(matte),
        coc=None if coc == _COC_AUTO else coc,
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
    settings = with_proxy(settings, proxy, shot.width)
    if memory is not None:
        choose = proxy == "auto" and takes_proxy(settings)
        settings = within_memory(shot, settings, memory, any_proxy=choose)
    if steps is None and preset is Preset.fast:
        settings = for_frames(settings, len(shot.frames))
    if matte_slack is not None:
        settings = with_matte_slack(settings, matte_slack, shot.width)
    with reporting(progress) as say:
        say_if_slow(say)
        if request.layers:
            from pullfocus.observe.cuts import check_plate
            from pullfocus.roto.for_solve import follow_for_solve

            if not ignore_cuts:  # before the work of following
                check_plate(shot)
            inputs = follow_for_solve(shot, inputs, out, request, progress=say)
            shot = inputs.open()
        if rematte:
            inputs = _again(shot, inputs, out, settings, request, say, device, restart, threads)
            shot = inputs.open()
        outcome = solve_together(
            shot,
            out,
            settings,
            inputs=inputs,
            device=device.value,
            minutes=minutes,
            until_converged=settings.ends_early and steps is None and minutes is None,
            restart=restart,
            progress=say,
            threads=Threads(threads),
        )
        if outcome is not None:
            _end_solve(outcome, say)


def _again(  # type: ignore[no-untyped-def]
    shot, inputs, out, settings, request, say, device, restart, threads
):
    """Solve a draft in a folder of its own, and return the inputs with mattes found from it."""
    from pullfocus.roto.for_solve import FIRST, rematte_for_solve
    from pullfocus.solve.parallel import world_size
    from pullfocus.solve.run import check_solve_folder, run_solve
    from pullfocus.threads import Threads

    if not inputs.mattes:
        raise MatteError(
            "--rematte: expected --matte, --key, --box, --scribble or --auto, got none"
        )
    if world_size() > 1:
        raise PullfocusError("--rematte: expected one process, got torchrun: solve alone first")
    check_solve_folder(out, shot)
    draft = dataclasses.replace(settings, **_work_of_a_draft(settings))
    first = run_solve(
        shot,
        out / FIRST,
        draft,
        inputs=inputs,
        device=device.value,
        restart=restart,
        progress=say,
        threads=Threads(threads),
    )
    if not first.finished:
        _end_solve(first, say)
    return rematte_for_solve(shot, inputs, out, request, progress=say)


def _work_of_a_draft(settings: Any) -> dict[str, Any]:
    """What differs between a draft and these settings in the amount of work."""
    draft = _settings(Quality.draft)
    names = ("steps", "coarse_share")
    if settings.preset != draft.preset or settings.steps < draft.steps:
        return {}
    return {name: getattr(draft, name) for name in names if hasattr(settings, name)}


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for all results.")] = Path(
        "demo"
    ),
    quality: Annotated[Quality, typer.Option(help="How much work.")] = Quality.standard,
    progress: ProgressOption = Report.auto,
) -> None:
    """Solve, bake and measure the small clip that comes with the source, and show the gain."""
    from pullfocus.cli.demo import run_demo

    with reporting(progress) as say:
        say_if_slow(say)
        outcome = run_demo(out, _settings(quality), progress=say)
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
    words = "".join(f"{sentence}\n" for sentence in outcome.words)
    reblur = f"reblur {outcome.psnr_reblur:.1f} dB, " if outcome.step else ""
    say.done(
        f"solved {outcome.folder}: {outcome.step} steps in {outcome.seconds:.0f} s, "
        f"{reblur}peak memory {outcome.peak_memory_mb / 1000:.1f} GB\n"
        f"{words}"
        f"look at {outcome.folder / 'preview.png'}, "
        f"then: pullfocus bake {outcome.folder} --out DIR",
        **facts,
    )


def with_matte_slack(settings: Any, slack_px: float, width: int) -> Any:
    """Return settings whose mattes may be wrong by ``slack_px`` on a plate of this width."""
    model = dataclasses.replace(settings.model, matte_slack_px=slack_px * 512 / width)
    return dataclasses.replace(settings, model=model)


def with_proxy(settings: Any, proxy: str, width: int) -> Any:
    """Return settings that solve a plate of this width as ``--proxy`` says.

    Raises:
        PullfocusError: it says something else, or does not go with the settings.
    """
    from pullfocus.observe.proxy import LEAST_PX, automatic_width
    from pullfocus.solve.presets import takes_proxy

    if proxy == "off":
        return settings
    if proxy == "auto":
        # without steps nothing is solved, at no size
        chosen = automatic_width(width) if takes_proxy(settings) and settings.steps else 0
        return dataclasses.replace(settings, proxy=chosen)
    if not (proxy.isascii() and proxy.isdigit() and int(proxy) >= LEAST_PX):
        raise PullfocusError(
            f"--proxy: expected auto, off or a width of {LEAST_PX} px or more, got {proxy!r}"
        )
    if not takes_proxy(settings):
        raise PullfocusError("--proxy: goes with the preset fast and texture texels only")
    # a proxy as large as the plate is the plate
    return dataclasses.replace(settings, proxy=int(proxy) if int(proxy) < width else 0)


def with_shutter(settings: Any, text: str) -> Any:
    """Return settings with a shutter, ``auto`` or degrees.

    Raises:
        PullfocusError: it is neither.
    """
    found = text == "auto"
    try:
        degrees = _SHUTTER_START if found else float(text)
    except ValueError:
        degrees = float("nan")
    if not 0 < degrees <= 360:
        raise PullfocusError(f"expected --shutter auto or degrees up to 360, got {text!r}")
    model = dataclasses.replace(settings.model, shutter_degrees=degrees, shutter_found=found)
    return dataclasses.replace(settings, model=model)


def solve_settings(options: Mapping[str, Any]) -> Any:
    """Return the SolveSettings that options of ``solve`` ask for, by their names there.

    Raises:
        PullfocusError: they do not go together.
    """
    from pullfocus.solve.presets import check_coc

    minutes, coc = options["minutes"], options["coc"]
    if options["steps"] is not None and minutes is not None:
        raise PullfocusError("expected --steps or --minutes, got both")
    if minutes is not None and not 0 < minutes < 1e6:
        raise PullfocusError(f"expected --minutes above 0, got {minutes:g}")
    settings = _settings(
        options["quality"],
        preset=options["preset"].value,
        weights=options["weights"].value,
        texture=options["texture"],
        steps=options["steps"],
        seed=options["seed"],
    )
    if coc == _COC_AUTO:
        if settings.coc != "any":
            raise PullfocusError(f"--coc auto: does not go with the preset {settings.preset}")
        settings = dataclasses.replace(settings, coc_network=True)
    check_coc(settings, given=coc not in (None, _COC_AUTO))
    if options["shutter"] is not None:
        settings = with_shutter(settings, options["shutter"])
    if options["ignore_cuts"]:
        observe = dataclasses.replace(settings.observe, ignore_cuts=True)
        settings = dataclasses.replace(settings, observe=observe)
    return settings


def _settings(
    quality: Quality | None,
    *,
    preset: str = "fast",
    weights: str = "hashing",
    texture: Texture | None = None,
    **overrides: Any,
) -> Any:
    """The settings of a preset, with what the user gave put over them."""
    from pullfocus.solve.presets import preset_settings

    settings = preset_settings(preset, weights=weights, texture=texture, quality=quality)
    given = {name: value for name, value in overrides.items() if value is not None}
    return dataclasses.replace(settings, **given)
