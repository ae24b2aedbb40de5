# SPDX-License-Identifier: Apache-2.0
"""Where a frame would show what its subjects hide: told by the frames that do show it.

A lattice goes on smoothly below what a frame hides. Where the ground comes towards the camera
there, or a hand shakes it, that is a pixel off; a scene that stands still leaves no choice.
"""

import math

import cv2
import numpy as np
import torch

from pullfocus.model.inverse import places_of
from pullfocus.model.mapping import LatticeMapping
from pullfocus.model.shot_model import ShotModel
from pullfocus.model.still_scene import CELL_PX, Seen, StillScene, fit_still_scene
from pullfocus.observe.observed import Observed
from pullfocus.observe.scale import SAME

__all__ = ["tell_hidden"]

_MOST_PLACES = 6000
_LEAST_STEP = 3.0  # texels between them
_CLEAR_PX, _SOFT_PX = 4.5, 3.0  # at 512 wide: what lies nearer to a subject is not seen
_HIDDEN = 0.1
_LEAST_SEEN = 0.05  # of the places within a frame; one that shows fewer tells nothing,
_FEWEST_SEEN = 40  # nor one that shows fewer than these
_FEWEST = 3  # frames
_STILL_PX, _MOVES_PX = 0.3, 0.6  # misfits at 512 wide of a scene that surely stands still, of none
_AROUND_PX = 19.0  # from how far what is not explained goes on below a subject
_NOTHING = 1e-2
_HORIZON = 1e-6
_STEP_PX = 4.0  # of the grid that the lattice is fitted to
_DEEP_PX = 8.0  # at 512 wide: so far below a subject's edge what is told counts fully
_EDGE = cv2.BORDER_REPLICATE


@torch.no_grad()
def tell_hidden(model: ShotModel) -> None:
    """Set what frames hide of the last layer's mapping, where it has room for that.

    What is seen moves by what the lattice's cells blur of it, a fraction of a px next to a subject.

    Args:
        model: half solved or solved, at the size that it was solved at.
    """
    mapping, observed = model.layers[-1].mapping, model.observed
    if not isinstance(mapping, LatticeMapping) or mapping.unseen is None or mapping.scale != SAME:
        return
    mapping.unseen.zero_()  # found anew, not on top of what was told before
    if len(model.layers) == 1:
        return
    wide = observed.width / 512
    height, width = model.layers[-1].texture.size
    step = CELL_PX * wide * model.settings.texels_per_px
    step = max(_LEAST_STEP, step, math.sqrt(height * width / _MOST_PLACES))
    texels = np.stack(np.meshgrid(np.arange(0, width, step), np.arange(0, height, step)))
    seen = _seen(observed, mapping, texels, step / model.settings.texels_per_px / wide)
    if np.count_nonzero(seen.weight.any((1, 2))) < _FEWEST:
        return
    scene = fit_still_scene(seen)
    sure = (_MOVES_PX - scene.error_px / wide) / (_MOVES_PX - _STILL_PX)
    if sure <= 0:
        return
    moved = _continued(seen, scene, _AROUND_PX / seen.cell_px) - seen.moved
    moved = min(1.0, sure) * np.nan_to_num(moved)
    for t, weight in enumerate(seen.weight):
        if weight.any():
            _add(mapping, t, moved[t], step, _deep(observed, t))


def _seen(observed: Observed, mapping: LatticeMapping, texels: np.ndarray, cell_px: float) -> Seen:
    """Gather where places of the atlas (2, h, w) lie in frames, and which of them are seen."""
    count, shape = len(observed.frames), texels.shape[1:]
    moved, place = np.zeros((2, count, 2, *shape), np.float32)
    weight, to_px = np.zeros((count, *shape), np.float32), np.empty((count, 2, 2, *shape))
    wide = observed.width / 512
    reach = 2 * round(_CLEAR_PX * wide) + 1
    for t in range(count):
        straight, to_px[t] = _straight(mapping.to_atlas[t].cpu().double().numpy(), texels)
        lies = places_of(mapping, t, texels)
        moved[t], place[t] = straight - lies, straight / observed.width
        hidden = _hidden(observed, t)
        hidden = cv2.dilate(hidden, np.ones((reach, reach), np.uint8))
        hidden = cv2.GaussianBlur(hidden, (0, 0), _SOFT_PX * wide)
        x, y = np.nan_to_num(lies, nan=-1).astype(np.float32)
        inside = (x >= 0) & (x <= observed.width - 1) & (y >= 0) & (y <= observed.height - 1)
        covered = cv2.remap(hidden, x, y, cv2.INTER_LINEAR)
        weight[t] = np.where(inside & (covered < _HIDDEN), 1 - covered, 0)
        if not observed.tells(t) or weight[t].sum() < max(_FEWEST_SEEN, _LEAST_SEEN * inside.sum()):
            weight[t] = 0
    return Seen(moved, weight, to_px, place, cell_px)


