# SPDX-License-Identifier: Apache-2.0
"""What lies on a plate and is no part of the scene: letterbox bars, burnt-in words, time code.

Bars are rows or columns at the frame's edge that show one dark colour throughout the shot. Words
stand still and keep their edges while everything around them moves: in the mean over time the
scene is washed out, and they are not. Where the camera stands still nothing tells words from a
sign on the wall, and nothing needs to.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pullfocus.observe.counter import Patch, digits_beside, digits_that_flip

__all__ = ["Overlay", "find_overlay"]

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_DARK = 0.1  # display-encoded; the brightest that a bar is
_EVEN = 0.02  # and how far it may vary: compression rings
_STEP = 0.01  # display-encoded, by which the picture is brighter than its bar in the mean
_PARTIAL = 0.75  # the row next to a bar is part of it where it is so much darker than the next
_WIDEST = 0.4  # of the frame, for one bar
_THINNEST = 2

_LOOKS = 40  # frames looked at for words
_FEWEST = 5
_STILL = 0.04  # display-encoded, deviation over time: the most that words vary,
_STILLER = 0.35  # and the most beside what is around them
_MOVES = 0.02  # deviation over time of what is around them: less, and the camera stands still
_EDGE = 0.1  # display-encoded per px: the least edge of a letter
_STANDS_OUT = 2.5  # and beside the strongest of the scene's, which motion washes out
_AMID = 0.9  # share of a letter that has to be amid what moves
_EDGES = 0.25  # share of edges in what stands still: letters are thin
_AROUND = 16  # px at 512 wide, how far around is
_LETTER = 9  # px that words must have at least, an i and its dot
_MOST = 0.06  # of the frame; more is no caption
_THIN = 0.7  # deviation beside what is around, of strokes thinner than a px
_BESIDE = 12  # px at 512 wide from letter to letter
_RIM = 1  # px around letters that are partly theirs


@dataclass(frozen=True)
class Overlay:
    """What is no part of the scene."""

    bars: tuple[int, int, int, int]
    """Rows above and below, columns left and right, px."""
    words: np.ndarray
    """(h, w) bool, burnt-in letters with their rim."""
    counters: tuple[Patch, ...] = ()
    """Where digits run, px."""

    @property
    def mask(self) -> np.ndarray:
        """All of it, (h, w) bool."""
        top, bottom, left, right = self.bars
        height, width = self.words.shape
        inside = np.zeros_like(self.words)
        inside[top : height - bottom, left : width - right] = True
        return self.words | self._run | ~inside

    @property
    def _run(self) -> np.ndarray:
        run = np.zeros_like(self.words)
        for x0, y0, x1, y1 in self.counters:
            run[y0:y1, x0:x1] = True
        return run

    def notes(self) -> list[str]:
        """Return what was found, a line each."""
        lines = []
        named = zip(("above", "below", "left", "right"), self.bars, strict=True)
        sides = ", ".join(f"{px} px {side}" for side, px in named if px)
        if sides:
            lines.append(f"plate: bars ({sides}) are no part of the scene and stay as they are")
        lines += [
            f"plate: a running time code at {x0},{y0} to {x1 - 1},{y1 - 1} stays as it is"
            for x0, y0, x1, y1 in self.counters
        ]
        words = self.words & ~self._run
        if words.any():
            y, x = np.nonzero(words)
            place = f"{x.min()},{y.min()} to {x.max()},{y.max()}"
            lines.append(f"plate: what is burnt in at {place} stays as it is")
        return lines


def find_overlay(plate: np.ndarray) -> Overlay:
    """Look for bars, words and running digits on all frames of a shot.

    Args:
        plate: (T, h, w, 3) display-encoded; read frame by frame.
    """
    bars = _bars(plate)
    top, bottom, left, right = bars
    height, width = plate.shape[1:3]
    words = np.zeros((height, width), bool)
    inside = slice(top, height - bottom), slice(left, width - right)
    words[inside] = _words(plate, inside)
    return Overlay(bars, words, _counters(plate, inside, words))


def _bars(plate: np.ndarray) -> tuple[int, int, int, int]:
    """Return how wide the bars are: rows above and below, columns left and right."""
    low = [np.full(plate.shape[axis], np.inf) for axis in (1, 2)]
    high = [np.full(plate.shape[axis], -np.inf) for axis in (1, 2)]
    total = [np.zeros(plate.shape[axis]) for axis in (1, 2)]
    for frame in plate:
        # channels first: reductions over three neighbouring values are slow
        r, g, b = np.moveaxis(np.asarray(frame, np.float32), -1, 0)
        darkest, brightest, mean = (
            np.minimum(np.minimum(r, g), b),
            np.maximum(np.maximum(r, g), b),
            r + g + b,
        )
        for axis in (0, 1):
            other = 1 - axis
            low[axis] = np.minimum(low[axis], darkest.min(other))
            high[axis] = np.maximum(high[axis], brightest.max(other))
            total[axis] += mean.mean(other) / (3 * len(plate))
    sides = []
    for axis in (0, 1):
        for way in (1, -1):
            lines = (low[axis][::way], high[axis][::way], total[axis][::way])
            sides.append(_bar(*lines))
    return tuple(sides)  # type: ignore[return-value]


def _bar(low: np.ndarray, high: np.ndarray, total: np.ndarray) -> int:
    """Return the lines of a bar, from the frame's edge inwards."""
    limit = int(_WIDEST * len(low))
    count = 0
    while count <= limit and high[count] < _DARK and high[count] - low[: count + 1].min() < _EVEN:
        count += 1
    if not _THINNEST <= count <= limit:
        return 0
    if total[count : count + 3].max() < total[:count].max() + _STEP:
        return 0  # a night sky
    if total[count] < _PARTIAL * total[count + 1]:
        count += 1
    return count


