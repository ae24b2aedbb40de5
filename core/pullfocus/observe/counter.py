# SPDX-License-Identifier: Apache-2.0
"""A running time code or frame number that is burnt into a plate.

Before a plain ground, or one that stands still, its digits are known by themselves: their pixels
turn from one colour to another and back, always the same two, by many patterns. None is another
one moved: a weave that drifts slowly by flips as they do. Before a scene that moves they are known
by the words that they go on: in the same line, of the same ink, and in every frame there is some.
"""

import cv2
import numpy as np

__all__ = ["Patch", "digits_beside", "digits_that_flip"]

Patch = tuple[int, int, int, int]
"""Left, top, right and bottom of a rectangle, px; right and bottom are outside."""

_FEWEST = 8  # frames
_SAME = 0.08  # display-encoded, by which one colour may vary: codecs ring
_OTHER = 0.25  # and by which two differ
_BETWEEN = 0.4  # share of the frames that may be neither: rims of digits
_SELDOM = 0.1  # share of the frames in which a pixel has either colour, at least
_FLIPS = 0.12  # of a frame, how often it turns from one to the other
_PIXELS = 8  # of one digit that flip
_DENSE = 0.12  # share of a digit's rectangle that flips
_HIGH = 5  # px, at least
_LARGEST = 0.02  # of the frame, for one digit
_GAP = 2  # px between the strokes of a digit, at 512 wide
_PATTERNS = 4  # that digits show; a lamp that blinks has two
_LATER = (2, 4, 8)  # frames after which a pattern is looked for beside its place
_DRIFT_PX = 4  # so far
_MOVED = 0.3  # of the difference in place that is left there, at most: it is the pattern, moved
_ONLY = 0.5  # share of what flips in a frame that is digits: else leaves flicker before the sky
_SEVERAL = 3  # lines of them; more are no time code

_PITCH = 1.3  # heights of a digit, from one to the next at most
_LEAST, _MOST = 0.04, 0.8  # share of a digit's rectangle that is ink at some time
_ALWAYS = 0.9  # share of the frames that have some of it
_BESIDE = 2.0  # times as much as the scene above and below has of that colour
_INK = (97, 3)  # percentiles of words' values: their rims blend into what is behind


def digits_that_flip(lumas: np.ndarray) -> list[Patch]:
    """Return lines of digits whose pixels have two colours in turn.

    Args:
        lumas: (T, h, w) frames in a row, display-encoded.
    """
    count, height, width = lumas.shape
    if count < _FEWEST or min(height, width) < 16:
        return []
    low, high = lumas.min(0), lumas.max(0)
    is_high, is_low = lumas > high - _SAME, lumas < low + _SAME
    share = is_high.mean(0)
    turns = (is_high[1:] != is_high[:-1]).mean(0)
    changes = high - low > _OTHER
    flips = changes & ((~is_high & ~is_low).mean(0) < _BETWEEN)
    flips &= (turns >= _FLIPS) & (share >= _SELDOM) & (is_low.mean(0) >= _SELDOM)
    found, held = [], 0
    for patch in _parts(flips, width):
        x0, y0, x1, y1 = patch
        own = flips[y0:y1, x0:x1]
        area = own.size
        if own.sum() < max(_PIXELS, _DENSE * area) or area > _LARGEST * height * width:
            continue
        if y1 - y0 < _HIGH or len(np.unique(is_high[:, y0:y1, x0:x1][:, own], axis=0)) < _PATTERNS:
            continue
        if _drifts(lumas, patch):
            continue
        held += int(own.sum())
        found.append(patch)
    if held < _ONLY * flips.sum() or not found:
        return []
    # digits beside that change more slowly, where little else changes
    small = [
        (x0, y0, x1, y1)
        for x0, y0, x1, y1 in _parts(changes, width)
        if (x1 - x0) * (y1 - y0) < _LARGEST * height * width
    ]
    lines = [line for line in _joined([*found, *small]) if any(_meet(line, one) for one in found)]
    return lines if len(lines) <= _SEVERAL else []


def _drifts(lumas: np.ndarray, patch: Patch) -> bool:
    """Whether what a patch shows is found beside it some frames later, and so moves."""
    x0, y0, x1, y1 = patch
    rows = slice(max(0, y0 - _DRIFT_PX), y1 + _DRIFT_PX)
    columns = slice(max(0, x0 - _DRIFT_PX), x1 + _DRIFT_PX)
    for later in _LATER:
        left = []
        for now, then in zip(lumas[:-later], lumas[later:], strict=True):
            own = np.ascontiguousarray(now[y0:y1, x0:x1], np.float32)
            there = np.ascontiguousarray(then[rows, columns], np.float32)
            missed = cv2.matchTemplate(there, own, cv2.TM_SQDIFF)
            in_place = float(missed[y0 - rows.start, x0 - columns.start])
            if in_place > _SAME**2 * own.size:
                left.append(float(missed.min()) / in_place)
        if left and np.median(left) < _MOVED:
            return True
    return False


