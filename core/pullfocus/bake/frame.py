# SPDX-License-Identifier: Apache-2.0
"""One frame of a solved model as the planes of the EXR contract."""

from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
import torch

from pullfocus.bake.continued import continued
from pullfocus.bake.grain import Grain, grain
from pullfocus.flow.motion import layer_motion
from pullfocus.lens.virtual import VirtualLens, signed_coc
from pullfocus.model.floor import Floor
from pullfocus.model.formation import LayerFrame, sharp
from pullfocus.model.in_focus import share_in_focus
from pullfocus.model.shot_model import ShotModel
from pullfocus.passes.contract import PassDefinition
from pullfocus.plate.colour import display_to_linear, linear_to_display
from pullfocus.plate.exr import Plane

__all__ = ["Repainted", "frame_planes", "laid_over"]

_SMOOTH_PX = 2.0  # over which the strength of grain is looked up
_SMEARED_PX = 1.0  # of motion blur, from which on a plate is not still


@dataclass(frozen=True)
class Repainted:
    """Atlases to show in place of the solved ones, (height, width, 4) each."""

    atlases: list[torch.Tensor]
    covers: list[torch.Tensor]
    """How far paint covers every texel, 0..1, as a grey atlas with the same matte offsets."""


def laid_over(
    below: np.ndarray, solved: np.ndarray, shown: np.ndarray, cover: np.ndarray
) -> np.ndarray:
    """Return a frame with paint on it, all (h, w, 3).

    What the plate has beyond the solve, grain and detail, shows as far as paint does not cover it;
    where there is no paint the frame stays to the bit.

    Args:
        below: the frame without paint.
        solved: what the model shows without paint.
        shown: and with it.
        cover: how far paint covers, 0..1.
    """
    free = 1 - cover.clip(0, 1)
    touched = (shown != solved).any(-1, keepdims=True) | (cover != 0).any(-1, keepdims=True)
    return np.where(touched, shown + free * (below - solved), below)


@dataclass(frozen=True)
class _Layer:
    """A layer spread over the whole frame, rows top to bottom."""

    colour: np.ndarray  # (h, w, 3) premultiplied, linear
    alpha: np.ndarray  # (h, w)
    uv: np.ndarray  # (h, w, 2) bottom-left origin
    radius: np.ndarray  # (h, w) px
    coc: np.ndarray  # (h, w) px, signed where the lens is known
    depth: np.ndarray | None  # (h, w) px of radius, where the lens is known


def _spread(
    layers: list[LayerFrame],
    index: int,
    t: int,
    model: ShotModel,
    atlas_size: tuple[int, int],
    lens: VirtualLens | None,
) -> _Layer:
    layer, frame = layers[index], model.frame_box()
    seen = layer.box.intersection(frame)
    inside, onto = seen.inside(layer.box), seen.inside(frame)

    def placed(image: torch.Tensor) -> np.ndarray:
        out = np.zeros((frame.height, frame.width, image.shape[0]), np.float32)
        if seen.width and seen.height:
            out[onto] = image[:, inside[0], inside[1]].permute(1, 2, 0).cpu().numpy()
        return out

    height, width = atlas_size
    uv = torch.stack([(layer.texel[0] + 0.5) / width, 1 - (layer.texel[1] + 0.5) / height])
    uv = uv * (layer.alpha > 0)
    coc = placed(torch.from_numpy(signed_coc(model, index, t, layer, lens))[None])[..., 0]
    depth = None
    if lens is not None and layer.radius_px.numel():
        texel = layer.texel.cpu().numpy()
        depth = placed(torch.from_numpy(lens.depth_at(index, texel))[None])[..., 0]
    return _Layer(
        placed(layer.colour * layer.alpha),
        placed(layer.alpha)[..., 0],
        placed(uv),
        placed(layer.radius_px[None])[..., 0],
        coc,
        depth,
    )


def _front_most(layers: list[_Layer], values: list[np.ndarray]) -> np.ndarray:
    """Return the values of the first layer that covers a pixel by half."""
    out = values[-1].copy()
    for layer, value in zip(reversed(layers[:-1]), reversed(values[:-1]), strict=True):
        covered = layer.alpha > 0.5
        out[covered] = value[covered]
    return out


