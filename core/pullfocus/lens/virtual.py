# SPDX-License-Identifier: Apache-2.0
"""The lens of a solved shot: signed circles of confusion, relative depth, focus by frame.

Radii of every layer and frame are gathered in the atlas, where a place stays itself while focus
moves over it, and explained by `lens.fit_lens`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch

from pullfocus.kept import Keep
from pullfocus.lens.fit import LensFit, fit_lens
from pullfocus.model.formation import LayerFrame
from pullfocus.model.holes import fill_holes
from pullfocus.model.shot_model import ShotModel

__all__ = [
    "VirtualLens",
    "fit_virtual_lens",
    "layer_depths",
    "layer_depths_of",
    "signed_coc",
    "virtual_lens_of",
]

_KEPT, _KEPT_DEPTHS = "virtual_lens.safetensors", "layer_depths.safetensors"

_CELL_PX = 20.0  # of the atlas grid, px at 512 wide
_CLEAR_PX = 0.5  # radii fade to zero where the lens says the sign changes
_LENS_SHARE = 0.3  # of the lens in a signed radius: its errors and the solve's are independent
_LEAST_PULL_PX = 1.0
_SOLID, _FREE = 0.9, 0.05
_COVERED = 0.5


@dataclass(frozen=True)
class VirtualLens:
    """Depth over each atlas and focus over time; a circle of confusion is their difference."""

    depth: tuple[np.ndarray, ...]
    """By layer, (rows, columns) on a grid over its atlas: px of radius, far positive."""
    cell: float
    """Texels between grid points."""
    focus: np.ndarray
    """(T,) in the same unit."""
    rmse_px: float
    """Error of the fit against the solved radii."""
    pull_px: float
    """How far focus travels over the shot."""

    @property
    def trusted(self) -> bool:
        """Whether signs are more than a guess: focus moves, and the fit holds."""
        return self.pull_px >= _LEAST_PULL_PX and self.rmse_px < max(0.75, 0.25 * self.pull_px)

    def depth_at(self, layer: int, texel: np.ndarray) -> np.ndarray:
        """Return the depth (h, w) at atlas places ``texel`` (2, h, w), centres at whole numbers."""
        x, y = ((axis + 0.5) / self.cell - 0.5 for axis in texel.astype(np.float32))
        return np.asarray(
            cv2.remap(self.depth[layer], x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        )

    def coc(self, layer: int, t: int, texel: np.ndarray) -> np.ndarray:
        """Return the signed radius of the lens alone, (h, w) px, near negative."""
        return self.depth_at(layer, texel) - np.float32(self.focus[t])

    def signed(
        self, layer: int, t: int, texel: np.ndarray, radius: np.ndarray, *, given: bool = False
    ) -> np.ndarray:
        """Return radii (h, w) with the lens's sign.

        Solved radii are steadied by the lens a little, and have no step where the sign changes;
        `given` ones stay as they are.
        """
        lens = self.coc(layer, t, texel)
        if given:
            return np.where(lens < 0, -radius, radius)
        solved = radius * (lens / _CLEAR_PX).clip(-1, 1)
        return np.float32(_LENS_SHARE) * lens + np.float32(1 - _LENS_SHARE) * solved

    def record(self, frames: Sequence[int], layers: Mapping[str, float]) -> dict[str, Any]:
        """What passes.json keeps: a radius at another focus f is coc + focus[frame] - f.

        Args:
            frames: frame numbers, one a value of `focus`.
            layers: the middle depth of each layer, `layer_depths`: what focusing on it means.
        """
        return {
            "unit": "px_radius",
            "focus": {
                str(frame): round(float(f), 4) for frame, f in zip(frames, self.focus, strict=True)
            },
            "layers": {name: round(depth, 4) for name, depth in layers.items()},
            "aperture": 1.0,
            "rmse_px": round(self.rmse_px, 4),
            "pull_px": round(self.pull_px, 4),
        }


def _visible(layers: list[LayerFrame], index: int) -> np.ndarray:
    """Return where a frame shows one layer and nothing in front of it, (h, w) bool."""
    layer = layers[index]
    seen = (layer.alpha[0] > _SOLID).cpu().numpy()
    for front in layers[:index]:
        over = front.box.intersection(layer.box)
        if over.width and over.height:
            rows, columns = over.inside(front.box)
            seen[over.inside(layer.box)] &= (front.alpha[0, rows, columns] < _FREE).cpu().numpy()
    return seen


def _grids(model: ShotModel, cell: float) -> list[tuple[int, int]]:
    shapes = [layer.texture.size for layer in model.layers]
    return [(-(-int(h) // int(cell)) + 1, -(-int(w) // int(cell)) + 1) for h, w in shapes]


@torch.no_grad()
def _gathered(model: ShotModel, cell: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return radii (N, T) and how often they were seen, by grid point, and who is nearer (N,)."""
    grids, frames = _grids(model, cell), len(model.observed.frames)
    sums, counts, rows = ([np.zeros((h * w, frames)) for h, w in grids] for _ in range(3))
    atlases, level = model.linear_atlases(), model.smooth_level
    for t in range(frames):
        layers = model.frame(t, level=level, overscan=False, atlases=atlases)
        for index, layer in enumerate(layers):
            height, width = grids[index]
            seen = _visible(layers, index)
            texel = layer.texel.cpu().numpy()[:, seen]
            x, y = (((axis + 0.5) / cell).astype(int) for axis in texel)
            at = y.clip(0, height - 1) * width + x.clip(0, width - 1)
            radius = 2**level * layer.radius_px.cpu().numpy()[seen]  # px of the plate
            row = np.nonzero(seen)[0] / max(1, seen.shape[0])
            for into, values in ((sums, radius), (counts, None), (rows, row)):
                into[index][:, t] += np.bincount(at, values, height * width)
    count = np.vstack(counts)
    behind = np.repeat(np.arange(len(grids))[::-1], [h * w for h, w in grids])
    low = np.vstack(rows).sum(1) / np.maximum(count.sum(1), 1)  # lower in the frame: nearer
    return np.vstack(sums) / np.maximum(count, 1), count, 10 * behind + low


