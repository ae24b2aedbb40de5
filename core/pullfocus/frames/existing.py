# SPDX-License-Identifier: Apache-2.0
"""Frames that are there already: which solve made them, and whether they are whole.

A farm runs a task again when a machine was taken away, and then wants only what is missing. A file
is skipped only where its header says that the very same solve made it with the same options, so
that a frame of an earlier solve is never taken for one of this.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch

from pullfocus import __version__
from pullfocus.errors import PlateError
from pullfocus.model.shot_model import ShotModel
from pullfocus.plate.exr import check_whole, read_metadata
from pullfocus.shot import Shot

__all__ = ["ORIGIN", "already_made", "origin"]

ORIGIN = "pullfocus/made_from"


def origin(shot: Shot, model: ShotModel, *parts: object) -> str:
    """Return a digest of all that decides a frame's pixels: footage, solve, options.

    Args:
        shot: the footage.
        model: the solved model.
        parts: options of the verb: tensors and arrays by their bytes, all else by its text.
    """
    digest = hashlib.sha256(f"{__version__}\n{shot.fingerprint()}\n{model.settings!r}".encode())
    state = {name: tensor for name, tensor in sorted(model.state_dict().items())}
    for part in (*state.values(), *parts):
        if isinstance(part, torch.Tensor):
            part = part.detach().cpu().numpy()
        if isinstance(part, np.ndarray):
            digest.update(f"\n{part.dtype} {part.shape}\n".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(f"\n{part!r}\n".encode())
    return digest.hexdigest()[:32]


def already_made(path: Path, made_from: str) -> bool:
    """Return whether an EXR is there, whole, and made from what `origin` said."""
    try:
        if not path.is_file() or read_metadata(path).get(ORIGIN) != made_from:
            return False
        check_whole(path)
    except PlateError:
        return False
    return True
