# SPDX-License-Identifier: Apache-2.0
"""Where focus lies in every frame: on a layer, a place, a depth, or from one to another."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pullfocus.errors import PullfocusError
from pullfocus.plate.sequence import range_text
from pullfocus.refocus.camera import parse_distance

__all__ = [
    "PLATE",
    "Distance",
    "FocusKey",
    "Place",
    "Target",
    "focus_track",
    "parse_focus",
    "parse_place",
    "parse_target",
]

PLATE = "plate"
"""A target: the focus that the plate was shot with."""

_PLACE = re.compile(r"(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)@(-?\d+)")


@dataclass(frozen=True)
class Place:
    """A pixel of a frame; what is seen there is followed through the shot."""

    x: float
    """Px from the left."""
    y: float
    """Px from the top."""
    frame: int


@dataclass(frozen=True)
class Distance:
    """So far from the lens; needs to know the camera."""

    metres: float


Target = str | float | Place | Distance
"""A layer's name, "plate", a depth in px of radius, a place, or a distance."""


@dataclass(frozen=True)
class FocusKey:
    """From a frame on, focus on something."""

    frame: int | None
    """Frame number; None: in every frame."""
    target: Target


def parse_place(text: str) -> Place:
    """Read ``x,y@frame``.

    Raises:
        PullfocusError: it is not of that form.
    """
    match = _PLACE.fullmatch(text.strip())
    if match is None:
        raise PullfocusError(f"expected a place such as 320,180@1001, got {text!r}")
    return Place(float(match[1]), float(match[2]), int(match[3]))


def parse_target(text: str) -> Target:
    """Read one thing to focus on.

    Raises:
        PullfocusError: a place that is none, or a depth that is not finite.
    """
    if "@" in text:
        return parse_place(text)
    metres = parse_distance(text)
    if metres is not None:
        return Distance(metres)
    try:
        depth = float(text)
    except ValueError:
        return text
    if not math.isfinite(depth):
        raise PullfocusError(f"--focus: expected a finite depth, got {text!r}")
    return depth


def parse_focus(text: str) -> tuple[FocusKey, ...]:
    """Read what to focus on: ``fg``, ``2.5``, ``4.2m``, ``320,180@1001``, keys ``1001:fg 1030:bg``.

    Raises:
        PullfocusError: empty, keys beside something without a frame, or a frame twice.
    """
    words = text.split()
    if not words:
        raise PullfocusError("--focus: expected a layer, a depth, a place or keys, got nothing")
    keys = []
    for word in words:
        match = re.fullmatch(r"(-?\d+):(.+)", word)
        keys.append(
            FocusKey(int(match[1]), parse_target(match[2]))
            if match
            else FocusKey(None, parse_target(word))
        )
    if len(keys) > 1 and any(key.frame is None for key in keys):
        raise PullfocusError(f"--focus: expected keys such as 1001:fg 1030:bg, got {text!r}")
    frames = [key.frame for key in keys]
    if len(set(frames)) < len(frames):
        raise PullfocusError(f"--focus: expected every key's frame once, got {text!r}")
    return tuple(sorted(keys, key=lambda key: key.frame or 0))


def focus_track(
    keys: Sequence[FocusKey],
    frames: Sequence[int],
    depth_of: Callable[[Target, int], float],
) -> np.ndarray:
    """Return the focus of every frame, (T,), eased between keys and held outside them.

    Args:
        keys: rising in time; one without a frame holds throughout.
        frames: frame numbers, rising.
        depth_of: the depth of a target at a frame index.

    Raises:
        PullfocusError: all keys lie before or after the shot.
    """
    timed = [key.frame for key in keys if key.frame is not None]
    if timed and (timed[-1] < frames[0] or timed[0] > frames[-1]):
        raise PullfocusError(
            f"--focus: expected keys within the shot's frames ({range_text(frames)}),"
            f" got {range_text(timed)}"
        )
    out = np.empty(len(frames))
    for t, frame in enumerate(frames):
        before = [key for key in keys if key.frame is None or key.frame <= frame]
        after = [key for key in keys if key.frame is not None and key.frame > frame]
        if not before or not after:
            out[t] = depth_of((before[-1] if before else after[0]).target, t)
            continue
        start, end = before[-1], after[0]
        assert start.frame is not None
        assert end.frame is not None
        share = (frame - start.frame) / (end.frame - start.frame)
        eased = share * share * (3 - 2 * share)
        out[t] = (1 - eased) * depth_of(start.target, t) + eased * depth_of(end.target, t)
    return out