def digits_beside(lumas: np.ndarray, words: np.ndarray) -> list[Patch]:
    """Return lines of words in which digits run, or beside which they do.

    Args:
        lumas: (T, h, w) frames, display-encoded.
        words: (h, w) bool, letters that stand still.
    """
    if len(lumas) < _FEWEST:
        return []
    mean = lumas.mean(0)
    out = []
    for line in _joined(_parts(words, lumas.shape[2])):
        x0, y0, x1, y1 = line
        values = mean[y0:y1, x0:x1][words[y0:y1, x0:x1]]
        if y1 - y0 < _HIGH:
            continue
        for tone in np.percentile(values, _INK):  # bright letters, or dark ones
            if not _stands_out(lumas, slice(y0, y1), slice(x0, x1), float(tone)):
                continue
            longer = _along(lumas, line, float(tone))
            within = _runs(lumas[:, y0:y1, x0:x1], float(tone)) & ~words[y0:y1, x0:x1]
            if longer != line or within.sum() >= _PIXELS:
                out.append(longer)
                break
    return out


def _runs(piece: np.ndarray, tone: float) -> np.ndarray:
    """Return which pixels of a piece (T, h, w) are ink in some frames and not in others."""
    share = (np.abs(piece - tone) < _SAME).mean(0)
    return np.asarray((share >= _SELDOM) & (share <= 1 - _SELDOM))


def _parts(mask: np.ndarray, width: int) -> list[Patch]:
    """Return the rectangles of a mask's parts; strokes that lie close are one."""
    gap = 2 * max(1, round(_GAP * width / 512)) + 1
    joined = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((gap, gap)))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    return [
        (int(x), int(y), int(x + wide), int(y + tall)) for x, y, wide, tall, _ in stats[1:count]
    ]


def _along(lumas: np.ndarray, line: Patch, tone: float) -> Patch:
    """Return a line's rectangle with those beside it in which digits of its ink run."""
    width = lumas.shape[2]
    x0, y0, x1, y1 = line
    reach = max(_HIGH, round(_PITCH * (y1 - y0)))
    for step in (-1, 1):
        edge = x0 if step < 0 else x1
        while True:
            beside = slice(max(0, edge - reach), edge) if step < 0 else slice(edge, edge + reach)
            ends = _digit(lumas, slice(y0, y1), slice(beside.start, min(width, beside.stop)), tone)
            if ends is None:
                break
            edge = ends[0] if step < 0 else ends[1]
            x0, x1 = min(x0, edge), max(x1, edge)
    return x0, y0, x1, y1


def _digit(lumas: np.ndarray, rows: slice, columns: slice, tone: float) -> tuple[int, int] | None:
    """Return where ink begins and ends in a piece of a line, if a digit runs there."""
    if columns.stop <= columns.start:
        return None
    inked = np.abs(lumas[:, rows, columns] - tone) < _SAME
    ever = inked.mean(0) >= _SELDOM
    if not _LEAST <= ever.mean() <= _MOST or _runs(lumas[:, rows, columns], tone).sum() < 2:
        return None
    if (inked.mean((1, 2)) > _LEAST / 2).mean() < _ALWAYS:
        return None
    if not _stands_out(lumas, rows, columns, tone):
        return None
    where = np.flatnonzero(ever.any(0))
    return columns.start + int(where[0]), columns.start + int(where[-1]) + 1


def _stands_out(lumas: np.ndarray, rows: slice, columns: slice, tone: float) -> bool:
    """Whether a colour is rarer above and below a piece of a line than in it."""
    height = rows.stop - rows.start
    above, own, below = (
        np.abs(lumas[:, max(0, start) : stop, columns] - tone) < _SAME
        for start, stop in (
            (rows.start - height, rows.start),
            (rows.start, rows.stop),
            (rows.stop, rows.stop + height),
        )
    )
    return bool(own.mean() > _BESIDE * max(one.mean() if one.size else 0 for one in (above, below)))


def _meet(a: Patch, b: Patch) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _joined(patches: list[Patch]) -> list[Patch]:
    """Return patches, those of one line as one."""
    out: list[Patch] = []
    for patch in sorted(patches):
        for i, other in enumerate(out):
            reach = max(patch[3] - patch[1], other[3] - other[1])
            apart = patch[0] > other[2] + reach or other[0] > patch[2] + reach
            if not (apart or patch[1] >= other[3] or other[1] >= patch[3]):
                low, high = np.minimum(patch, other), np.maximum(patch, other)
                out[i] = (int(low[0]), int(low[1]), int(high[2]), int(high[3]))
                break
        else:
            out.append(patch)
    return out
