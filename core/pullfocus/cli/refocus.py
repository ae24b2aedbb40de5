# SPDX-License-Identifier: Apache-2.0
"""``pullfocus refocus``: the command line of pulling focus again."""

from __future__ import annotations

from collections.abc import Mapping
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

if TYPE_CHECKING:
    import torch

    from cuda_lensblur import Aperture
    from pullfocus.bake.bake import Repaint
    from pullfocus.edit.edit import Painting
    from pullfocus.refocus.focus import FocusKey
    from pullfocus.refocus.new_lens import NewLens
    from pullfocus.refocus.refocus import Metres

CAMERA_MODE = ("filmback", "focal_length", "plate_f_stop", "distance")
"""What `known_distances` takes, by option."""

__all__ = [
    "CAMERA_MODE",
    "Highlights",
    "named_atlases",
    "new_lens",
    "refocus",
    "wanted_focus",
]


class Highlights(StrEnum):
    """Which light ``--highlight-gain`` lifts."""

    clipped = "clipped"
    bright = "bright"


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
    plate_f_stop: Annotated[
        float | None, typer.Option(help="Camera mode: f-stop that the plate was shot at.")
    ] = None,
    f_stop: Annotated[
        float | None,
        typer.Option(help="Camera mode: f-stop to look through, in place of --aperture."),
    ] = None,
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
    aperture: Annotated[
        float, typer.Option(min=0, help="Scale of all blur; 1: the plate's lens, 0: deep focus.")
    ] = 1.0,
    near: Annotated[float, typer.Option(min=0, help="Scale of blur before the focus.")] = 1.0,
    far: Annotated[float, typer.Option(min=0, help="Scale of blur behind it.")] = 1.0,
    max_radius: Annotated[
        float, typer.Option(min=0, max=128, help="Largest circle of confusion, radius in px.")
    ] = 64.0,
    plate_lens: PlateLensOption = "round",
    blades: Annotated[int, typer.Option(help="Blades of the iris; 0: round.")] = 0,
    rotation: Annotated[float, typer.Option(help="Turn of the iris, degrees.")] = 0.0,
    roundness: Annotated[float, typer.Option(help="Curved blades, 0..1.")] = 0.0,
    squeeze: Annotated[float, typer.Option(help="Height over width: 2 is anamorphic.")] = 1.0,
    rim: Annotated[
        float | None, typer.Option(help="Soap-bubble rim, beta: 0.5 strong, 2 the solve's, 8 none.")
    ] = None,
    inner_ring: Annotated[float, typer.Option(help="Mirror-lens hole, share of the radius.")] = 0.0,
    kernel: Annotated[
        Path | None, typer.Option(metavar="IMAGE", help="A picture that highlights turn into.")
    ] = None,
    spherical: Annotated[
        float,
        typer.Option(
            min=-1,
            max=1,
            help="Spherical aberration: above 0 a bright edge behind the focus and a soft one "
            "before it, below 0 the other way round.",
        ),
    ] = 0.0,
    bokeh_noise: Annotated[
        float, typer.Option(min=0, max=1, help="Unevenness of the discs, 0..1.")
    ] = 0.0,
    bokeh_noise_size: Annotated[
        float, typer.Option(min=0.02, max=2, help="Size of its grains, in radii.")
    ] = 0.25,
    bokeh_noise_seed: Annotated[int, typer.Option(help="Which noise.")] = 0,
    cats_eye: Annotated[
        float,
        typer.Option(
            min=0,
            max=1.5,
            help="Cat's eye: how far the disc that cuts the iris has moved in the corner, radii.",
        ),
    ] = 0.0,
    cats_eye_softness: Annotated[
        float, typer.Option(min=0, max=2, help="Width of its edge, radii.")
    ] = 0.0,
    screen_relative: Annotated[
        bool,
        typer.Option(
            "--screen-relative/--no-screen-relative",
            help="Measure the cat's eye in shares of width and height, not from the corner.",
        ),
    ] = False,
    barn_doors: Annotated[
        str,
        typer.Option(
            metavar="L,R,T,B",
            help="Barn doors left, right, top, bottom: share of the discs that each hides at its "
            "side of the frame, 0..0.9.",
        ),
    ] = "0,0,0,0",
    door_softness: Annotated[
        float, typer.Option(min=0, max=2, help="Width of their edges, radii.")
    ] = 0.0,
    axial: Annotated[
        float,
        typer.Option(help="Axial colour: by how many px of radius the two colours differ."),
    ] = 0.0,
    axial_colours: Annotated[
        str, typer.Option(metavar="PAIR", help="red-cyan, green-magenta or blue-yellow.")
    ] = "green-magenta",
    astigmatism: Annotated[
        float,
        typer.Option(
            help="In the corners: radius along the line from the axis, less the mean, px."
        ),
    ] = 0.0,
    field_curvature: Annotated[
        float, typer.Option(help="Added to the circle of confusion in the corners, px.")
    ] = 0.0,
    bloom: Annotated[
        float, typer.Option(min=0, max=1, help="Share of bright light that the lens scatters.")
    ] = 0.0,
    bloom_size: Annotated[
        float, typer.Option(min=1, max=1000, help="How far: half of it lies within, px.")
    ] = 24.0,
    bloom_threshold: Annotated[
        float, typer.Option(min=0, help="Light above this scatters, scene-linear.")
    ] = 0.8,
    switch_sides: Annotated[
        bool,
        typer.Option("--switch-sides/--no-switch-sides", help="Front for back and back for front."),
    ] = False,
    highlight_gain: Annotated[
        float,
        typer.Option(min=1, help="Lift out-of-focus light that the sensor clipped by up to this."),
    ] = 1.0,
    highlights: Annotated[
        Highlights,
        typer.Option(
            help="What is lifted: clipped, where the plate proves that it clips; or bright, "
            "whatever is above 0.8."
        ),
    ] = Highlights.clipped,
    focus_mattes: Annotated[
        bool,
        typer.Option(
            "--focus-mattes/--no-focus-mattes",
            help="Write near.X and far.X: what lies before and behind the focus.",
        ),
    ] = False,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview/--full-quality",
            help="Blur large circles at half the size, for looking. A farm never does.",
        ),
    ] = False,
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
    from pullfocus.refocus.new_lens import NewLens
    from pullfocus.refocus.refocus import refocus as refocus_solve

    keys = wanted_focus(focus, focus_point)
    metres = known_distances(filmback, focal_length, plate_f_stop, distance)
    wanted = new_lens(
        {
            "plate_f_stop": plate_f_stop,
            "f_stop": f_stop,
            "aperture": aperture,
            "near": near,
            "far": far,
            "max_radius": max_radius,
            "blades": blades,
            "rotation": rotation,
            "roundness": roundness,
            "squeeze": squeeze,
            "rim": rim,
            "inner_ring": inner_ring,
            "kernel": kernel,
            "spherical": spherical,
            "bokeh_noise": bokeh_noise,
            "bokeh_noise_size": bokeh_noise_size,
            "bokeh_noise_seed": bokeh_noise_seed,
            "cats_eye": cats_eye,
            "cats_eye_softness": cats_eye_softness,
            "screen_relative": screen_relative,
            "barn_doors": barn_doors,
            "door_softness": door_softness,
            "axial": axial,
            "axial_colours": axial_colours,
            "astigmatism": astigmatism,
            "field_curvature": field_curvature,
            "bloom": bloom,
            "bloom_size": bloom_size,
            "bloom_threshold": bloom_threshold,
            "switch_sides": switch_sides,
            "highlight_gain": highlight_gain,
            "highlights": highlights,
            "preview": preview,
        }
    )
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
            paint={f"painted atlas of {one.layer}": one.path for one in paintings},
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


