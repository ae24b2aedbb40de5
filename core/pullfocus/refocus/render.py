# SPDX-License-Identifier: Apache-2.0
"""One frame of a solved shot through another lens: layered, scene-linear, real background behind.

Every layer spreads by its own circle of confusion, with its matte, before the composite; behind a
blurred silhouette lies what the atlas knows of the background.
"""

import functools
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch

from cuda_lensblur import Aperture, scatter_blur
from pullfocus.model.formation import LayerFrame
from pullfocus.model.grid import Box
from pullfocus.model.shot_model import ShotModel
from pullfocus.model.strips import in_strips
from pullfocus.virtual_lens import VirtualLens, signed_coc

__all__ = ["NewLens", "Refocused", "focus_tint", "refocused_frame"]

_HIGHLIGHT = 0.8  # light above this is taken for clipped
_LIFTED_FROM_PX = 2.0  # highlights are lifted in full from this radius on
_IN_FOCUS_PX = 0.5
_NEAR, _IN_FOCUS, _FAR = np.array([[0.3, 0.5, 1.0], [0.2, 1.0, 0.3], [1.0, 0.35, 0.3]], np.float32)


@dataclass(frozen=True)
class NewLens:
    """What the shot is seen through."""

    aperture: float = 1.0
    """Scale of all circles of confusion; 1 is the plate's own lens, 0 is deep focus."""
    near: float = 1.0
    """Scale of those in front of the plane of focus."""
    far: float = 1.0
    """Scale of those behind it."""
    max_radius_px: float = 64.0
    """Larger circles are held at this radius."""
    bokeh: Aperture | torch.Tensor | None = None
    """Shape of highlights; None is the soap bubble that the solve assumes."""
    highlight_gain: float = 1.0
    """Light above 0.8 that is out of focus is multiplied by up to this: what a clipped sensor
    lost."""


@dataclass(frozen=True)
class Refocused:
    """A frame, rows top to bottom."""

    colour: np.ndarray
    """(h, w, 3) scene-linear; the frame is opaque."""
    coc: np.ndarray
    """(h, w) signed radius of what is seen, px, near negative."""
    matte: np.ndarray
    """(h, w) the first layer's matte as the lens shows it, 0..1."""


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer before the lens."""

    box: Box
    stack: torch.Tensor  # (4, h, w) premultiplied, with its matte
    coc: np.ndarray  # (h, w) signed radius through the new lens, px


def _radius(signed: np.ndarray, lens: NewLens) -> np.ndarray:
    scaled = lens.aperture * np.where(signed < 0, lens.near * signed, lens.far * signed)
    return scaled.clip(-lens.max_radius_px, lens.max_radius_px).astype(np.float32)


def _lifted(colour: torch.Tensor, gain: float, radius_px: torch.Tensor) -> torch.Tensor:
    """Give highlights (3, h, w) back what clipping took; in focus nobody misses it."""
    if gain == 1:
        return colour
    bright = ((colour.amax(0, keepdim=True) - _HIGHLIGHT) / (1 - _HIGHLIGHT)).clamp(0, 1)
    spread = ((radius_px - _IN_FOCUS_PX) / (_LIFTED_FROM_PX - _IN_FOCUS_PX)).clamp(0, 1)
    return colour * (1 + (gain - 1) * bright * bright * spread)


def _reach(
    model: ShotModel, virtual: VirtualLens, index: int, t: int, focus: float | None, lens: NewLens
) -> int:
    """Return how far a layer may spread, px; without ``focus`` by the plate's own radii."""
    signed = virtual.depth[index] - np.float32(virtual.focus[t] if focus is None else focus)
    if focus is None:
        lens_px = float(np.abs(signed).max(initial=0)) if virtual.trusted else 0.0
        largest = max(model.largest_radius(index, t), lens_px)
        signed = np.array([-largest, largest], np.float32)
    return ceil(float(np.abs(_radius(signed, lens)).max(initial=0))) + 1


@torch.no_grad()
def refocused_frame(
    model: ShotModel,
    t: int,
    *,
    virtual: VirtualLens,
    focus: float | None,
    lens: NewLens,
    keep_sharp: frozenset[str] = frozenset(),
    atlases: list[torch.Tensor] | None = None,
) -> Refocused:
    """Show frame ``t`` with focus pulled elsewhere.

    Args:
        model: the solved shot.
        t: frame index.
        virtual: its lens.
        focus: depth in focus, px of radius; None keeps the plate's own circles of confusion.
        lens: aperture and bokeh.
        keep_sharp: layers that stay in focus whatever the rest does.
        atlases: ``bake.atlases.finished_atlases``, when they are at hand.
    """
    frame = model.frame_box()
    layers = []
    for index, name in enumerate(model.layer_names):
        sharp = name in keep_sharp
        reach = 1 if sharp else _reach(model, virtual, index, t, focus, lens)
        box = _box(model, index, t, frame, reach)
        atlas = None if atlases is None else atlases[index]
        stack = torch.empty(4, box.height, box.width, device=model.device)
        coc = np.zeros((box.height, box.width), np.float32)
        held = _Layer(box, stack, coc)
        fill = functools.partial(
            _fill, held, model=model, index=index, t=t, atlas=atlas, lens=lens, sharp=sharp
        )
        in_strips(box, functools.partial(fill, virtual=virtual, focus=focus))
        layers.append(held)
    return _shown(layers, frame, lens)


