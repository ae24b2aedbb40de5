# SPDX-License-Identifier: Apache-2.0
"""Detail of an atlas from the frames that show it in focus, gathered strip by strip.

A solve of a proxy knows what an atlas looks like as far as the proxy's pixels tell, deblurred. What
is finer comes from the plate: every texel looks up its place in all frames, those in which its
circle of confusion is smallest counting most. A strip needs no other, and of a frame its own rows.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch.nn.functional import interpolate

from pullfocus.model.grid import Box
from pullfocus.model.inverse import places_of
from pullfocus.model.mapping import LatticeMapping
from pullfocus.model.sampling import sample_atlas
from pullfocus.model.shot_model import ShotModel
from pullfocus.model.texture import Texture
from pullfocus.plate.colour import display_to_linear
from pullfocus.solve.initial import where_seen

__all__ = ["looks_with_detail", "with_detail"]

_GRID_TEXELS = 4  # places are worked out so far apart, smooth between
_ROWS = 256  # of a strip
_REACH = 3.0  # of a Gaussian, in standard deviations
_CROSSOVER = 0.5  # standard deviation of what the proxy resolves, px of the proxy
_FAINT = 1e-6  # weight of the proxy's own colour: counts where no frame shows a texel
_SHARP_PX2 = 0.1  # squared radius below which frames are equally sharp, plate px
_LITTLE = 0.1  # of a texel's weight in all frames: a knot that has less of it says little
_WEIGHT_PX = 640  # weights are smooth: they are worked out at about this width


def with_detail(model: ShotModel, index: int) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield strips (rows, texels) of a lifted layer's atlas, with the plate's detail added.

    Args:
        model: the solve of a proxy, lifted; not changed.
        index: of the layer.

    Yields:
        Rows of the atlas and their root-encoded texels, (rows, width, 4). Results do not depend
        on where strips begin.
    """
    texture = model.layers[index].texture
    assert isinstance(texture, Texture)
    for rows, detail, _ in _strips(model, index, _weights(model, index)):
        strip = texture.texels.detach()[rows].clone()
        strip[..., :3] += torch.from_numpy(detail)
        yield rows, strip


def looks_with_detail(model: ShotModel, index: int) -> Iterator[tuple[int, slice, torch.Tensor]]:
    """Yield strips (knot, rows, offsets) of a lifted layer's pictures over time, as `with_detail`.

    What a knot's frames show in focus is added beyond what all frames do, and beyond what the
    lifted pictures hold.
    """
    layer = model.layers[index]
    assert isinstance(layer.texture, Texture)
    assert layer.looks is not None
    weights, width = _weights(model, index), layer.texture.size[1]
    shares = [dict(layer.looks.shares(t)) for t in range(len(weights))]
    for knot in range(len(layer.looks.knots)):
        own = [
            None if weight is None or not share.get(knot) else share[knot] * weight
            for weight, share in zip(weights, shares, strict=True)
        ]
        both = zip(_strips(model, index, weights), _strips(model, index, own), strict=True)
        for (rows, common, all_of_it), (_, detail, much) in both:
            texel = torch.stack(
                torch.meshgrid(
                    torch.arange(width).float(),
                    torch.arange(rows.start, rows.stop).float(),
                    indexing="xy",
                )
            )
            with torch.no_grad():
                strip = layer.looks.picture(knot, texel).permute(1, 2, 0).contiguous()
            trust = much / (much + _LITTLE * all_of_it)
            strip += torch.from_numpy(trust * (detail - common))
            yield knot, rows, strip


