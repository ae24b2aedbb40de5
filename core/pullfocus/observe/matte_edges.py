# SPDX-License-Identifier: Apache-2.0
"""Mattes that lie beside the edges that a plate shows, all round and in all frames.

A roto that is drawn wide, or a key that was choked, is off by one distance everywhere. How much the
picture changes across curves that run along the matte's edge, so far inside or outside of it, is
averaged over the shot: texture gives about the same everywhere, the silhouette stands out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pullfocus.observe.observed import let_go

__all__ = ["EdgeProfile", "bring_to_edges", "moved_edge"]

_REACH = 12  # px inside and outside that are looked at, at about 512 wide
_RIDGE = 3  # px from the edge to where the picture is texture again
_LEAST_PX = 3.0  # a solve finds less by itself, and a line of ink round a drawing is no wider
_PLAIN = 0.006  # display-encoded, per px: an edge that stands out by less is none
_AT_EDGE = 0.3  # of the best edge: more, and the matte's own edge is one too
_MOST_WIDE = 724  # px of the frames that are looked at: halved as long as they are wider
_SMOOTH_PX = 0.8
_FIELD_PX = 1.5
_STRAIGHT = 0.5  # length of the smoothed field's slope: less is the middle of something thin
_FEW = 200  # px at one distance, over all frames
_FRAMES = 12  # that are looked at
_HALF = 127
Report = Callable[[str, float], None]


def _distance(matte: np.ndarray) -> np.ndarray:
    """Return the signed distance (h, w) from the edge of a matte, px, inside positive."""
    inside = (matte >= 0.5).astype(np.uint8)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    beyond = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(np.where(inside > 0, within - 0.5, 0.5 - beyond), np.float32)


def _normals(distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the direction inwards, (h, w, 2), and the smoothed field's slope, (h, w)."""
    smooth = cv2.GaussianBlur(distance, (0, 0), _FIELD_PX)
    slope = np.stack([cv2.Sobel(smooth, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1))])
    length = np.hypot(*slope)
    return np.moveaxis(slope / np.maximum(length, 1e-6), 0, -1), length