def _fill(
    held: _Layer,
    strip: Box,
    *,
    model: ShotModel,
    index: int,
    t: int,
    atlas: torch.Tensor | None,
    virtual: VirtualLens,
    focus: float | None,
    lens: NewLens,
    sharp: bool,
) -> None:
    """Evaluate some rows of a layer."""
    layer = model.layer_frame(index, t, strip, atlas)
    rows, _ = strip.inside(held.box)
    if not sharp:
        held.coc[rows] = _radius(_coc(model, virtual, index, t, layer, focus), lens)
    lifted = layer.colour
    if lens.highlight_gain != 1:
        radius = torch.from_numpy(np.abs(held.coc[rows])).to(model.device)
        lifted = _lifted(lifted, lens.highlight_gain, radius)
    torch.mul(lifted, layer.alpha, out=held.stack[:3, rows])
    held.stack[3, rows] = layer.alpha[0]


def _coc(
    model: ShotModel,
    virtual: VirtualLens,
    index: int,
    t: int,
    layer: LayerFrame,
    focus: float | None,
) -> np.ndarray:
    """A layer's signed circle of confusion on its box, before the new lens."""
    if focus is None:
        return signed_coc(model, index, t, layer, virtual)
    return virtual.depth_at(index, layer.texel.cpu().numpy()) - np.float32(focus)


def _box(model: ShotModel, index: int, t: int, frame: Box, reach: int) -> Box:
    box = frame.grown(reach)
    matte = model.layers[index].matte
    return box if matte is None else matte.bounds(t, 0).grown(reach).intersection(box)


def _shown(layers: list[_Layer], frame: Box, lens: NewLens) -> Refocused:
    stacks = []
    for layer in layers:
        stack = layer.stack
        if layer.coc.any():
            kernel = "soap_bubble" if lens.bokeh is None else lens.bokeh
            radius = torch.from_numpy(np.abs(layer.coc)).to(stack.device)
            stack = scatter_blur(stack, radius, kernel=kernel)
        stacks.append(stack)
    shape = (frame.height, frame.width)
    out = Refocused(
        np.empty((*shape, 3), np.float32), np.empty(shape, np.float32), np.zeros(shape, np.float32)
    )
    in_strips(frame, functools.partial(_compose, out, layers, stacks, frame))
    return out


def _compose(
    out: Refocused, layers: list[_Layer], stacks: list[torch.Tensor], frame: Box, strip: Box
) -> None:
    """Put the layers over each other in some rows; the last one is divided by its own weight."""
    here = strip.inside(frame)
    rows, columns = strip.inside(layers[-1].box)
    last = stacks[-1][:, rows, columns]
    colour = last[:3] / last[3:].clamp(min=1e-4)
    out.coc[here] = layers[-1].coc[rows, columns]
    for layer, stack in reversed(list(zip(layers[:-1], stacks[:-1], strict=True))):
        seen = layer.box.intersection(strip)
        if not (seen.width and seen.height):
            continue
        inside, onto, there = seen.inside(layer.box), seen.inside(strip), seen.inside(frame)
        own = stack[:, inside[0], inside[1]]
        below = colour[:, onto[0], onto[1]]
        colour[:, onto[0], onto[1]] = own[:3] + (1 - own[3:]) * below
        alpha = own[3].cpu().numpy()
        out.coc[there] = np.where(alpha > 0.5, layer.coc[inside], out.coc[there])
        if layer is layers[0]:
            out.matte[there] = alpha.clip(0, 1)
    out.colour[here] = colour.permute(1, 2, 0).cpu().numpy()


def focus_tint(shown: Refocused) -> np.ndarray:
    """Return the frame tinted for judging focus: near blue, in focus green, far red, (h, w, 3)."""
    grey = shown.colour.mean(-1, keepdims=True)
    coc = shown.coc[..., None]
    tint = np.where(coc < 0, _NEAR, _FAR)
    tint = np.where(np.abs(coc) <= _IN_FOCUS_PX, _IN_FOCUS, tint)
    return 0.25 * shown.colour + 0.75 * grey * tint