def _hidden(observed: Observed, t: int) -> np.ndarray:
    """How far subjects, bars and words cover a frame, (H, W) float32 0..1."""
    shown = np.ones((observed.height, observed.width), np.float32)
    for layer in range(len(observed.layer_names) - 1):
        shown *= 1 - observed.matte(layer, t)
    words = observed.covered_at()
    if words is not None:  # bars and words tell nothing of the scene either
        shown[words] = 0
    return 1 - shown


def _deep(observed: Observed, t: int) -> np.ndarray:
    """0 where anything of the background is seen, 1 well below a subject, (H, W) float32."""
    covered = (_hidden(observed, t) > 1 - _HIDDEN).astype(np.uint8)
    covered = np.pad(covered, 1, mode="edge")  # what leaves the frame goes on beyond it
    inside = cv2.distanceTransform(covered, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    share = (inside / (_DEEP_PX * observed.width / 512)).clip(0, 1)
    return share * share * (3 - 2 * share)


def _straight(to_atlas: np.ndarray, texels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a homography alone takes texels (2, h, w), px, and its derivative (2, 2, h, w)."""
    m = np.linalg.inv(to_atlas)
    x, y = texels
    w = m[2, 0] * x + m[2, 1] * y + m[2, 2]
    w = np.where(np.abs(w) < _HORIZON, _HORIZON, w)  # nothing is seen there
    place = np.stack([(m[i, 0] * x + m[i, 1] * y + m[i, 2]) / w for i in (0, 1)])
    slope = np.stack(
        [np.stack([(m[i, k] - place[i] * m[2, k]) / w for k in (0, 1)]) for i in (0, 1)]
    )
    return place, slope


def _continued(seen: Seen, scene: StillScene, sigma: float) -> np.ndarray:
    """What the scene says, (T, 2, h, w) px, and what it misses close by, if anything is seen there.

    Args:
        seen: what frames show.
        scene: what explains it.
        sigma: from how far what it misses counts, places.
    """
    out = np.empty_like(seen.moved)
    for t, weight in enumerate(seen.weight):
        total = cv2.GaussianBlur(weight, (0, 0), sigma) + _NOTHING
        for axis in (0, 1):
            missed = np.nan_to_num(seen.moved[t, axis] - scene.moved[t, axis]) * weight
            out[t, axis] = scene.moved[t, axis] + cv2.GaussianBlur(missed, (0, 0), sigma) / total
    return out


def _add(mapping: LatticeMapping, t: int, moved: np.ndarray, step: float, deep: np.ndarray) -> None:
    """Add to what frame ``t`` hides what its mapping lacks there.

    Args:
        mapping: of the layer.
        t: frame.
        moved: (2, h, w) px on the grid of the atlas: by how much more places have moved.
        step: of that grid, texels.
        deep: (H, W) 0..1, where.
    """
    rows, columns = mapping.grid(max(1.0, _STEP_PX * deep.shape[1] / 512))
    points = torch.stack(torch.meshgrid(columns, rows, indexing="xy"))
    texels = mapping.texels_at(t, points.reshape(2, -1).T).T.reshape(points.shape).cpu().numpy()
    x, y = (texels / step).astype(np.float32)
    lacks = [cv2.remap(axis, x, y, cv2.INTER_LINEAR, borderMode=_EDGE) for axis in moved]
    across, down = points.cpu().numpy()
    where = cv2.remap(deep, across, down, cv2.INTER_LINEAR, borderMode=_EDGE)
    mapping.add_unseen(t, torch.from_numpy(np.stack(lacks) * where))
