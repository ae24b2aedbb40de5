# SPDX-License-Identifier: Apache-2.0
"""The frame of a box, of strokes or of a guess, looked at again once other frames are known.

Its first outline was cut from one frame and is no truth. It is asked like any other frame then:
what the frames around show tells the subject's colours, what is behind it, and what moves.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pullfocus.roto.background import Background, light_of
from pullfocus.roto.band import Behind, alpha_in_band
from pullfocus.roto.outline import signed_distance
from pullfocus.roto.regions import arbitrated
from pullfocus.roto.search import Search, State
from pullfocus.roto.settings import FollowSettings
from pullfocus.roto.start import SMALL_PX, Clue

__all__ = ["WITNESSES", "looked_again"]

WITNESSES = 6
"""Frames, the nearest with the subject, that are asked."""
_LOOKS = 4  # each as far around as the search reaches


def looked_again(
    t: int,
    own: np.ndarray,
    witnesses: Sequence[State],
    clue: Clue,
    radius_px: float,
    *,
    frames: Sequence[np.ndarray],
    background: Background,
    search: Search,
    settings: FollowSettings,
) -> np.ndarray:
    """Return the outline of a marked frame as all frames together tell it.

    Outlines of other frames are not carried here: limbs that swing would be carried wrongly. Part
    by part, what was cut at first stays unless this frame speaks plainly for another outline.

    Args:
        t: the frame.
        own: signed distance (h, w) of its outline as it was cut, px.
        witnesses: other frames, their ``to_now`` to this one's px; the nearest last.
        clue: what was marked; what it calls sure stays.
        radius_px: of the blur of the subject's edge.
        frames: as for `follow.follow`.
        background: with the mattes that were found.
        search: of the same frames.
        settings: how to follow.

    Returns:
        Signed distance (h, w); ``own`` where nothing is left.
    """
    behind = background.behind(t, settings)
    by_gap = {one.t - t: np.linalg.inv(one.to_now) for one in witnesses}
    beside = [
        [(t + n, background.step(t + n, t), by_gap[n]) for n in (-gap, gap) if n in by_gap]
        for gap in settings.gaps
    ]
    beside = [pair for pair in beside if pair]
    nowhere = np.zeros(own.shape, bool)
    step = background.step(witnesses[-1].t, t)
    outline = own
    for _ in range(_LOOKS):
        found = search.look(t, outline, witnesses, behind, step, nowhere, radius_px, beside)
        coarse = search.coarse(outline)
        after = arbitrated(coarse, found.region, found.logit, radius_px * search.scale)
        if not after.any() or (after == (coarse > 0)).all():
            break
        outline = signed_distance(found.upsized(after, own.shape))
    small = max(own.shape) < SMALL_PX
    if not small or outline is not own:  # what was found coarsely lies farther from its edge
        outline = _matted(frames[t], outline, behind, clue, settings)
    if small:
        height, width = own.shape
        known = behind.known.repeat(2, 0).repeat(2, 1)
        larger = Behind(light=_doubled(behind.light).clip(0), known=known)
        finer = 2 * _doubled(outline)
        finer = _matted(_doubled(frames[t]), finer, larger, clue.larger(2), settings)
        outline = 0.5 * cv2.resize(finer, (width, height), interpolation=cv2.INTER_AREA)
    return outline if (outline > 0).any() else own


def _matted(
    frame: np.ndarray, outline: np.ndarray, behind: Behind, clue: Clue, settings: FollowSettings
) -> np.ndarray:
    alpha = alpha_in_band(light_of(frame), outline, behind, settings)
    alpha = np.where(clue.outside, 0.0, np.where(clue.inside, 1.0, alpha))
    return signed_distance(alpha.astype(np.float32))


def _doubled(plane: np.ndarray) -> np.ndarray:
    return cv2.resize(plane, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
