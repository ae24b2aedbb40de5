# SPDX-License-Identifier: Apache-2.0
"""pullfocus: sharp layered shots from misfocused footage."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pullfocus.api.shots import open_shot
    from pullfocus.api.solve import solve_shot
    from pullfocus.api.solved_shot import SolvedShot, open_solve
    from pullfocus.errors import PullfocusError
    from pullfocus.shot import Shot

__version__ = "0.1.0"
__all__ = ["PullfocusError", "Shot", "SolvedShot", "open_shot", "open_solve", "solve_shot"]

_OFFERED = {
    "open_shot": "api.shots",
    "solve_shot": "api.solve",
    "open_solve": "api.solved_shot",
    "SolvedShot": "api.solved_shot",
    "Shot": "shot",
    "PullfocusError": "errors",
}

# Threads that spin long while they wait take the cores from each other wherever anything else runs:
# beside one other solve every step then takes five times as long. A short spin costs nothing on an
# idle machine (none at all costs a third). Read when torch is first imported.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")  # torch on Linux
    os.environ.setdefault("KMP_BLOCKTIME", "0")  # on macOS and Windows, where 0.2 s is usual


def __getattr__(name: str) -> Any:
    """Import what is offered when it is asked for: ``import pullfocus`` alone takes no time."""
    if name not in _OFFERED:
        raise AttributeError(f"module 'pullfocus' has no attribute {name!r}")
    held = getattr(importlib.import_module(f"pullfocus.{_OFFERED[name]}"), name)
    globals()[name] = held
    return held


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
