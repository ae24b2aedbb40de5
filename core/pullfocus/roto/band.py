# SPDX-License-Identifier: Apache-2.0
"""Alpha in the band around an expected edge: closed-form matting with known colours beside.

pymatting's Laplacian (Levin, Lischinski, Weiss 2008) says that alpha follows the colours of
neighbours. Beside it stand two wishes for every pixel: the expected edge, and alpha as it follows
from the colours of subject and background where these are known, by how far they lie apart.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pullfocus.roto.settings import FollowSettings

__all__ = ["Behind", "alpha_in_band", "carried_colours", "edge_radius"]

_CERTAIN = 1e3
_PAD = 4
_EPSILON = 1e-5
_UNSEEN = 0.3  # weight of a background that is only guessed from around
_CLEAR_PX = 4.0  # inside of the edge that colours of the subject are not taken from
_REACHES = (24.0, 9.0, 3.0)


@dataclass(frozen=True, eq=False)
class Behind:
    """What a frame would show without the subject."""

    light: np.ndarray
    """(H, W, 3) float32, linear."""
    known: np.ndarray
    """(H, W) bool: seen in another frame."""


def carried_colours(light: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Carry the colours of a region outwards, (H, W, 3): means over ever wider surroundings."""
    mask = region.astype(np.float32)
    kept = light * mask[..., None]
    out = np.zeros_like(light)
    for reach in _REACHES:
        weight = cv2.GaussianBlur(mask, (0, 0), reach)
        total = cv2.GaussianBlur(kept, (0, 0), reach)
        share = (weight / (weight + 1e-2))[..., None]
        out = share * total / np.maximum(weight, 1e-9)[..., None] + (1 - share) * out
    return out


def alpha_in_band(
    light: np.ndarray,
    expected: np.ndarray,
    behind: Behind,
    settings: FollowSettings,
    front: np.ndarray | None = None,
) -> np.ndarray:
    """Find alpha near an expected edge.

    Args:
        light: frame (H, W, 3), linear.
        expected: signed distance of the edge, px.
        behind: what is behind the subject.
        settings: weights and the width of the band.
        front: (H, W, 3), linear, colours of the subject where they are known beyond its edge;
            None: those inside of it, carried outwards.

    Returns:
        (H, W) float32, 0..1; 0 and 1 outside the band.
    """
    reach = settings.band_px
    band = np.abs(expected) <= reach
    certain = (expected > 0).astype(np.float32)
    if int(band.sum()) < 10:
        return certain
    wanted, weight = _wishes(light, expected, behind, settings, front)
    ys, xs = np.nonzero(band)
    part = (
        slice(max(0, ys.min() - _PAD), ys.max() + _PAD + 1),
        slice(max(0, xs.min() - _PAD), xs.max() + _PAD + 1),
    )
    weight = np.where(band, weight, _CERTAIN)[part]
    wanted = np.where(band, wanted, certain)[part]
    out = certain
    out[part] = _solve(light[part], wanted, weight, ~band[part])
    return out


def _wishes(
    light: np.ndarray,
    expected: np.ndarray,
    behind: Behind,
    settings: FollowSettings,
    front: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    if front is None:
        front = carried_colours(light, expected > _CLEAR_PX)
    around = carried_colours(light, expected < -_CLEAR_PX)
    back = np.where(behind.known[..., None], behind.light, around)
    apart = front - back
    square = (apart**2).sum(-1)
    alpha = (((light - back) * apart).sum(-1) / (square + 1e-4)).clip(0, 1)
    left = ((light - back - alpha[..., None] * apart) ** 2).sum(-1)
    variance = settings.noise**2
    told = square / (square + variance) * np.exp(-left / (2 * variance))
    told = settings.colour_weight * told * np.where(behind.known, 1.0, _UNSEEN)
    held = settings.shape_weight * ((expected / settings.band_px) ** 2 + 0.05)
    soft = (expected / 4 + 0.5).clip(0, 1)
    total = held + told
    return (held * soft + told * alpha) / total, total


def _solve(
    light: np.ndarray, wanted: np.ndarray, weight: np.ndarray, certain: np.ndarray
) -> np.ndarray:
    import scipy.sparse
    from pymatting import cf_laplacian, cg, ichol

    laplacian = cf_laplacian(
        light.astype(np.float64), epsilon=_EPSILON, radius=1, is_known=certain.ravel()
    )
    flat = weight.ravel().astype(np.float64)
    system = laplacian + scipy.sparse.diags(flat)
    alpha = cg(system, flat * wanted.ravel(), M=ichol(system), rtol=1e-4, maxiter=300)
    return np.asarray(alpha.reshape(wanted.shape).clip(0, 1), np.float32)


def edge_radius(alpha: np.ndarray, distance: np.ndarray, reach_px: float) -> float:
    """Return the radius of blur that the softness of an edge tells, px.

    Across the edge of a disc of radius r, alpha (1 - alpha) adds up to 0.29 r per px of edge.
    """
    near = np.abs(distance) <= reach_px
    length = float((np.abs(distance) < 1).sum()) / 2
    if length < 1:
        return 0.0
    softness = float((alpha * (1 - alpha))[near].sum()) / length
    return min(softness / 0.29, reach_px)
