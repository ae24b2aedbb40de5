# SPDX-License-Identifier: Apache-2.0
"""How much memory a solve will take, is free, and was taken."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pullfocus.shot import Shot

__all__ = ["free_memory_mb", "memory_estimate_mb", "memory_line", "peak_memory_mb"]

_OVERSCAN = 1.3  # of the frame, evaluated around it for the lens


def memory_estimate_mb(shot: Shot, settings: Any = None) -> float:
    """A rough upper estimate of the memory that solving `shot` takes, in MB.

    `settings` are those of the solve, whose networks keep their hidden layers for every pixel.
    """
    pixels = shot.width * shot.height
    layers = len(shot.layer_names)
    libraries = 450
    footage = pixels * len(shot.frames) * (3 * 4 + 4 * layers)
    one_step = pixels * layers * 1200  # a frame, its layers and everything autograd keeps of them
    atlases = pixels * 3 * layers * 4 * 4 * 4  # 4 floats, Adam's two moments, the gradient
    hidden = 0.0 if settings is None else pixels * _hidden_bytes(settings, layers)
    return libraries + (footage + one_step + atlases + hidden) / 1e6


def _hidden_bytes(settings: Any, layers: int) -> float:
    """Bytes a pixel that coordinate networks keep for the backward pass."""
    model = getattr(settings, "model", None)
    if model is None or model.networks.recompute:
        return 0.0
    nets, depth = model.networks, 0
    if model.mapping == "network":
        depth += nets.subject_layers * (layers - 1) + nets.background_layers
    if model.matte == "network":
        depth += nets.matte_layers * (layers - 1)
    if model.texture == "network":
        depth += nets.atlas_layers * layers
    return _OVERSCAN * 4 * nets.width * depth


def memory_line(shot: Shot, settings: Any = None) -> str:
    """One line for the user before the work starts."""
    needed = memory_estimate_mb(shot, settings)
    free = free_memory_mb()
    size = f"{len(shot.frames)} frames of {shot.width}x{shot.height}"
    text = f"{size}, {len(shot.layer_names)} layers: about {needed / 1000:.1f} GB of memory"
    if free is not None:
        text += f", {free / 1000:.1f} GB are free"
        if needed > free:
            text += ": too little, expect swapping or choose fewer --frames"
    return text


def free_memory_mb() -> float | None:
    """Memory that programs may still take, in MB; None where the system does not say."""
    kilobytes = _proc_field(Path("/proc/meminfo"), "MemAvailable")
    return None if kilobytes is None else kilobytes / 1000


def peak_memory_mb() -> float:
    """The most memory this process has held, in MB; NaN where the system does not say."""
    # Linux counts what the parent held before it started us into ru_maxrss, but not into VmHWM.
    kilobytes = _proc_field(Path("/proc/self/status"), "VmHWM")
    if kilobytes is not None:
        return kilobytes / 1000
    try:
        import resource
    except ImportError:  # Windows
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def _proc_field(path: Path, name: str) -> int | None:
    """A figure in kB of a file under /proc; None where there is none."""
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(fields[name].split()[0]) if name in fields else None