def wanted_focus(focus: str | None, focus_point: str | None) -> tuple[FocusKey, ...]:
    """Return what ``--focus`` or ``--focus-point`` ask for.

    Raises:
        PullfocusError: both are given, or one cannot be read.
    """
    from pullfocus.refocus.focus import FocusKey, parse_focus, parse_place

    if focus is not None and focus_point is not None:
        raise PullfocusError("expected --focus or --focus-point, got both")
    if focus_point is not None:
        return (FocusKey(None, parse_place(focus_point)),)
    return parse_focus(focus) if focus is not None else ()


def new_lens(options: Mapping[str, Any]) -> NewLens:
    """Return the lens that options of ``refocus`` ask for, by their names there.

    Raises:
        PullfocusError: there is no such iris, or no such picture of a highlight.
    """
    from cuda_lensblur import Aperture, Field, LensBlurError
    from pullfocus.refocus.new_lens import Bloom, NewLens, axial_shift

    try:
        shape = Aperture(
            blades=options["blades"],
            rotation_deg=options["rotation"],
            roundness=options["roundness"],
            squeeze=options["squeeze"],
            rim_beta=options["rim"],
            inner_radius=options["inner_ring"],
            spherical=options["spherical"],
            noise=options["bokeh_noise"],
            noise_size=options["bokeh_noise_size"],
            noise_seed=options["bokeh_noise_seed"],
        )
        field = Field(
            cats_eye=options["cats_eye"],
            cats_eye_softness=options["cats_eye_softness"],
            screen_relative=options["screen_relative"],
            doors=_doors(options["barn_doors"]),
            door_softness=options["door_softness"],
            astigmatism_px=options["astigmatism"],
            curvature_px=options["field_curvature"],
        )
        bokeh = _bokeh(shape, options["kernel"])
    except LensBlurError as error:
        raise PullfocusError(str(error)) from error
    return NewLens(
        aperture=_aperture(options),
        near=options["near"],
        far=options["far"],
        max_radius_px=options["max_radius"],
        bokeh=bokeh,
        switched=options["switch_sides"],
        field=field,
        axial_px=axial_shift(options["axial_colours"], options["axial"]),
        bloom=Bloom(options["bloom"], options["bloom_size"], options["bloom_threshold"]),
        highlight_gain=options["highlight_gain"],
        lift_bright=options["highlights"] is Highlights.bright,
        preview=options.get("preview", False),  # a farm's job has no such option
    )


