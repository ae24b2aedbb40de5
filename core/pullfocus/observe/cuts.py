# SPDX-License-Identifier: Apache-2.0
"""Hard cuts: frames that show nothing of the frame before.

Two frames are alike as far as flow leads from one to the other and back, and finds the same local
structure there. Light and contrast are divided out, so that flashes, fades and ramps of exposure
are no cuts; motion and blur keep structure, so that pans and pulls of focus are none. What is
alike across some odd frames, a flash that burns out, is one shot.
"""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from pullfocus.errors import PlateError
from pullfocus.observe.fades import Fades, find_fades, reduced
from pullfocus.observe.flow import consistent, dense_flow, grey
from pullfocus.plate.colour import linear_to_display
from pullfocus.plate.sequence import range_text
from pullfocus.shot import Shot

__all__ = ["check_one_shot", "check_plate", "find_cuts", "likeness"]

_WIDE = 160  # px at which frames are compared
_LOCAL_PX = 6.0  # in which structure is measured, standard deviation
_MATCH_PX = 4.0
_QUIET = 2.0  # of 255: what has less contrast is noise
_BLANK = 0.5  # of 255: mean contrast of a frame that shows nothing
_ALIKE = 0.3  # cuts measure below .25, the wildest pans, racks and flashes above .45
_BRIDGE = 3  # frames to both sides that may be one shot all the same
_NAMED = 3


def _structure(grey: np.ndarray) -> np.ndarray | None:
    """Return a frame (h, w) uint8 without light and contrast, float32; None: it shows nothing."""
    height, width = grey.shape
    size = (_WIDE, max(16, round(height * _WIDE / width)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    base = cv2.GaussianBlur(small, (0, 0), _LOCAL_PX)
    contrast = np.sqrt(cv2.GaussianBlur(np.square(small - base), (0, 0), _LOCAL_PX))
    if contrast.mean() < _BLANK:
        return None
    return np.asarray((small - base) / (contrast + _QUIET), np.float32)


def _matched(a: np.ndarray, b: np.ndarray) -> float:
    """Return the share of the structure of ``a`` that flow finds in ``b``."""
    bytes_a, bytes_b = ((s * 40 + 128).clip(0, 255).astype(np.uint8) for s in (a, b))
    there = dense_flow(bytes_a, bytes_b)
    known = consistent(there, dense_flow(bytes_b, bytes_a))
    height, width = a.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    found = cv2.remap(
        b, x + there[..., 0], y + there[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )

    def local(values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), _MATCH_PX))

    mean_a, mean_b = local(a), local(found)
    own = (local(a * a) - mean_a**2).clip(1e-6)
    other = (local(found * found) - mean_b**2).clip(1e-6)
    agreement = (local(a * found) - mean_a * mean_b) / np.sqrt(own * other)
    weight = np.sqrt(own).clip(0, 1)
    return float((weight * known * agreement.clip(0, 1)).sum() / max(float(weight.sum()), 1e-6))


def _alike(a: np.ndarray, b: np.ndarray) -> float:
    share = _matched(a, b)
    if share > _ALIKE:
        return share
    window = cv2.createHanningWindow(a.shape[::-1], cv2.CV_32F)  # type: ignore[call-overload]
    (dx, dy), _ = cv2.phaseCorrelate(a, b, window)  # farther than flow reaches
    back = np.array([[1, 0, -dx], [0, 1, -dy]], np.float32)
    moved = cv2.warpAffine(b, back, a.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    return max(share, _matched(a, np.asarray(moved)))


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Return how far two frames are views of one scene, 0..1; 1 where one shows nothing.

    Args:
        first: (h, w) uint8, display-encoded.
        second: the same.
    """
    a, b = _structure(first), _structure(second)
    return 1.0 if a is None or b is None else _alike(a, b)


def find_cuts(greys: Sequence[np.ndarray]) -> list[int]:
    """Return the indices of frames that begin another shot.

    Args:
        greys: T frames (h, w) uint8, display-encoded.
    """
    structures = [(t, s) for t, s in enumerate(map(_structure, greys)) if s is not None]
    cuts = []
    for i in range(1, len(structures)):
        before = structures[max(0, i - _BRIDGE) : i]
        after = structures[i : i + _BRIDGE]
        # neighbours first: nearly always they are alike, and nothing else is looked at
        pairs = [(a, b) for _, a in reversed(before) for _, b in after]
        if all(_alike(a, b) < _ALIKE for a, b in pairs):
            cuts.append(structures[i][0])
    return cuts


def check_one_shot(
    frames: Sequence[int], greys: Sequence[np.ndarray], fades: Fades | None = None
) -> None:
    """Check that frames are one shot.

    Args:
        frames: their numbers.
        greys: (h, w) uint8 each, display-encoded.
        fades: frames that dissolve from or into another shot at its ends are no cut.

    Raises:
        PlateError: there are hard cuts, or dissolves within; the line says where, and which ranges
            are shots.
    """
    found = () if fades is None else fades.found
    within = [fade.frames for fade in found if fade.within and fade.kind == "another shot"]
    if within:
        _refuse_dissolves(frames, within)
    whole = [t for t in range(len(greys)) if fades is None or not fades.untold[t]]
    cuts = [whole[cut] for cut in find_cuts([greys[t] for t in whole])]
    if not cuts:
        return
    edges = [0, *cuts, len(frames)]
    shots = [range_text(frames[a:b]) for a, b in pairwise(edges)]
    named = ", ".join(str(frames[t]) for t in cuts[:_NAMED])
    more = f" and {len(cuts) - _NAMED} more" if len(cuts) > _NAMED else ""
    ranges = " or ".join(f"--frames {shot}" for shot in shots[: _NAMED + 1])
    raise PlateError(
        f"plate: expected one shot, got a cut at frame {named}{more}; solve one with {ranges},"
        " or take it as one with --ignore-cuts"
    )


def _refuse_dissolves(frames: Sequence[int], dissolves: Sequence[tuple[int, ...]]) -> None:
    edges = [(-1,), *sorted(dissolves), (len(frames),)]
    shots = [frames[a[-1] + 1 : b[0]] for a, b in pairwise(edges)]
    named = ", ".join(range_text([frames[t] for t in one]) for one in sorted(dissolves)[:_NAMED])
    ranges = " or ".join(f"--frames {range_text(shot)}" for shot in shots[: _NAMED + 1])
    raise PlateError(
        f"plate: expected one shot, got a dissolve in frames {named}; solve one with {ranges},"
        " or take it as one with --ignore-cuts"
    )


def check_plate(shot: Shot) -> None:
    """Read a plate for its cuts alone, before work that would be in vain.

    Raises:
        PlateError: as `check_one_shot`, or a frame that cannot be read.
    """
    greys, small = [], []
    for t in range(len(shot.frames)):
        light = shot.plate.read(t)
        greys.append(grey(linear_to_display(light)))
        small.append(reduced(light))
    check_one_shot(shot.frames, greys, find_fades(small))
