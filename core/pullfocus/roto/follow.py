# SPDX-License-Identifier: Apache-2.0
"""From keys to every frame: the key's outline carried by motion, corrected by what a frame shows.

From each key both ways, frame by frame: flow inside the subject carries the last outline on,
matting finds the edge around it, and the key's own outline is fitted to that by an affine map and
a smooth bend. Between two keys both ways are joined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from pullfocus.roto.background import Background
from pullfocus.roto.carry import carried
from pullfocus.roto.in_time import Followed, Seen, joined_ways, smoothed
from pullfocus.roto.outline import overlap, signed_distance
from pullfocus.roto.settings import FollowSettings
from pullfocus.roto.side_by_side import side_by_side
from pullfocus.roto.start import Clue
from pullfocus.roto.walker import Walker

__all__ = ["follow"]

_MARGIN_PX = 3  # rough outlines are grown by before the background is taken
_PASSES = 2


def follow(
    frames: Sequence[np.ndarray],
    keys: Mapping[int, np.ndarray],
    settings: FollowSettings | None = None,
    *,
    doubted: Mapping[int, Clue] | None = None,
    report: Callable[[str, float], None] = lambda stage, fraction: None,
) -> list[Followed]:
    """Follow a subject from one or more keys through all frames.

    Args:
        frames: T frames (h, w, 3) uint8, display-encoded RGB, of one size.
        keys: frame index to matte (h, w) 0..1, exact; an empty one says that the subject is away.
        settings: how to follow.
        doubted: of keys that are no truth but were cut from a clue: that clue. They are looked at
            again once other frames are known.
        report: called with a stage and the fraction done.

    Returns:
        T outlines; those of exact keys are the keys' own, with confidence 1.
    """
    settings = settings or FollowSettings()
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    known = {t: signed_distance(matte) for t, matte in keys.items()}
    shown = sorted(t for t in known if (known[t] > 0).any())
    rough = _rough(greys, {t: known[t] for t in shown}, report)
    done = iter(range(1, len(frames) + 1))
    grown = [(distance > -_MARGIN_PX).astype(np.float32) for distance in rough]
    background = Background(
        frames, greys, grown, lambda: report("background", next(done) / len(frames))
    )
    walker = Walker(frames, greys, background, settings)
    ways = [(start, step) for start in shown for step in (1, -1)]
    total = sum(len(_path(start, step, known, len(frames))) for start, step in ways)
    shape = (greys[0].shape[0], greys[0].shape[1])
    doubted = {t: clue for t, clue in (doubted or {}).items() if t in shown}
    cut = {t: known[t] for t in doubted}
    trust = dict.fromkeys(known, 1.0)
    joined: list[Seen] = []
    by_start: dict[int, dict[int, Seen]] = {}
    passes = _PASSES + bool(doubted)
    threads = cv2.getNumThreads()  # as many as the caller lets pictures have
    for again in range(passes):
        if again:  # what was found tells better than flow where the background is seen
            background.take([(one.distance > -_MARGIN_PX).astype(np.float32) for one in joined])
            for t, clue in doubted.items():
                outline = walker.again(t, cut[t], clue, by_start[t])
                trust[t] = overlap(known[t] > 0, outline > 0)
                known[t] = outline
            walker.judge(exact=not doubted)
        fine = again == passes - 1
        walks = [
            walker.walk(start, _path(start, step, known, len(frames)), known[start], fine=fine)
            for start, step in ways
        ]
        by_way: list[dict[int, Seen]] = [{} for _ in ways]
        for count, (way, (t, seen)) in enumerate(side_by_side(walks, threads), 1):
            by_way[way][t] = seen
            report("following", (again + count / max(1, total)) / passes)
        by_start = {start: {} for start in shown}
        found: dict[int, list[tuple[int, Seen]]] = {}
        for (start, _), one in zip(ways, by_way, strict=True):
            by_start[start] |= one
            for t, seen in one.items():
                found.setdefault(t, []).append((abs(t - start), seen))
        joined = [
            Seen(known[t], np.eye(3), walker.radius(t, known[t]), trust[t])
            if t in known
            else joined_ways(found.get(t, []), shape)
            for t in range(len(frames))
        ]
    return smoothed(joined, set(known) - set(doubted))


def _path(start: int, step: int, keys: Mapping[int, np.ndarray], count: int) -> list[int]:
    """Frames from a key up to the next one, which is excluded."""
    out = []
    t = start + step
    while 0 <= t < count and t not in keys:
        out.append(t)
        t += step
    return out


def _rough(
    greys: Sequence[np.ndarray],
    keys: Mapping[int, np.ndarray],
    report: Callable[[str, float], None],
) -> list[np.ndarray]:
    """The nearest key's outline, carried by flow alone."""
    far = np.full(greys[0].shape, -float(np.hypot(*greys[0].shape)), np.float32)
    out = [keys.get(t, far) for t in range(len(greys))]
    age = np.array([0 if t in keys else len(greys) + 1 for t in range(len(greys))])
    count = 0
    for order in (range(1, len(greys)), range(len(greys) - 2, -1, -1)):
        last = np.eye(3)
        for t in order:
            before = t - order.step
            if age[before] + 1 < age[t]:
                start = np.eye(3) if age[before] == 0 else last
                out[t], last = carried(out[before], greys[before], greys[t], start)
                age[t] = age[before] + 1
            count += 1
            report("flow", count / max(1, 2 * (len(greys) - 1)))
    return out
