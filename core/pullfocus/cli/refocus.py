# SPDX-License-Identifier: Apache-2.0
"""``pullfocus refocus``: the command line of pulling focus again."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pullfocus.cli.options import (
    FixedThreadsOption,
    FramesOption,
    MatteNowOption,
    PlateLensOption,
    PlateNowOption,
    ProgressOption,
    Report,
    SkipExistingOption,
    elsewhere,
    fix_threads,
    frames_text,
    reporting,
    say_if_slow,
)
from pullfocus.errors import PullfocusError
from pullfocus.refocus.controls import CONTROLS
from pullfocus.refocus.controls import LENS_DEFAULTS as DEFAULT

if TYPE_CHECKING:
    from pullfocus.bake.bake import Repaint
    from pullfocus.edit.edit import Painting

CAMERA_MODE = ("filmback", "focal_length", "plate_f_stop", "distance")
"""What `known_distances` takes, by option."""

__all__ = ["CAMERA_MODE", "Highlights", "control", "named_atlases", "refocus"]


class Highlights(StrEnum):
    """Which light ``--highlight-gain`` lifts."""

    clipped = "clipped"
    bright = "bright"


def control(name: str) -> Any:
    """Return the option of a control of the lens."""
    held, flag = CONTROLS[name], f"--{name.replace('_', '-')}"
    if isinstance(held.default, bool):
        flag += "/--full-quality" if name == "preview" else flag.replace("--", "/--no-")
    return typer.Option(flag, min=held.least, max=held.most, metavar=held.metavar, help=held.help)


def refocus(
    folder: Annotated[Path, typer.Argument(metavar="X.solve", help="A solve folder.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the frames.")],
    focus: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="A layer (fg), a place that is followed (320,180@1001), a depth as in depth.Z, "
            "plate, or keys between which focus is eased: '1001:fg 1030:bg'. Default: the plate's "
            "own blur.",
        ),
    ] = None,
    focus_point: Annotated[
        str | None, typer.Option(metavar="X,Y@FRAME", help="Focus on what is seen there.")
    ] = None,
    filmback: Annotated[
        float | None, typer.Option(help="Camera mode: width of the plate's sensor, mm.")
    ] = None,
    focal_length: Annotated[
        float | None, typer.Option(help="Camera mode: focal length of the plate's lens, mm.")
    ] = None,
    plate_f_stop: Annotated[float | None, control("plate_f_stop")] = DEFAULT["plate_f_stop"],
    f_stop: Annotated[float | None, control("f_stop")] = DEFAULT["f_stop"],
    distance: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT=3.2m",
            help="Camera mode: how far something in the shot is (fg=3.2m, 320,180@1001=10ft); then "
            "--focus takes distances: 4.5m, 15ft, 180in.",
        ),
    ] = None,
    keep_sharp: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LAYER",
            help="Keep a layer sharp throughout, whatever the rest does. Repeated, or A,B.",
        ),
    ] = None,
    aperture: Annotated[float, control("aperture")] = DEFAULT["aperture"],
    near: Annotated[float, control("near")] = DEFAULT["near"],
    far: Annotated[float, control("far")] = DEFAULT["far"],
    max_radius: Annotated[float, control("max_radius")] = DEFAULT["max_radius"],
    plate_lens: PlateLensOption = "round",
    blades: Annotated[int, control("blades")] = DEFAULT["blades"],
    rotation: Annotated[float, control("rotation")] = DEFAULT["rotation"],
    roundness: Annotated[float, control("roundness")] = DEFAULT["roundness"],
    squeeze: Annotated[float, control("squeeze")] = DEFAULT["squeeze"],
    rim: Annotated[float | None, control("rim")] = DEFAULT["rim"],
    inner_ring: Annotated[float, control("inner_ring")] = DEFAULT["inner_ring"],
    kernel: Annotated[Path | None, control("kernel")] = DEFAULT["kernel"],
    spherical: Annotated[float, control("spherical")] = DEFAULT["spherical"],
    bokeh_noise: Annotated[float, control("bokeh_noise")] = DEFAULT["bokeh_noise"],
    bokeh_noise_size: Annotated[float, control("bokeh_noise_size")] = DEFAULT["bokeh_noise_size"],
    bokeh_noise_seed: Annotated[int, control("bokeh_noise_seed")] = DEFAULT["bokeh_noise_seed"],
    cats_eye: Annotated[float, control("cats_eye")] = DEFAULT["cats_eye"],
    cats_eye_softness: Annotated[float, control("cats_eye_softness")] = DEFAULT[
        "cats_eye_softness"
    ],
    screen_relative: Annotated[bool, control("screen_relative")] = DEFAULT["screen_relative"],
    barn_doors: Annotated[str, control("barn_doors")] = DEFAULT["barn_doors"],
    door_softness: Annotated[float, control("door_softness")] = DEFAULT["door_softness"],
    axial: Annotated[float, control("axial")] = DEFAULT["axial"],
    axial_colours: Annotated[str, control("axial_colours")] = DEFAULT["axial_colours"],
    astigmatism: Annotated[float, control("astigmatism")] = DEFAULT["astigmatism"],
    field_curvature: Annotated[float, control("field_curvature")] = DEFAULT["field_curvature"],
    bloom: Annotated[float, control("bloom")] = DEFAULT["bloom"],
    bloom_size: Annotated[float, control("bloom_size")] = DEFAULT["bloom_size"],
    bloom_threshold: Annotated[float, control("bloom_threshold")] = DEFAULT["bloom_threshold"],
    switch_sides: Annotated[bool, control("switch_sides")] = DEFAULT["switch_sides"],
    highlight_gain: Annotated[float, control("highlight_gain")] = DEFAULT["highlight_gain"],
    highlights: Annotated[Highlights, control("highlights")] = Highlights.clipped,
    focus_mattes: Annotated[
        bool,
        typer.Option(
            "--focus-mattes/--no-focus-mattes",
            help="Write near.X and far.X: what lies before and behind the focus.",
        ),
    ] = False,
    preview: Annotated[bool, control("preview")] = DEFAULT["preview"],
    overlay: Annotated[
        bool,
        typer.Option("--overlay/--no-overlay", help="Tint: near blue, in focus green, far red."),
    ] = False,
    atlas: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LAYER=PAINTED",
            help="Show a painted atlas in place of the solved one, as in edit. Repeated.",
        ),
    ] = None,
    frames: FramesOption = None,
    plate: PlateNowOption = None,
    matte: MatteNowOption = None,
    skip_existing: SkipExistingOption = False,
    threads: FixedThreadsOption = None,
    progress: ProgressOption = Report.auto,
) -> None:
    """Pull focus again: on a layer, a place, or from one to another; shape the bokeh."""
    given = {name: value for name, value in locals().items() if name in CONTROLS}
    from pullfocus.refocus.asked import asked_lens, known_distances, wanted_focus
    from pullfocus.refocus.new_lens import NewLens
    from pullfocus.refocus.refocus import refocus as refocus_solve

    keys = wanted_focus(focus, focus_point)
    metres = known_distances(filmback, focal_length, plate_f_stop, distance)
    wanted = asked_lens(given)
    sharp = tuple(name.strip() for one in keep_sharp or () for name in one.split(","))
    paintings = _paintings(atlas or [])
    with reporting(progress) as say:
        fix_threads(threads)
        say_if_slow(say)
        if not keys and not sharp and wanted == NewLens():
            say.note("no --focus, --keep-sharp or lens was asked for: the plate's own blur stays")
        report = refocus_solve(
            folder,
            out,
            keys=keys,
            lens=wanted,
            keep_sharp=sharp,
            overlay=overlay,
            focus_mattes=focus_mattes,
            metres=metres,
            plate_lens=plate_lens,
            repaint=_repaint(paintings),
            paint={what: path for one in paintings for what, path in one.files.items()},
            frames=frames,
            skip_existing=skip_existing,
            where=elsewhere(plate, matte),
            progress=say,
        )
        if plate_lens == "auto":
            say.note(report.plate_lens.words())
        if report.unclipped:
            say.note(
                "--highlight-gain: nothing proves that the plate clips, so nothing was lifted;"
                " --highlights bright lifts all bright light"
            )
        written = frames_text(report.frames, report.skipped)
        say.done(
            f"refocused {written} in {report.seconds:.0f} s: {report.first}",
            first=str(report.first),
            frames=report.frames,
            skipped=report.skipped,
            seconds=report.seconds,
        )


def named_atlases(texts: list[str]) -> tuple[tuple[str, str], ...]:
    """Read what ``--atlas`` says.

    Raises:
        PullfocusError: it is not of the form LAYER=PAINTED.
    """
    atlases = []
    for one in texts:
        layer, equals, path = one.partition("=")
        if not (layer and equals and path):
            raise PullfocusError(f"--atlas: expected LAYER=PAINTED, got {one!r}")
        atlases.append((layer, str(Path(path).expanduser())))
    return tuple(atlases)


def _paintings(named: list[str]) -> list[Painting]:
    """What ``--atlas`` names."""
    from pullfocus.edit.edit import Painting

    return [Painting(layer, Path(path)) for layer, path in named_atlases(named)]


def _repaint(paintings: list[Painting]) -> Repaint | None:
    """What ``--atlas`` asks for."""
    from pullfocus.edit.edit import repainted

    if not paintings:
        return None
    return lambda model, space: repainted(model, space, paintings)
