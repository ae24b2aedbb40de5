# SPDX-License-Identifier: Apache-2.0
"""A folder of frames: made, and what every frame's header says of its shot."""

from fractions import Fraction
from pathlib import Path

from pullfocus import __version__
from pullfocus.errors import PassesError
from pullfocus.shot import Shot

__all__ = ["frame_path", "made", "shot_metadata"]


def made(out: Path) -> Path:
    """Make the folder if it is missing, and return it.

    Raises:
        PassesError: it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PassesError(f"cannot write frames to {out}: {error.strerror}") from error
    return out


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