@dataclass
class EdgeProfile:
    """How much the picture changes across curves along a matte's edge, from -REACH to REACH px."""

    total: np.ndarray
    count: np.ndarray

    @classmethod
    def empty(cls) -> "EdgeProfile":
        """Return one that nothing was added to."""
        return cls(np.zeros(2 * _REACH + 1), np.zeros(2 * _REACH + 1))

    def add(self, plate: np.ndarray, matte: np.ndarray, free: np.ndarray | None = None) -> None:
        """Add a frame.

        Args:
            plate: (h, w, 3) float32, display-encoded.
            matte: (h, w) float32, 0..1.
            free: (h, w) bool, where nothing else is in front; None: everywhere.
        """
        inside = matte >= 0.5
        if inside.all() or not inside.any():
            return
        distance = _distance(matte)
        inwards, length = _normals(distance)
        smooth = cv2.GaussianBlur(plate.astype(np.float32), (0, 0), _SMOOTH_PX)
        x, y = (cv2.Sobel(smooth, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
        across = np.sqrt(np.square(x * inwards[..., :1] + y * inwards[..., 1:]).sum(-1))
        asked = (np.abs(distance) < _REACH + 0.5) & (length > _STRAIGHT)
        asked[:_RIDGE] = asked[-_RIDGE:] = asked[:, :_RIDGE] = asked[:, -_RIDGE:] = False
        if free is not None:
            asked &= free
        at = np.floor(distance[asked] + 0.5).astype(int) + _REACH
        bins = 2 * _REACH + 1
        self.count += np.bincount(at, minlength=bins)[:bins]
        self.total += np.bincount(at, across[asked], minlength=bins)[:bins]

    def offset_px(self) -> float:
        """Return how far inside of the matte's edge the picture's lies, px; 0: none is plain."""
        if (self.count < _FEW).any():
            return 0.0
        mean = np.pad(self.total / self.count, 1, mode="edge")
        mean = 0.25 * mean[:-2] + 0.5 * mean[1:-1] + 0.25 * mean[2:]
        beside = np.maximum(mean[: -2 * _RIDGE], mean[2 * _RIDGE :])
        ridge = mean[_RIDGE:-_RIDGE] - beside
        best, middle = int(ridge.argmax()), _REACH - _RIDGE
        # on the flank of an edge further off it bends the other way
        around = mean[_REACH - 3 : _REACH + 4]
        at_edge = float((around[2:5] - 0.5 * (around[:3] + around[4:])).max())
        if ridge[best] < _PLAIN or at_edge > _AT_EDGE * ridge[best]:
            return 0.0
        left, here, right = mean[best + _RIDGE - 1 : best + _RIDGE + 2]
        bend = left - 2 * here + right
        offset = best - middle + (0.5 * (left - right) / bend if bend < 0 else 0.0)
        return float(offset) if abs(offset) >= _LEAST_PX else 0.0


def moved_edge(matte: np.ndarray, px: float) -> np.ndarray:
    """Return a matte (h, w) float32, 0..1, taken in by ``px`` (let out where negative), as soft."""
    inside = matte >= 0.5
    if px == 0 or inside.all() or not inside.any():
        return matte
    inwards, _ = _normals(_distance(matte))
    rows, columns = np.indices(matte.shape, np.float32)
    from_x, from_y = columns - px * inwards[..., 0], rows - px * inwards[..., 1]
    moved = cv2.remap(matte, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def bring_to_edges(
    plate: np.ndarray,
    mattes: np.ndarray,
    names: Sequence[str],
    report: Report = lambda stage, fraction: None,
) -> list[str]:
    """Move the edges of mattes that lie beside the plate's; returns a line for each layer of them.

    Args:
        plate: (T, H, W, 3), display-encoded.
        mattes: (L-1, T, H, W) uint8, front to back; changed in place.
        names: of the layers.
        report: called with a stage and the fraction done.
    """
    offsets = [_offset_px(plate, mattes[: layer + 1]) for layer in range(len(mattes))]
    notes = []
    for name, own, px in zip(names, mattes, offsets, strict=False):
        if not px:
            continue
        for t in range(len(own)):
            moved = moved_edge(np.asarray(own[t], np.float32) / 255, px)
            own[t] = (moved * 255 + 0.5).astype(np.uint8)
            let_go(own)
            report(f"edges of matte {name}", (t + 1) / len(own))
        side, done = ("outside", "taken in") if px > 0 else ("inside", "let out")
        off = f"lies {abs(px):.1f} px {side} the plate's edges"
        notes.append(f"matte {name}: {off}; {done} by that")
    return notes


def _offset_px(plate: np.ndarray, mattes: np.ndarray) -> float:
    """Return how far inside of the last matte's edge the plate's lies, plate px; 0: it is there."""
    own = mattes[-1]
    height, width = own.shape[1:]
    reduced = 1
    while width / reduced > _MOST_WIDE:
        reduced *= 2
    size = max(1, width // reduced), max(1, height // reduced)
    brush = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
    present = [t for t in range(len(own)) if own[t].max() > _HALF]
    places = np.linspace(0, len(present) - 1, min(_FRAMES, len(present)))
    profile = EdgeProfile.empty()
    for t in sorted({present[round(place)] for place in places}):
        small = [cv2.resize(m[t], size, interpolation=cv2.INTER_AREA) for m in mattes]
        front = np.stack([np.zeros_like(small[0]), *small[:-1]]).max(0)
        picture = np.asarray(plate[t], np.float32)
        if reduced > 1:
            small_picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            picture = np.asarray(small_picture, np.float32)
        let_go(plate)
        let_go(mattes)
        profile.add(picture, small[-1].astype(np.float32) / 255, cv2.dilate(front, brush) == 0)
    return profile.offset_px() * width / size[0]
