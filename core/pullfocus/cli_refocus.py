# SPDX-License-Identifier: Apache-2.0
"""``pullfocus refocus``: the command line of pulling focus again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pullfocus.cli_options import (
    FixedThreadsOption,
    FramesOption,
    MatteNowOption,
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
    from pullfocus.refocus.render import NewLens

__all__ = ["named_atlases", "new_lens", "refocus", "wanted_focus"]


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
    highlight_gain: Annotated[
        float, typer.Option(min=1, help="Lift what the sensor clipped, above 0.8, by up to this.")
    ] = 1.0,
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
    from pullfocus.refocus.refocus import refocus as refocus_solve
    from pullfocus.refocus.render import NewLens

    keys = wanted_focus(focus, focus_point)
    lens = new_lens(
        {
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
            "highlight_gain": highlight_gain,
        }
    )
    sharp = tuple(name.strip() for one in keep_sharp or () for name in one.split(","))
    paintings = _paintings(atlas or [])
    with reporting(progress) as say:
        fix_threads(threads)
        say_if_slow(say)
        if not keys and not sharp and lens == NewLens():
            say.note("no --focus, --keep-sharp or lens was asked for: the plate's own blur stays")
        report = refocus_solve(
            folder,
            out,
            keys=keys,
            lens=lens,
            keep_sharp=sharp,
            overlay=overlay,
            repaint=_repaint(paintings),
            paint={f"painted atlas of {one.layer}": one.path for one in paintings},
            frames=frames,
            skip_existing=skip_existing,
            where=elsewhere(plate, matte),
            progress=say,
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
    from cuda_lensblur import Aperture, LensBlurError
    from pullfocus.refocus.render import NewLens

    try:
        shape = Aperture(
            blades=options["blades"],
            rotation_deg=options["rotation"],
            roundness=options["roundness"],
            squeeze=options["squeeze"],
            rim_beta=options["rim"],
            inner_radius=options["inner_ring"],
        )
        bokeh = _bokeh(shape, options["kernel"])
    except LensBlurError as error:
        raise PullfocusError(str(error)) from error
    return NewLens(
        aperture=options["aperture"],
        near=options["near"],
        far=options["far"],
        max_radius_px=options["max_radius"],
        bokeh=bokeh,
        highlight_gain=options["highlight_gain"],
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
