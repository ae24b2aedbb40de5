# SPDX-License-Identifier: Apache-2.0
"""The command line: one sub-command a verb, thin over the functions that do the work.

Exit codes: 0 done, 2 bad input (one line on stderr), 130 / 143 stopped by SIGINT / SIGTERM with
what was done saved. Everything heavy is imported inside the commands, so that help is instant.
"""

from __future__ import annotations

import dataclasses
import errno
import signal
import sys
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pullfocus import __version__
from pullfocus.cli_ablate import ablate
from pullfocus.cli_coc import coc, evaluate_coc, train_coc
from pullfocus.cli_edit import edit
from pullfocus.cli_evaluate import evaluate
from pullfocus.cli_flow import flow
from pullfocus.cli_options import (
    FramesOption,
    Preset,
    PresetOption,
    ProgressOption,
    Report,
    Texture,
    TextureOption,
    WeightSet,
    WeightsOption,
    frames_text,
    reporting,
)
from pullfocus.cli_refocus import refocus
from pullfocus.errors import MatteError, PullfocusError
from pullfocus.progress import JsonProgress, Progress, make_progress

if TYPE_CHECKING:
    from types import FrameType

    from pullfocus.solve.run import SolveOutcome

__all__ = ["app", "main", "run"]

# Typer's parse errors ("no such option"); its public child is the handle on the base.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]
_EXIT_BAD_INPUT = 2
_COC_AUTO = "auto"
# What the user's disk or permissions cause: worth a line, not a traceback.
_ENVIRONMENT_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}

app = typer.Typer(
    name="pullfocus",
    help="Repair misfocused footage: from a plate and a rough matte to a sharp, layered shot.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Quality(StrEnum):
    """How much work goes into a solve."""

    draft = "draft"
    standard = "standard"
    high = "high"


class Device(StrEnum):
    """Where a solve computes."""

    cpu = "cpu"
    cuda = "cuda"


MatteOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=PATH",
        help="Matte of a layer, front to back, repeated; rough is fine. Without one the whole "
        "frame is a single layer.",
    ),
]
ShotPath = "Sequence (shot.####.exr, shot.%04d.png), a folder of frames, or a movie."


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"pullfocus {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def solve(
    plate: Annotated[str, typer.Argument(metavar="PLATE", help=f"Misfocused footage. {ShotPath}")],
    out: Annotated[
        Path,
        typer.Option(metavar="X.solve", help="Solve folder; an unfinished one goes on."),
    ],
    matte: MatteOption = None,
    preset: PresetOption = Preset.fast,
    quality: Annotated[
        Quality | None,
        typer.Option(help="How much work: a look, a result (default), a better one."),
    ] = None,
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
    device: Annotated[Device, typer.Option(help="Where to compute.")] = Device.cpu,
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
            "confusion, EXR frames, radius in plate pixels. Default: solved from nothing.",
        ),
    ] = None,
    texture: TextureOption = None,
    weights: WeightsOption = WeightSet.hashing,
    frames: FramesOption = None,
    rate: Annotated[
        str | None,
        typer.Option(metavar="FPS", help="Frames per second, such as 24 or 24000/1001."),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Discard the solve in --out and start over.")
    ] = False,
    progress: ProgressOption = Report.auto,
) -> None:
    """Solve a shot: sharp layers, mattes and focus from a plate and its mattes.

    Ctrl-C saves; the same command goes on. Look at preview.png in the solve folder meanwhile.
    """
    from pullfocus.solve.inputs import ShotInputs
    from pullfocus.solve.presets import check_coc
    from pullfocus.solve.together import solve_together

    if steps is not None and minutes is not None:
        raise PullfocusError("expected --steps or --minutes, got both")
    if minutes is not None and not 0 < minutes < 1e6:
        raise PullfocusError(f"expected --minutes above 0, got {minutes:g}")
    inputs = ShotInputs(
        plate=plate,
        mattes=_mattes(matte),
        coc=None if coc == _COC_AUTO else coc,
        frames=frames,
        colorspace=colorspace,
        working_space=working_space,
        rate=rate,
    )
    settings = _settings(
        quality,
        preset=preset.value,
        weights=weights.value,
        texture=texture,
        steps=steps,
        seed=seed,
    )
    if coc == _COC_AUTO:
        if settings.coc != "any":
            raise PullfocusError(f"--coc auto: does not go with the preset {settings.preset}")
        settings = dataclasses.replace(settings, coc_network=True)
    check_coc(settings, given=inputs.coc is not None)
    shot = inputs.open()
    _check_device(device)
    with reporting(progress) as say:
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
        )
        if outcome is not None:
            _end_solve(outcome, say)


