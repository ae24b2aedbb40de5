# SPDX-License-Identifier: Apache-2.0
"""Fades of a shot: out of black or white, into it, there and back; dissolves at its ends.

A fade lays one colour over every frame, more or less of it. Blur moves light and keeps it, so that
the mean light of frames tells how much, whatever the focus. Fades are most often done in linear
light or on display-encoded values: towards black both are a gain, near enough; towards white a gain
and an offset hold for the first alone. Frames that they do not explain, and frames in which another
shot is seen, tell nothing of the scene.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from pullfocus.observe.dissolve import FEWEST_STEADY, LONGEST, dissolve_length, find_dissolves
from pullfocus.plate.colour import display_to_linear, linear_to_display
from pullfocus.plate.sequence import range_text

__all__ = ["Fade", "Fades", "find_fades", "reduced"]

_WIDE = 64  # px at which frames are compared: blur counts for little
_DARK = 0.75  # share of the scene in a fade's first frame, at most
_RISES = 0.004  # that each frame of it shows more than the one before, at least
_WHOLE = 0.985  # share of the scene that counts as all of it
_STEADY = 0.12  # by which light may vary beside a fade
_CALMER = 0.4  # and drift, beside how fast it fades
_QUANTILES = np.linspace(0.05, 0.95, 19)
_LIKE = 0.12  # of their range, by which distributions of a faded and a whole frame differ at most
_PALER = 0.95  # contrast that is left of a frame that whitens, at most: brighter light adds to it
_DIPS = 0.5  # share of the scene in the faintest frame of a fade and back, at most
_FAINT = 0.02  # share of the scene below which a frame tells nothing
_NOTHING = 1e-3  # of light or gain
_EXPLAINED = 0.01  # display-encoded, of a gain and an offset: the most that they miss by


@dataclass(frozen=True)
class Fade:
    """A fade at one end, or there and back within."""

    kind: Literal["black", "white", "another shot"]
    frames: tuple[int, ...]
    """Indices of its frames, in the order of the shot."""
    explained: bool
    """Whether a gain and an offset by frame explain it."""
    within: bool = False
    """Whole frames lie before and after it; of a dissolve these are two shots."""

    def note(self, numbers: Sequence[int]) -> str:
        """Return what was found, in one line; ``numbers`` are those of the shot's frames."""
        named = range_text([numbers[t] for t in self.frames])
        comes = self.frames[0] == 0
        plural = "frames" if len(self.frames) > 1 else "frame"
        if self.within:
            other = "dissolves into another shot" if self.kind == "another shot" else None
            said = f"plate: {other or f'fades to {self.kind} and back'} in {plural} {named}"
        elif self.kind == "another shot":
            way = "from" if comes else "into"
            said = f"plate: {plural} {named} dissolve {way} another shot"
        else:
            way = f"in from {self.kind}" if comes else f"out to {self.kind}"
            said = f"plate: fades {way} in {plural} {named}"
        if self.explained:
            return f"{said}; kept as shot, its light is taken out for the solve"
        rest = [n for t, n in enumerate(numbers) if t not in self.frames]
        return f"{said}; left as shot, --frames {range_text(rest)} leaves them out"


@dataclass(frozen=True, eq=False)
class Fades:
    """What fades do to every frame."""

    found: tuple[Fade, ...]
    light: np.ndarray
    """(T, 2, 3) gain and offset of scene-linear colours, RGB; (1, 0) in whole frames."""
    untold: np.ndarray
    """(T,) bool, frames that tell nothing of the scene."""

    def relit(self, t: int, display: np.ndarray) -> np.ndarray:
        """Return a frame (h, w, 3), display-encoded, without its fade."""
        gain, offset = self.light[t].astype(np.float32)
        if (gain == 1).all() and (offset == 0).all():
            return display
        return linear_to_display(((display_to_linear(display) - offset) / gain).clip(0))


