# SPDX-License-Identifier: Apache-2.0
"""How much memory a solve will take, is free, and was taken."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pullfocus.errors import SolveError
from pullfocus.threads import LARGE_FRAME_PX

if TYPE_CHECKING:
    from pullfocus.shot import Shot

__all__ = [
    "Part",
    "free_memory_mb",
    "memory_estimate_mb",
    "memory_line",
    "peak_memory_mb",
    "within_memory",
]

Part = Literal["all", "proxy", "finish"]
"""Of a solve: both halves, or one of them in a process of its own."""

_LIBRARIES_MB = 440
_STEP_BYTES = 450  # a pixel and layer: a frame, what autograd keeps, the atlas and its moments
_AT_ONCE_BYTES = 300  # the same of a frame that is worked out beside it
_FLOW_PX = 960  # longer side of the frames that motion is read from (`observe.flow`)
_MOTION_BYTES = 5  # a pixel of those, of every frame: grey, and where it is trusted
_HELD_MB = 128  # of reduced frames, and of bounds of every matte, at most
_ATLAS_BYTES = 16  # a texel: colour and matte offset
_FINISH_COPIES = 8  # of an atlas at the plate's size: itself, as light, gradients, Adam's moments
_STRIP_BYTES = 250  # a pixel and layer: what autograd keeps of a strip
_STRIP_PIXELS = 700_000  # `solve.fine.STRIP_PIXELS`, and what is evaluated around it for the lens
_PROXIES = (640, 512, 384, 256)  # widths tried, widest first, where memory is short
_OVERSCAN = 1.3  # of the frame, evaluated around it for the lens


def memory_estimate_mb(
    shot: Shot, settings: Any = None, part: Part = "all", *, layers: int | None = None
) -> float:
    """About how much memory solving `shot` takes at most, in MB.

    `settings` are those of the solve: steps are taken on a proxy if they say so, and networks keep
    their hidden layers for every pixel. `layers` counts those whose mattes are still to be found as
    well; by default the shot's own. `benchmarks/memory.py` compares it with what is taken.
    """
    proxy = getattr(settings, "proxy", 0)
    layers, frames = layers or len(shot.layer_names), len(shot.frames)
    pixels = float(shot.width * shot.height)
    shrink = proxy / shot.width if proxy else 1.0
    stepped = pixels * shrink**2
    flow = pixels * min(1.0, _FLOW_PX / max(shot.width, shot.height)) ** 2
    motion = flow * frames * _MOTION_BYTES / 1e6
    held = min(_HELD_MB, stepped * frames * 1.5 / 1e6)
    held += (layers - 1) * min(_HELD_MB, stepped * frames * 2.5 / 1e6)
    hidden = 0.0 if settings is None else stepped * _hidden_bytes(settings, layers) / 1e6
    beside = getattr(settings, "frames_at_once", 1) - 1
    a_step = _STEP_BYTES + _AT_ONCE_BYTES * beside * (stepped < LARGE_FRAME_PX)
    solving = stepped * layers * a_step / 1e6 + held + hidden
    finishing = 0.0
    if proxy:
        fine = 1.25 if settings is None else settings.model.texels_per_px
        atlas = pixels * fine**2 * _ATLAS_BYTES * _FINISH_COPIES * layers
        strip = min(_STRIP_PIXELS, pixels) * layers * _STRIP_BYTES
        finishing = (atlas + strip) / 1e6
    if part == "finish":  # motion is measured, and what is left of the proxy is small
        return _LIBRARIES_MB + held + finishing
    if part == "proxy":
        return _LIBRARIES_MB + max(motion, solving)
    return _LIBRARIES_MB + max(motion, solving + finishing)


def within_memory(
    shot: Shot, settings: Any, memory_gb: float, *, any_proxy: bool, layers: int | None = None
) -> Any:
    """Return settings that keep to so much memory, by a smaller proxy where one may be chosen.

    Args:
        shot: the shot.
        settings: SolveSettings.
        memory_gb: what may be taken.
        any_proxy: whether the width of the proxy is ours to choose.
        layers: as `memory_estimate_mb` takes them.

    Raises:
        SolveError: no proxy is small enough.
    """
    tried = [settings]
    if any_proxy:
        widths = [w for w in _PROXIES if w < min(shot.width, settings.proxy or shot.width)]
        tried += [dataclasses.replace(settings, proxy=width) for width in widths]
    for one in tried:
        if memory_estimate_mb(shot, one, layers=layers) <= 1000 * memory_gb:
            return one
    least = memory_estimate_mb(shot, tried[-1], layers=layers) / 1000
    raise SolveError(
        f"--memory: expected {least:.1f} GB or more for {len(shot.frames)} frames of "
        f"{shot.width}x{shot.height}, got {memory_gb:g}; fewer --frames take less"
    )


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


def memory_line(shot: Shot, settings: Any = None, part: Part = "all") -> str:
    """One line for the user before the work starts."""
    needed = memory_estimate_mb(shot, settings, part)
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
