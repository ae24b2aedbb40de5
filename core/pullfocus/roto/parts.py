# SPDX-License-Identifier: Apache-2.0
"""A part of a layer that moves apart from the rest of it: something near before a far wall, an arm.

Flow over a quarter of the shot, less a homography and, of a background, what its row does besides
(floors recede by rows), leaves what stands nearer or farther, or moves by itself. It is a part
where it ends at once, is seen in several frames, and is one piece when they are carried to one of
them by its own motion.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pullfocus.observe.flow import consistent, dense_flow
from pullfocus.observe.motion import fitted_motion
from pullfocus.roto.outline import disc

__all__ = ["WORKING_PX", "Part", "find_part"]

WORKING_PX = 320
"""Width of the frames that are looked at."""
_LOOKS = 9
_APART = 0.25  # of the shot, from which frame to which flow is taken
_APART_FAST = 0.1  # the same of a subject that is too fast for that
_MOVES = 2.0  # px at 512 wide, over that time
_SMALLEST, _LARGEST = 0.015, 0.4  # of the frame, of a background
_SMALLEST_OWN, _LARGEST_OWN = 0.08, 0.6  # of a subject
_OWN_PX = 5  # at 512 wide, inside a subject's outline: there flow is of what lies behind as well
_FRONT_PX = 24  # at 512 wide, round what is in front: its blur moves there
_AT_FRONT = 0.5  # of an outline, beside what is in front: that is its halo
_SEEN = 0.15  # of what is around it, at least
_RING_PX = 10  # at 512 wide, beyond the edge of flow
_ENDS = 0.6  # of its own motion, that what is around has at most
_SAME = 0.5  # of two looks at one part, how far they overlap
_AGREE = 3  # looks
_WELL_SEEN, _HARDLY_SEEN = 0.4, 0.1  # of a region, for its motion in full, for a shift
_BAND_PX = 10  # at 512 wide: by so much the edge of flow errs
_AROUND_PX, _ZONE_PX = 60, 32  # at 512 wide: whose motion is compared, and how far it may grow
_TELLS = 2.0  # of 255, by which frames agree better

Matrix = np.ndarray  # 3x3 float64, px -> px


@dataclass(frozen=True, eq=False)
class Part:
    """A part, as it was found."""

    key: int
    """Index of the frame that it was drawn in."""
    mattes: np.ndarray
    """(T, h, w) float32 0..1, behind what is in front too."""
    around: tuple[Matrix, ...]
    """Motion of the rest of its layer, from every frame to the key frame."""
    apart_px: float
    """How far it moves against the rest over the shot, px of the working size."""
    agreed: float
    """Share of the frames looked at in which it was seen, 0..1."""

    def box(self) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom in the key frame."""
        ys, xs = np.nonzero(self.mattes[self.key] > 0.5)
        return int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())


@dataclass(frozen=True, eq=False)
class _Look:
    t: int
    region: np.ndarray  # (h, w) bool
    free: np.ndarray  # (h, w) bool, where there is something to see
    motion: float  # px a frame


@dataclass(frozen=True, eq=False)
class _Scene:
    """What is looked at."""

    frames: Sequence[np.ndarray]
    greys: Sequence[np.ndarray]
    fronts: np.ndarray  # (T, h, w) uint8
    own: np.ndarray | None  # (T, h, w) uint8, a subject's matte; None: the last layer

    @property
    def wide(self) -> float:
        """Of a frame, beside 512 px."""
        return self.greys[0].shape[1] / 512

    def inside(self, t: int, reach_px: float = 0.0) -> np.ndarray:
        """Return where a frame shows the layer, so far within its outline, (h, w) bool."""
        if self.own is None:
            return np.ones(self.greys[t].shape, bool)
        solid = (self.own[t] > 127).astype(np.uint8)
        if reach_px:
            change = cv2.erode if reach_px > 0 else cv2.dilate
            solid = np.asarray(change(solid, disc(abs(reach_px) * self.wide)))
        return solid > 0

    def fits(self, region: np.ndarray, t: int) -> bool:
        """Whether a region (h, w) is as large as a part may be."""
        if self.own is None:
            return bool(_SMALLEST < region.mean() < _LARGEST)
        share = region.sum() / max(int(self.inside(t).sum()), 1)
        return bool(_SMALLEST_OWN < share < _LARGEST_OWN)


