# SPDX-License-Identifier: Apache-2.0
"""One frame of a solved shot through another lens: layered, scene-linear, real background behind.

Every layer spreads by its own circle of confusion, with its matte, before the composite; behind a
blurred silhouette lies what the atlas knows of the background.
"""

import functools
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import torch

from cuda_lensblur import FrameView
from cuda_lensblur.field import curved
from pullfocus.lens.virtual import VirtualLens, signed_coc
from pullfocus.model.formation import LayerFrame
from pullfocus.model.glass import spread, spread_channels
from pullfocus.model.grid import Box
from pullfocus.model.shot_model import ShotModel
from pullfocus.model.strips import in_strips
from pullfocus.refocus.bloom import bloomed
from pullfocus.refocus.new_lens import NewLens
from pullfocus.refocus.preview import quick_spread

__all__ = ["Refocused", "focus_tint", "refocused_frame"]

_HIGHLIGHT = 0.8  # of where the sensor clips: from here on light is lifted
_LIFTED_FROM_PX = 2.0  # highlights are lifted in full from this radius on
_IN_FOCUS_PX = 0.5
_NEAR, _IN_FOCUS, _FAR = np.array([[0.3, 0.5, 1.0], [0.2, 1.0, 0.3], [1.0, 0.35, 0.3]], np.float32)


@dataclass(frozen=True)
class Refocused:
    """A frame, rows top to bottom."""

    colour: np.ndarray
    """(h, w, 3) scene-linear; the frame is opaque."""
    coc: np.ndarray
    """(h, w) signed radius of what is seen, px, near negative."""
    matte: np.ndarray
    """(h, w) the first layer's matte as the lens shows it, 0..1."""
    near: np.ndarray | None = None
    """(h, w) share of what is seen that lies before the focus, as the lens shows it, 0..1."""
    far: np.ndarray | None = None
    """(h, w) the same behind it."""


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer before the lens."""

    box: Box
    stack: torch.Tensor  # (4, h, w) premultiplied, with its matte
    coc: np.ndarray  # (h, w) signed radius through the new lens, px


def _radius(signed: np.ndarray, lens: NewLens) -> np.ndarray:
    signed = -signed if lens.switched else signed
    scaled = lens.aperture * np.where(signed < 0, lens.near * signed, lens.far * signed)
    return scaled.clip(-lens.max_radius_px, lens.max_radius_px).astype(np.float32)


def _lifted(
    colour: torch.Tensor, gain: float, radius_px: torch.Tensor, clipped: float
) -> torch.Tensor:
    """Give highlights (3, h, w) back what clipping took; in focus nobody misses it.

    ``clipped`` is where the sensor clips; infinity lifts nothing.
    """
    if gain == 1 or clipped == float("inf"):
        return colour
    start = _HIGHLIGHT * clipped
    bright = ((colour.amax(0, keepdim=True) - start) / (clipped - start)).clamp(0, 1)
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
    off_axis = abs(lens.field.astigmatism_px) + abs(lens.field.curvature_px)
    extra = off_axis + max(abs(shift) for shift in lens.axial_px)
    largest = lens.glass.growth * (float(np.abs(_radius(signed, lens)).max(initial=0)) + extra)
    return ceil(min(largest, lens.max_radius_px)) + 1


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
    clipped: float = 1.0,
    mattes: bool = False,
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
        clipped: where the plate clips, scene-linear; `highlight_gain` acts on what reaches it.
        mattes: make `Refocused.near` and `far` as well.
    """
    clipped = 1.0 if lens.lift_bright else clipped
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
        fill = functools.partial(fill, clipped=clipped)
        in_strips(box, functools.partial(fill, virtual=virtual, focus=focus))
        layers.append(held)
    kept = [name in keep_sharp for name in model.layer_names]
    return _shown(layers, frame, lens, kept=kept, mattes=mattes)


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
    clipped: float,
) -> None:
    """Evaluate some rows of a layer."""
    own = focus is None and not sharp  # the plate's circles of confusion
    layer = model.layer_frame(index, t, strip, atlas, with_radius=own)
    rows, _ = strip.inside(held.box)
    if not sharp:
        held.coc[rows] = _radius(_coc(model, virtual, index, t, layer, focus), lens)
    lifted = layer.colour
    if lens.highlight_gain != 1:
        radius = torch.from_numpy(np.abs(held.coc[rows])).to(model.device)
        lifted = _lifted(lifted, lens.highlight_gain, radius, clipped)
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


@dataclass(frozen=True, eq=False)
class _Spread:
    """A layer as the lens shows it."""

    box: Box
    coc: np.ndarray  # (h, w)
    light: torch.Tensor  # (3, h, w) premultiplied
    coverage: torch.Tensor  # (1, h, w), or (3, h, w) by channel
    sides: torch.Tensor | None  # (2, h, w) coverage by what lies before and behind the focus