@app.command()
def bake(
    folder: Annotated[Path, typer.Argument(metavar="X.solve", help="A solve folder.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the passes.")],
    keep_plate: Annotated[
        bool,
        typer.Option(
            "--keep-plate/--no-keep-plate",
            help="Keep the plate's own pixels, grain and all, where it is in focus.",
        ),
    ] = True,
    frames: FramesOption = None,
    plate: Annotated[
        str | None, typer.Option(metavar="PLATE", help="Where the plate is now, if it moved.")
    ] = None,
    matte: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Where a matte is now, if it moved."),
    ] = None,
    progress: ProgressOption = Report.auto,
) -> None:
    """Write the passes of a solve: multi-layer EXR frames, atlases and passes.json."""
    from pullfocus.solve.folder import locked, read_settings, relocate

    read_settings(folder)  # says so clearly if it is no solve folder
    if not (folder / "checkpoint.safetensors").exists():
        raise PullfocusError(f"expected a solve in {folder}, got one without a checkpoint yet")
    if plate is not None or matte:
        with locked(folder):
            relocate(folder, plate=plate, mattes=_mattes(matte))
    from pullfocus.bake.bake import bake as bake_passes

    with reporting(progress) as say:
        report = bake_passes(folder, out, keep_plate=keep_plate, frames=frames, progress=say)
        if not report.signed:
            say.note("focus hardly moves in this shot: radii have no sign, and there is no depth")
        say.done(
            f"baked {frames_text(report.frames)} in {report.seconds:.0f} s: {report.passes_json}",
            passes_json=str(report.passes_json),
            frames=report.frames,
            seconds=report.seconds,
        )


app.command()(refocus)
app.command()(edit)
app.command()(flow)
app.command()(evaluate)
app.command()(ablate)
app.command()(coc)
app.command(name="train-coc")(train_coc)
app.command(name="evaluate-coc")(evaluate_coc)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for all results.")] = Path(
        "demo"
    ),
    quality: Annotated[Quality, typer.Option(help="How much work.")] = Quality.standard,
    progress: ProgressOption = Report.auto,
) -> None:
    """Solve, bake and measure the small clip that comes with the source, and show the gain."""
    from pullfocus.demo import run_demo

    with reporting(progress) as say:
        outcome = run_demo(out, _settings(quality), progress=say)
        if outcome is not None:
            _end_solve(outcome, say)


@app.command()
def doctor() -> None:
    """Show what this machine offers: versions, cores, lens blur kernel, CUDA, colour, disk."""
    from pullfocus.doctor import table

    typer.echo(table())


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command.

    Returns:
        The exit code.

    Raises:
        Exception: whatever is a fault of pullfocus and not of its input, for its traceback.
    """
    json = _wants_json(arguments)
    before = signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        return int(app(args=arguments, standalone_mode=False) or 0)
    except PullfocusError as error:
        return _fail(str(error), json=json)
    except _UsageError as error:
        return _fail(_usage(error), json=json)
    except OSError as error:
        if error.errno not in _ENVIRONMENT_ERRORS:
            raise
        return _fail(f"{error.strerror}: {error.filename or 'while writing'}", json=json)
    except (KeyboardInterrupt, typer.Abort):
        return 128 + signal.SIGINT
    except _Terminated:
        return 128 + signal.SIGTERM
    except Exception as error:
        if json:  # a program that reads stdout must learn of it too
            JsonProgress().event("error", text=f"{type(error).__name__}: {error}", internal=True)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


class _Terminated(BaseException):
    """SIGTERM in a verb that has no state to save; unwinds, so that temporary files go."""


def _on_sigterm(signum: int, frame: FrameType | None) -> None:
    raise _Terminated


def _fail(text: str, *, json: bool) -> int:
    line = " ".join(text.split())
    reporter: Progress = JsonProgress() if json else make_progress("plain")
    reporter.error(line)
    return _EXIT_BAD_INPUT


def _usage(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "pullfocus"
    message = error.format_message()  # type: ignore[attr-defined]
    return f"{message.rstrip('.')} (see: {command} --help)"


def _wants_json(arguments: list[str]) -> bool:
    """Whether the arguments ask for JSON, even where they cannot be parsed."""
    return "--progress=json" in arguments or ("--progress", "json") in pairwise(arguments)


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
    }
    if outcome.stop_signal is not None:
        name = signal.Signals(outcome.stop_signal).name
        say.done(
            f"stopped by {name} at step {outcome.step}; the same command goes on from there",
            stop_signal=name,
            **facts,
        )
        raise typer.Exit(128 + outcome.stop_signal)
    reblur = f"reblur {outcome.psnr_reblur:.1f} dB, " if outcome.step else ""
    say.done(
        f"solved {outcome.folder}: {outcome.step} steps in {outcome.seconds:.0f} s, "
        f"{reblur}peak memory {outcome.peak_memory_mb / 1000:.1f} GB\n"
        f"look at {outcome.folder / 'preview.png'}, "
        f"then: pullfocus bake {outcome.folder} --out DIR",
        **facts,
    )


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


def _mattes(texts: list[str] | None) -> tuple[tuple[str, str], ...]:
    mattes = []
    for text in texts or []:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise MatteError(f"expected --matte NAME=PATH such as fg=matte.####.png, got {text!r}")
        mattes.append((name, path))
    return tuple(mattes)


def _check_device(device: Device) -> None:
    if device is Device.cuda:
        import torch

        if not torch.cuda.is_available():
            raise PullfocusError(
                "expected a CUDA device for --device cuda, torch finds none; see: pullfocus doctor"
            )


if __name__ == "__main__":
    main()
