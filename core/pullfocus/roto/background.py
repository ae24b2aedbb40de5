# SPDX-License-Identifier: Apache-2.0
"""What lies behind the subject, taken from frames in which it has moved aside."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from pullfocus.observe.flow import consistent, dense_flow
from pullfocus.observe.motion import fitted_motion
from pullfocus.observe.residual import smoothed_field
from pullfocus.plate.colour import display_to_linear
from pullfocus.roto.band import Behind
from pullfocus.roto.outline import disc
from pullfocus.roto.settings import FollowSettings

__all__ = ["Background", "light_of"]

_CLEAR_PX = 12  # around the subject: motion is not read there
_TYPICAL = 14  # frames of which the median is taken
_SIDE = 4  # of those, the nearest before and after a frame
_SMOOTH_PX = 1.5
_BLUR_PX = 5  # around the subject: its own blur
_COARSE = 8  # px over which light is compared
_DARK, _BRIGHT = 0.01, 0.8  # linear light: beyond, ratios say nothing
_FEWEST = 40
_CHANGES = 2.0  # times what most of the background does
_GHOST = 0.1  # of square-root light
_INVERSE = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
_CURVE = display_to_linear(np.arange(256, dtype=np.float32) / 255).astype(np.float32)


def light_of(frame: np.ndarray) -> np.ndarray:
    """Return linear light, float32, of a display-encoded 8-bit frame."""
    return _CURVE[frame]


class Background:
    """The background of a shot: a homography a frame, and parallax where frames are compared."""

    def __init__(
        self,
        frames: Sequence[np.ndarray],
        greys: Sequence[np.ndarray],
        mattes: Sequence[np.ndarray],
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        """Measure the motion of the background.

        Args:
            frames: T frames (H, W, 3) uint8, display-encoded.
            greys: the same as luma (H, W) uint8.
            mattes: T rough mattes (H, W) of the subject; empty where nothing is known of it.
            tick: called once a frame.
        """
        self._frames, self._greys = frames, greys
        self._places: dict[tuple[int, int], np.ndarray] = {}
        self.take(mattes)
        self._to_first, self.gains = [np.eye(3)], np.ones((len(frames), 3), np.float32)
        height, width = greys[0].shape
        self._here = np.stack(
            np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), -1
        )
        for t in range(1, len(greys)):
            there = dense_flow(greys[t], greys[t - 1])
            back = dense_flow(greys[t - 1], greys[t])
            step = fitted_motion(there, consistent(there, back) & self._clear[t], planar=True)
            matrix = self._to_first[-1] @ (np.eye(3) if step is None else step)
            self._to_first.append(matrix / matrix[2, 2])
            self.gains[t] = self.gains[t - 1] * self._brighter(t)
            tick()

    def take(self, mattes: Sequence[np.ndarray]) -> None:
        """Take other mattes, as they become known; motion stays as it was measured."""
        self._clear = [~_grown(matte, _CLEAR_PX) for matte in mattes]
        self._covered = [_grown(matte, _BLUR_PX) for matte in mattes]

    def _brighter(self, t: int) -> np.ndarray:
        """Return how much brighter (3,) the background is in a frame than in the one before."""
        height, width = self._greys[t].shape
        size = (max(1, width // _COARSE), max(1, height // _COARSE))

        def small(frame: np.ndarray) -> np.ndarray:
            return np.asarray(cv2.resize(light_of(frame), size, interpolation=cv2.INTER_AREA))

        before = self._warp(self._frames[t - 1], self.step(t, t - 1))
        inside = self._warp(self._clear[t - 1].astype(np.uint8), self.step(t, t - 1)) > 0
        free = cv2.resize((inside & self._clear[t]).astype(np.uint8), size) > 0
        now, then = small(self._frames[t])[free], small(before)[free]
        seen = (then.min(-1) > _DARK) & (then.max(-1) < _BRIGHT)
        if seen.sum() < _FEWEST:
            return np.ones(3, np.float32)
        return np.asarray(np.median(now[seen] / then[seen], 0).clip(0.5, 2.0), np.float32)

    def behind(self, t: int, settings: FollowSettings) -> Behind:
        """Return what frame ``t`` would show without the subject."""
        lights, shares = [], []
        for offset in settings.offsets:
            if not 0 <= t + offset < len(self._greys):
                continue
            light, seen = self._seen_from(t, t + offset)
            lights.append(light)
            shares.append(seen / np.float32(offset * offset))
        if not lights:
            return Behind(light=light_of(self._frames[t]), known=np.zeros_like(self._clear[t]))
        weights = np.stack(shares)
        if len(lights) > 2:  # a matte that missed a part of the subject would leave a ghost
            luma = np.sqrt(np.stack([light.mean(-1) for light in lights]).clip(0, 1))
            middle = _weighted_median(luma, weights)
            weights = weights * (np.abs(luma - middle) < _GHOST)
        total = sum(w[..., None] * light for w, light in zip(weights, lights, strict=True))
        weight = weights.sum(0)
        light = total / np.maximum(weight, 1e-9)[..., None]
        return Behind(light=np.asarray(light, np.float32), known=weight > 0)

    def typical(self, t: int) -> Behind:
        """Return the median of what frames all over the shot show: a subject that moves is gone."""
        stack, marks = [], []
        for other in np.unique(np.linspace(0, len(self._greys) - 1, _TYPICAL).round().astype(int)):
            if other != t:
                light, seen = self._seen_from(t, int(other))
                stack.append(np.where(seen[..., None] > 0, light, np.nan))
                marks.append(seen)
        if not stack:
            return Behind(light=light_of(self._frames[t]), known=np.zeros_like(self._clear[t]))
        known = np.sum(marks, 0) >= min(3, len(marks))
        middle = np.nanmedian(np.where(known[..., None], np.stack(stack), 0), 0)
        return Behind(light=np.nan_to_num(middle).astype(np.float32), known=known)

    def unlike(self, t: int) -> np.ndarray:
        """Return how far each pixel is off all that frames before, or all after, show there.

        (h, w), square-root light, the less of both, infinite where too few tell. What a subject has
        just uncovered, or is about to cover, differs from the median of a shot, not from one side.
        """
        here = _root(light_of(self._frames[t]))
        frames = np.unique(np.linspace(0, len(self._greys) - 1, _TYPICAL).round().astype(int))
        sides = []
        for side in (frames[frames < t][::-1], frames[frames > t]):
            most = np.zeros(here.shape[:2], np.float32)
            count = np.zeros(here.shape[:2], np.int32)
            for other in side[:_SIDE]:
                light, seen = self._seen_from(t, int(other))
                apart = np.abs(here - _root(light)).max(-1)
                most = np.maximum(most, np.where(seen > 0, apart, 0))
                count += seen > 0
            sides.append(np.where(count >= _SIDE, most, np.inf))
        least = np.minimum(*sides)
        return np.asarray(least, np.float32)

    def drift(self, t: int) -> np.ndarray:
        """Return how fast each pixel moves against the background, (H, W), px a frame."""
        out = []
        for gap in (-3, -2, 2, 3):
            if not 0 <= t + gap < len(self._greys):
                continue
            matrix = np.linalg.inv(self._to_first[t + gap]) @ self._to_first[t]
            other = self._warp(self._greys[t + gap], matrix)
            inside = self._warp(np.ones_like(other), matrix) > 0
            there, back = dense_flow(self._greys[t], other), dense_flow(other, self._greys[t])
            speed = np.hypot(*np.moveaxis(there, -1, 0)) / abs(gap)
            out.append(np.where(consistent(there, back) & inside, speed, np.nan))
        if not out:
            return np.zeros(self._greys[t].shape)
        unknown = np.isnan(out).all(0)
        return np.nan_to_num(np.nanmedian(np.where(unknown, 0, np.stack(out)), 0))

    def step(self, start: int, end: int) -> np.ndarray:
        """Return the homography (3, 3) of the background from one frame to another."""
        return np.asarray(np.linalg.inv(self._to_first[end]) @ self._to_first[start])

    def changes(self, t: int) -> np.ndarray:
        """Return where a frame differs from a later or earlier one, (h, w) bool: not by noise.

        In flat regions flow follows the noise; what moves also changes.
        """
        last = len(self._greys) - 1
        if last == 0:
            return np.ones(self._greys[t].shape, bool)
        other = min(t + 3, last) if last - t >= min(t, 3) else max(t - 3, 0)
        there = self._warp(self._greys[other], self.step(t, other))
        inside = self._warp(np.ones_like(there), self.step(t, other)) > 0
        change = cv2.GaussianBlur(cv2.absdiff(self._greys[t], there).astype(np.float32), (0, 0), 2)
        return np.asarray(inside & (change > _CHANGES * np.median(change[inside]) + 1))

    def _seen_from(self, t: int, other: int) -> tuple[np.ndarray, np.ndarray]:
        """Return another frame's light as frame t sees it, and where that is background, 0 or 1."""
        matrix = self.step(t, other)
        free = self._warp((~self._covered[other]).astype(np.float32), matrix)
        place = self._place(t, other, free)
        gain = self.gains[t] / self.gains[other]
        light = self._warp(light_of(self._frames[other]) * gain, matrix)
        light = cv2.remap(light, place[..., 0], place[..., 1], cv2.INTER_LINEAR)
        seen = cv2.remap(free, place[..., 0], place[..., 1], cv2.INTER_LINEAR)
        return light, (seen > 0.99).astype(np.float32)

    def _place(self, t: int, other: int, free: np.ndarray) -> np.ndarray:
        """Return where in a frame, brought along by its homography, t's pixels lie (h, w, 2)."""
        height, width = self._greys[t].shape
        if (t, other) not in self._places:
            grey = self._warp(self._greys[other], self.step(t, other))
            there, back = dense_flow(self._greys[t], grey), dense_flow(grey, self._greys[t])
            trust = consistent(there, back) & (free > 0.99) & self._clear[t]
            field = smoothed_field(there, trust.astype(np.float32))
            size = (max(1, width // _COARSE), max(1, height // _COARSE))
            self._places[t, other] = cv2.resize(field, size, interpolation=cv2.INTER_AREA)
        small = self._places[t, other]
        return np.asarray(self._here + cv2.resize(small, (width, height)), np.float32)

    def _warp(self, plane: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        height, width = plane.shape[:2]
        return cv2.warpPerspective(plane, matrix, (width, height), flags=_INVERSE)


def _root(light: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(np.sqrt(light.clip(0, 1)), (0, 0), _SMOOTH_PX)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Median over the first axis."""
    order = np.argsort(values, 0)
    running = np.cumsum(np.take_along_axis(weights, order, 0), 0)
    middle = (running < 0.5 * running[-1:]).sum(0)[None].clip(0, len(values) - 1)
    return np.take_along_axis(np.take_along_axis(values, order, 0), middle, 0)


def _grown(matte: np.ndarray, by_px: float) -> np.ndarray:
    return cv2.dilate((matte > 0.1).astype(np.uint8), disc(by_px)) > 0
