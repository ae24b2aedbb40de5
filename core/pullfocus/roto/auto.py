# SPDX-License-Identifier: Apache-2.0
"""A guess at the subject when nobody marked it: by motion, by blur that differs, by a face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pullfocus.errors import MatteError
from pullfocus.roto.background import Background, light_of
from pullfocus.roto.outline import disc
from pullfocus.roto.settings import FollowSettings
from pullfocus.roto.start import Clue, motion_evidence

__all__ = ["Guess", "guess_subject"]

_LOOKS = 5  # frames that are looked at
_SMALLEST, _LARGEST = 0.005, 0.6  # of the frame
_BLUR_APART_PX = 1.5
_CHANGED = 0.2  # of a region that is said to move
_FACE = "haarcascade_frontalface_default.xml"
_BODY = ((-1.2, -0.8), (2.4, 8.0))  # of a face's width, from its corner: where a person may be


@dataclass(frozen=True, eq=False)
class Guess:
    """Where the subject may be."""

    t: int
    clue: Clue
    how: str
    """For the user: what it was told by."""


def guess_subject(frames: Sequence[np.ndarray], settings: FollowSettings) -> Guess:
    """Look for a subject in frames (h, w, 3) uint8, display-encoded.

    Raises:
        MatteError: nothing moves, differs in blur, or has a face.
    """
    looks = np.linspace(0, len(frames) - 1, _LOOKS + 2).round().astype(int)[1:-1]
    middle = len(frames) // 2
    order = sorted(set(looks.tolist()), key=lambda t: abs(t - middle))
    for look, how in (
        (_by_motion, "motion against the background"),
        (_by_blur, "blur that differs from its surroundings"),
        (_by_face, "a face"),
    ):
        found = look(frames, order)
        if found is not None:
            t, region = found
            return Guess(t, _clue(region), how)
    raise MatteError(
        "--auto: expected a subject that moves, differs in blur or shows a face, found none; "
        "mark one with --box or --key"
    )


def _clue(region: np.ndarray) -> Clue:
    width = region.shape[1]
    ys, xs = np.nonzero(region)
    pad = max(4, round(0.02 * width))
    likely = np.zeros(region.shape, bool)
    likely[
        max(0, ys.min() - pad) : ys.max() + pad + 1, max(0, xs.min() - pad) : xs.max() + pad + 1
    ] = True
    return Clue(inside=np.zeros_like(likely), outside=~likely, likely=likely, guessed=True)


def _by_motion(frames: Sequence[np.ndarray], order: Sequence[int]) -> tuple[int, np.ndarray] | None:
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    background = Background(frames, greys, [np.zeros(greys[0].shape, np.float32)] * len(frames))
    best: tuple[float, int, np.ndarray] | None = None
    for t in order:
        drift = background.drift(t)
        still = background.typical(t)
        evidence = motion_evidence(light_of(frames[t]), still, drift, background.unlike(t))
        # flow alone: what differs from a still picture may be a change of focus
        region = _blob((evidence > 0.5) & (cv2.medianBlur(drift.astype(np.float32), 5) > 0.5))
        if region is None or background.changes(t)[region].mean() < _CHANGED:
            continue
        score = float(drift[region].mean() * np.sqrt(region.mean())) * (1 - _at_edge(region))
        if best is None or score > 1.1 * best[0]:
            best = (score, t, region)
    return None if best is None else best[1:]


def _by_blur(frames: Sequence[np.ndarray], order: Sequence[int]) -> tuple[int, np.ndarray] | None:
    from pullfocus.coc.estimate import estimate_coc, load_network

    network = load_network()
    best: tuple[float, int, np.ndarray] | None = None
    for t in order[:3]:
        found = estimate_coc(network, frames[t].astype(np.float32) / 255)
        sure = found.confidence > 0.4
        if sure.mean() < 0.2:
            continue
        radius = cv2.medianBlur(found.radius_px.astype(np.float32), 5)
        cut = float(np.median(radius[sure]))
        for region in (
            _blob(sure & (radius < cut - _BLUR_APART_PX)),
            _blob(sure & (radius > cut + _BLUR_APART_PX)),
        ):
            if region is None:
                continue
            score = float(np.sqrt(region.mean())) * (1 - _at_edge(region))
            if best is None or score > best[0]:
                best = (score, t, region)
    return None if best is None else best[1:]


def _by_face(frames: Sequence[np.ndarray], order: Sequence[int]) -> tuple[int, np.ndarray] | None:
    if not (hasattr(cv2, "CascadeClassifier") and hasattr(cv2, "data")):
        return None  # not every OpenCV has it
    path = Path(cv2.data.haarcascades) / _FACE  # type: ignore[attr-defined]
    if not path.is_file():
        return None
    cascade = cv2.CascadeClassifier(str(path))
    for t in order:
        faces = cascade.detectMultiScale(cv2.cvtColor(frames[t], cv2.COLOR_RGB2GRAY), 1.1, 6)
        if len(faces):
            x, y, w, h = max(faces, key=lambda f: f[2] * f[3])
            region = np.zeros(frames[t].shape[:2], bool)
            (left, up), (right, down) = _BODY
            region[
                max(0, int(y + up * h)) : int(y + down * h),
                max(0, int(x + left * w)) : int(x + right * w),
            ] = True
            return t, region
    return None


def _blob(mask: np.ndarray) -> np.ndarray | None:
    """The largest connected part, if it is of a subject's size."""
    clean = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disc(2))
    clean = cv2.morphologyEx(clean, cv2.MORPH_CLOSE, disc(4))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(clean)
    if count < 2:
        return None
    label = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    share = stats[label, cv2.CC_STAT_AREA] / mask.size
    return labels == label if _SMALLEST < share < _LARGEST else None


def _at_edge(region: np.ndarray) -> float:
    """The share of the frame's border that a region touches."""
    border = np.concatenate([region[0], region[-1], region[:, 0], region[:, -1]])
    return float(border.mean())
