# SPDX-License-Identifier: Apache-2.0
"""What the rendered clips show: who moves how, and where focus lies meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from figure_mesh import Walk, figure
from head_mesh import hair, head, mouth_corners
from tube_mesh import Part, smooth_path, tube

HEAD_SCALE, HEAD_PLACE = 4.4, np.array([0.0, 3.4, 1.05])


def far_near_far(time: float) -> float:
    """Where focus lies over the clip (0..1): 0 the wall, 1 the subject; it hunts a little."""
    return 1.12 * (0.5 - 0.5 * math.cos(2 * math.pi * time))


def near_far_near(time: float) -> float:
    """The same, the subject first and last."""
    return 0.5 + 0.5 * math.cos(2 * math.pi * time)


@dataclass(frozen=True)
class Recipe:
    """What makes a clip."""

    subject: Callable[[float], list[Part]]
    """Parts by time in seconds."""
    distance: float
    """Where focus finds the subject, metres."""
    shutter_degrees: float = 0.0
    glow: float = 1.0
    """Strength of the subject's petals, and of lamps behind it if above 1."""
    focus: Callable[[float], float] = far_near_far
    """Share of the way from the wall to the subject, over the clip (0..1)."""
    region: Callable[[float], np.ndarray] | None = None
    """World points round what is measured apart, by time."""


def walking(walk: Walk) -> Callable[[float], list[Part]]:
    """The figure, on its way."""
    return lambda time: figure(walk, time)


def head_pose(time: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Matrix, place and opening of the mouth of the talking head."""
    turn = math.radians(30 * math.cos(math.pi * time / 1.15))  # 60 degrees from end to end
    tilt = math.radians(5 * math.sin(3.1 * time))
    c, s = math.cos(turn), math.sin(turn)
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    c, s = math.cos(tilt), math.sin(tilt)
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    place = HEAD_PLACE + np.array([0.18 * math.sin(1.9 * time), 0, 0.05 * math.sin(4.1 * time)])
    mouth = (0.5 - 0.5 * math.cos(2 * math.pi * 2.1 * time)) * (0.75 + 0.25 * math.sin(9 * time))
    return HEAD_SCALE * about_z @ about_y, place, mouth


def talking_head(time: float) -> list[Part]:
    """A head on shoulders that do not turn with it."""
    matrix, place, mouth = head_pose(time)
    own = head(mouth) + hair(
        np.random.default_rng(3), time, strands=260, length=0.15, radius=0.0013
    )
    parts = [part.moved(matrix, place) for part in own]
    up, side = np.array([0, 0, HEAD_SCALE]), np.array([1.0, 0, 0])
    sway = place - HEAD_PLACE
    foot = HEAD_PLACE + 0.4 * sway
    neck = smooth_path(np.array([place - 0.02 * up, place - 0.10 * up, foot - 0.2 * up]), 10)
    parts.append(tube("skin", neck, np.full(10, 0.055 * HEAD_SCALE), side))
    body = smooth_path(np.array([foot - 0.125 * up, foot - 0.17 * up, foot - 0.4 * up]), 16)
    s = np.linspace(0, 1, 16)
    wide = np.interp(s, [0, 0.15, 0.4, 1], [0.06, 0.13, 0.19, 0.21]) * HEAD_SCALE
    deep = np.interp(s, [0, 0.15, 0.4, 1], [0.06, 0.09, 0.11, 0.12]) * HEAD_SCALE
    parts.append(tube("knit", body, np.stack([wide, deep], -1), side, around=48, repeat=(6, 3)))
    return parts


def mouth_points(time: float) -> np.ndarray:
    """World points round the mouth of the talking head."""
    matrix, place, mouth = head_pose(time)
    return mouth_corners(mouth) @ matrix.T + place


_WALK = Walk(start=(0.98, 4.25), velocity=(-1.62, -0.10))


RECIPES = {
    "figure": Recipe(walking(_WALK), 4.2),
    "figure_blur": Recipe(walking(_WALK), 4.2, shutter_degrees=180),
    "figure_turns": Recipe(
        walking(
            Walk(
                start=(0.55, 4.25), velocity=(-1.5, -0.1), turn_degrees=65, heading_degrees=10,
                back_after=0.75,
            )
        ),
        4.2,
    ),
    "leaves": Recipe(
        walking(
            Walk(start=(1.42, 4.25), velocity=(1.95, 0.0), heading_degrees=30, back_after=0.6)
        ),
        4.2,
        focus=near_far_near,
    ),
    "lamps": Recipe(walking(_WALK), 4.2, glow=14.0),
    "head": Recipe(talking_head, 3.1, region=mouth_points),
}  # fmt: skip
