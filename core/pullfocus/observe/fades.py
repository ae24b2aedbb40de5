# SPDX-License-Identifier: Apache-2.0
"""Fades at the ends of a shot: out of black or white, into it; dissolves from or to another shot.

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

from pullfocus.plate.colour import display_to_linear, linear_to_display
from pullfocus.plate.sequence import range_text

__all__ = ["Fade", "Fades", "find_fades", "reduced"]

_WIDE = 64  # px at which frames are compared: blur counts for little
_LONGEST = 0.5  # of a shot, at each end
_DARK = 0.75  # share of the scene in a fade's first frame, at most
_RISES = 0.004  # that each frame of it shows more than the one before, at least
_WHOLE = 0.985  # share of the scene that counts as all of it
_STEADY = 0.12  # by which light may vary beside a fade
_CALMER = 0.4  # and drift, beside how fast it fades
_FEWEST_STEADY = 3
_QUANTILES = np.linspace(0.05, 0.95, 19)
_LIKE = 0.12  # of their range, by which distributions of a faded and a whole frame differ at most
_PALER = 0.95  # contrast that is left of a frame that whitens, at most: brighter light adds to it
_FAINT = 0.02  # share of the scene below which a frame tells nothing
_NOTHING = 1e-3  # of light or gain
_EXPLAINED = 0.01  # display-encoded, of a gain and an offset: the most that they miss by

_UNLIKE = 0.5  # correlation of two shots, at most
_MIXED = 0.88  # share of a frame's variance that two shots mixed explain, at least
_WITHOUT = 0.75  # and one of them alone, at most, in the middle of a dissolve
_SUM = 0.2  # by which the shares of both miss one, at most


@dataclass(frozen=True)
class Fade:
    """A fade at one end."""

    kind: Literal["black", "white", "another shot"]
    frames: tuple[int, ...]
    """Indices of its frames, in the order of the shot."""
    explained: bool
    """Whether a gain and an offset by frame explain it."""

    def note(self, numbers: Sequence[int]) -> str:
        """Return what was found, in one line; ``numbers`` are those of the shot's frames."""
        named = range_text([numbers[t] for t in self.frames])
        comes = self.frames[0] == 0
        plural = "frames" if len(self.frames) > 1 else "frame"
        if self.kind == "another shot":
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
    """Look for fades at both ends of a shot; None: there are none.

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
            length = _dissolve_length(head)
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
        kind: Literal["black", "white"] = "black" if level == 0 else "white"
        found.append(Fade(kind, tuple(sorted(own.tolist())), explained))
    return Fades(tuple(found), light, untold) if found else None


# --- to one colour -----------------------------------------------------------------------------


def _steady(length: int) -> slice:
    """Return the frames beside a fade that it is compared with."""
    return slice(length, length + max(_FEWEST_STEADY, length))


def _fade_length(head: np.ndarray, level: float) -> int:
    """Return how many frames of a shot's head come out of black (0) or white (1); 0: none do."""
    away = np.abs(head.mean((1, 2, 3)) - level)
    for length in range(1, int(_LONGEST * len(head)) + 1):
        beside = away[_steady(length)]
        whole = float(np.median(beside))
        if len(beside) < _FEWEST_STEADY or whole <= 0:
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


def _is_faded(head: np.ndarray, length: int, level: float, share: np.ndarray) -> bool:
    """Whether frames look as a whole one does through a fade.

    Light that goes on in a scene does not reach all of it alike.
    """
    whole = _spread(head[_steady(length)])
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


def _missed(head: np.ndarray, length: int, gains: np.ndarray) -> np.ndarray:
    """Return by how much faded frames miss what gain and offset say, (length,) display-encoded."""
    whole = np.quantile(head[_steady(length)], _QUANTILES, axis=(0, 1, 2))
    own = np.quantile(head[:length], _QUANTILES, axis=(1, 2)).swapaxes(0, 1)
    said = gains[:, 0, None] * whole + gains[:, 1, None]
    off = linear_to_display(said.astype(np.float32).clip(0)) - linear_to_display(own)
    return np.asarray(np.sqrt(np.square(off).mean((1, 2))))


# --- to another shot ---------------------------------------------------------------------------


def _dissolve_length(head: np.ndarray) -> int:
    """Return how many frames of a shot's head still show another one; 0: none do.

    The first is nearly all of that one, and the frame after the last is none of it. Both kinds of
    mixing are tried: on linear light and on display-encoded values.
    """
    for values in (linear_to_display(head.mean(-1)), head.mean(-1)):
        planes = [_flat(frame) for frame in values]
        for length in range(int(_LONGEST * len(head)), 2, -1):
            if len(head) - length >= _FEWEST_STEADY and _dissolves(planes, length):
                return length
    return 0


def _flat(frame: np.ndarray) -> np.ndarray:
    """Return a frame (h, w) without its finest detail, so that slow motion counts for little."""
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), 1.5), np.float32)


def _dissolves(planes: Sequence[np.ndarray], length: int) -> bool:
    old, new = planes[0], planes[length]
    if _correlation(old, new) > _UNLIKE:
        return False
    speed = _shift(planes[length], planes[min(length + 2, len(planes) - 1)]) / 2
    shares = []
    for t in range(1, length):
        here = _moved(new, speed * (t - length))
        both, (share_new, share_old) = _fit(planes[t], [here, old])
        if both < _MIXED or abs(share_new + share_old - 1) > _SUM:
            return False
        shares.append(share_new)
        if 0.3 < share_new < 0.7 and max(
            _correlation(planes[t], here) ** 2, _correlation(planes[t], old) ** 2
        ) > _WITHOUT + (1 - _WITHOUT) * abs(2 * share_new - 1):
            return False
    # it goes on all the time, and is over where it is said to be
    return bool((np.diff([0.0, *shares, 1.0]) > 0.3 / length).all())


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-9))


def _fit(frame: np.ndarray, parts: list[np.ndarray]) -> tuple[float, np.ndarray]:
    """Return the share of a frame's variance that parts explain, and how much of each is there."""
    basis = np.stack([*(p.ravel() for p in parts), np.ones(frame.size, np.float32)], 1)
    shares, *_ = np.linalg.lstsq(basis, frame.ravel(), rcond=None)
    left = frame.ravel() - basis @ shares
    return 1 - float(left.var() / max(float(frame.var()), 1e-9)), shares[:-1]


def _shift(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    window = cv2.createHanningWindow(a.shape[::-1], cv2.CV_32F)  # type: ignore[call-overload]
    return np.array(cv2.phaseCorrelate(a - a.mean(), b - b.mean(), window)[0])


def _moved(frame: np.ndarray, by: np.ndarray) -> np.ndarray:
    matrix = np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
    return np.asarray(
        cv2.warpAffine(frame, matrix, frame.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    )
