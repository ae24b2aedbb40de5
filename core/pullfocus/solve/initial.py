# SPDX-License-Identifier: Apache-2.0
"""A first atlas: every frame splatted through the mapping, sharp frames counting most.

Alone it is the classical "lucky" fusion that the solve is compared with; where alignment is off it
is worse than the plate. Texels that no frame saw are filled from coarser levels (push-pull).
"""

from collections.abc import Callable

import cv2
import numpy as np
import torch

from pullfocus.model.grid import Box
from pullfocus.model.holes import fill_holes
from pullfocus.model.matte import grow_matte
from pullfocus.model.sampling import sample_atlas
from pullfocus.model.shot_model import ShotModel
from pullfocus.native import has_native, run
from pullfocus.observe.observed import Observed
from pullfocus.observe.sharpness import detail_energy
from pullfocus.plate.colour import display_to_linear

__all__ = [
    "fuse",
    "measure_exposure",
    "sharp_by_detail",
    "sharp_by_radius",
    "splat",
    "where_seen",
]

_OVERSAMPLE = 2  # points per pixel side, so that splats leave no gaps at 1.25 texels per px
_BANDS = 4  # of an atlas that points are splatted into: as many threads can work
_FAINT = 1e-6
_CLEAR_PX = 3  # around bars and words: resampling mixes them in
_EXPOSURE_LEVEL = 1  # below the atlas's: sums need no detail
_EXPOSURE_AREA = 0.002  # of the frame; from less nothing is read
_EXPOSURE_STEADY = 0.01  # half of the frames within so much of the middle: the light is steady
_EXPOSURE_MOST = 1.5  # two stops

Sharpness = Callable[[int, int, int], np.ndarray]  # layer, frame, level -> (h, w)


def sharp_by_detail(observed: Observed) -> Sharpness:
    """Weigh a frame by its local detail, energy^4: nothing is known of the lens yet."""

    def weight(layer: int, t: int, level: int) -> np.ndarray:
        energy = detail_energy(observed.plate_display(t, level), observed.covered_at(level))
        return (energy / 1e-3) ** 4 + 1e-9

    return weight


def sharp_by_radius(model: ShotModel) -> Sharpness:
    """Weigh a frame by its solved circle of confusion, 1 / (0.05 + r^2)^2.

    What moves while the shutter is open counts like a disc of the same second moment.
    """

    def weight(layer: int, t: int, level: int) -> np.ndarray:
        box = model.frame_box(level)
        with torch.no_grad():
            radius = model.radius(layer, t, box).cpu().numpy()
            smear = model.smear_px(layer, t, box).cpu().numpy()
        return 1 / (0.05 + radius**2 + smear**2 / 3) ** 2

    return weight


def where_seen(model: ShotModel, layer: int, t: int, level: int) -> np.ndarray:
    """Return where a frame shows a layer alone, (h, w) 0..1, clear of blurred silhouettes."""
    observed = model.observed
    wide = observed.width / 512 / 2**level
    if layer == len(model.layers) - 1:
        seen = np.ones(observed.matte(layer, t, level).shape, np.float32)
    else:
        seen = observed.matte(layer, t, level)
    for front in range(min(layer, len(model.layers) - 1)):
        reach = model.largest_radius(front, t, level) + 2 * wide
        seen = seen * (1 - grow_matte(observed.matte(front, t, level), min(reach, 10 * wide)))
    covered = observed.covered_at(level)
    if covered is not None:
        seen = seen * (1 - grow_matte(covered.astype(np.float32), _CLEAR_PX))
    return seen


def splat(atlas: torch.Tensor, texel: torch.Tensor, values: torch.Tensor) -> None:
    """Add ``values`` (n, C) bilinearly at ``texel`` (2, n) into ``atlas`` (height, width, C)."""
    height, width, channels = atlas.shape
    if channels == 4 and atlas.is_contiguous() and has_native(atlas, texel, values):
        points = texel.contiguous(), values.contiguous()
        run("splat", *points, len(values), height, width, _BANDS, atlas)
        return
    flat = atlas.view(-1, channels)
    x0, y0 = texel.floor()
    for dx in (0, 1):
        for dy in (0, 1):
            x, y = x0 + dx, y0 + dy
            w = (1 - (texel[0] - x).abs()) * (1 - (texel[1] - y).abs())
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            at = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1)).long()
            flat.index_add_(0, at, values * (w * inside)[:, None])


