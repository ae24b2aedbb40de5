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
_BLUR_PX = 5  # around the subject: its own blur
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
        self._frames, self._greys, self.mattes = frames, greys, list(mattes)
        self._clear = [~_grown(matte, _CLEAR_PX) for matte in mattes]
        self._to_first = [np.eye(3)]
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
            tick()

    def behind(self, t: int, settings: FollowSettings) -> Behind:
        """Return what frame ``t`` would show without the subject."""
        height, width = self._greys[t].shape
        total, weight = np.zeros((height, width, 3), np.float32), np.zeros((height, width))
        for offset in settings.offsets:
            if not 0 <= t + offset < len(self._greys):
                continue
            light, seen = self._seen_from(t, t + offset)
            share = seen / float(offset * offset)
            total += light * share[..., None].astype(np.float32)
            weight += share
        light = total / np.maximum(weight, 1e-9)[..., None].astype(np.float32)
        return Behind(light=light, known=weight > 0)

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

    def _seen_from(self, t: int, other: int) -> tuple[np.ndarray, np.ndarray]:
        """Return another frame's light as frame t sees it, and where that is background, 0 or 1."""
        matrix = np.linalg.inv(self._to_first[other]) @ self._to_first[t]
        free = (~_grown(self.mattes[other], _BLUR_PX)).astype(np.float32)
        grey, free_here = (self._warp(plane, matrix) for plane in (self._greys[other], free))
        there, back = dense_flow(self._greys[t], grey), dense_flow(grey, self._greys[t])
        trust = consistent(there, back) & (free_here > 0.99) & self._clear[t]
        place = self._here + smoothed_field(there, trust.astype(np.float32))
        light = self._warp(light_of(self._frames[other]), matrix)
        light = cv2.remap(light, place[..., 0], place[..., 1], cv2.INTER_LINEAR)
        seen = cv2.remap(free_here, place[..., 0], place[..., 1], cv2.INTER_LINEAR)
        return light, (seen > 0.99).astype(np.float32)

    def _warp(self, plane: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        height, width = plane.shape[:2]
        return cv2.warpPerspective(plane, matrix, (width, height), flags=_INVERSE)


def _grown(matte: np.ndarray, by_px: float) -> np.ndarray:
    return cv2.dilate((matte > 0.1).astype(np.uint8), disc(by_px)) > 0
