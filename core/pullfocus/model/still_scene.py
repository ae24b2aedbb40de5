# SPDX-License-Identifier: Apache-2.0
"""How a scene that stands still moves before a camera: as its depth tells, the same in every frame.

Beyond a homography a place moves by its parallax, one number of the place times one vector of the
frame (plane and parallax: Irani and Anandan 1996). A place that some frames show is known in all of
them. What is measured are displacements beyond given homographies; theirs may err, and where a
place lies in the atlas is anybody's choice, so a displacement is

    J_t(g) s(g) + A_t q(p) + c_t d(g)

with s, two numbers of the place g: where it lies; J_t, from texels to px; A_t, quadratic in the
frame's own px p: what its homography misses; d, of the place: its depth; c_t, two numbers of the
frame: which way it moved. s and d bend little. Solved by turns, frames and places.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

__all__ = ["CELL_PX", "Seen", "StillScene", "fit_still_scene"]

CELL_PX = 6.4
"""Of a grid of places, px at 512 wide."""
_BEND_OF_PLACES = 0.03  # of s and d on such a grid, against what every frame shows
_BEND_OF_DEPTH = 0.3
_HELD = 1e-4  # pull of both to nothing
_FRAME_HELD = 1e-2  # pull of what is a frame's
_TURNS = 3, 4  # without depth, and with it
_QUADRATIC = 6
_SYMMETRIC: dict[str, Any] = {
    "permc_spec": "MMD_AT_PLUS_A",
    "diag_pivot_thresh": 0.0,
    "options": {"SymmetricMode": True},
}


@dataclass(frozen=True)
class Seen:
    """What frames show of a layer, on a grid of its atlas, (h, w) places."""

    moved: np.ndarray
    """(T, 2, h, w) px: where a homography takes a place, less where it lies; NaN: nowhere."""
    weight: np.ndarray
    """(T, h, w) 0..1: whether the frame shows the place."""
    to_px: np.ndarray
    """(T, 2, 2, h, w): d px / d texel of the homography."""
    place: np.ndarray
    """(T, 2, h, w): where the homography takes it, as shares of the frame's width."""
    cell_px: float
    """Of the grid, px at 512 wide."""


@dataclass(frozen=True)
class StillScene:
    """What was found."""

    moved: np.ndarray
    """(T, 2, h, w), as `Seen.moved`, in all frames."""
    error_px: float
    """Root mean square of what it misses of what is seen, in the units of `Seen.moved`."""


def fit_still_scene(seen: Seen) -> StillScene:
    """Find the still scene that explains what frames show best (least squares)."""
    fit = _Fit(seen)
    for _ in range(_TURNS[0]):
        fit.frames()
        fit.places()
    fit.frames()
    fit.begin_depth()
    for _ in range(_TURNS[1]):
        fit.frames()
        fit.places()
    fit.frames()
    explained = fit.explained()
    missed = np.square(fit.moved - explained).sum(1) * fit.weight
    error = float(np.sqrt(missed.sum() / max(1e-9, 2 * fit.weight.sum())))
    return StillScene(explained.reshape(seen.moved.shape), error)


class _Fit:
    """Where the turns stand; places are counted in one row."""

    def __init__(self, seen: Seen) -> None:
        count, height, width = seen.weight.shape
        self.moved = np.nan_to_num(seen.moved.reshape(count, 2, -1).astype(np.float64))
        self.weight = seen.weight.reshape(count, -1).astype(np.float64)
        self.to_px = seen.to_px.reshape(count, 2, 2, -1).astype(np.float64)
        x, y = 2 * (seen.place.reshape(count, 2, -1).transpose(1, 0, 2) - 0.4)
        self.quadratic = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 2)  # (T, G, 6)
        self.bend = _bending(height, width) * (CELL_PX / seen.cell_px) ** 4
        self.lies = np.zeros((2, height * width))
        self.homography = np.zeros((count, 2, _QUADRATIC))
        self.depth: np.ndarray | None = None
        self.way = np.zeros((count, 2))

    def explained(self) -> np.ndarray:
        """What places and frames say together, (T, 2, G)."""
        found = np.einsum("tikg,kg->tig", self.to_px, self.lies) + self._missed_by_homography()
        return found if self.depth is None else found + self.way[..., None] * self.depth

    def _missed_by_homography(self) -> np.ndarray:
        return np.einsum("tgb,tcb->tcg", self.quadratic, self.homography)

    def begin_depth(self) -> None:
        """Take for depth what goes most along with frames, of what is not explained yet."""
        missed = (self.moved - self.explained()) * self.weight[:, None]
        rows = missed.reshape(-1, missed.shape[-1])
        _, vectors = np.linalg.eigh(rows @ rows.T)
        depth = vectors[:, -1] @ rows
        self.depth = depth / max(1e-9, np.sqrt(np.square(depth).mean()))

    def frames(self) -> None:
        """Find what is each frame's own, places held."""
        wanted = self.moved - np.einsum("tikg,kg->tig", self.to_px, self.lies)
        for t, terms in enumerate(self.quadratic):
            if self.depth is not None:
                terms = np.concatenate([terms, self.depth[:, None]], 1)
            weighted = (terms * self.weight[t][:, None]).T
            normal = weighted @ terms + _FRAME_HELD * np.eye(terms.shape[1])
            found = np.linalg.solve(normal, weighted @ wanted[t].T).T
            self.homography[t] = found[:, :_QUADRATIC]
            if self.depth is not None:
                self.way[t] = found[:, _QUADRATIC]

    def places(self) -> None:
        """Find what is each place's own, frames held."""
        wanted = self.moved - self._missed_by_homography()
        count, places = self.weight.shape
        terms, bends = self.to_px, [count * _BEND_OF_PLACES] * 2
        pulls = [count * _HELD] * 2
        if self.depth is not None:
            way = np.broadcast_to(self.way[:, :, None, None], (count, 2, 1, places))
            terms = np.concatenate([terms, way], 2)
            energy = float(np.square(self.way).sum())
            bends, pulls = [*bends, energy * _BEND_OF_DEPTH], [*pulls, energy * _HELD + 1e-12]
        normal = np.einsum("tcag,tcbg,tg->abg", terms, terms, self.weight)
        right = np.einsum("tcag,tcg,tg->ag", terms, wanted, self.weight)
        blocks = [[sp.diags(row) for row in rows] for rows in normal]
        for i, (bend, pull) in enumerate(zip(bends, pulls, strict=True)):
            blocks[i][i] = blocks[i][i] + bend * self.bend + pull * sp.eye(places)
        solved = splu(sp.bmat(blocks, format="csc"), **_SYMMETRIC).solve(right.reshape(-1))
        found = solved.reshape(-1, places)
        self.lies = found[:2]
        if self.depth is not None:
            self.depth = found[2] / max(1e-9, float(np.sqrt(np.square(found[2]).mean())))


def _bending(height: int, width: int) -> sp.csr_matrix:
    """The energy of a field's Laplacian on a grid, with free edges."""

    def differences(count: int) -> sp.spmatrix:
        return sp.diags([-1.0, 1.0], [0, 1], shape=(count - 1, count))

    across = sp.kron(sp.eye(height), differences(width))
    down = sp.kron(differences(height), sp.eye(width))
    laplacian = across.T @ across + down.T @ down
    return (laplacian @ laplacian).tocsr()
