# SPDX-License-Identifier: Apache-2.0
"""Outlines over time: what came from keys on both sides made one, neighbours averaged."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pullfocus.roto.outline import overlap, warped_distance

__all__ = ["Followed", "Seen", "joined_ways", "smoothed"]

_SMOOTH_FRAMES = 1.5  # sigma of the radius over time
_BESIDE = 0.25  # weight of either neighbour in time


@dataclass(frozen=True, eq=False)
class Followed:
    """The outline of one frame."""

    distance: np.ndarray
    """(h, w) float32, signed distance to the edge, px, inside positive."""
    radius_px: float
    """Half of the width of the soft edge: the subject's circle of confusion."""
    confidence: float
    """0..1: how far the frame's own edges agree with the outline that was followed."""

    @property
    def empty(self) -> bool:
        """Whether the subject is not in the frame."""
        return not bool((self.distance > 0).any())


@dataclass(frozen=True, eq=False)
class Seen:
    """The same on the way from a key."""

    distance: np.ndarray
    matrix: np.ndarray  # px of the key to px of the frame
    radius_px: float
    confidence: float
    shown: np.ndarray | None = None  # signed distance of what matting alone found
    logit: np.ndarray | None = None  # what the frame itself said, coarse


def joined_ways(found: Sequence[tuple[int, Seen]], shape: tuple[int, int]) -> Seen:
    """Mean of what came from the keys on both sides, the nearer the more."""
    if not found:
        return Seen(np.full(shape, -float(np.hypot(*shape)), np.float32), np.eye(3), 0.0, 0.0)
    if len(found) == 1:
        return found[0][1]
    weights = np.array([1.0 / age for age, _ in found])
    weights /= weights.sum()
    seen = [one for _, one in found]
    reach = 16.0
    distance = sum(w * s.distance.clip(-reach, reach) for w, s in zip(weights, seen, strict=True))
    apart = overlap(seen[0].distance > 0, seen[1].distance > 0)
    return Seen(
        np.asarray(distance, np.float32),
        seen[int(np.argmax(weights))].matrix,
        float(sum(w * s.radius_px for w, s in zip(weights, seen, strict=True))),
        float(sum(w * s.confidence for w, s in zip(weights, seen, strict=True))) * apart,
    )


def smoothed(seen: Sequence[Seen], keys: set[int]) -> list[Followed]:
    """Outlines averaged with their neighbours', carried along; radii smooth in time."""
    radii = cv2.GaussianBlur(
        np.array([[s.radius_px for s in seen]], np.float32),
        (0, 0),
        _SMOOTH_FRAMES,
        borderType=cv2.BORDER_REPLICATE,
    )[0]
    out = []
    for t, one in enumerate(seen):
        distance = one.distance
        there = (distance > 0).any()
        if t not in keys and there:
            total, weight = distance * (1 - 2 * _BESIDE), 1 - 2 * _BESIDE
            for n in (t - 1, t + 1):
                if not 0 <= n < len(seen) or not (seen[n].distance > 0).any() or n in keys:
                    continue
                matrix = one.matrix @ np.linalg.inv(seen[n].matrix)
                moved = warped_distance(seen[n].distance, matrix)
                if overlap(moved > 0, distance > 0) < 0.93:  # of another key, or found again
                    continue
                total, weight = total + _BESIDE * moved, weight + _BESIDE
            distance = total / weight
        out.append(Followed(np.asarray(distance, np.float32), float(radii[t]), one.confidence))
    return out
