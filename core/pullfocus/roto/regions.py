# SPDX-License-Identifier: Apache-2.0
"""From log odds of every pixel to a region: neighbours of like colour belong together.

A random walker with priors (Grady 2005): the quadratic twin of a graph cut, one sparse system.
"""

from __future__ import annotations

import cv2
import numpy as np

from pullfocus.roto.outline import disc

__all__ = ["arbitrated", "region_of"]

_TOGETHER = 6.0  # weight of equal neighbours, beside log odds
_EDGE = 0.035  # of square-root light: a difference that separates
_SPECK = 0.03  # of the largest part
_HOLE = 0.01
_SAYS = 0.8  # mean log odds of a part that overrule what was expected
_DEEPER_PX = 1.0
_BLUR_DOUBLES_PX = 4.0


def region_of(root: np.ndarray, logit: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return the share of the subject, (h, w) float32 0..1.

    Args:
        root: frame (h, w, 3), square-root light.
        logit: log odds of the subject; outside of `asked` its sign is taken as it is.
        asked: (h, w) bool.
    """
    import scipy.sparse
    from pymatting import cg, ichol

    certain = (logit > 0).astype(np.float32)
    ys, xs = np.nonzero(asked)
    if len(xs) < 10 or not certain.any() or certain.all():
        return certain
    part = (
        slice(max(0, ys.min() - 1), ys.max() + 2),
        slice(max(0, xs.min() - 1), xs.max() + 2),
    )
    picture, odds, inner = root[part], logit[part].astype(np.float64), asked[part]
    height, width = inner.shape
    weight = np.where(inner, np.abs(odds) + 0.02, 50.0).ravel()
    wanted = (odds > 0).astype(np.float64).ravel()
    index = np.arange(height * width).reshape(height, width)
    rows, columns, values = [], [], []
    for one, other, scale in (
        (np.s_[:, 1:], np.s_[:, :-1], 1.0),
        (np.s_[1:], np.s_[:-1], 1.0),
        (np.s_[1:, 1:], np.s_[:-1, :-1], 0.5),
        (np.s_[1:, :-1], np.s_[:-1, 1:], 0.5),
    ):
        apart = ((picture[one] - picture[other]) ** 2).sum(-1)
        bond = scale * _TOGETHER * (np.exp(-apart / (2 * _EDGE**2)) + 0.02)
        rows.append(index[one].ravel())
        columns.append(index[other].ravel())
        values.append(bond.ravel().astype(np.float64))
    graph = scipy.sparse.coo_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(index.size, index.size),
    )
    graph = (graph + graph.T).tocsr()
    total = np.asarray(graph.sum(1)).ravel()
    system = (scipy.sparse.diags(total + weight) - graph).tocsc()
    share = cg(system, weight * wanted, M=ichol(system), rtol=1e-3, maxiter=200)
    out = certain
    out[part] = np.where(inner, share.reshape(inner.shape), certain[part])
    return out


def arbitrated(
    expected: np.ndarray,
    found: np.ndarray,
    logit: np.ndarray,
    blur_px: float,
    least_share: float = 0.0,
) -> np.ndarray:
    """Return an expected region, changed where a frame's evidence speaks for another.

    Parts in which the two differ are taken one by one: those that reach deeper than blur spreads an
    edge, and whose mean log odds, prior apart, are plainly on the side of what was found. What is
    blurred looks half like its surroundings, so it takes more to overrule it.

    Args:
        expected: signed distance (h, w), px.
        found: (h, w) bool.
        logit: what the frame says, (h, w).
        blur_px: radius of the subject's blur.
        least_share: of the subject's area, below which a part stays as expected.
    """
    out = expected > 0
    least_px, says = blur_px + _DEEPER_PX, _SAYS * (1 + blur_px / _BLUR_DOUBLES_PX)
    least_area = least_share * float(out.sum())
    for side, speaks in ((found & ~out, logit), (out & ~found, -logit)):
        count, labels, stats, _ = cv2.connectedComponentsWithStats(
            side.astype(np.uint8), connectivity=4
        )
        total = np.bincount(labels.ravel(), weights=speaks.ravel(), minlength=count)
        for label in range(1, count):
            if stats[label, cv2.CC_STAT_AREA] < least_area:
                continue
            part = labels == label
            deep = float(np.abs(expected[part]).max()) > least_px
            if deep and total[label] > says * stats[label, cv2.CC_STAT_AREA]:
                out[part] = found[part]
    return _cleaned(out)


def _cleaned(region: np.ndarray) -> np.ndarray:
    mask = region.astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count > 2:
        areas = stats[1:, cv2.CC_STAT_AREA]
        kept = 1 + np.flatnonzero(areas > _SPECK * areas.max())
        mask = np.isin(labels, kept).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - mask)
    small = _HOLE * max(1, int(mask.sum()))
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] < small:
            mask[labels == label] = 1
    return np.asarray(mask > 0)


def grown(region: np.ndarray, by_px: float) -> np.ndarray:
    """Return a region (h, w) bool grown by a disc."""
    return cv2.dilate(region.astype(np.uint8), disc(by_px)) > 0
