# SPDX-License-Identifier: Apache-2.0
"""A matte on one frame from a box, from strokes, or from nothing but motion.

GrabCut (Rother, Kolmogorov, Blake 2004) with what moves against the background as its first guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pullfocus.roto.background import Background, light_of
from pullfocus.roto.band import Behind, alpha_in_band
from pullfocus.roto.outline import disc, signed_distance
from pullfocus.roto.settings import FollowSettings

__all__ = ["SMALL_PX", "Clue", "matte_from_clue", "motion_evidence", "moving"]

SMALL_PX = 400
"""Smaller frames are doubled to find a subject: flow smears by a few px, bands are wide."""
_ROUNDS = 5
_DRAWS = 5
_SMOOTH_PX = 1.5
_DIFFERS = 0.10  # of square-root light, above what focus and noise make of a still background
_DRIFTS_PX = 0.5  # a frame against the background
_SURE = 0.7  # evidence that colour does not overrule,
_FLOW_SPILL_PX = 6  # but near edges, where flow is smeared
_NEAR_PX = 8  # of what moves: farther away colour adds nothing
_MOVES = 0.15  # of a box's area, that moves: then motion says what the subject is
_REACH = 0.12  # of a box's size: a subject comes so near to its sides
_BEYOND = 0.3  # of what moves as one, outside of the box: then it is no subject's
_AROUND = 0.4  # of a box's size: how far around it colours of the background are taken


@dataclass(frozen=True, eq=False)
class Clue:
    """What is known of the subject in one frame; all (h, w) bool."""

    inside: np.ndarray
    """Surely the subject."""
    outside: np.ndarray
    """Surely not."""
    likely: np.ndarray
    """Where it is looked for: the box, or what strokes outside leave of the frame."""
    first: np.ndarray | None = None
    """Where it is guessed if nothing moves: nearer to strokes inside than outside; None: likely."""
    guessed: bool = False
    """Whether motion alone told where the subject is: then it is asked twice."""

    def larger(self, times: int) -> Clue:
        """Return the same of frames that are so many times as large."""

        def more(plane: np.ndarray) -> np.ndarray:
            return plane.repeat(times, 0).repeat(times, 1)

        first = None if self.first is None else more(self.first)
        return Clue(more(self.inside), more(self.outside), more(self.likely), first, self.guessed)


def moving(light: np.ndarray, typical: Behind) -> np.ndarray:
    """Return how much a frame differs from its typical background, (h, w), square-root light."""
    one, other = (
        cv2.GaussianBlur(np.sqrt(plane.clip(0, 1)), (0, 0), _SMOOTH_PX)
        for plane in (light, typical.light)
    )
    return np.where(typical.known, np.abs(one - other).max(-1), 0.0)


def matte_from_clue(
    t: int,
    frames: Sequence[np.ndarray],
    background: Background,
    clue: Clue,
    settings: FollowSettings,
) -> np.ndarray:
    """Find the matte (h, w) float32 0..1 of one frame.

    Args:
        t: the frame.
        frames: as for `follow.follow`.
        background: its motion; mattes may be empty.
        clue: what is known of the subject.
        settings: of the matting that ends it.
    """
    light = light_of(frames[t])
    typical = background.typical(t)
    unlike = background.unlike(t) if clue.guessed else np.inf
    moves = motion_evidence(light, typical, background.drift(t), unlike)
    best: tuple[int, np.ndarray] | None = None
    for mask in _first_guesses(moves, clue):
        found = _cut(frames[t], mask, clue)
        reached = _sides_reached(found, clue.likely)
        if best is None or reached > best[0]:
            best = reached, found
        if reached == 4:
            break
    assert best is not None
    found = best[1]
    return alpha_in_band(light, signed_distance(found.astype(np.float32)), typical, settings)


def motion_evidence(
    light: np.ndarray, typical: Behind, drift: np.ndarray, unlike: np.ndarray | float = np.inf
) -> np.ndarray:
    """Return 0..1, (h, w): 1 surely before the background, 0 nothing seen; 1/2 the threshold.

    Args:
        light: frame (h, w, 3), linear.
        typical: of that frame.
        drift: px a frame, (h, w).
        unlike: `Background.unlike`: asked where nobody marked what moves.
    """
    differs = np.minimum(moving(light, typical), unlike) / _DIFFERS
    drifts = cv2.medianBlur(drift.astype(np.float32), 5) / _DRIFTS_PX
    evidence = np.maximum(differs, drifts)
    return np.asarray(evidence / (1 + evidence), np.float32)


def _surroundings(likely: np.ndarray) -> tuple[slice, slice]:
    """Return the part of the frame around a region, whose colours are the background's."""
    ys, xs = np.nonzero(likely)
    rise, run = (round(_AROUND * (v.max() - v.min() + 1)) for v in (ys, xs))
    return (
        slice(max(0, ys.min() - rise), ys.max() + 1 + rise),
        slice(max(0, xs.min() - run), xs.max() + 1 + run),
    )


