# SPDX-License-Identifier: Apache-2.0
"""One way from a key through the frames beside it: the last outline goes on, and is corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np

from pullfocus.roto.again import WITNESSES, looked_again
from pullfocus.roto.background import Background, light_of
from pullfocus.roto.band import Behind, alpha_in_band, edge_radius
from pullfocus.roto.carry import carried
from pullfocus.roto.in_time import Seen
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
from pullfocus.roto.start import Clue

__all__ = ["Walker"]

_SMALLEST = 2e-4  # of the frame's area: less is gone
_LEFT, _LOST = 0.8, 0.3  # confidence that it is away: through the frame's edge, or untold
_WHOLE = 0.9  # of its area: a subject that has come back
_STIFF = 0.02  # of overlap, by which the key's own outline is preferred
_RIGID = 0.88  # of mean overlap with what coarse looks find: the key's outline is all it takes,
_RIGID_CUT = 0.9  # where it is no truth but was cut from a clue
_LEAST_PART = 0.03  # of its area, that an outline which holds may lose or gain at once
_AROUND_PX = 4  # of a change, coarse px: the outline is no longer the key's
_PLACED = 0.85  # of overlap: the key's outline again


class Walker:
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

    def judge(self, *, exact: bool) -> None:
        """Decide whether the key's outline explains all: then coarse looks better nothing."""
        enough = _RIGID if exact else _RIGID_CUT
        self._rigid = bool(self._agreed) and float(np.mean(sorted(self._agreed))) > enough
        self._agreed = []

    def again(self, t: int, own: np.ndarray, clue: Clue, seen: Mapping[int, Seen]) -> np.ndarray:
        """Look at a marked frame again; ``seen`` are those that were found from it."""
        there = sorted((n for n in seen if (seen[n].distance > 0).any()), key=lambda n: -abs(n - t))
        witnesses = [
            State(n, seen[n].distance, np.linalg.inv(seen[n].matrix), seen[n].logit)
            for n in there[-WITNESSES:]
        ]
        if not witnesses:
            return own
        return looked_again(
            t,
            own,
            witnesses,
            clue,
            self.radius(t, own),
            frames=self._frames,
            background=self._background,
            search=self._search,
            settings=self._settings,
        )

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
                expected, step = carried(distance, self._greys[before], self._greys[t], step)
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
