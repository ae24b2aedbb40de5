# SPDX-License-Identifier: Apache-2.0
"""The floor under a result: how far each frame's solve may replace its plate, and how sure it is.

``model.trust`` says how; here it is joined with what only the whole shot knows: whether a place was
sharp in any frame.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from pullfocus.model.formation import LayerFrame, frame_mattes, sharp
from pullfocus.model.shot_model import ShotModel
from pullfocus.model.trust import gather, share_kept
from pullfocus.plate.colour import linear_to_display

__all__ = ["Floor", "FlooredFrame", "SharpestSeen", "front_most", "sharpest_seen"]

_LEVEL = 2  # radii are smooth: they are gathered at a quarter of the size
_CELL_TEXELS = 8
_SHARP_PX, _SOFT_PX = 1.0, 3.0  # a place's sharpest view: surely sharp, surely not; at 512 wide
_INFERRED = 0.5  # confidence in what no frame shows sharp, however well it is explained
_UNSEEN_CHANGE, _SEEN_CHANGE = 0.005, 0.02  # display-encoded, root mean square
_UNSEEN = np.float32(1e3)
_SHARP_VIEW = 0.05  # px^2 at 512 wide, of the sharpest view: a weight that is finite


def front_most(
    layers: list[LayerFrame], values: list[torch.Tensor], model: ShotModel
) -> np.ndarray:
    """Return the values of the first layer that covers a pixel by half, (h, w), on the frame.

    Args:
        layers: one frame, front to back.
        values: (h, w) on each layer's box.
        model: whose frame it is.
    """
    frame = model.frame_box(layers[0].box.level)
    mattes = frame_mattes(layers, frame)
    out = np.zeros((frame.height, frame.width), np.float32)
    for layer, value, matte in zip(
        reversed(layers), reversed(values), reversed(mattes), strict=True
    ):
        over = layer.box.intersection(frame)
        if not (over.width and over.height):
            continue
        onto = over.inside(frame)
        covered = matte[onto].cpu().numpy() > 0.5
        out[onto][covered] = value[over.inside(layer.box)].cpu().numpy()[covered]
    return out


class SharpestSeen:
    """How sharp frames show a place of a layer: best, and all together; grids in its atlas."""

    UNSEEN = _UNSEEN

    def __init__(self, grids: list[np.ndarray], weights: list[np.ndarray]) -> None:
        self.grids = grids
        """(rows, columns) by layer, smallest radius of all frames, plate px."""
        self.weights = weights
        """(rows, columns) by layer, sum of `weight_of` over all frames."""

    def at(self, index: int, texel: torch.Tensor) -> torch.Tensor:
        """Look the smallest radius up at texels (2, h, w), (h, w) plate px."""
        return self._looked_up(self.grids[index], texel)

    def own_share(self, index: int, texel: torch.Tensor, radius_px: torch.Tensor) -> torch.Tensor:
        """Return what a frame says of places (2, h, w), of what all say, (h, w) 0..1.

        Args:
            index: of the layer.
            texel: where.
            radius_px: (h, w), at which the frame shows them, px at 512 wide.
        """
        own = weight_of(radius_px)
        all_say = self._looked_up(self.weights[index], texel).to(own.device)
        return own / torch.maximum(all_say, own)

    @staticmethod
    def _looked_up(grid: np.ndarray, texel: torch.Tensor) -> torch.Tensor:
        x, y = ((axis + 0.5).cpu().numpy() / _CELL_TEXELS - 0.5 for axis in texel)
        found = cv2.remap(
            grid,
            x.astype(np.float32),
            y.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return torch.from_numpy(found)


def weight_of(radius_px: torch.Tensor) -> torch.Tensor:
    """Return how much a view counts by its radius, px at 512 wide: as where frames are fused."""
    return 1 / (_SHARP_VIEW + radius_px.square()).square()


@torch.no_grad()
def sharpest_seen(model: ShotModel) -> SharpestSeen:
    """Gather every layer's sharpest view, over all frames."""
    grids, weights, atlases = [], [], model.linear_atlases()
    for layer in model.layers:
        height, width = layer.texture.size
        shape = (-(-height // _CELL_TEXELS), -(-width // _CELL_TEXELS))
        grids.append(np.full(shape, _UNSEEN))
        weights.append(np.zeros(shape))
    wide = max(1.0, model.observed.width / 512)
    told = set(filter(model.observed.tells, model.observed.moments))
    for t in range(len(model.observed.frames)):
        shown = model.frame(t, level=_LEVEL, overscan=False, atlases=atlases)
        for grid, total, one in zip(grids, weights, shown, strict=True):
            seen = (one.alpha[0] > 0.5).cpu().numpy()
            x, y = (one.texel.cpu().numpy()[:, seen] + 0.5) // _CELL_TEXELS
            rows, columns = y.astype(int), x.astype(int)
            inside = (
                (rows >= 0) & (rows < grid.shape[0]) & (columns >= 0) & (columns < grid.shape[1])
            )
            radius = one.radius_px.cpu().numpy()[seen] * 2**_LEVEL
            places = rows[inside], columns[inside]
            np.minimum.at(grid, places, radius[inside])
            if t not in told:
                continue
            said, views = np.zeros_like(total), np.zeros_like(total)
            weight = weight_of(torch.from_numpy(radius[inside]) / wide).numpy()
            np.add.at(said, places, weight)
            np.add.at(views, places, 1)
            total += said / np.maximum(views, 1)
    # a gap is a place where weight is least, as the radius is largest
    return SharpestSeen(
        [_filled(grid, float(_UNSEEN)) for grid in grids],
        [-_filled(-total.astype(np.float32), 0) for total in weights],
    )


def _filled(grid: np.ndarray, gap: float) -> np.ndarray:
    """Close the gaps between samples, values from ``gap`` on, with the least of the nearest."""
    for _ in range(2):
        near = cv2.erode(grid, np.ones((3, 3), np.uint8))
        grid = np.where(grid >= gap, near, grid)
    return grid


@dataclass(frozen=True)
class FlooredFrame:
    """One frame's solve against its plate."""

    restored: np.ndarray
    """(h, w, 3), display-encoded."""
    kept: np.ndarray
    """(h, w), share of it that may replace the plate, 0..1."""
    sharpest_px: np.ndarray
    """(h, w), radius at which some frame shows the place best, px at 512 wide."""
    needed: np.ndarray
    """(h, w), 0..1: whether the solve changes what can be seen; plain walls look as they are."""
    radius_px: np.ndarray
    """(h, w), circle of confusion of the front-most layer, px of the level."""
    layer: np.ndarray
    """(h, w), index of that layer."""

    def confidence(self, kept: np.ndarray, in_focus: np.ndarray) -> np.ndarray:
        """Return how far the beauty can be relied on, (h, w) 0..1.

        1: in focus as shot, plain, or seen sharp in another frame and explained; a half: explained,
        but inferred, since no frame shows it sharp; 0: out of focus and left as shot.

        Args:
            kept: share of the solve in the beauty.
            in_focus: share of the plate that is in focus.
        """
        soft = ((self.sharpest_px - _SHARP_PX) / (_SOFT_PX - _SHARP_PX)).clip(0, 1)
        known = kept * (1 - (1 - _INFERRED) * soft)
        return np.maximum(1 - self.needed * (1 - known), in_focus).astype(np.float32)

    @property
    def left(self) -> np.ndarray:
        """Where something should have changed, and was left as shot, (h, w) bool."""
        return (self.needed > 0.5) & (self.kept < 0.5)


class Floor:
    """What every frame of a solved shot may show in place of its plate."""

    def __init__(self, model: ShotModel, atlases: list[torch.Tensor]) -> None:
        self.model = model
        self.atlases = atlases
        self.seen = sharpest_seen(model)

    @torch.no_grad()
    def frame(self, t: int, *, level: int = 0, still: bool = False) -> FlooredFrame:
        """Compare frame ``t`` with its plate, at a pyramid level.

        With ``still`` it may go without the motion blur that the plate has.
        """
        model, frame = self.model, self.model.frame_box(level)
        layers = model.frame(t, level=level, atlases=self.atlases)
        bare = layers
        if still:
            bare = model.frame(t, level=level, atlases=self.atlases, overscan=False, still=True)
        shown, blurred = (
            linear_to_display(picture.permute(1, 2, 0).cpu().numpy())
            for picture in (sharp(bare, frame), model.blurred(layers))
        )
        radius = front_most(layers, [layer.radius_px for layer in layers], model)
        views = [self.seen.at(i, layer.texel) for i, layer in enumerate(layers)]
        plate, covered = (
            model.observed.at_least(t, blurred, level),
            model.observed.covered_at(level),
        )
        if covered is not None:  # there the plate says nothing of the scene
            plate = np.where(covered[..., None], blurred, plate)
        wide = model.observed.width / 512
        px = 2**level / max(1.0, wide)
        own = [
            self.seen.own_share(i, layer.texel, layer.radius_px * px)
            for i, layer in enumerate(layers)
        ]
        evidence = gather(plate, shown, blurred, radius, front_most(layers, own, model))
        sharpest = front_most(layers, views, model) / wide
        owner = front_most(
            layers, [torch.full_like(one.radius_px, i) for i, one in enumerate(layers)], model
        )
        kept = share_kept(evidence)
        changed = np.sqrt(evidence.change)
        needed = ((changed - _UNSEEN_CHANGE) / (_SEEN_CHANGE - _UNSEEN_CHANGE)).clip(0, 1)
        if covered is not None:
            kept[covered] = needed[covered] = 0
        if not model.observed.tells(t):  # nothing says that the solve is right there
            kept[:] = 0
        return FlooredFrame(evidence.restored, kept, sharpest, needed, radius, owner.astype(int))
