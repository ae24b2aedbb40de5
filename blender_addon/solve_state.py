# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a solve folder is, read from the head of its checkpoint. Nothing of Blender in here."""

from __future__ import annotations

import json
import struct
from pathlib import Path

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
