# SPDX-License-Identifier: Apache-2.0
"""The virtual lens: which depth and which focus explain the radii of all frames and layers.

A thin lens of one aperture gives signed radii ``x(u) - focus(t)``: ``x`` is a place's defocus depth
(how far behind an arbitrary plane it lies, in px of radius: linear in inverse distance), ``focus``
where the lens is set in that frame. Near is negative, far positive. A solve knows radii without
sign; over a focus pull their squares,

    r^2 = x^2 - 2 x focus + focus^2,

are a matrix of rank one once rows and columns are centred (multidimensional unfolding in one
dimension), which gives a start that no local search needs to guess. Alternating least squares then
settles signs. What is left is one global sign: it comes from the order of layers.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["LensFit", "fit_lens"]

_ROUNDS = 60
_HUBER_PX = 0.5
_SCREENED = 120  # places that starts are tried on
_TINY = 1e-9


@dataclass(frozen=True)
class LensFit:
    """What explains the radii."""

    depth: np.ndarray
    """(N,) defocus depth of every place, px of radius, far positive; NaN where never seen."""
    focus: np.ndarray
    """(T,) focus of every frame, in the same unit."""
    rmse_px: float
    """Weighted error of | depth - focus | against the radii."""
    pull_px: float
    """How far the focus travels, jitter left out; below about 1 px signs are guesses."""


def _means(values: np.ndarray, weight: np.ndarray, axis: int) -> np.ndarray:
    total = weight.sum(axis)
    return (values * weight).sum(axis) / np.maximum(total, _TINY)


def _centred(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Centre rows and columns with missing entries; a few sweeps settle both."""
    out = values.copy()
    for _ in range(20):
        out -= _means(out, weight, 1)[:, None]
        out -= _means(out, weight, 0)[None]
    return out


def _rank_one(values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted rank-one factors (N,), (T,) of a matrix with missing entries."""
    v = np.linalg.svd(values * weight, full_matrices=False)[2][0]
    u = np.zeros(len(values))
    for _ in range(30):
        u = (values * weight) @ v / np.maximum(weight @ v**2, _TINY)
        v = (values * weight).T @ u / np.maximum(weight.T @ u**2, _TINY)
    return u, v


def _settled(
    radius: np.ndarray,
    weight: np.ndarray,
    depth: np.ndarray,
    focus: np.ndarray,
    *,
    rounds: int,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Alternate between signs and least squares; returns depth, focus and the error."""
    error = np.inf
    for _ in range(rounds):
        difference = depth[:, None] - focus[None]
        signed = np.where(difference < 0, -radius, radius)
        left = np.abs(signed - difference)
        robust = weight / np.maximum(left, _HUBER_PX)
        depth = _means(signed + focus[None], robust, 1)
        focus = _means(depth[:, None] - signed, robust, 0)
        difference = depth[:, None] - focus[None]
        error = float((weight * (np.abs(difference) - radius) ** 2).sum() / weight.sum())
    return depth, focus, error


def fit_lens(radius: np.ndarray, weight: np.ndarray, nearer: np.ndarray | None = None) -> LensFit:
    """Fit depth and focus to unsigned radii.

    Args:
        radius: (N, T) px, of N places over T frames.
        weight: (N, T) >= 0, trust; 0 where a place is not seen.
        nearer: (N,) a score that falls with distance (front layers high); settles the global sign.

    Returns:
        The fit. Frames in which nothing is seen take the focus of their neighbours.

    Raises:
        ValueError: nothing is seen at all, or shapes that do not fit.
    """
    radius, weight = np.asarray(radius, np.float64), np.asarray(weight, np.float64)
    if radius.shape != weight.shape or radius.ndim != 2 or not weight.sum() > 0:
        raise ValueError(f"expected radii (N, T) with weights, got {radius.shape}, {weight.shape}")
    weight = weight / weight.max()
    places, frames = weight.sum(1) > 0, weight.sum(0) > 0
    r, w = radius[np.ix_(places, frames)], weight[np.ix_(places, frames)]
    product = -0.5 * _centred(r**2, w)
    u, v = _rank_one(product, w)
    spread = np.sqrt(max(np.average(u**2) * np.average(v**2), _TINY) ** 0.5)
    unit_u, unit_v = (a / max(np.sqrt(np.average(a**2)), _TINY) for a in (u, v))
    # The product fixes depth times focus, not how it is shared, nor where zero lies: look round on
    # a few places, then settle the best starts on all.
    few = np.argsort(-w.sum(1), kind="stable")[:_SCREENED]
    starts = []
    for share in np.geomspace(0.125, 8, 13):
        for offset in np.linspace(-3, 3, 13):
            depth, focus = unit_u * spread * share, unit_v * spread / share
            focus = focus + offset * spread
            error = _settled(r[few], w[few], depth[few], focus, rounds=6)[2]
            starts.append((error, depth, focus))
    starts.sort(key=lambda start: start[0])
    found = [_settled(r, w, depth, focus, rounds=_ROUNDS) for _, depth, focus in starts[:4]]
    depth, focus, error = min(found, key=lambda one: one[2])
    if nearer is not None:
        score = np.asarray(nearer, np.float64)[places]
        seen = w.sum(1)
        if np.cov(depth, score, aweights=seen)[0, 1] > 0:
            depth, focus = -depth, -focus
    shift = np.average(depth, weights=w.sum(1))
    whole = np.full(len(radius), np.nan)
    whole[places] = depth - shift
    every = np.interp(np.arange(radius.shape[1]), np.flatnonzero(frames), focus - shift)
    return LensFit(whole, every, float(np.sqrt(error)), _travel(every))


def _travel(focus: np.ndarray) -> float:
    """How far focus travels, but for what jitters from frame to frame and a few outliers."""
    from scipy.ndimage import median_filter  # .1 s, and a kept lens needs none

    steady = median_filter(focus, size=min(5, len(focus)), mode="nearest")
    low, high = np.percentile(steady, [5, 95])
    return float(high - low)