def _aperture(options: Mapping[str, Any]) -> float:
    """The scale of all blur: given, or by f-stops."""
    scale, stop, plate_stop = (options[n] for n in ("aperture", "f_stop", "plate_f_stop"))
    if stop is None:
        return float(scale)
    if plate_stop is None:
        raise PullfocusError("--f-stop: expected --plate-f-stop as well, got none")
    if scale != 1:
        raise PullfocusError("expected --aperture or --f-stop, got both")
    if not (stop > 0 and plate_stop > 0):
        raise PullfocusError(f"--f-stop: expected numbers above 0, got {stop:g}, {plate_stop:g}")
    return float(plate_stop / stop)


def known_distances(
    filmback: float | None, focal_length: float | None, f_stop: float | None, distance: str | None
) -> Metres | None:
    """Return what the options of the camera mode add up to; None where distances stay unknown.

    Raises:
        PullfocusError: some of them are missing, or cannot be.
    """
    from pullfocus.refocus.camera import Camera, parse_distance
    from pullfocus.refocus.focus import parse_target
    from pullfocus.refocus.refocus import Metres

    if distance is None and filmback is None and focal_length is None:
        return None
    if distance is None or filmback is None or focal_length is None or f_stop is None:
        raise PullfocusError(
            "camera mode: expected all of --filmback, --focal-length, --plate-f-stop, --distance"
        )
    what, equals, text = distance.rpartition("=")
    metres = parse_distance(text)
    if not equals or not what or metres is None:
        raise PullfocusError(f"--distance: expected WHAT=3.2m, got {distance!r}")
    return Metres(Camera(filmback, focal_length, f_stop), parse_target(what), metres)


def _doors(text: str) -> tuple[float, float, float, float]:
    """Read what ``--barn-doors`` says.

    Raises:
        PullfocusError: not four numbers.
    """
    try:
        left, right, top, bottom = (float(one) for one in text.split(","))
    except ValueError as error:
        raise PullfocusError(
            f"--barn-doors: expected four numbers such as 0,0.4,0,0, got {text!r}"
        ) from error
    return left, right, top, bottom


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


def _bokeh(shape: Aperture, picture: Path | None) -> Aperture | torch.Tensor | None:
    """The kernel: the plate's own lens where nothing was asked for."""
    from cuda_lensblur import Aperture
    from cuda_lensblur.specs import spec_of

    plain = shape == Aperture()
    if picture is None:
        return None if plain else shape
    if not plain:
        raise PullfocusError("expected --kernel or the shape of an iris, got both")
    import cv2
    import numpy as np
    import torch

    held = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    if held is None:
        raise PullfocusError(f"--kernel: expected a readable picture, got {picture}")
    weights = torch.from_numpy(np.asarray(held, np.float32))
    spec_of(weights, beta=2.0, calibrated=True)  # says what is wrong with it
    return weights
