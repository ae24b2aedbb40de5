# SPDX-License-Identifier: Apache-2.0
"""Looks for the subject anew round where it is expected, by what the frame itself shows.

Coarse: at most `coarse_px` wide, where a limb that moved by more than the band is found again and
colours can be asked pixel by pixel. The band refines its edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pullfocus.observe.recent import Recent
from pullfocus.roto.background import light_of
from pullfocus.roto.band import Behind
from pullfocus.roto.evidence import Samples, encoded, logit_of
from pullfocus.roto.moved import Neighbour, flow_beside, moved_logit
from pullfocus.roto.outline import disc
from pullfocus.roto.regions import region_of
from pullfocus.roto.settings import FollowSettings

__all__ = ["Found", "Search", "State"]

_CLEAR_PX = 1.5  # of an outline: pixels of neither side
_NEAR_PX = 6.0  # over which the subject's own colour is averaged along its edge
_RING_PX = 30.0  # round it: the background's colours
_PRIOR_PX = 4.0  # inside the expected outline: log odds of one
_PRIOR_LIMIT = 2.0
_TRUSTED = -1.0  # log odds above which a pixel of an outline counts as the subject's
_UNKNOWN = 2.0  # log odds against what may be anything
_DOUBT = 0.5  # and against all, where nothing is expected
_SURE = 1.5
_SMALLEST = 0.03  # of the subject's area
_PART = 0.15  # of the largest part
_FLOW_BYTES = 256_000_000  # of flow that is kept from pass to pass: 180 frames


@dataclass(frozen=True, eq=False)
class State:
    """A subject in a frame where it is known."""

    t: int
    distance: np.ndarray
    """Signed distance (h, w), px."""
    to_now: np.ndarray
    """(3, 3), its px there to px of the frame that is looked at."""
    logit: np.ndarray | None = None
    """What that frame said (coarse), where it was looked at."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a frame shows, coarse."""

    region: np.ndarray
    """(h, w) bool."""
    logit: np.ndarray
    """Log odds of the frame alone, without what was expected; 0 where it was not asked."""
    scale: float
    """Coarse px per px."""

    def upsized(self, plane: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Return a coarse plane at the size of frames, float32."""
        size = (shape[1], shape[0])
        return cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)


def _spread_out(root: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Mean colours of a region, carried outwards."""
    mask = region.astype(np.float32)
    weight = cv2.GaussianBlur(mask, (0, 0), _NEAR_PX)
    total = cv2.GaussianBlur(root * mask[..., None], (0, 0), _NEAR_PX)
    return np.asarray(total / np.maximum(weight, 1e-6)[..., None])


class Search:
    """Keeps the frames of a shot at a coarse size."""

    def __init__(
        self, frames: Sequence[np.ndarray], gains: np.ndarray, settings: FollowSettings
    ) -> None:
        """Keep them.

        Args:
            frames: T frames (h, w, 3) uint8, display-encoded.
            gains: (T, 3), their light against that of the first.
            settings: `coarse_px` and `search_px`.
        """
        height, width = frames[0].shape[:2]
        self.scale = min(1.0, settings.coarse_px / max(height, width))
        self._size = (max(8, round(width * self.scale)), max(8, round(height * self.scale)))
        self._frames, self._gains, self._reach = frames, gains, settings.search_px
        self._roots: dict[int, np.ndarray] = {}
        self._flows = Recent(_FLOW_BYTES)

    def coarse(self, distance: np.ndarray) -> np.ndarray:
        """Return a signed distance at the coarse size, in its px."""
        if self.scale == 1:
            return distance
        return cv2.resize(distance, self._size, interpolation=cv2.INTER_AREA) * self.scale

    def look(
        self,
        t: int,
        expected: np.ndarray,
        known: Sequence[State],
        behind: Behind,
        background_step: np.ndarray,
        entering: np.ndarray,
        radius_px: float,
        beside: Sequence[Sequence[tuple[int, np.ndarray, np.ndarray]]] = (),
    ) -> Found:
        """Look at a frame.

        Args:
            t: which.
            expected: signed distance of the expected outline, px.
            known: frames whose subject is known, the nearest last.
            behind: what lies behind the subject at t.
            background_step: (3, 3), px of the nearest known frame to px of t, of the background.
            entering: (h, w) bool, what was outside of the frame there: nothing is expected of it.
            radius_px: of the blur of the subject's edge.
            beside: pairs of neighbouring frames, each with its (3, 3) of the background to t, and
                the subject's from t as it is expected.
        """
        root, outline = self._root(t, t), self.coarse(expected)
        there = self._small(behind)
        new = self.nearest(entering)
        subject = None
        for state in known:
            inside = self.coarse(state.distance) > _CLEAR_PX
            if state.logit is not None:  # what may have been taken in by mistake does not spread
                inside &= state.logit > _TRUSTED
            own = Samples.of(self._root(state.t, t), inside, self._scaled(state.to_now))
            subject = own if subject is None else subject.and_more(own)
        last = known[-1]
        distance = self.coarse(last.distance)
        ring = (distance < -_CLEAR_PX) & (distance > -_RING_PX)
        background = Samples.of(self._root(last.t, t), ring, self._scaled(background_step))
        near = outline > -self._reach
        background = background.and_more(Samples.of(encoded(there.light), there.known & near))
        assert subject is not None
        edge = np.abs(outline) < radius_px * self.scale + _CLEAR_PX
        inside = outline > radius_px * self.scale + _CLEAR_PX
        half = 0.5 * np.abs(_spread_out(root, inside) - encoded(there.light)).max(-1) * edge
        logit = logit_of(root, there, near, subject, background, half)
        if beside:
            moved = [
                moved_logit(root, [self._brought(t, *one) for one in pair], outline, half)
                for pair in beside
            ]
            logit = logit + np.where(near, np.maximum.reduce(moved), 0)
        prior = (outline / _PRIOR_PX).clip(-_PRIOR_LIMIT, _PRIOR_LIMIT)
        total = np.where(near, logit + np.where(new, 0, prior), prior)
        share = region_of(root, total.astype(np.float32), near)
        return Found(share > 0.5, logit, self.scale)

    def anywhere(self, t: int, key: State, behind: Behind) -> np.ndarray | None:
        """Look for a subject that was away, all over a frame.

        Args:
            t: which.
            key: where it was seen whole.
            behind: what the frame shows without it.

        Returns:
            (h, w) bool at the size of frames, or None.
        """
        root = self._root(t, t)
        there = self._small(behind)
        inside = self.coarse(key.distance) > _CLEAR_PX
        subject = Samples.of(self._root(key.t, t), inside)
        background = Samples.of(encoded(there.light), there.known)
        everywhere = np.ones(root.shape[:2], bool)
        logit = logit_of(root, there, everywhere, subject.nowhere(), background.nowhere())
        # what is not known behind may be anything
        logit = np.where(there.known, logit, logit - _UNKNOWN) - _DOUBT
        found = region_of(root, logit, everywhere) > 0.5
        mask = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_OPEN, disc(1))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
        areas = stats[:, cv2.CC_STAT_AREA].astype(float)
        areas[0] = 0
        means = np.bincount(labels.ravel(), weights=logit.ravel(), minlength=count) / areas.clip(1)
        kept = (areas > _SMALLEST * float(inside.sum())) & (means > _SURE)
        if not kept.any():
            return None
        kept &= areas > _PART * areas[kept].max()
        height, width = key.distance.shape
        grown_up = cv2.resize(kept[labels].astype(np.float32), (width, height))
        return np.asarray(grown_up > 0.5)

    def _brought(self, t: int, n: int, step: np.ndarray, subject: np.ndarray) -> Neighbour:
        """Return a frame as t's background sees it."""
        matrix, root = self._scaled(step), self._root(n, t)
        shown = cv2.warpPerspective(np.ones(root.shape[:2], np.float32), matrix, self._size)
        brought = cv2.warpPerspective(root, matrix, self._size, borderMode=cv2.BORDER_REPLICATE)
        held = self._flows.get((t, n), lambda: np.dstack(flow_beside(self._root(t, t), brought)))
        flow, trust = held[..., :2], held[..., 2] > 0
        return Neighbour(brought, shown > 0.99, matrix @ self._scaled(subject), flow, trust)

    def _small(self, behind: Behind) -> Behind:
        light = cv2.resize(behind.light, self._size, interpolation=cv2.INTER_AREA)
        return Behind(light=np.asarray(light), known=self.nearest(behind.known))

    def nearest(self, region: np.ndarray) -> np.ndarray:
        """Return a region (h, w) bool at the coarse size."""
        return cv2.resize(region.astype(np.uint8), self._size, interpolation=cv2.INTER_NEAREST) > 0

    def _root(self, t: int, seen_at: int) -> np.ndarray:
        """Return a frame in the light of another one."""
        if t not in self._roots:
            light = light_of(self._frames[t])
            if self.scale < 1:
                light = np.asarray(cv2.resize(light, self._size, interpolation=cv2.INTER_AREA))
            self._roots[t] = encoded(light)
        return self._roots[t] * np.sqrt(self._gains[seen_at] / self._gains[t])

    def _scaled(self, matrix: np.ndarray) -> np.ndarray:
        by = np.diag([self.scale, self.scale, 1.0])
        return by @ matrix @ np.linalg.inv(by)