def find_part(
    frames: Sequence[np.ndarray], fronts: np.ndarray, own: np.ndarray | None = None
) -> Part | None:
    """Look for the largest part of a layer that moves apart; None: there is none.

    Args:
        frames: T frames (h, w, 3) uint8, display-encoded, `WORKING_PX` wide or less.
        fronts: (T, h, w) uint8, coverage by all that lies before the layer.
        own: (T, h, w) uint8, coverage by the layer itself; None: it is the last.
    """
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    count = len(greys)
    if count < 2 * _AGREE:
        return None
    chosen = sorted({round(t) for t in np.linspace(0, count - 1, min(count, _LOOKS))})
    scene = _Scene(frames, greys, fronts, own)
    looks: list[_Look] = []
    for share in (_APART,) if own is None else (_APART, _APART_FAST):
        apart = max(1, round(share * count))
        if len(looks) < _AGREE:
            looks = [look for t in chosen if (look := _look(scene, t, apart)) is not None]
    if len(looks) < _AGREE:
        return None
    best: tuple[float, _Look, list[np.ndarray], list[_Look]] | None = None
    for key in looks:
        carried = _carried(scene, key)
        same = [one for one in looks if _overlap(key, one, carried[one.t]) > _SAME]
        score = len(same) * float(key.region.sum())
        if len(same) >= _AGREE and (best is None or score > best[0]):
            best = score, key, carried, same
    if best is None:
        return None
    _, key, carried, same = best
    region = _voted(scene, key, same, carried)
    if region is None:
        return None
    around = _carried(scene, _Look(key.t, _ring(scene, key, region), key.free, 0.0))
    whole = _widened(scene, key, same, region, carried, around)
    matte = cv2.GaussianBlur(whole.astype(np.float32), (0, 0), 1)
    size = (matte.shape[1], matte.shape[0])
    mattes = [
        cv2.warpPerspective(matte, to_key, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        for to_key in carried
    ]
    moved = float(np.median([one.motion for one in same])) * (count - 1)
    return Part(key.t, np.stack(mattes), tuple(around), moved, len(same) / len(chosen))


def _look(scene: _Scene, t: int, apart: int) -> _Look | None:
    """Return what moves apart in one frame."""
    greys, fronts = scene.greys, scene.fronts
    other = t + apart if t + apart < len(greys) else t - apart
    wide = scene.wide
    there = dense_flow(greys[t], greys[other])
    front = cv2.dilate(fronts[t], disc(_FRONT_PX * wide)) > 0
    seen = consistent(there, dense_flow(greys[other], greys[t])) & ~front
    free = seen & scene.inside(t, _OWN_PX)
    left = _unexplained(there, free, by_rows=scene.own is None)
    if left is None:
        return None
    away = cv2.medianBlur(np.hypot(left[..., 0], left[..., 1]).astype(np.float32), 5)
    moving = cv2.morphologyEx(
        ((away > _MOVES * wide) & free).astype(np.uint8), cv2.MORPH_OPEN, disc(4 * wide)
    )
    count, labels, stats, _ = cv2.connectedComponentsWithStats(moving)
    for one in 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA]) if count > 1 else []:
        region = labels == one
        moved = float(np.median(away[region]))
        behind = seen & ~scene.inside(t, -_RING_PX)
        if not scene.fits(region, t) or any(
            _goes_with(there, region, beside, moved) for beside in (fronts[t] > 127, behind)
        ):
            continue
        if _ends_at_once(region, away, free, front, scene.inside(t, _OWN_PX), wide):
            return _Look(t, region, free, moved / apart)
    return None


def _goes_with(there: np.ndarray, region: np.ndarray, other: np.ndarray, moved: float) -> bool:
    """Whether a region moves as another layer does: then it is its halo, or seen past the matte."""
    if not other.any():
        return False
    apart = np.median(there[region], 0) - np.median(there[other], 0)
    return bool(np.hypot(*apart) < _ENDS * moved)


