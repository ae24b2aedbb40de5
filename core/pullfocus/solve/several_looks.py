# SPDX-License-Identifier: Apache-2.0
"""Whether a layer's detail changes in time: frames that show it sharp contradict each other.

Asked once, between the coarse and the fine half of a solve, where two stretches of time were in
focus at the same texels. A layer that was sharp once only has nothing that could contradict it, and
keeps its one atlas; so does one whose detail agrees, which several pictures would only blur.
"""

from itertools import combinations

import cv2
import numpy as np
import torch

from pullfocus.model.grid import Box
from pullfocus.model.looks import Looks
from pullfocus.model.shot_model import ShotModel
from pullfocus.model.texture import Texture
from pullfocus.observe.flow import dense_flow, grey
from pullfocus.plate.colour import display_to_linear
from pullfocus.solve.initial import Sharpness, splat, where_seen

__all__ = ["wake_looks"]

_FRAMES_PER_KNOT = 16
_MOST = 9  # knots, further apart in long shots: each costs as much memory as the atlas
_FEWEST = 6  # frames
_APART = 0.038  # root-encoded, root mean square of what two knots' detail differs by
_DETAIL_PX = 6.0  # standard deviation at 512 wide: what is smoother is `Change`'s
_MUCH = 0.2  # of all texels that are seen in focus; a turning edge is no change of look
_SEEN = 200  # texels
_TRUSTED = 0.6
_FAINT = 0.1  # of a texel's weight in all frames: a knot that has less of it says little
_NOTHING = 1e-3


@torch.no_grad()
def wake_looks(model: ShotModel, sharpness: Sharpness) -> list[str]:
    """Give those layers several pictures whose detail asks for it; returns their names.

    Args:
        model: half solved, atlases at full resolution.
        sharpness: how much each frame counts.
    """
    moments, asked = model.observed.moments, []
    if not model.settings.looks or model.shutter is not None or len(moments) < _FEWEST:
        return []
    count = min(_MOST, max(2, round((len(moments) - 1) / _FRAMES_PER_KNOT) + 1))
    source, frames = model.observed.source, len(model.observed.frames)
    times = torch.arange(frames) if source is None else torch.from_numpy(np.asarray(source))
    knots = torch.linspace(moments[0], moments[-1], count)
    for index, layer in enumerate(model.layers):
        if not isinstance(layer.texture, Texture) or layer.looks is not None:
            continue
        looks = Looks(times, knots, *layer.texture.size)
        seen = _pictures(model, index, sharpness, looks, points_per_px=1)
        sigma = _DETAIL_PX * model.wide * model.settings.texels_per_px
        if _apart(layer.texture.texels.cpu()[..., :3], *seen, sigma) < _APART:
            continue
        pictures, _ = _pictures(model, index, sharpness, looks, points_per_px=2)
        looks.offsets[..., :3] = pictures
        layer.looks = looks.to(model.device)
        asked.append(layer.name)
    return asked


def _pictures(
    model: ShotModel, index: int, sharpness: Sharpness, looks: Looks, *, points_per_px: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what each knot's frames show beyond the mean of all, and how far to trust it.

    Returns:
        (K, height, width, 3) root-encoded, 0 where not trusted; (K, height, width) 0..1.
    """
    observed, layer, frame = model.observed, model.layers[index], model.frame_box()
    height, width = layer.texture.size
    totals = [torch.zeros(height, width, 4) for _ in looks.knots]
    size = (frame.width * points_per_px, frame.height * points_per_px)
    points = Box(0, 0, *size, 1 - points_per_px)  # one level below the plate's own, or its own
    for t in filter(observed.tells, observed.moments):
        seen = where_seen(model, index, t, 0)
        if seen.max() <= 0:
            continue
        planes = torch.from_numpy(display_to_linear(observed.plate_display(t))).permute(2, 0, 1)
        if model.settings.exposure:
            planes = layer.as_in_atlas(t, frame, planes.to(model.device)).cpu()
        root = (planes.sign() * planes.abs().sqrt()).permute(1, 2, 0).contiguous().numpy()
        colour = cv2.resize(root, size, interpolation=cv2.INTER_CUBIC).reshape(-1, 3)
        weight = (sharpness(index, t, 0) * seen).astype(np.float32)
        weight = cv2.resize(weight, size, interpolation=cv2.INTER_LINEAR).reshape(-1, 1)
        texel = layer.mapping(t, points).cpu().reshape(2, -1)
        values = np.concatenate([colour * weight, weight], 1)
        for knot, share in looks.shares(t):
            splat(totals[knot], texel, torch.from_numpy(share * values).float().contiguous())
    whole = torch.stack(totals).sum(0)
    mean = whole[..., :3] / whole[..., 3:].clamp(min=1e-20)
    pictures, trusted = [], []
    for one in totals:
        trust = one[..., 3:] / (one[..., 3:] + _FAINT * whole[..., 3:]).clamp(min=1e-20)
        pictures.append((one[..., :3] / one[..., 3:].clamp(min=1e-20) - mean) * trust)
        trusted.append(trust[..., 0])
    return torch.stack(pictures), torch.stack(trusted)


def _apart(
    atlas: torch.Tensor, pictures: torch.Tensor, trusted: torch.Tensor, sigma: float
) -> float:
    """Return by how much two knots' detail differs most, root-encoded, root mean square.

    What lies a little elsewhere has not changed: it is brought to one place first.

    Args:
        atlas: (height, width, 3) root-encoded, near the mean that all pictures differ from.
        pictures: (K, height, width, 3), as of `_pictures`.
        trusted: (K, height, width), the same.
        sigma: what is smoother than this is no detail, texels.
    """
    much = max(_SEEN, _MUCH * int((trusted.amax(0) > _TRUSTED).sum()))
    most = 0.0
    for one, other in combinations(range(len(pictures)), 2):
        both = (trusted[one] > _TRUSTED) & (trusted[other] > _TRUSTED)
        if int(both.sum()) < much:
            continue
        here, there = ((atlas + pictures[knot]).numpy() for knot in (one, other))
        differ = here - _aligned(here, there, both.numpy(), sigma)
        detail = differ - cv2.GaussianBlur(differ, (0, 0), sigma)
        most = max(most, float(np.sqrt(np.square(detail[both.numpy()]).mean())))
    return most


def _aligned(here: np.ndarray, there: np.ndarray, both: np.ndarray, sigma: float) -> np.ndarray:
    """Return ``there`` (h, w, 3), root-encoded, moved smoothly onto ``here``, by what both show."""
    height, width = both.shape
    source, target = grey(here), grey(there)
    flow = dense_flow(source, target) * (width / source.shape[1])
    flow = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
    weight = both.astype(np.float32)
    total = cv2.GaussianBlur(weight, (0, 0), sigma) + _NOTHING
    moved = cv2.GaussianBlur(flow * weight[..., None], (0, 0), sigma) / total[..., None]
    rows, columns = np.indices(both.shape, np.float32)
    return np.asarray(
        cv2.remap(there, columns + moved[..., 0], rows + moved[..., 1], cv2.INTER_CUBIC)
    )
