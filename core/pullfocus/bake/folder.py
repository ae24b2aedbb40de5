# SPDX-License-Identifier: Apache-2.0
"""A folder of frames: prepared, and what every frame's header says of its shot."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from pullfocus import __version__
from pullfocus.output import Output, prepared
from pullfocus.shot import Shot

__all__ = ["frame_path", "prepared_frames", "shot_metadata"]


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


def shot_metadata(shot: Shot) -> dict[str, str | Fraction]:
    """Return the header attributes of frames that are no full set of passes."""
    return {
        "pullfocus/version": __version__,
        "oiio:ColorSpace": shot.colorspace,
        "framesPerSecond": shot.rate,
    }