def _spread(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Smooth a grid a little and fill what was never seen."""
    known = np.where(np.isfinite(values), weight, 0).astype(np.float32)
    held = np.where(np.isfinite(values), values, 0).astype(np.float32)
    total = cv2.GaussianBlur(held * known, (0, 0), 0.7)
    spread = cv2.GaussianBlur(known, (0, 0), 0.7)
    smooth = torch.from_numpy(np.where(known > 0, total / np.maximum(spread, 1e-9), 0))[None]
    trust = torch.from_numpy((known > 0).astype(np.float32))[None]
    return fill_holes(smooth.float(), trust)[0].numpy()


def fit_virtual_lens(model: ShotModel) -> VirtualLens:
    """Fit the lens of a solved shot.

    Signs follow from how focus moves over places; which of the two ways round they go, from the
    order of layers (one layer: from the lower part of the frame being nearer). Check
    `VirtualLens.trusted` before believing signs.
    """
    wide = model.observed.width / 512
    cell = max(4.0, round(_CELL_PX * wide * model.settings.texels_per_px))
    radius, count, nearer = _gathered(model, cell)
    enough = np.minimum(count, cell * cell / 4)
    if not enough.any():  # nothing but soft edges: no lens, and none to trust
        none = tuple(np.zeros(grid, np.float32) for grid in _grids(model, cell))
        return VirtualLens(none, cell, np.zeros(radius.shape[1]), 0.0, 0.0)
    fit: LensFit = fit_lens(radius, enough, nearer)
    depth, start = [], 0
    for height, width in _grids(model, cell):
        stop = start + height * width
        seen = enough[start:stop].sum(1).reshape(height, width)
        depth.append(_spread(fit.depth[start:stop].reshape(height, width), seen))
        start = stop
    lens = VirtualLens(tuple(depth), cell, fit.focus, fit.rmse_px, fit.pull_px)
    return _turned(lens) if _contradicts(lens, model) else lens


def virtual_lens_of(model: ShotModel, keep: Keep) -> VirtualLens:
    """Return what `fit_virtual_lens` does, from the solve's folder once it is there."""

    def fitted() -> tuple[dict[str, torch.Tensor], dict[str, float]]:
        lens = fit_virtual_lens(model)
        arrays = {"focus": lens.focus, **{f"depth.{i}": d for i, d in enumerate(lens.depth)}}
        facts = {"cell": lens.cell, "rmse_px": lens.rmse_px, "pull_px": lens.pull_px}
        return {name: torch.from_numpy(a) for name, a in arrays.items()}, facts

    held, facts = keep.of(_KEPT, fitted)
    return VirtualLens(
        depth=tuple(held[f"depth.{i}"].numpy() for i in range(len(model.layers))),
        focus=held["focus"].numpy(),
        **{name: float(facts[name]) for name in ("cell", "rmse_px", "pull_px")},
    )


def _turned(lens: VirtualLens) -> VirtualLens:
    """Return the same lens with near and far exchanged."""
    return replace(lens, depth=tuple(-d for d in lens.depth), focus=-lens.focus)


@torch.no_grad()
def _contradicts(lens: VirtualLens, model: ShotModel) -> bool:
    """Return whether signs that were given say the opposite of the lens."""
    given = model.observed.coc
    if given is None or not model.observed.coc_is_signed:
        return False
    last, box, agreement = len(model.layers) - 1, model.frame_box(2), 0.0
    for t in range(len(given)):
        texel = model.layers[last].mapping(t, box).cpu().numpy()
        size = (box.width, box.height)
        own = cv2.resize(np.asarray(given[t], np.float32), size, interpolation=cv2.INTER_AREA)
        agreement += float((lens.coc(last, t, texel) * own).sum())
    return agreement < 0


def signed_coc(
    model: ShotModel, index: int, t: int, layer: LayerFrame, lens: VirtualLens | None
) -> np.ndarray:
    """Return a layer's circle of confusion on its box, (h, w) px, signed where signs are known.

    Given signs count first, then those of a trusted lens; without either these are radii.

    Args:
        model: the solved shot.
        index: of the layer.
        t: frame index.
        layer: evaluated at full resolution.
        lens: the shot's, if it is fitted.
    """
    given, box = model.observed.coc, layer.box
    if given is not None and model.observed.coc_is_signed:
        height, width = given[t].shape
        rows = np.arange(box.top, box.top + box.height).clip(0, height - 1)
        columns = np.arange(box.left, box.left + box.width).clip(0, width - 1)
        return np.asarray(given[t], np.float32)[np.ix_(rows, columns)]
    radius = layer.radius_px.cpu().numpy()
    if lens is None or not lens.trusted or not radius.size:
        return radius
    return lens.signed(index, t, layer.texel.cpu().numpy(), radius, given=given is not None)


def layer_depths_of(model: ShotModel, lens: VirtualLens, keep: Keep) -> dict[str, float]:
    """Return `layer_depths`, from the solve's folder once they are there."""
    depths = keep.of(_KEPT_DEPTHS, lambda: ({}, {"depths": layer_depths(model, lens)}))[1]["depths"]
    return {name: float(depths[name]) for name in model.layer_names if name in depths}


@torch.no_grad()
def layer_depths(
    model: ShotModel, lens: VirtualLens, atlases: list[torch.Tensor] | None = None
) -> dict[str, float]:
    """Return the middle depth of every layer over the frames that show it, px of radius.

    Args:
        model: the solved shot.
        lens: its lens.
        atlases: ``bake.atlases.finished_atlases``, when they are at hand.
    """
    atlases = model.linear_atlases() if atlases is None else atlases
    medians: dict[str, list[float]] = {name: [] for name in model.layer_names}
    level = model.smooth_level
    for t in range(len(model.observed.frames)):
        for index, layer in enumerate(model.frame(t, level=level, overscan=False, atlases=atlases)):
            covered = (layer.alpha[0] > _COVERED).cpu().numpy()
            if covered.any():
                depth = lens.depth_at(index, layer.texel.cpu().numpy())
                medians[layer.name].append(float(np.median(depth[covered])))
    return {name: float(np.median(found)) for name, found in medians.items() if found}
