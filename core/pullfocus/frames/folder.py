# SPDX-License-Identifier: Apache-2.0
"""A folder of frames: prepared, and what every frame's header says of its shot."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pullfocus import __version__
from pullfocus.output import Output, prepared
from pullfocus.passes.contract import colour_metadata
from pullfocus.plate.exr import Metadata
from pullfocus.plate.headers import chromaticities
from pullfocus.shot import Shot, Window

__all__ = [
    "frame_header",
    "frame_path",
    "motion_targets",
    "prepared_frames",
    "shot_metadata",
    "windows",
]


def prepared_frames(
    out: Path,
    shot: Shot,
    chosen: Sequence[int],
    made_by: str,
    *,
    pixel_bytes: int,
    others: Sequence[str] = (),
    paint: Mapping[str, Path] | None = None,
) -> Output:
    """Make the folder for frames of a verb, after all checks; see `output.prepared`.

    Args:
        out: the folder.
        shot: whose frames.
        chosen: frame indices that will be written, named by `frame_path`.
        made_by: the verb.
        pixel_bytes: of all channels of a pixel.
        others: names of other files that are written.
        paint: what it is, and the file: what else is read.

    Raises:
        PassesError: something would be lost, or cannot be written.
    """
    return prepared(
        out,
        [frame_path(out, shot, t, made_by).name for t in chosen],
        footage=shot.footage,
        others=others,
        paint=paint,
        raw_bytes=pixel_bytes * shot.width * shot.height,
    )


def frame_path(out: Path, shot: Shot, t: int, made_by: str) -> Path:
    """Return the file of frame index ``t``, named so that it is not taken for the plate."""
    return out / f"{shot.name}_{made_by}.{shot.frames[t]:04d}.exr"


def shot_metadata(shot: Shot, t: int) -> dict[str, Metadata]:
    """Return the header attributes of a frame that is no full set of passes."""
    return {
        **frame_header(shot, t),
        "pullfocus/version": __version__,
        **colour_metadata(shot.colorspace),
        "framesPerSecond": shot.rate,
    }


def frame_header(shot: Shot, t: int) -> dict[str, Metadata]:
    """Return what a frame's header hands on of its plate, and the colours it is written in."""
    kept = dict(shot.headers.read(t)) if shot.headers is not None else {}
    own = chromaticities(shot.colorspace)
    if own is not None:
        kept["chromaticities"] = own
    return {**kept, "PixelAspectRatio": shot.pixel_aspect}


def motion_targets(shot: Shot, t: int, interval: int = 1) -> dict[str, Metadata]:
    """Return header attributes that name the frames which motion was taken to, where there are."""
    return {
        f"pullfocus/{name}_to": shot.frames[to]
        for name, to in (("forward", t + interval), ("backward", t - interval))
        if 0 <= to < len(shot.frames)
    }


def windows(shot: Shot) -> tuple[Window, Window] | None:
    """Return data and display window of what is written for a shot's frames."""
    if shot.display is None:
        return None
    return shot.data or shot.display, shot.display