@torch.no_grad()
def fuse(model: ShotModel, index: int, sharpness: Sharpness) -> torch.Tensor:
    """Fuse all frames into one layer's atlas at the model's current mapping and atlas level.

    Returns:
        (height, width, 3) scene-linear.
    """
    observed, level = model.observed, model.atlas_level
    layer = model.layers[index]
    height, width = layer.texture.size
    total = torch.zeros(height, width, 4)
    # the finer grid of points is one level "below" the plate's own
    fine = model.frame_box(level)
    points = Box(0, 0, fine.width * _OVERSAMPLE, fine.height * _OVERSAMPLE, level - 1)
    size = (points.width, points.height)
    for t in range(len(observed.frames)):
        seen = where_seen(model, index, t, level)
        if seen.max() <= 0 or not observed.tells(t):
            continue
        weight = (sharpness(index, t, level) * seen + _FAINT * seen).astype(np.float32)
        weight *= np.float32(layer.exposure.told(t) ** 2)
        linear = display_to_linear(observed.plate_display(t, level))
        if model.settings.exposure:
            planes = torch.from_numpy(linear).permute(2, 0, 1).to(model.device)
            planes = layer.as_in_atlas(t, fine, planes).cpu()
            linear = planes.permute(1, 2, 0).contiguous().numpy()
        colour = cv2.resize(linear, size, interpolation=cv2.INTER_CUBIC).reshape(-1, 3)
        weight = cv2.resize(weight, size, interpolation=cv2.INTER_LINEAR).ravel()
        texel = layer.mapping(t, points).cpu().reshape(2, -1)
        texel = (texel + 0.5) / 2**level - 0.5
        values = np.empty((len(weight), 4), np.float32)
        np.multiply(colour, weight[:, None], out=values[:, :3])
        values[:, 3] = weight
        splat(total, texel, torch.from_numpy(values))
    seen_weight = total[..., 3]
    some = seen_weight > 0
    typical = seen_weight[some].median() if bool(some.any()) else seen_weight.new_tensor(1.0)
    trust = (seen_weight / (typical * 1e-3)).clamp(max=1)[None]
    fused = (total[..., :3] / seen_weight[..., None].clamp(min=1e-20)).permute(2, 0, 1)
    return fill_holes(fused, trust).permute(1, 2, 0).contiguous()


@torch.no_grad()
def measure_exposure(model: ShotModel, index: int, atlas: torch.Tensor) -> bool:
    """Set every frame's gain of a layer to what brings its fused atlas to the frame's light.

    Blur moves light and keeps it, so that sums over a region tell the gain whatever the focus.

    Args:
        model: its layer's exposure is set.
        index: of the layer.
        atlas: (height, width, 3) scene-linear, as `fuse` returns it.

    Returns:
        Whether light changes by more than what moves in and out of a region explains. Where it
        does not, gains are set in frames that fade: how far is known from whole frames alone.
    """
    observed, layer = model.observed, model.layers[index]
    level = model.atlas_level + _EXPOSURE_LEVEL
    gains = torch.zeros(len(observed.frames), 3)
    whole = torch.cat([atlas.cpu(), torch.zeros_like(atlas[..., :1]).cpu()], -1)  # no matte offset
    for t in range(len(observed.frames)):
        seen = torch.from_numpy(where_seen(model, index, t, level))
        texel = (layer.mapping(t, model.frame_box(level)).cpu() + 0.5) / 2**model.atlas_level - 0.5
        shown = sample_atlas(whole, texel)[:3].to(model.device)
        shown = layer.exposure(t, shown).cpu()
        plate = torch.from_numpy(display_to_linear(observed.plate_display(t, level)))
        here, there = (seen * plate.permute(2, 0, 1)).sum((1, 2)), (seen * shown).sum((1, 2))
        if not observed.tells(t):
            continue
        if float(seen.mean()) > _EXPOSURE_AREA and bool((here > 0).all() & (there > 0).all()):
            gains[t] = (here / there).log()
    gains = gains - gains.median(0).values
    changes = bool(gains.abs().median() > _EXPOSURE_STEADY)
    gains = gains.clamp(-_EXPOSURE_MOST, _EXPOSURE_MOST)
    if changes:
        layer.exposure.log_gain.copy_(gains)
    elif layer.exposure.fade is not None:
        fades = (layer.exposure.fade[:, 0] != 1).any(-1).cpu()
        layer.exposure.log_gain[fades] = gains[fades].to(layer.exposure.log_gain)
    return changes