def _words(plate: np.ndarray, inside: tuple[slice, slice]) -> np.ndarray:
    """Return where letters stand still before a scene that moves, (h, w) bool."""
    chosen = sorted({round(t) for t in np.linspace(0, len(plate) - 1, min(len(plate), _LOOKS))})
    height, width = plate[0][inside].shape[:2]
    none = np.zeros((height, width), bool)
    if len(chosen) < _FEWEST or min(height, width) < 2 * _AROUND:
        return none
    lumas = [np.asarray(plate[t][inside], np.float32) @ _LUMA for t in chosen]
    mean, moves = _over_time(lumas)
    # whether the scene moves is asked without its light: flicker moves nothing
    steady = [luma * (mean.mean() / max(float(luma.mean()), 1e-3)) for luma in lumas]
    scale = max(1.0, width / 512)
    around = _typical(_over_time(steady)[1], round(_AROUND * scale))
    across, down = cv2.Sobel(mean, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(mean, cv2.CV_32F, 0, 1) / 8
    slopes = np.hypot(across, down)
    least = max(_EDGE, _STANDS_OUT * float(np.percentile(slopes, 95)))
    edges = _grown(slopes > least, 1, 1)
    still = moves < np.minimum(_STILL, _STILLER * np.maximum(around, _MOVES))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(still.astype(np.uint8))
    on_edges = np.bincount(labels[edges & still], minlength=count)
    areas = stats[:, cv2.CC_STAT_AREA]
    amid = np.bincount(labels[(around > _MOVES) & still], minlength=count)
    letters = (areas >= _LETTER) & (on_edges > _EDGES * areas) & (amid > _AMID * areas)
    letters[0] = False
    found = letters[labels]
    if not found.any():
        return none
    thin = (moves < _THIN * around) & edges
    for _ in range(2):  # thin strokes, and letters beside
        found |= thin & _grown(found, round(_BESIDE * scale), round(scale))
    if found.mean() > _MOST:
        return none
    rim = round(_RIM * scale)
    return _grown(found, rim, rim)


def _counters(
    plate: np.ndarray, inside: tuple[slice, slice], words: np.ndarray
) -> tuple[Patch, ...]:
    """Return where digits run, with a rim, and the words that they go on."""
    first = max(0, (len(plate) - _LOOKS) // 2)
    chosen = range(first, min(len(plate), first + _LOOKS))
    lumas = np.stack([np.asarray(plate[t][inside], np.float32) @ _LUMA for t in chosen])
    found = digits_that_flip(lumas) or digits_beside(lumas, words[inside])
    height, width = words.shape
    rim = max(1, round(_RIM * max(1.0, width / 512))) + 1
    top, left = inside[0].start, inside[1].start
    return tuple(
        (
            max(0, left + x0 - rim),
            max(0, top + y0 - rim),
            min(width, left + x1 + rim),
            min(height, top + y1 + rim),
        )
        for x0, y0, x1, y1 in found
    )


def _over_time(lumas: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of frames (h, w)."""
    stack = np.stack(lumas)
    return stack.mean(0), stack.std(0)


def _typical(moves: np.ndarray, reach: int) -> np.ndarray:
    """Return the middle of what is around, (h, w); letters are the smaller part of it."""
    height, width = moves.shape
    quarter = (max(1, width // 4), max(1, height // 4))
    small = cv2.resize(moves, quarter, interpolation=cv2.INTER_AREA)
    levels = (small * 2000).clip(0, 255).astype(np.uint8)
    middle = cv2.medianBlur(levels, 2 * max(1, reach // 4) + 1).astype(np.float32) / 2000
    return np.asarray(cv2.resize(middle, (width, height), interpolation=cv2.INTER_LINEAR))


def _grown(mask: np.ndarray, across: int, down: int) -> np.ndarray:
    """Return a mask (h, w) bool grown by so many px to both sides."""
    kernel = np.ones((2 * down + 1, 2 * across + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)