def _unexplained(there: np.ndarray, free: np.ndarray, *, by_rows: bool) -> np.ndarray | None:
    """Return flow (h, w, 2) less a homography and, if asked, what each row does besides."""
    height, width = free.shape
    model = fitted_motion(there, free, planar=True)
    if model is None:
        return None
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    here = np.stack([x, y], -1)
    explained = cv2.perspectiveTransform(here.reshape(-1, 1, 2), model).reshape(here.shape) - here
    left = np.asarray(there - explained, np.float32)
    if by_rows:
        by_row = np.zeros((height, 2), np.float32)
        known = free.sum(1) > 0.2 * width
        for row in np.flatnonzero(known):
            by_row[row] = np.median(left[row][free[row]], 0)
        left = left - cv2.GaussianBlur(by_row, (1, 0), sigmaX=1e-3, sigmaY=2)[:, None]
    left[~free] = 0
    return left


def _ends_at_once(
    region: np.ndarray,
    away: np.ndarray,
    free: np.ndarray,
    front: np.ndarray,
    inside: np.ndarray,
    wide: float,
) -> bool:
    """Whether what is around a region moves much less, and is not what is in front for the most.

    Of a subject a piece of its own has nothing around it.
    """
    solid = region.astype(np.uint8)
    near = cv2.dilate(solid, disc(4 * wide)) > 0
    around = (cv2.dilate(solid, disc((4 + _RING_PX) * wide)) > 0) & ~near
    ring = around & inside
    seen = ring & free
    if ring.sum() < _SEEN * around.sum():
        return bool((around & front).sum() < _AT_FRONT * around.sum())
    if (ring & front).sum() > _AT_FRONT * ring.sum() or seen.sum() < _SEEN * ring.sum():
        return False
    return bool(np.median(away[seen]) < _ENDS * np.median(away[region]))


def _carried(scene: _Scene, key: _Look) -> list[np.ndarray]:
    """Return for every frame the motion of a key's region to the key frame."""
    greys, fronts, wide = scene.greys, scene.fronts, scene.wide
    height, width = greys[0].shape
    out: list[Matrix] = [np.eye(3)] * len(greys)
    # clear of its edge, where flow is of what lies behind as well
    whole = key.region.astype(np.uint8)
    solid = cv2.erode(whole, disc(_BAND_PX * wide))
    if scene.own is not None and not solid.any():  # a limb
        solid = whole
    for direction in (1, -1):
        to_key, step = np.eye(3), np.eye(3)
        end = len(greys) if direction > 0 else -1
        for t in range(key.t + direction, end, direction):
            before = t - direction
            shown = cv2.warpPerspective(
                solid, to_key, (width, height), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
            )
            free = cv2.dilate(fronts[before], disc(_FRONT_PX * wide / 2)) == 0
            there = dense_flow(greys[before], greys[t], rough=True)
            trust = consistent(there, dense_flow(greys[t], greys[before], rough=True))
            step = _step(there, trust & free & (shown > 0), shown > 0, step)
            to_key = to_key @ np.linalg.inv(step)
            out[t] = to_key
    return out


def _step(there: np.ndarray, trust: np.ndarray, shown: np.ndarray, before: Matrix) -> Matrix:
    """Return how a region goes on to the next frame: the less is seen of it, the simpler."""
    seen, out = trust.sum() / max(int(shown.sum()), 1), np.eye(3)
    if seen > _WELL_SEEN:
        ys, xs = np.nonzero(trust)
        source = np.stack([xs, ys], 1).astype(np.float32)
        found, _ = cv2.estimateAffinePartial2D(
            source, source + there[ys, xs], ransacReprojThreshold=1.0
        )
        if found is not None:
            out[:2] = found
            return out
    out[:2, 2] = np.median(there[trust], 0) if seen > _HARDLY_SEEN else before[:2, 2]
    return out