def _through(layer: _Layer, frame: Box, lens: NewLens, *, sharp: bool, mattes: bool) -> _Spread:
    """Spread one layer."""
    view = FrameView(
        frame.width, frame.height, layer.box.left - frame.left, layer.box.top - frame.top
    )
    coc = torch.from_numpy(layer.coc).to(layer.stack.device)
    glass = lens.glass
    if lens.aperture and not sharp:
        coc = curved(lens.field, coc, view)
        glass = replace(glass, field=replace(glass.field, curvature_px=0.0))
    sides = None
    if mattes:
        share = ((coc.abs() - _IN_FOCUS_PX) / _IN_FOCUS_PX).clamp(0, 1) * layer.stack[3]
        sides = torch.stack([share * (coc < 0), share * (coc > 0)])
    shown = coc.cpu().numpy()
    off_axis = lens.field.astigmatism_px or any(lens.axial_px)
    if sharp or not (shown.any() or (off_axis and lens.aperture)):
        return _Spread(layer.box, shown, layer.stack[:3], layer.stack[3:], sides)
    through = quick_spread if lens.preview else spread
    light, coverage = through(layer.stack, coc, glass, view, lens.max_radius_px)
    if sides is not None:
        sides = spread_channels(sides, coc, glass, view, lens.max_radius_px)
    return _Spread(layer.box, shown, light, coverage, sides)


def _shown(
    layers: list[_Layer], frame: Box, lens: NewLens, *, kept: list[bool], mattes: bool
) -> Refocused:
    seen = [
        _through(layer, frame, lens, sharp=sharp, mattes=mattes)
        for layer, sharp in zip(layers, kept, strict=True)
    ]
    shape = (frame.height, frame.width)
    near, far = (np.zeros(shape, np.float32) if mattes else None for _ in range(2))
    out = Refocused(
        np.empty((*shape, 3), np.float32),
        np.empty(shape, np.float32),
        np.zeros(shape, np.float32),
        near,
        far,
    )
    in_strips(frame, functools.partial(_compose, out, seen, frame))
    return replace(out, colour=bloomed(out.colour, lens.bloom)) if lens.bloom.amount else out


def _compose(out: Refocused, layers: list[_Spread], frame: Box, strip: Box) -> None:
    """Put the layers over each other in some rows; the last one is divided by its own weight."""
    here = strip.inside(frame)
    last = layers[-1]
    rows, columns = strip.inside(last.box)
    weight = last.coverage[:, rows, columns].clamp(min=1e-4)
    colour = last.light[:, rows, columns] / weight
    out.coc[here] = last.coc[rows, columns]
    _put_sides(out, here, last, (rows, columns), 1 / weight.mean(0))
    for layer in reversed(layers[:-1]):
        seen = layer.box.intersection(strip)
        if not (seen.width and seen.height):
            continue
        inside, onto, there = seen.inside(layer.box), seen.inside(strip), seen.inside(frame)
        coverage = layer.coverage[:, inside[0], inside[1]]
        below = colour[:, onto[0], onto[1]]
        colour[:, onto[0], onto[1]] = layer.light[:, inside[0], inside[1]] + (1 - coverage) * below
        alpha = coverage.mean(0).cpu().numpy()
        out.coc[there] = np.where(alpha > 0.5, layer.coc[inside], out.coc[there])
        _put_sides(out, there, layer, inside, None, 1 - alpha)
        if layer is layers[0]:
            out.matte[there] = alpha.clip(0, 1)
    out.colour[here] = colour.permute(1, 2, 0).cpu().numpy()


def _put_sides(
    out: Refocused,
    there: tuple[slice, slice],
    layer: _Spread,
    inside: tuple[slice, slice],
    scale: torch.Tensor | None,
    below: np.ndarray | None = None,
) -> None:
    """Put a layer's focus mattes over what lies below it."""
    if layer.sides is None or out.near is None or out.far is None:
        return
    own = layer.sides[:, inside[0], inside[1]]
    own = own if scale is None else own * scale
    for plane, side in zip((out.near, out.far), own.cpu().numpy(), strict=True):
        plane[there] = (side + (0 if below is None else below * plane[there])).clip(0, 1)


def focus_tint(shown: Refocused) -> np.ndarray:
    """Return the frame tinted for judging focus: near blue, in focus green, far red, (h, w, 3)."""
    grey = shown.colour.mean(-1, keepdims=True)
    coc = shown.coc[..., None]
    tint = np.where(coc < 0, _NEAR, _FAR)
    tint = np.where(np.abs(coc) <= _IN_FOCUS_PX, _IN_FOCUS, tint)
    return 0.25 * shown.colour + 0.75 * grey * tint
