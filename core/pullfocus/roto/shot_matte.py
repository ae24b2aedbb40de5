# SPDX-License-Identifier: Apache-2.0
"""The mattes of a shot from what the user marked: frames in, soft alpha at full size out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pullfocus.plate.colour import linear_to_display
from pullfocus.roto.background import Background
from pullfocus.roto.follow import follow
from pullfocus.roto.in_time import Followed
from pullfocus.roto.keys import Marked
from pullfocus.roto.settings import FollowSettings
from pullfocus.roto.start import SMALL_PX, Clue, matte_from_clue
from pullfocus.shot import Shot

__all__ = ["ShotMatte", "disc_edge", "matte_of_shot", "working_frames"]

_LEAST_RADIUS_PX = 0.7  # of an edge in focus: its pixel is partly covered
_DOUBT = 0.93  # confidence below which one more key is worth its while
_NEAR_STROKE = 0.15  # of the frame's diagonal: how far from a stroke a subject may reach
_CLOSED = 0.7  # of the frame: strokes beside the subject that leave less than that are all round it
Report = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class ShotMatte:
    """One layer's matte in every frame."""

    layer: str
    frames: tuple[int, ...]
    width: int
    height: int
    outlines: tuple[Followed, ...]
    """At working size, one a frame."""
    exact: Mapping[int, np.ndarray]
    """Frame index to the matte (H, W) that was given there."""
    note: str = ""
    """Where it came from, if it was guessed."""

    def alpha(self, t: int) -> np.ndarray:
        """Return the matte of frame index ``t``, (H, W) float32 0..1.

        Its edge is as soft as a disc of the subject's circle of confusion makes it.
        """
        if t in self.exact:
            return self.exact[t]
        one = self.outlines[t]
        if one.empty:
            return np.zeros((self.height, self.width), np.float32)
        scale = self.width / one.distance.shape[1]
        size = (self.width, self.height)
        distance = cv2.resize(one.distance, size, interpolation=cv2.INTER_CUBIC) * scale
        return disc_edge(distance, max(one.radius_px * scale, _LEAST_RADIUS_PX))

    @property
    def confidence(self) -> tuple[float, ...]:
        """0..1 for every frame."""
        return tuple(one.confidence for one in self.outlines)

    @property
    def wanted(self) -> int | None:
        """The frame at which one more key would help most; None where all are sure."""
        doubt = np.array(
            [
                1 - c if not o.empty else 0
                for c, o in zip(self.confidence, self.outlines, strict=True)
            ]
        )
        smooth = cv2.GaussianBlur(doubt[None].astype(np.float32), (0, 0), 2.0)[0]
        worst = int(np.argmax(smooth))
        return self.frames[worst] if doubt[worst] > 1 - _DOUBT else None

    @property
    def away(self) -> tuple[int, ...]:
        """Frame numbers without the subject."""
        return tuple(f for f, o in zip(self.frames, self.outlines, strict=True) if o.empty)


def disc_edge(distance: np.ndarray, radius: float) -> np.ndarray:
    """Return alpha across an edge that a disc of a radius blurred; both in px."""
    s = (distance / radius).clip(-1, 1)
    return np.asarray(0.5 + (s * np.sqrt(1 - s * s) + np.arcsin(s)) / np.pi, np.float32)


def working_frames(shot: Shot, settings: FollowSettings, report: Report) -> list[np.ndarray]:
    """Read the plate as 8-bit display-encoded frames of at most ``working_px``."""
    scale = min(1.0, settings.working_px / max(shot.width, shot.height))
    size = (max(8, round(shot.width * scale)), max(8, round(shot.height * scale)))
    out = []
    for t in range(len(shot.frames)):
        display = linear_to_display(shot.plate.read(t)).clip(0, 1).astype(np.float32)
        if scale < 1:
            display = np.asarray(
                cv2.resize(display, size, interpolation=cv2.INTER_AREA), np.float32
            )
        out.append((display * 255 + 0.5).astype(np.uint8))
        report("reading plate", (t + 1) / len(shot.frames))
    return out


