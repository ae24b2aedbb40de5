# SPDX-License-Identifier: GPL-3.0-or-later
"""What a solve folder holds: how far it is, whose passes it made. Nothing of Blender in here."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

from .passes import Passes

NONE, STOPPED, FINISHED = "none", "stopped", "finished"


def solve_state(folder: Path) -> str:
    """Return NONE, STOPPED (there is more to do) or FINISHED; NONE where it cannot be read."""
    try:
        with (folder / "checkpoint.safetensors").open("rb") as stream:
            (size,) = struct.unpack("<Q", stream.read(8))
            head = json.loads(stream.read(min(size, 1 << 24)))
        facts = json.loads(head["__metadata__"]["pullfocus"])
    except (OSError, struct.error, ValueError, KeyError, TypeError):
        return NONE
    return FINISHED if facts.get("finished") else STOPPED


def recorded_solve(passes: Passes) -> Path | None:
    """Return the solve that passes.json names, where it is there and is the one they come from.

    Its settings must have the digest, and its shot the layers and frames, that the passes name: a
    solve begun anew with other settings would carry paint elsewhere. None otherwise.
    """
    if not passes.solve:
        return None
    try:
        folder = (passes.folder / passes.solve).resolve()
        document = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        record = json.dumps(document["settings"], sort_keys=True)
        shot = document["shot"]
        fits = (
            hashlib.sha256(record.encode()).hexdigest()[:16] == passes.solve_digest
            and shot["layers"] == [layer.name for layer in passes.layers]
            and shot["frames"] == list(passes.frames)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return folder if fits else None