def _first_guesses(evidence: np.ndarray, clue: Clue) -> list[np.ndarray]:
    """Return GrabCut's masks to begin with, the likeliest first.

    What moves is the subject, all of it; or it is a part of one that else stands still; or nothing
    is known but where it is. What goes on outside of the box is asked last.
    """
    own, moves = _subject_moves(evidence > 0.5, clue)
    sure = cv2.erode((evidence > _SURE).astype(np.uint8), disc(_FLOW_SPILL_PX)) > 0
    plain = np.full(evidence.shape, cv2.GC_PR_BGD, np.uint8)
    plain[clue.likely if clue.first is None else clue.first] = cv2.GC_PR_FGD
    least = _MOVES * clue.likely.sum()
    if own.sum() > least:
        part = plain.copy()
        part[own & sure] = cv2.GC_FGD
        masks = [_whole(own, sure), part, plain]
    elif moves.sum() > least:
        masks = [plain, _whole(moves, sure)]
    else:
        masks = [plain]
    for mask in masks:
        mask[clue.outside | ~clue.likely] = cv2.GC_BGD
        mask[clue.inside] = cv2.GC_FGD
    # strokes say more than what a box is filled by
    return masks[:1] if clue.inside.any() else masks


def _whole(moves: np.ndarray, sure: np.ndarray) -> np.ndarray:
    mask = np.full(moves.shape, cv2.GC_PR_BGD, np.uint8)
    mask[moves] = cv2.GC_PR_FGD
    mask[moves & sure] = cv2.GC_FGD
    mask[cv2.dilate(moves.astype(np.uint8), disc(_NEAR_PX)) == 0] = cv2.GC_BGD
    return mask


def _subject_moves(moving: np.ndarray, clue: Clue) -> tuple[np.ndarray, np.ndarray]:
    """Return what moves within the box, (h, w) bool: but what goes on outside of it, and all."""
    mask = cv2.morphologyEx(moving.astype(np.uint8), cv2.MORPH_OPEN, disc(1))
    count, labels = cv2.connectedComponents(mask)
    inside = np.bincount(labels[clue.likely], minlength=count)
    beyond = 1 - inside / np.maximum(1, np.bincount(labels.ravel(), minlength=count))
    within = (labels > 0) & clue.likely
    own, moves = (
        (cv2.morphologyEx(one.astype(np.uint8), cv2.MORPH_CLOSE, disc(3)) > 0) & clue.likely
        for one in (within & (beyond < _BEYOND)[labels], within)
    )
    return own, moves


def _sides_reached(found: np.ndarray, box: np.ndarray) -> int:
    """Return how many sides of a box a region comes near to, 0..4: a subject fills its box."""
    if not found.any():
        return 0
    reached = 0
    for axis in (0, 1):
        places, limits = (np.flatnonzero(one.any(axis)) for one in (found, box))
        near = _REACH * (limits[-1] - limits[0] + 1)
        reached += int(places[0] - limits[0] <= near) + int(limits[-1] - places[-1] <= near)
    return reached


def _cut(frame: np.ndarray, mask: np.ndarray, clue: Clue) -> np.ndarray:
    part = _surroundings(clue.likely)
    if _usable(mask[part]):
        mask[part] = _voted(np.ascontiguousarray(frame[part][..., ::-1]), mask[part])
    return _cleaned(np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)), clue)


def _voted(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return GrabCut's mask as most of several draws of its colour models have it."""
    votes = np.zeros(mask.shape, np.int32)
    for seed in range(_DRAWS):
        cv2.setRNGSeed(seed)  # or the matte would depend on what ran before
        here, models = mask.copy(), (np.zeros((1, 65)), np.zeros((1, 65)))
        cv2.grabCut(picture, here, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
        votes += np.isin(here, (cv2.GC_FGD, cv2.GC_PR_FGD))
    return np.where(2 * votes > _DRAWS, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)


def _usable(mask: np.ndarray) -> bool:
    """Colour models want a few px of either side."""
    front = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).sum()
    return 20 < front < mask.size - 20


def _cleaned(found: np.ndarray, clue: Clue) -> np.ndarray:
    """Leave specks and pin holes out; keep what was marked."""
    mask = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_OPEN, disc(1))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count > 1:
        areas = stats[1:, cv2.CC_STAT_AREA]
        kept = [1 + n for n in np.flatnonzero(areas > 0.1 * areas.max())]
        mask = np.isin(labels, kept).astype(np.uint8)
    holes, labels, stats, _ = cv2.connectedComponentsWithStats(1 - mask)
    small = 0.02 * max(1, int(mask.sum()))
    for label in range(1, holes):
        if stats[label, cv2.CC_STAT_AREA] < small:
            mask[labels == label] = 1
    return np.asarray(((mask > 0) | clue.inside) & ~clue.outside)