def _over_plate(plate: np.ndarray, restored: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Lay a restored frame, display-encoded, over a linear plate; to the bit where none is kept."""
    shown = linear_to_display(plate)
    mixed = display_to_linear(shown + kept[..., None] * (restored - shown))
    return np.where(kept[..., None] > 0, mixed, plate)


def _grained(restored: np.ndarray, kept: np.ndarray, missing: Grain, frame: int) -> np.ndarray:
    """Return a restored frame, display-encoded, with the grain that its mix lacks."""
    smooth = cv2.GaussianBlur(restored, (0, 0), _SMOOTH_PX)
    return restored + grain(missing, smooth, kept, frame)


def _motion(model: ShotModel, layers: list[_Layer], t: int, to: int) -> np.ndarray:
    frame, frames = model.frame_box(), model.observed.frames
    if not 0 <= to < len(frames):
        return np.zeros((frame.height, frame.width, 2), np.float32)
    margin = max(8, ceil(frame.width / 16))
    moved = [layer_motion(layer.mapping, t, to, frame, margin) for layer in model.layers]
    # where frames of the clip were left out, motion is still that of one of them
    apart = abs(frames[to] - frames[t])
    return _front_most(layers, moved) * np.array([1, -1], np.float32) / np.float32(apart)


@torch.no_grad()
def frame_planes(
    model: ShotModel,
    t: int,
    table: tuple[PassDefinition, ...],
    *,
    plate: np.ndarray | None,
    above: np.ndarray | None = None,
    atlases: list[torch.Tensor],
    repainted: Repainted | None = None,
    lens: VirtualLens | None = None,
    floor: Floor | None = None,
    missing: Grain | None = None,
    still: bool = False,
) -> list[Plane]:
    """Evaluate every pass of the table for frame ``t``.

    Args:
        model: the solved shot, atlases at full resolution.
        t: frame index.
        table: the passes to make, as ``passes.contract.pass_table`` lists them.
        plate: (h, w, 3) scene-linear; its pixels are kept where the frame is in focus. None keeps
            none.
        above: (h, w, 3) scene-linear, shown where the observed shot is `covered`.
        atlases: ``bake.atlases.finished_atlases``.
        repainted: atlases to show in their place; the beauty changes by what they change.
        lens: gives circles of confusion their sign, and depth; None: radii without.
        floor: says how far the solve may replace the plate; None: wherever the plate is out of
            focus, with a confidence of 1.
        still: without the plate's motion blur, as far as the solve knows it.
        missing: grain that is laid over what is restored; None: it stays without.
    """
    raw = model.frame(t, overscan=False, atlases=atlases, still=still)
    solved = sharp(raw, model.frame_box()).permute(1, 2, 0).cpu().numpy()
    sizes = [(atlas.shape[0], atlas.shape[1]) for atlas in atlases]
    if repainted is not None:
        raw = model.frame(t, overscan=False, atlases=repainted.atlases, still=still)
    layers = [_spread(raw, i, t, model, size, lens) for i, size in enumerate(sizes)]
    in_focus = share_in_focus([(layer.alpha, layer.radius) for layer in layers])
    if still:  # what moved is not as it should be, however well in focus
        frame = model.frame_box()
        smears = [model.smear_px(i, t, frame).cpu().numpy() for i in range(len(layers))]
        in_focus = in_focus * (1 - _front_most(layers, smears) / _SMEARED_PX).clip(0, 1)
    beauty, confidence = solved, np.ones_like(in_focus)
    if floor is not None:
        found = floor.frame(t, still=still)
        kept = found.kept * (1 - in_focus)
        confidence = found.confidence(kept, in_focus)
        if plate is not None:
            restored = found.restored
            if missing is not None:
                restored = _grained(restored, kept, missing, model.observed.frames[t])
            beauty = _over_plate(plate, restored, kept)
            # in focus or not: light above the ceiling is what only other frames tell
            clipped = model.observed.clipped(t)
            if clipped is not None:
                beauty = np.where(clipped, np.maximum(beauty, solved), beauty)
    elif plate is not None:
        beauty = in_focus[..., None] * plate + (1 - in_focus[..., None]) * beauty
    if repainted is not None:
        painted = model.frame(
            t, overscan=False, atlases=repainted.covers, still=still, as_shot=False
        )
        shown, cover = (
            sharp(one, model.frame_box()).permute(1, 2, 0).cpu().numpy() for one in (raw, painted)
        )
        beauty = laid_over(beauty, solved, shown, cover)
    covered = model.observed.covered_at()
    if above is not None and covered is not None:
        beauty = np.where(covered[..., None], above, beauty)
    data = {
        "beauty": np.dstack([beauty, np.ones(beauty.shape[:2], np.float32)]),
        "coc": _front_most(layers, [layer.coc for layer in layers]),
        "alpha": layers[0].alpha,
        "confidence": confidence,
        "forward": _motion(model, layers, t, t + 1),
        "backward": _motion(model, layers, t, t - 1),
    }
    for name, layer in zip(model.layer_names, layers, strict=True):
        data[name] = np.dstack([layer.colour, layer.alpha])
        data[f"{name}_uv"] = np.dstack([layer.uv, layer.alpha])
        data[f"{name}_coc"] = continued(layer.coc, layer.alpha)
    if lens is not None:
        empty = np.zeros(beauty.shape[:2], np.float32)
        data["depth"] = _front_most(
            layers, [empty if layer.depth is None else layer.depth for layer in layers]
        )
    return [Plane(name=p.name, data=data[p.name], channels=p.channels, half=p.half) for p in table]
