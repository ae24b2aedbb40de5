# SPDX-License-Identifier: Apache-2.0
"""From keys to every frame: the key's outline carried by motion, corrected by what a frame shows.

From each key both ways, frame by frame: flow inside the subject carries the last outline on,
matting finds the edge around it, and the key's own outline is fitted to that by an affine map and
a smooth bend. Between two keys both ways are joined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np

from pullfocus.observe.flow import consistent, dense_flow
from pullfocus.observe.motion import fitted_motion
from pullfocus.observe.residual import smoothed_field
from pullfocus.roto.background import Background, light_of
from pullfocus.roto.band import Behind, alpha_in_band, edge_radius
from pullfocus.roto.in_time import Followed, Seen, joined_ways, smoothed
from pullfocus.roto.outline import (
    bent,
    contour_points,
    fit_affine,
    overlap,
    signed_distance,
    warped_distance,
)
from pullfocus.roto.reacquire import Appearance, presence
from pullfocus.roto.regions import arbitrated, grown
from pullfocus.roto.search import Search, State
from pullfocus.roto.settings import FollowSettings

__all__ = ["follow"]

_TRIM_PX = 2  # of the outline's inside, whose flow is the background's
_SMALLEST = 2e-4  # of the frame's area: less is gone
_MARGIN_PX = 3  # rough outlines are grown by before the background is taken
_LEFT, _LOST = 0.8, 0.3  # confidence that it is away: through the frame's edge, or untold
_PASSES = 2
_WHOLE = 0.9  # of its area: a subject that has come back
_STIFF = 0.02  # of overlap, by which the key's own outline is preferred
_RIGID = 0.88  # of mean overlap with what coarse looks find: the key's outline is all it takes
_LEAST_PART = 0.03  # of its area, that an outline which holds may lose or gain at once
_AROUND_PX = 4  # of a change, coarse px: the outline is no longer the key's
_PLACED = 0.85  # of overlap: the key's outline again


def follow(
    frames: Sequence[np.ndarray],
    keys: Mapping[int, np.ndarray],
    settings: FollowSettings | None = None,
    *,
    report: Callable[[str, float], None] = lambda stage, fraction: None,
) -> list[Followed]:
    """Follow a subject from one or more keys through all frames.

    Args:
        frames: T frames (h, w, 3) uint8, display-encoded RGB, of one size.
        keys: frame index to matte (h, w) 0..1, exact; an empty one says that the subject is away.
        settings: how to follow.
        report: called with a stage and the fraction done.

    Returns:
        T outlines; those of keys are the keys' own, with confidence 1.
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
    walker = _Walker(frames, greys, background, settings)
    ways = [(start, step) for start in shown for step in (1, -1)]
    total = sum(len(_path(start, step, known, len(frames))) for start, step in ways)
    shape = (greys[0].shape[0], greys[0].shape[1])
    joined: list[Seen] = []
    for again in range(_PASSES):
        if again:  # what was found tells better than flow where the background is seen
            walker.judge()
            background.take([(one.distance > -_MARGIN_PX).astype(np.float32) for one in joined])
        found: dict[int, list[tuple[int, Seen]]] = {}
        count = 0
        for start, step in ways:
            path = _path(start, step, known, len(frames))
            for t, seen in walker.walk(start, path, known[start], fine=again == _PASSES - 1):
                found.setdefault(t, []).append((abs(t - start), seen))
                count += 1
                report("following", (again + count / max(1, total)) / _PASSES)
        joined = [
            Seen(known[t], np.eye(3), walker.radius(t, known[t]), 1.0)
            if t in known
            else joined_ways(found.get(t, []), shape)
            for t in range(len(frames))
        ]
    return smoothed(joined, set(known))


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
                out[t], last = _carried(out[before], greys[before], greys[t], start)
                age[t] = age[before] + 1
            count += 1
            report("flow", count / max(1, 2 * (len(greys) - 1)))
    return out