def reduced(light: np.ndarray) -> np.ndarray:
    """Return a scene-linear frame (h, w, 3) as `find_fades` wants it: small, 0..1."""
    height, width = light.shape[:2]
    size = (min(width, _WIDE), max(8, round(height * min(width, _WIDE) / width)))
    values = np.asarray(light, np.float32).clip(0, 1)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def find_fades(small: Sequence[np.ndarray]) -> Fades | None:
    """Look for fades at both ends of a shot and within; None: there are none.

    Args:
        small: all frames, as `reduced` makes them.
    """
    frames = np.stack(small)
    count = len(frames)
    light = np.zeros((count, 2, 3))
    light[:, 0] = 1
    untold = np.zeros(count, bool)
    found = []
    for order in (np.arange(count), np.arange(count)[::-1]):
        head = frames[order]
        for level in (0.0, 1.0):
            length = _fade_length(head, level)
            if length:
                break
        else:
            length = dissolve_length(head)
            if length:
                own = order[:length]
                untold[own] = True
                found.append(Fade("another shot", tuple(sorted(own.tolist())), explained=False))
            continue
        own = order[:length]
        gains = _gains(head, length, level)
        missed = _missed(head, length, gains)
        share = gains[:, 0].mean(-1)
        explained = level == 0 or bool(missed.max() < _EXPLAINED)
        light[own] = gains
        untold[own] = (share < _FAINT) | (not explained)
        found.append(Fade(_named(level), tuple(sorted(own.tolist())), explained))
    whole = np.setdiff1d(np.arange(count), [t for fade in found for t in fade.frames])
    for level in (0.0, 1.0):
        for first, last in _dips(frames[whole], level):
            beside = slice(first - FEWEST_STEADY, last + 1 + FEWEST_STEADY)
            gains, missed = _dip_gains(frames[whole[beside]], level)
            own = whole[first : last + 1]
            explained = level == 0 or bool(missed.max() < _EXPLAINED)
            light[own] = gains
            untold[own] = (gains[:, 0].mean(-1) < _FAINT) | (not explained)
            found.append(Fade(_named(level), tuple(own.tolist()), explained, within=True))
    if not any(fade.within for fade in found):
        for first, last in find_dissolves(frames[whole]):
            own = whole[first + 1 : last]
            untold[own] = True
            found.append(Fade("another shot", tuple(own.tolist()), explained=False, within=True))
    return Fades(tuple(found), light, untold) if found else None


def _named(level: float) -> Literal["black", "white"]:
    return "black" if level == 0 else "white"


# --- to one colour -----------------------------------------------------------------------------


def _steady(length: int) -> slice:
    """Return the frames beside a fade that it is compared with."""
    return slice(length, length + max(FEWEST_STEADY, length))


def _fade_length(head: np.ndarray, level: float) -> int:
    """Return how many frames of a shot's head come out of black (0) or white (1); 0: none do."""
    away = np.abs(head.mean((1, 2, 3)) - level)
    for length in range(1, int(LONGEST * len(head)) + 1):
        beside = away[_steady(length)]
        whole = float(np.median(beside))
        if len(beside) < FEWEST_STEADY or whole <= 0:
            return 0
        share = away / whole
        after = share[_steady(length)]
        drift = abs(float(np.polyfit(np.arange(len(after)), after, 1)[0]))
        calm = np.abs(after - 1).max() < _STEADY and drift < _CALMER * (1 - share[0]) / length
        if not (calm and share[0] < _DARK and (np.diff(share[: length + 1]) > _RISES).all()):
            continue
        # its last frames are all but whole
        while share[length] < _WHOLE and share[length + 1] - share[length] > _RISES:
            length += 1
            if length + 1 >= len(head):
                return 0
        return length if _is_faded(head, length, level, share) else 0
    return 0


def _dips(frames: np.ndarray, level: float) -> list[tuple[int, int]]:
    """Return first and last frames of fades to a colour and back, whole frames on both sides."""
    away = np.abs(frames.mean((1, 2, 3)) - level)
    count, found, t = len(away), [], FEWEST_STEADY
    while t < count - FEWEST_STEADY:
        last = _dip_end(away, t)
        if last and _dip_is_faded(frames[t - FEWEST_STEADY : last + 1 + FEWEST_STEADY], level):
            found.append((t, last))
            t = last + FEWEST_STEADY
        t += 1
    return found