def _strips(
    model: ShotModel, index: int, weights: list[np.ndarray | None]
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield rows, the root-encoded detail (rows, width, 3) of frames, and their weight there."""
    layer = model.layers[index]
    assert isinstance(layer.mapping, LatticeMapping)
    height, width = layer.texture.size
    sigma = _CROSSOVER * layer.mapping.scale.radius * layer.layout.texels_per_px
    reach = int(np.ceil(_REACH * sigma))
    size = (2 * reach + 1, 2 * reach + 1)
    halo = -(-reach // _GRID_TEXELS) * _GRID_TEXELS
    for top in range(0, height, _ROWS):
        bottom = min(top + _ROWS, height)
        outer = slice(max(0, top - halo), min(height, bottom + halo))
        inner = slice(top - outer.start, bottom - outer.start)
        fused, weight = _fused(model, index, outer, width, weights)
        fused = _root(fused)
        low = cv2.GaussianBlur(fused, size, sigma)
        yield slice(top, bottom), (fused - low)[inner], weight[inner]


def _root(linear: np.ndarray) -> np.ndarray:
    return np.sign(linear) * np.sqrt(np.abs(linear))


def _weights(model: ShotModel, index: int) -> list[np.ndarray | None]:
    """Return how much each frame counts for a layer, (h, w) of a lower level; None: not at all."""
    level = weight_level(model)
    box = model.frame_box(level)
    found: list[np.ndarray | None] = []
    for t in range(len(model.observed.frames)):
        seen = where_seen(model, index, t, level)
        if seen.max() <= 0:
            found.append(None)
            continue
        with torch.no_grad():
            radius_px = model.radius(index, t, box).cpu().numpy() * 2**level
        found.append((seen / (_SHARP_PX2 + radius_px**2) ** 2).astype(np.float32))
    return found


def weight_level(model: ShotModel) -> int:
    """Return the pyramid level at which weights are worked out."""
    return max(0, round(np.log2(model.observed.width / _WEIGHT_PX)))


@torch.no_grad()
def _fused(
    model: ShotModel, index: int, rows: slice, width: int, weights: list[np.ndarray | None]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of frames on rows of an atlas, scene-linear, and their weight.

    Returns:
        (rows, width, 3) and (rows, width, 1).
    """
    layer, level = model.layers[index], weight_level(model)
    assert isinstance(layer.mapping, LatticeMapping)
    assert isinstance(layer.texture, Texture)
    own = layer.texture.texels.detach()[rows, :, :3].numpy()
    total = np.zeros((rows.stop - rows.start, width, 4), np.float32)
    total[..., :3] = own * np.abs(own) * _FAINT
    total[..., 3] = _FAINT
    for t, weight in enumerate(weights):
        if weight is None:
            continue
        place = _places(layer.mapping, t, rows, width)
        shown = _looked_up(model, index, t, place)
        if shown is None:
            continue
        x, y = ((axis + 0.5) / 2**level - 0.5 for axis in place)
        much = cv2.remap(weight, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        much = np.where(np.isfinite(place[0]), much * shown[..., 3].clip(0, 1), 0)[..., None]
        total[..., :3] += np.where(much > 0, shown[..., :3], 0) * much
        total[..., 3:] += much
    return total[..., :3] / total[..., 3:], total[..., 3:]


def _places(mapping: LatticeMapping, t: int, rows: slice, width: int) -> np.ndarray:
    """Return the plate px (2, rows, width) that show rows of an atlas; NaN for none."""
    step = _GRID_TEXELS
    nodes = [-(-(n - 1) // step) + 1 for n in (rows.stop - rows.start, width)]
    y = rows.start + step * np.arange(nodes[0])
    x = step * np.arange(nodes[1])
    grid = places_of(mapping, t, np.stack(np.meshgrid(x, y)))
    size = [(n - 1) * step + 1 for n in nodes]
    dense = interpolate(torch.from_numpy(grid)[None], size, mode="bilinear", align_corners=True)[
        0
    ].numpy()
    return dense[:, : rows.stop - rows.start, :width]


def _looked_up(model: ShotModel, index: int, t: int, place: np.ndarray) -> np.ndarray | None:
    """Return the plate's light and the layer's matte at places, (h, w, 4); None: all outside.

    Light is brought to the atlas's; outside of the frame the matte is 0.
    """
    observed = model.observed
    inside = (place[0] > -0.5) & (place[0] < observed.width - 0.5)
    inside &= (place[1] > -0.5) & (place[1] < observed.height - 0.5)
    if not inside.any():
        return None
    seen_rows = place[1][inside]
    top = max(0, int(seen_rows.min()) - 2)
    bottom = min(observed.height, int(np.ceil(seen_rows.max())) + 3)
    linear = display_to_linear(observed.plate_rows(t, slice(top, bottom)))
    planes = torch.from_numpy(linear).permute(2, 0, 1)
    if model.settings.exposure:
        rows = Box(0, top, observed.width, bottom - top, 0)
        planes = model.layers[index].as_in_atlas(t, rows, planes)
    if index == len(model.layers) - 1:
        matte = torch.ones_like(planes[:1])
    else:
        given = observed.matte_rows(index, t, slice(top, bottom))
        matte = torch.from_numpy(given)[None]
    frame = torch.cat([planes, matte]).permute(1, 2, 0).contiguous()
    corner = np.array([0, top], np.float32)[:, None, None]
    at = torch.from_numpy(np.where(inside, place - corner, 0))
    shown = sample_atlas(frame, at.float()).permute(1, 2, 0).numpy()
    shown[..., 3] *= inside
    return shown
