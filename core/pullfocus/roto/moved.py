# SPDX-License-Identifier: Apache-2.0
"""Whether a pixel moves with the background: what the frames beside a frame say of it.

Neither colours nor mattes of other frames are asked, so that a part which was lost is not taken
for background in all frames that follow. What is hidden in one neighbour may be seen in the other:
the better of both counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pullfocus.observe.flow import consistent, dense_flow
from pullfocus.observe.motion import fitted_motion
from pullfocus.observe.residual import smoothed_field

__all__ = ["Neighbour", "flow_beside", "moved_logit"]

_WINDOW_PX = 1.5
_NOISE = 0.02  # of square-root light
_MISPLACED = 0.3  # px that a neighbour is out of place
_CLEAR_PX = 4.0  # around the outline, where flow is of neither side
_COVERS_PX = 2.0  # round the outline
_CHANCE = 4.0  # squares of noise that a background may be off by
_FOR_LIMIT, _AGAINST_LIMIT = 3.0, 1.5
_EXPLAINED = 0.5  # share of the background's misfit that the subject's motion must take away


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A frame beside the one that is asked, brought along by the background's homography."""

    root: np.ndarray
    """(h, w, 3), square-root light, in the light of the frame that is asked."""
    shown: np.ndarray
    """(h, w) bool: within that frame."""
    subject: np.ndarray
    """(3, 3), the subject's step to it, px, as it is expected where flow does not tell it."""
    flow: np.ndarray
    """(h, w, 2), px, from the frame that is asked."""
    trust: np.ndarray
    """(h, w) bool: flow that goes there and back."""


def flow_beside(root: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return flow from one frame to another, (h, w, 2) half, and where it is trusted, (h, w)."""
    here, target = (_grey(one).astype(np.uint8) for one in (root, other))
    there = dense_flow(here, target, rough=True)
    trust = consistent(there, dense_flow(target, here, rough=True))
    return there.astype(np.float16), trust


def moved_logit(
    root: np.ndarray,
    neighbours: Sequence[Neighbour],
    outline: np.ndarray,
    half_way: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Return what motion says for the subject, log odds (h, w) float32; 0 where nothing tells.

    Args:
        root: frame (h, w, 3), square-root light.
        neighbours: frames beside it.
        outline: signed distance of the expected outline, px.
        half_way: (h, w), how far a pixel half covered would be from the background.
    """
    if not neighbours:
        return np.zeros(outline.shape, np.float32)
    grey = _grey(root)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    variance = _NOISE**2 + (_MISPLACED / 8 / 255 * cv2.GaussianBlur(slope, (0, 0), _WINDOW_PX)) ** 2
    still: list[np.ndarray] = []
    any_way: list[np.ndarray] = []
    along: list[np.ndarray] = []
    hidden, free = [], []
    height, width = grey.shape
    here = np.stack(
        np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), -1
    )
    for other in neighbours:
        there, trust = other.flow.astype(np.float32), other.trust & other.shown
        around = (trust & (outline < -_CLEAR_PX)).astype(np.float32)
        background = smoothed_field(there, around)
        subject = fitted_motion(there, trust & (outline > _CLEAR_PX), planar=False)
        subject = other.subject if subject is None else subject
        step = here @ subject[:2, :2].T.astype(np.float32) + subject[:2, 2].astype(np.float32)
        step -= here
        around = (outline > -_COVERS_PX).astype(np.uint8)
        covered = cv2.warpPerspective(around, subject, (width, height))
        expected = cv2.warpPerspective(around, other.subject, (width, height))
        hidden.append(other.shown & (covered > 0))
        free.append(other.shown & (covered == 0) & (expected == 0))
        for held, field in ((still, background), (any_way, there), (along, step)):
            misfit = _misfit(root, other.root, here + field)
            held.append(np.where(other.shown, misfit / variance, np.inf))
    still_best, any_best, along_best = (np.minimum.reduce(one) for one in (still, any_way, along))
    known = np.isfinite(still_best)
    # seen from one side only, what the subject has just uncovered differs as well
    alone = np.sum([np.isfinite(one) for one in still], 0) < 2
    uncovered = alone & np.logical_or.reduce(hidden)
    # so does what a subject that sways hides in all of them
    uncovered |= (outline < 0) & ~np.logical_or.reduce(free)
    still_best, any_best, along_best = (
        np.where(known, one, 0) for one in (still_best, any_best, along_best)
    )
    freed = (1 - any_best / np.maximum(still_best, 1e-6)).clip(0, _EXPLAINED) / _EXPLAINED
    needed = np.maximum(_CHANCE, np.square(half_way) / variance)
    speaks_for = freed * ~uncovered * (0.5 * (still_best - needed)).clip(0, _FOR_LIMIT)
    against = (0.5 * (along_best - np.maximum(still_best, _CHANCE))).clip(0, _AGAINST_LIMIT)
    against = against * (still_best < _CHANCE)
    return np.asarray(np.where(known, speaks_for - against, 0), np.float32)


def _misfit(root: np.ndarray, other: np.ndarray, place: np.ndarray) -> np.ndarray:
    there = cv2.remap(
        other, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.GaussianBlur(((root - there) ** 2).max(-1), (0, 0), _WINDOW_PX)


def _grey(root: np.ndarray) -> np.ndarray:
    return (cv2.cvtColor(root.astype(np.float32), cv2.COLOR_RGB2GRAY) * 255).clip(0, 255)
