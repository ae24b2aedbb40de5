# SPDX-License-Identifier: Apache-2.0
"""open_shot: plate, mattes and settings in, a checked Shot out."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from pullfocus.errors import MatteError
from pullfocus.plate.colour import ColourPlan, plan_colour, to_working_space
from pullfocus.plate.headers import MovieHeaders, StillHeaders, true_rate
from pullfocus.plate.matte import open_coc, open_matte
from pullfocus.plate.reel import Reel, open_reel
from pullfocus.plate.sequence import PLATE, range_text
from pullfocus.shot import LAST_LAYER, FrameSource, Shot

__all__ = ["DEFAULT_RATE", "PlateSource", "open_shot"]

DEFAULT_RATE = Fraction(24)
_OPAQUE = 1 - 1e-3
"""12-bit alpha widened to 16 bits falls a little short of 1."""


class PlateSource:
    """A plate, read as float32 (H, W, 3): light in the working space, over black."""

    def __init__(self, reel: Reel, plan: ColourPlan) -> None:
        self._reel, self._plan = reel, plan
        self._convert = to_working_space(plan)

    def read(self, index: int) -> np.ndarray:
        """Read one frame: float32 (H, W, 3), scene-linear, premultiplied over black.

        Raises:
            PlateError: the frame is truncated, damaged, of another size, or holds NaN or Inf.
        """
        picture = self._reel.read(index)
        colour = picture.colour
        if colour.shape[2] == 1:
            colour = np.broadcast_to(colour, (*colour.shape[:2], 3))
        light = self._convert(colour)
        if picture.straight and picture.alpha is not None:
            light *= picture.alpha[..., None]
        return light

    def describe(self) -> str:
        """One line for messages."""
        reel = self._reel
        frames = range_text(reel.frames)
        return f"plate: {reel.label}, frames {frames}, {reel.width}x{reel.height}, {self._plan}"

    def fingerprint(self) -> str:
        """Hash of what the files hold and the colour conversion."""
        return hashlib.sha256(f"{self._reel.stamp()}\n{self._plan}".encode()).hexdigest()


def open_shot(
    plate: str,
    *,
    mattes: Sequence[tuple[str, str]] = (),
    coc: str | None = None,
    frames: str | None = None,
    colorspace: str | None = None,
    working_space: str | None = None,
    rate: Fraction | None = None,
    plate_layer: str | None = None,
    overscan: bool = False,
    deinterlace: bool | None = None,
) -> Shot:
    """Open footage and check everything that does not need the pixels of every frame.

    What does need them (damaged data, NaN) is checked as each frame is read.

    Args:
        plate: ``shot.####.exr``, ``shot.%04d.png``, a folder, a still or a movie.
        mattes: (layer name, path form), front to back.
        coc: path form of a given circle of confusion, radius in px.
        frames: fileseq range, ``1001-1060`` or ``1-20x2``; None: all there are.
        colorspace: the plate's colour space, or "scene_linear": linear, primaries untold.
        working_space: scene-linear space to work in; None: chosen from the plate's.
        rate: frames a second; None: what the files say, else 24.
        plate_layer: layer, part or view of the plate's files; None: found.
        overscan: work on all that the plate's data windows hold, not the display window alone.
        deinterlace: make whole frames of interlaced ones (True), or take them as they are
            (False); None: they are refused.

    Raises:
        PlateError: plate or coc missing, unreadable or inconsistent.
        MatteError: a matte that does not fit, is empty throughout, or is badly named.
        ColourError: an unknown colour space, or one that must be told.
    """
    _check_matte_names([name for name, _ in mattes])
    role = replace(PLATE, layer=plate_layer)
    reel = open_reel(plate, frames=frames, role=role, overscan=overscan, deinterlace=deinterlace)
    plan = plan_colour(
        reel.encoding,
        label=reel.label,
        tagged=reel.tagged,
        colorspace=colorspace,
        working_space=working_space,
    )
    notes = [*reel.notes, *plan.notes, *_alpha_notes(reel)]
    source = PlateSource(reel, plan)
    source.read(0)

    layers: list[tuple[str, FrameSource]] = []
    footage = [reel.on_disk]
    for name, text in mattes:
        matte, lines = open_matte(name, text, plate=reel)
        layers.append((name, matte))
        footage.append(matte.on_disk)
        notes += lines
    given = None
    if coc is not None:
        given, lines = open_coc(coc, plate=reel)
        footage.append(given.on_disk)
        notes += lines

    if reel.pixel_aspect != 1.0:
        notes.append(
            f"plate: pixel aspect {reel.pixel_aspect:g}; everything is worked out in pixels, and "
            "the passes keep it"
        )
    rate = rate or reel.rate
    rate = None if rate is None else true_rate(rate)
    if rate is None:
        notes.append(f"plate: {reel.label} records no frame rate; {DEFAULT_RATE} is assumed")
    return Shot(
        name=reel.name,
        frames=reel.frames,
        width=reel.width,
        height=reel.height,
        display=reel.display,
        data=reel.data,
        rate=rate or DEFAULT_RATE,
        pixel_aspect=reel.pixel_aspect,
        colorspace=plan.working,
        plate=source,
        mattes=tuple(layers),
        coc=given,
        headers=MovieHeaders(reel.on_disk.files[0], reel.frames, rate or DEFAULT_RATE)
        if reel.is_movie
        else StillHeaders(reel.on_disk.files),
        footage=tuple(footage),
        notes=tuple(notes),
    )


def _check_matte_names(names: Sequence[str]) -> None:
    from pullfocus.passes.layer_names import check_layer_name

    for name in names:
        check_layer_name(name)
        if name == LAST_LAYER:
            raise MatteError(
                f"matte {name}: expected another layer name: '{LAST_LAYER}' is the layer behind "
                "every matte"
            )
        if names.count(name) > 1:
            raise MatteError(f"matte {name}: expected each layer name once, got it twice")


def _alpha_notes(reel: Reel) -> list[str]:
    """What became of the plate's alpha; nothing to say where it is 1 in the frames looked at."""
    if not reel.has_alpha:
        return []
    last = len(reel.frames) - 1
    for index in sorted({0, last // 2, last}):
        picture = reel.read(index)
        if picture.alpha is None or float(picture.alpha.min()) > _OPAQUE:
            continue
        kind = "unassociated: colour is multiplied by it" if picture.straight else "premultiplied"
        return [
            f"plate: {reel.label} has an alpha channel ({kind}); it is taken over black and its "
            "alpha is not used as a matte"
        ]
    return []
