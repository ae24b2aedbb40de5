# SPDX-License-Identifier: Apache-2.0
"""``pullfocus matte``: the command line of following a matte."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pullfocus.cli.options import (
    DeinterlaceOption,
    FramesOption,
    OverscanOption,
    PlateLayerOption,
    ProgressOption,
    Report,
    frames_text,
    reporting,
)
from pullfocus.errors import MatteError

__all__ = [
    "BoxOption",
    "KeyOption",
    "MatteCommandOption",
    "MatteModelOption",
    "ScribbleOption",
    "matte",
]

KeyOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME:]FRAME=PATH",
        help="Exact matte of one frame, fg:1016=roto.png; repeated: more keys, more layers.",
    ),
]
BoxOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME:]FRAME=X,Y,W,H",
        help="Box around the subject in one frame, px from the top left: fg:1016=120,60,200,180.",
    ),
]
ScribbleOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME:]FRAME=PATH",
        help="Strokes on one frame, as large as the plate: white on the subject, black beside it, "
        "on grey or on nothing.",
    ),
]
MatteCommandOption = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND",
        help="Another tool follows: 'tool {plate} {keys} {out}'; see docs/mattes.md.",
    ),
]
MatteModelOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="An installed plug-in (entry point pullfocus.mattes) or an ONNX file follows.",
    ),
]


class MatteFormat(StrEnum):
    """Files of mattes."""

    exr = "exr"
    png = "png"


def matte(
    plate: Annotated[str, typer.Argument(metavar="PLATE", help="Footage, as for solve.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the mattes.")],
    key: KeyOption = None,
    box: BoxOption = None,
    scribble: ScribbleOption = None,
    auto: Annotated[
        bool, typer.Option("--auto", help="No mark at all: guess the subject, and say so.")
    ] = False,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Layer of marks that name none.")
    ] = "fg",
    format: Annotated[MatteFormat, typer.Option(help="Half EXR or 16-bit PNG.")] = MatteFormat.exr,
    matte_command: MatteCommandOption = None,
    matte_model: MatteModelOption = None,
    colorspace: Annotated[
        str | None, typer.Option(metavar="SPACE", help="Colour space of the plate, as for solve.")
    ] = None,
    frames: FramesOption = None,
    plate_layer: PlateLayerOption = None,
    overscan: OverscanOption = False,
    deinterlace: DeinterlaceOption = None,
    progress: ProgressOption = Report.auto,
) -> None:
    """Follow a matte from one frame, or a few, through all: a key, a box or strokes.

    Marks are FRAME=... or LAYER:FRAME=...; every layer of --out becomes LAYER.####.exr. How sure
    each frame is, and where one more key would help most, is in mattes.json.
    """
    from pullfocus.output import prepared
    from pullfocus.roto.found import MatteRequest, find_mattes
    from pullfocus.roto.preview import write_preview
    from pullfocus.roto.writing import matte_file, pattern, summary, write_mattes
    from pullfocus.solve.inputs import ShotInputs

    began = time.monotonic()
    request = MatteRequest.parsed(
        key=key,
        box=box,
        scribble=scribble,
        auto=[name] if auto else None,
        command=matte_command,
        model=matte_model,
        default_layer=name,
    )
    if not request.layers:
        raise MatteError("expected --key, --box, --scribble or --auto, got none")
    shot = ShotInputs(
        plate=plate,
        frames=frames,
        colorspace=colorspace,
        plate_layer=plate_layer,
        overscan=overscan,
        deinterlace=deinterlace,
    ).open()
    request = request.read(shot)
    prepared(
        out,
        [matte_file(layer, f, format.value) for layer in request.layers for f in shot.frames],
        footage=shot.footage,
        paint=request.pictures,
        raw_bytes=2 * shot.width * shot.height,
    )
    with reporting(progress) as say:
        for note in shot.notes:
            say.note(note)
        found = find_mattes(shot, request, report=say)
        paths = write_mattes(out, found, format.value, say)
        for line in summary(found):
            say.note(line)
        preview = out / "preview.png"
        write_preview(preview, shot, found)
        say.preview(str(preview))
        seconds = time.monotonic() - began
        say.done(
            f"mattes of {frames_text(len(shot.frames))} in {seconds:.0f} s: {paths[0]}",
            first=str(paths[0]),
            frames=len(shot.frames),
            seconds=seconds,
            mattes={m.layer: pattern(out, m.layer, format.value) for m in found},
            confidence={m.layer: [round(c, 3) for c in m.confidence] for m in found},
            next_key={m.layer: m.wanted for m in found},
        )