def _dip_end(away: np.ndarray, first: int) -> int:
    """Return the last frame of a fade and back that begins at a frame; 0: none does."""
    before = away[first - FEWEST_STEADY : first]
    whole = float(np.median(before))
    if whole <= 0 or np.abs(before / whole - 1).max() > _STEADY:
        return 0
    if away[first] > before[-1] - _RISES * whole:
        return 0
    most = min(len(away) - FEWEST_STEADY, first + int(LONGEST * len(away)))
    for last in range(first, most):
        after = away[last + 1 : last + 1 + FEWEST_STEADY]
        back = float(np.median(after))
        if back <= 0 or np.abs(after / back - 1).max() > _STEADY:
            continue
        share = away[first - 1 : last + 2] / np.linspace(whole, back, last - first + 3)
        steps, lowest = np.diff(share), int(share.argmin())
        black = share < _FAINT
        falls = (steps[:lowest] < -_RISES) | black[:lowest]
        rises = (steps[lowest:] > _RISES) | black[lowest + 1 :]
        whole_again = share[-2] < _WHOLE and share[-1] > 1 - _STEADY
        if share[lowest] < _DIPS and falls.all() and rises.all() and whole_again:
            # neighbours that hold half of it are part of it
            if away[last + 2] / back - share[-1] > _RISES and share[-1] < _WHOLE:
                continue
            return last
    return 0


def _sides(shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the whole frames before and after, and those between, of a fade and back."""
    sides = np.concatenate([shown[:FEWEST_STEADY], shown[-FEWEST_STEADY:]])
    return sides, shown[FEWEST_STEADY:-FEWEST_STEADY]


def _dip_is_faded(shown: np.ndarray, level: float) -> bool:
    sides, own = _sides(shown)
    gains, _ = _dip_gains(shown, level)
    head = np.concatenate([own, sides])
    return _is_faded(head, len(own), level, gains[:, 0].mean(-1), len(sides))


def _dip_gains(shown: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return gain and offset (n, 2, 3) of the frames of a fade and back, and by how much they miss.

    `shown` has whole frames on both sides.
    """
    sides, own = _sides(shown)
    before, after = (level - half.mean((0, 1, 2)) for half in np.split(sides, 2))
    way = (np.arange(len(own)) + 1)[:, None] / (len(own) + 1)
    whole = before * (1 - way) + after * way
    whole = np.where(np.abs(whole) < _NOTHING, _NOTHING, whole)
    gain = ((level - own.mean((1, 2))) / whole).clip(_NOTHING)
    gains = np.stack([gain, level * (1 - gain)], 1)
    return gains, _missed(np.concatenate([own, sides]), len(own), gains, len(sides))


def _is_faded(
    head: np.ndarray, length: int, level: float, share: np.ndarray, steady: int = 0
) -> bool:
    """Whether frames look as a whole one does through a fade.

    Light that goes on in a scene does not reach all of it alike. ``steady`` frames after it are
    whole; 0: as many as `_steady` says.
    """
    whole = _spread(head[length : length + steady] if steady else head[_steady(length)])
    for t in range(length):
        if share[t] < 0.1:  # too little is seen
            continue
        own = _spread(head[t : t + 1])
        contrast = np.ptp(own) / max(float(np.ptp(whole)), 1e-6)
        if level == 1 and contrast > _PALER:
            return False
        slope, lift = np.polyfit(whole, own, 1)
        missed = own - (slope * whole + lift)
        if slope <= 0 or np.sqrt(np.square(missed).mean()) > _LIKE * np.ptp(own):
            return False
    return True


def _spread(frames: np.ndarray) -> np.ndarray:
    """Return the quantiles of frames' luminance, display-encoded."""
    return np.asarray(np.quantile(linear_to_display(frames.mean(-1)), _QUANTILES))


def _gains(head: np.ndarray, length: int, level: float) -> np.ndarray:
    """Return gain and offset, (length, 2, 3), that a fade gives its frames.

    From means alone: how far values spread, focus decides as well.
    """
    whole = level - head[_steady(length)].mean((0, 1, 2))
    here = level - head[:length].mean((1, 2))
    whole = np.where(np.abs(whole) < _NOTHING, _NOTHING, whole)
    gain = (here / whole).clip(_NOTHING)
    return np.stack([gain, level * (1 - gain)], 1)


def _missed(head: np.ndarray, length: int, gains: np.ndarray, steady: int = 0) -> np.ndarray:
    """Return by how much faded frames miss what gain and offset say, (length,) display-encoded."""
    beside = slice(length, length + steady) if steady else _steady(length)
    whole = np.quantile(head[beside], _QUANTILES, axis=(0, 1, 2))
    own = np.quantile(head[:length], _QUANTILES, axis=(1, 2)).swapaxes(0, 1)
    said = gains[:, 0, None] * whole + gains[:, 1, None]
    off = linear_to_display(said.astype(np.float32).clip(0)) - linear_to_display(own)
    return np.asarray(np.sqrt(np.square(off).mean((1, 2))))
