# SPDX-License-Identifier: Apache-2.0
"""The classical estimate, to compare with: gradients before and after a known blur.

Zhuo and Sim 2011: blur the frame again by a Gaussian of known sigma; at an edge of blur s the
gradient shrinks by R = sqrt((s^2 + sigma^2) / s^2), so s = sigma / sqrt(R^2 - 1). What is known at
edges is carried to the rest of the frame along like colours (weighted least squares).
"""

from __future__ import annotations

import cv2
import numpy as np

__all__ = ["gradient_ratio_coc"]

_DISC_FROM_SIGMA = 2.0
"""A disc of radius r has the variance of a Gaussian with sigma r / 2."""


def gradient_ratio_coc(
    display: np.ndarray, *, sigma_px: float = 4.0, most_px: float = 16.0, smooth: float = 1.0
) -> np.ndarray:
    """Estimate the circle of confusion of one frame from its edges.

    Args:
        display: (H, W, 3) float32 0..1, display-encoded.
        sigma_px: of the known blur. Small ones fail on wide blur, large ones join edges.
        most_px: larger radii are taken as this one.
        smooth: how strongly neighbours of like colour are held together.

    Returns:
        (H, W) float32, radius in px.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(display, cv2.COLOR_RGB2GRAY), (0, 0), 0.8)  # noise
    again = cv2.GaussianBlur(grey, (0, 0), sigma_px)
    before, after = _gradient(grey), _gradient(again)
    ratio = before / np.maximum(after, 1e-6)
    sigma = sigma_px / np.sqrt(np.maximum(ratio**2 - 1, 1e-4))
    sigma = np.sqrt(np.maximum(sigma**2 - 0.8**2, 0))
    radius = np.minimum(_DISC_FROM_SIGMA * sigma, most_px).astype(np.float32)
    edges = _edges(before) & (ratio > 1.01)
    if not edges.any():
        return np.full(grey.shape, most_px, np.float32)
    return _spread(radius, edges, display, smooth)


def _gradient(grey: np.ndarray) -> np.ndarray:
    return cv2.magnitude(cv2.Scharr(grey, cv2.CV_32F, 1, 0), cv2.Scharr(grey, cv2.CV_32F, 0, 1))


def _edges(gradient: np.ndarray) -> np.ndarray:
    """Ridges of the gradient that stand out: the strongest of their neighbourhood."""
    ridge = gradient >= cv2.dilate(gradient, np.ones((3, 3), np.uint8)) * 0.999
    return ridge & (gradient > max(0.05, 0.35 * float(gradient.mean())))


def _spread(radius: np.ndarray, known: np.ndarray, guide: np.ndarray, smooth: float) -> np.ndarray:
    """Least squares: keep what is known, and let neighbours of like colour be alike."""
    from scipy.sparse import coo_matrix, diags
    from scipy.sparse.linalg import cg

    height, width = radius.shape
    small = (max(1, width // 2), max(1, height // 2))
    share = cv2.resize(known.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    value = cv2.resize(radius * known, small, interpolation=cv2.INTER_AREA)
    value = value / np.maximum(share, 1e-6)
    colour = cv2.resize(guide, small, interpolation=cv2.INTER_AREA)
    index = np.arange(share.size).reshape(share.shape)
    pairs, weights = [], []
    for a, b in (((slice(None), slice(0, -1)), (slice(None), slice(1, None))),
                 ((slice(0, -1), slice(None)), (slice(1, None), slice(None)))):  # fmt: skip
        apart = np.square(colour[a] - colour[b]).sum(-1)
        pairs.append((index[a].ravel(), index[b].ravel()))
        weights.append((smooth * np.exp(-apart / 0.01) + 1e-4).ravel())
    rows = np.concatenate([p[0] for p in pairs])
    columns = np.concatenate([p[1] for p in pairs])
    weight = np.concatenate(weights)
    links = coo_matrix((weight, (rows, columns)), shape=(share.size, share.size))
    links = (links + links.T).tocsr()
    trust = share.ravel() * 4
    system = diags(np.asarray(links.sum(axis=1)).ravel() + trust) - links
    start = np.full(share.size, float(value[share > 0].mean()))
    solved, _ = cg(system.tocsr(), trust * value.ravel(), x0=start, rtol=1e-4, maxiter=400)
    field = solved.reshape(share.shape).astype(np.float32)
    return np.maximum(cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR), 0)