def _overlap(key: _Look, other: _Look, to_key: Matrix) -> float:
    """Return how far another look shows the same, where both see something."""
    size = (key.region.shape[1], key.region.shape[0])
    region, free = (_to_key(mask, to_key, size) for mask in (other.region, other.free))
    both = free & key.free
    union = ((region | key.region) & both).sum()
    return float(((region & key.region) & both).sum() / union) if union else 0.0


def _to_key(mask: np.ndarray, to_key: Matrix, size: tuple[int, int]) -> np.ndarray:
    moved = cv2.warpPerspective(mask.astype(np.uint8), to_key, size, flags=cv2.INTER_NEAREST)
    return np.asarray(moved > 0)


def _voted(
    scene: _Scene, key: _Look, looks: list[_Look], carried: list[np.ndarray]
) -> np.ndarray | None:
    """Return what most looks that see a place say of it, (h, w) bool in the key frame."""
    size = (key.region.shape[1], key.region.shape[0])
    said, seen = np.zeros(key.region.shape), np.zeros(key.region.shape)
    for one in looks:
        said += _to_key(one.region, carried[one.t], size)
        seen += _to_key(one.free, carried[one.t], size)
    voted = (said > 0.5 * seen) & (seen > 0)
    closed = cv2.morphologyEx(
        voted.astype(np.uint8), cv2.MORPH_CLOSE, disc(_BAND_PX * size[0] / 512)
    )
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    if count < 2:
        return None
    largest = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return largest if scene.fits(largest, key.t) else None


def _ring(scene: _Scene, key: _Look, region: np.ndarray) -> np.ndarray:
    """Return whose motion a region's is compared with, (h, w) bool: the layer around it."""
    solid = region.astype(np.uint8)
    far = cv2.dilate(solid, disc(16 * scene.wide)) == 0
    if scene.own is not None:
        return scene.inside(key.t) & far
    return (cv2.dilate(solid, disc(_AROUND_PX * scene.wide)) > 0) & far


def _widened(
    scene: _Scene,
    key: _Look,
    looks: list[_Look],
    region: np.ndarray,
    carried: list[Matrix],
    around: list[Matrix],
) -> np.ndarray:
    """Return a region with what few looks saw of it, (h, w) bool: flow fails where things meet.

    There frames tell that are laid over each other by the region's motion, and by that of what is
    around: whichever motion is right, they agree.
    """
    wide, size = scene.wide, (region.shape[1], region.shape[0])
    with_it, without = (_spread(scene, motion, size) for motion in (carried, around))
    seen = np.sum([_to_key(one.free, carried[one.t], size) for one in looks], 0)
    zone = cv2.dilate(region.astype(np.uint8), disc(_ZONE_PX * wide)) > 0
    zone &= scene.inside(key.t)
    more = zone & (seen < _AGREE) & (without - with_it > _TELLS)
    whole = (region | more).astype(np.uint8)
    whole = cv2.morphologyEx(whole, cv2.MORPH_OPEN, disc(8 * wide))
    whole = cv2.morphologyEx(whole, cv2.MORPH_CLOSE, disc(_BAND_PX * wide))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(whole)
    return labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])) if count > 1 else region


def _spread(scene: _Scene, motion: list[Matrix], size: tuple[int, int]) -> np.ndarray:
    """Return how far frames differ that are laid over each other, (h, w), of 255, smoothed."""
    wide = size[0] / 512
    stack = []
    for frame, front, to_key in zip(scene.frames, scene.fronts, motion, strict=True):
        shown = cv2.warpPerspective(frame.astype(np.float32), to_key, size)
        free = cv2.dilate(front, disc(_FRONT_PX * wide / 2)) == 0
        shown[~_to_key(free, to_key, size)] = np.nan
        stack.append(shown)
    known = np.stack(stack)
    with warnings.catch_warnings():  # of places that no frame shows
        warnings.simplefilter("ignore", RuntimeWarning)
        off = np.abs(known - np.nanmedian(known, 0)).mean(-1)
        typical = np.nan_to_num(np.nanmedian(off, 0), nan=255.0).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(typical, (0, 0), 6 * wide))