def matte_of_shot(
    shot: Shot,
    frames: Sequence[np.ndarray],
    marks: Sequence[Marked],
    settings: FollowSettings | None = None,
    *,
    report: Report = lambda stage, fraction: None,
) -> ShotMatte:
    """Follow one layer.

    Args:
        shot: the footage.
        frames: its `working_frames`.
        marks: keys, boxes and strokes of one layer, each on a frame of its own.
        settings: how to follow.
        report: called with a stage and the fraction done.
    """
    settings = settings or FollowSettings()
    index = {frame: t for t, frame in enumerate(shot.frames)}
    keys: dict[int, np.ndarray] = {}
    exact: dict[int, np.ndarray] = {}
    clues: dict[int, Clue] = {}
    for mark in marks:
        t = index[mark.mark.frame]
        if mark.mark.kind == "key":
            exact[t] = mark.planes[0]
            keys[t] = _small(mark.planes[0], frames[t])
        else:
            clues[t] = clue_of(mark, frames[t], shot.width)
            keys[t] = start_matte(t, frames, clues[t], settings)
    return ShotMatte(
        layer=marks[0].mark.layer,
        frames=shot.frames,
        width=shot.width,
        height=shot.height,
        outlines=tuple(follow(frames, keys, settings, doubted=clues, report=report)),
        exact=exact,
    )


def clue_of(mark: Marked, frame: np.ndarray, width: int) -> Clue:
    """Return what a box or strokes say, at working size."""
    shape = frame.shape[:2]
    nothing = np.zeros(shape, bool)
    if mark.box is not None:
        scale = shape[1] / width
        x, y, w, h = (round(v * scale) for v in mark.box)
        likely = nothing.copy()
        likely[y : y + max(1, h), x : x + max(1, w)] = True
        return Clue(inside=nothing, outside=~likely, likely=likely)
    inside, outside = (_small(plane.astype(np.float32), frame) > 0.25 for plane in mark.planes)
    near = _distance_to(inside)
    likely = near < _NEAR_STROKE * float(np.hypot(*shape))
    first = likely
    if outside.any():
        within = _reachable(inside, outside)
        # strokes all round the subject say where it ends
        likely = within & (likely | (within.mean() < _CLOSED))
        first = likely & (near < _distance_to(outside))
    return Clue(inside=inside, outside=outside, likely=likely | inside, first=first | inside)


def _reachable(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Return what strokes inside are not parted from by strokes outside, (h, w) bool."""
    free = 1 - cv2.dilate(outside.astype(np.uint8), np.ones((3, 3), np.uint8))
    _, labels = cv2.connectedComponents(free, connectivity=4)
    reached = np.unique(labels[inside & (free > 0)])
    return np.isin(labels, reached[reached > 0])


def start_matte(
    t: int, frames: Sequence[np.ndarray], clue: Clue, settings: FollowSettings
) -> np.ndarray:
    """Find the matte of frame ``t`` from a clue, (h, w) float32."""
    height, width = frames[t].shape[:2]
    times = 2 if max(height, width) < SMALL_PX else 1
    if times > 1:
        frames = [
            cv2.resize(f, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC) for f in frames
        ]
        clue = clue.larger(times)
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    mattes = [np.zeros(greys[0].shape, np.float32)] * len(frames)
    if not clue.likely.all():
        mattes[t] = clue.likely.astype(np.float32)
    background = Background(frames, greys, mattes)
    found = matte_from_clue(t, frames, background, clue, settings)
    return cv2.resize(found, (width, height), interpolation=cv2.INTER_AREA)


def _small(plane: np.ndarray, frame: np.ndarray) -> np.ndarray:
    size = (frame.shape[1], frame.shape[0])
    if plane.shape == frame.shape[:2]:
        return plane.astype(np.float32)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _distance_to(region: np.ndarray) -> np.ndarray:
    return cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, 5)
