# SPDX-License-Identifier: Apache-2.0
"""What the user marks: an exact matte, a box or strokes, on a frame, for a layer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pullfocus.errors import MatteError

__all__ = ["Kind", "Mark", "Marked", "parse_mark", "read_mark"]

Kind = Literal["key", "box", "scribble"]
_FORM = re.compile(r"(?:(?P<layer>[^:=]+):)?(?P<frame>-?\d+)=(?P<value>.+)", re.DOTALL)
_EXAMPLES: dict[Kind, str] = {
    "key": "1016=roto.png",
    "box": "1016=x,y,width,height in px",
    "scribble": "1016=strokes.png",
}
_WHITE, _BLACK = 0.75, 0.25
_CLEAR = 0.25  # alpha below which a picture of strokes says nothing


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What was said on the command line."""

    kind: Kind
    layer: str
    frame: int
    value: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Marked:
    """A mark, read and checked against its plate."""

    mark: Mark
    planes: tuple[np.ndarray, ...]
    """key: matte (H, W) float32 0..1. scribble: inside and outside (H, W) bool. box: nothing."""
    box: tuple[int, int, int, int] | None = None
    """x, y, width, height in px of the plate, within the frame."""


def parse_mark(kind: Kind, text: str, *, layer: str | None) -> Mark:
    """Read ``LAYER:FRAME=VALUE``, or ``FRAME=VALUE`` where ``layer`` says whose that is.

    Raises:
        MatteError: another form.
    """
    form = f"--{kind} {'' if layer else 'fg:'}{_EXAMPLES[kind]}"
    match = _FORM.fullmatch(text.strip())
    if match is None or not (match["layer"] or layer):
        raise MatteError(f"expected {form}, got {text!r}")
    return Mark(
        kind=kind,
        layer=match["layer"] or layer or "",
        frame=int(match["frame"]),
        value=match["value"],
    )


def read_mark(mark: Mark, *, frames: Sequence[int], width: int, height: int) -> Marked:
    """Read what a mark names and check it against its plate.

    Raises:
        MatteError: a frame that the plate lacks, a picture of another size, empty or full, a box
            outside the frame.
    """
    from pullfocus.plate.sequence import range_text

    where = f"--{mark.kind} {mark.frame} of {mark.layer}"
    if mark.frame not in frames:
        raise MatteError(f"{where}: expected a frame of {range_text(frames)}, got {mark.frame}")
    if mark.kind == "box":
        return Marked(mark=mark, planes=(), box=_box(mark.value, where, width, height))
    values, alpha = _picture(Path(mark.value), mark, where, width, height)
    if mark.kind == "scribble":
        said = np.ones_like(values, bool) if alpha is None else alpha > _CLEAR
        inside, outside = said & (values > _WHITE), said & (values < _BLACK)
        if not inside.any():
            raise MatteError(f"{where}: expected a white stroke on the subject, got none")
        # an opaque picture on black is drawn on nothing: its black is the paper, not a stroke
        paper = outside.mean() > 0.5 and (alpha is None or bool((alpha > _CLEAR).all()))
        return Marked(mark=mark, planes=(inside, np.zeros_like(outside) if paper else outside))
    matte = values
    if alpha is not None and float(alpha.min()) < 0.996:
        matte = alpha
    share = float((matte > 0.5).mean())
    if share == 0:
        raise MatteError(f"{where}: expected a matte of the subject, got an empty one")
    if share == 1:
        raise MatteError(f"{where}: expected a matte of the subject, got one of the whole frame")
    return Marked(mark=mark, planes=(matte,))


def _picture(
    path: Path, mark: Mark, where: str, width: int, height: int
) -> tuple[np.ndarray, np.ndarray | None]:
    from pullfocus.plate.image import read_picture
    from pullfocus.plate.sequence import matte_role

    if not path.is_file():
        raise MatteError(f"{where}: expected a picture, found no file {path}")
    _, picture = read_picture(path, frame=mark.frame, role=matte_role(mark.layer))
    values = picture.colour.max(axis=2).clip(0, 1).astype(np.float32)
    if values.shape != (height, width):
        raise MatteError(
            f"{where}: {path} is {values.shape[1]}x{values.shape[0]}, expected {width}x{height} "
            "like the plate"
        )
    alpha = picture.alpha
    return values, None if alpha is None else alpha.clip(0, 1).astype(np.float32)


def _box(text: str, where: str, width: int, height: int) -> tuple[int, int, int, int]:
    try:
        x, y, w, h = (round(float(part)) for part in text.split(","))
    except (ValueError, OverflowError) as error:
        raise MatteError(f"{where}: expected x,y,width,height in px, got {text!r}") from error
    left, top = max(0, x), max(0, y)
    right, bottom = min(width, x + w), min(height, y + h)
    if w <= 0 or h <= 0 or right - left < 4 or bottom - top < 4:
        raise MatteError(
            f"{where}: expected a box of at least 4 px within {width}x{height}, got {text}"
        )
    if (right - left) * (bottom - top) == width * height:
        raise MatteError(f"{where}: expected a box around the subject, got the whole frame")
    return left, top, right - left, bottom - top