def _carried(
    distance: np.ndarray, before: np.ndarray, now: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Carry an outline from one frame to the next by the flow inside of it; also as affine.

    The subject is expected to go on as in the ``last`` step, (3, 3): flow is taken of what is left.
    """
    height, width = distance.shape
    before = cv2.warpPerspective(before, last, (width, height), borderMode=cv2.BORDER_REPLICATE)
    distance = warped_distance(distance, last)
    inside = distance > _TRIM_PX
    if inside.sum() < 50:
        inside = distance > 0
    if not inside.any():
        return distance, last
    there, back = dense_flow(before, now), dense_flow(now, before)
    trust = consistent(there, back) & inside
    step = fitted_motion(there, trust, planar=False)
    matrix = np.eye(3) if step is None else step
    here = np.stack(
        np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), -1
    )
    rest = smoothed_field(there - (_moved(here, matrix) - here), trust.astype(np.float32))
    inverse = np.linalg.inv(matrix)
    place = _moved(here, inverse)
    for _ in range(3):  # where a pixel came from, by fixed point
        x, y = place[..., 0], place[..., 1]
        place = _moved(
            here - cv2.remap(rest, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
            inverse,
        )
    x, y = place[..., 0], place[..., 1]
    moved = cv2.remap(distance, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32), matrix @ last


def _moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Apply an affine map to points (..., 2)."""
    linear = matrix[:2, :2].T.astype(np.float32)
    return np.asarray(points @ linear + matrix[:2, 2].astype(np.float32), np.float32)


class _Walker:
    """Goes from a key through the frames beside it."""

    def __init__(
        self,
        frames: Sequence[np.ndarray],
        greys: Sequence[np.ndarray],
        background: Background,
        settings: FollowSettings,
    ) -> None:
        self._frames, self._greys = frames, greys
        self._background, self._settings = background, settings
        self._search = Search(frames, background.gains, settings)
        self._fine = True
        self._agreed: list[float] = []
        self._rigid = False

    def judge(self) -> None:
        """Decide whether the key's outline explains all: then coarse looks better nothing."""
        self._rigid = bool(self._agreed) and float(np.mean(self._agreed)) > _RIGID

    def radius(self, t: int, distance: np.ndarray) -> float:
        """Return the radius of blur at an outline that is known."""
        if not (distance > 0).any():
            return 0.0
        alpha = self._alpha(t, distance, self._behind(t))
        return edge_radius(alpha, distance, self._settings.band_px)

    def walk(self, start: int, path: Sequence[int], key: np.ndarray, *, fine: bool):  # type: ignore[no-untyped-def]
        """Give (t, outline) for every frame of a path; coarse ones are not matted."""
        self._fine = fine
        points, smallest, home = contour_points(key), _SMALLEST * key.size, key
        distance, matrix, before = key, np.eye(3), start
        appearance = Appearance.of(light_of(self._frames[start]), key)
        step = np.eye(3)
        gone, returning, sure = False, False, _LEFT
        radius, said = self.radius(start, key), None
        for t in path:
            light, behind = light_of(self._frames[t]), self._behind(t)
            if not gone:
                expected, step = _carried(distance, self._greys[before], self._greys[t], step)
                known = (State(start, home, step @ matrix), State(before, distance, step, said))
                seen = self._seen(t, key, points, expected, step @ matrix, behind, known, radius)
                there = presence(light, behind, seen.distance, appearance)
                gone = int((seen.distance > 0).sum()) < smallest or there.lost
                sure = _LOST if there.lost and not _at_border(distance) else _LEFT
            again = None
            if (gone or returning) and self._settings.reacquire:
                again = self._search.anywhere(
                    t, State(start, home, np.eye(3)), self._background.typical(t)
                )
            if again is not None and (gone or again.sum() > (seen.distance > 0).sum()):
                # what comes back is seen in part at first: looked for until it is whole
                returning = bool(again.sum() < _WHOLE * appearance.area)
                shown, step = signed_distance(again.astype(np.float32)), np.eye(3)
                whole = _placed(home, shown)
                key, matrix = (shown, np.eye(3)) if whole is None else (home, whole)
                returning = returning and whole is None
                points = contour_points(key)
                seen = self._seen(t, key, points, warped_distance(key, matrix), matrix, behind)
                there = presence(light, behind, seen.distance, appearance)
                gone = not there.back
            elif returning:
                whole = _placed(home, seen.distance)
                if whole is not None:
                    key, matrix, points, returning = home, whole, contour_points(home), False
                    seen = self._seen(t, key, points, warped_distance(key, whole), whole, behind)
            if gone:
                nowhere = np.full_like(key, -float(np.hypot(*key.shape)))
                yield t, Seen(nowhere, matrix, 0.0, sure)
                continue
            yield t, replace(seen, confidence=seen.confidence * there.trust)
            radius, said = seen.radius_px, seen.logit
            distance = 0.5 * (signed_distance((seen.distance > 0).astype(np.float32)) + seen.shown)
            matrix, before = seen.matrix, t

    def _seen(
        self,
        t: int,
        key: np.ndarray,
        points: np.ndarray,
        expected: np.ndarray,
        start: np.ndarray,
        behind: Behind,
        known: Sequence[State] = (),
        radius: float = 0.0,
    ) -> Seen:
        """Bring the key's outline over what frame ``t`` shows near an expected one."""
        matrix, changed, logit = start, None, None
        if known and not (self._fine and self._rigid):
            expected, matrix, changed, logit = self._revised(
                t, key, points, expected, start, behind, known, radius
            )
        if not self._fine:
            return Seen(expected, matrix, radius, 1.0, expected, logit)
        alpha = self._alpha(t, expected, behind)
        shown = signed_distance(alpha)
        matrix = fit_affine(points, shown, matrix)
        bend_px = self._settings.bend_px
        shape = bent(warped_distance(key, matrix), shown, bend_px)
        if changed is not None:
            own = bent(expected, shown, 0.25 * bend_px)
            shape = changed * own + (1 - changed) * shape
        radius = edge_radius(alpha, shape, self._settings.band_px)
        agreed = overlap(alpha > 0.5, shape > 0)
        return Seen(shape, matrix, radius, agreed, shown, logit)

    def _revised(
        self,
        t: int,
        key: np.ndarray,
        points: np.ndarray,
        expected: np.ndarray,
        start: np.ndarray,
        behind: Behind,
        known: Sequence[State],
        radius: float,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
        """Let a frame's own evidence change what is expected: where an outline has changed.

        Returns:
            The outline, the affine map from the key, where (0..1) it is no longer the key's, and
            what the frame said.
        """
        height, width = expected.shape
        step = self._background.step(known[-1].t, t)
        entering = _from_outside(known[-1].to_now, (height, width))
        back, ahead = np.linalg.inv(known[-1].to_now), known[-1].to_now
        if known[-1].t > t:
            back, ahead = ahead, back
        beside = [
            [
                (n, self._background.step(n, t), np.linalg.matrix_power(by, gap))
                for n, by in ((t - gap, back), (t + gap, ahead))
                if 0 <= n < len(self._frames)
            ]
            for gap in self._settings.gaps
        ]
        found = self._search.look(t, expected, known, behind, step, entering, radius, beside)
        shown = signed_distance(found.upsized(found.region, (height, width)))
        matrix = fit_affine(points, shown, start)
        bend_px = self._settings.bend_px
        rigid = bent(warped_distance(key, matrix), shown, bend_px)
        loose = bent(expected, shown, bend_px)
        agrees = overlap(rigid > 0, shown > 0)
        self._agreed.append(agrees)
        holds = agrees > overlap(loose > 0, shown > 0) - _STIFF
        base = rigid if holds else loose
        coarse = self._search.coarse(base)
        before = coarse > 0
        blur_px = radius * self._search.scale
        least = _LEAST_PART if holds else 0.0
        after = arbitrated(coarse, found.region, found.logit, blur_px, least)
        new = self._search.nearest(entering)
        after = np.where(new, found.region, after)
        changes = before != after
        if not changes.any():
            return base, matrix, None if holds else np.ones_like(base), found.logit
        free = signed_distance(found.upsized(after, (height, width)))
        where = cv2.GaussianBlur(grown(changes, _AROUND_PX).astype(np.float32), (0, 0), 2.0)
        share = found.upsized(where, (height, width))
        outline = share * free + (1 - share) * base
        return outline, matrix, share if holds else np.ones_like(base), found.logit

    def _behind(self, t: int) -> Behind:
        return self._background.behind(t, self._settings)

    def _alpha(self, t: int, expected: np.ndarray, behind: Behind) -> np.ndarray:
        return alpha_in_band(light_of(self._frames[t]), expected, behind, self._settings)


def _placed(home: np.ndarray, shown: np.ndarray) -> np.ndarray | None:
    """Return the affine map that brings the key's outline over what came back; None: none does.

    What is cut by the frame's edge has its middle elsewhere: starts align a side as well.
    """
    points = contour_points(home)
    sides = [np.argwhere(one > 0)[:, ::-1] for one in (home, shown)]
    if not (len(sides[0]) and len(sides[1])):
        return None
    best, best_share = None, _PLACED
    for across in (np.mean, np.min, np.max):
        start = np.eye(3)
        start[0, 2] = across(sides[1][:, 0]) - across(sides[0][:, 0])
        start[1, 2] = sides[1][:, 1].mean() - sides[0][:, 1].mean()
        matrix = fit_affine(points, shown, start)
        share = overlap(warped_distance(home, matrix) > 0, shown > 0)
        if share > best_share:
            best, best_share = matrix, share
    return best


def _from_outside(step: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return where a step brings in what was outside of the frame, (h, w) bool."""
    inside = np.ones(shape, np.uint8)
    return cv2.warpPerspective(inside, step, (shape[1], shape[0]), flags=cv2.INTER_NEAREST) == 0


def _at_border(distance: np.ndarray) -> bool:
    inside = distance > 0
    return bool(inside[0].any() or inside[-1].any() or inside[:, 0].any() or inside[:, -1].any())
