# SPDX-License-Identifier: Apache-2.0
"""Mattes found again from the layers of a solve.

A solve knows what lies behind a layer in every frame, as out of focus as the plate shows it: the
best background that closed-form matting can be given. What it finds replaces the old matte only
where layer over background then explains the plate better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from pullfocus.model.formation import LayerFrame, reblur, sharp
from pullfocus.model.shot_model import ShotModel
from pullfocus.plate.colour import display_to_linear
from pullfocus.roto.band import Behind, alpha_in_band, carried_colours
from pullfocus.roto.in_time import Followed
from pullfocus.roto.outline import bent, overlap, signed_distance
from pullfocus.roto.settings import FollowSettings
from pullfocus.roto.shot_matte import ShotMatte, disc_edge
from pullfocus.shot import Shot
from pullfocus.solve.solved import load_solve

__all__ = ["Rematted", "again", "better_where", "rematte"]

_LOCAL_PX = 4.0  # over which misfits are compared
_GAIN = 0.9  # a new matte's misfit over the old one's, below which it counts as better
_FAINT = 1e-6  # squared light: less misfit than that wants no other matte
_IN_FRONT = 0.02  # coverage by other layers, from which on a pixel tells nothing
_TELLS = 0.1  # coverage from which on a layer's colour is known
_BEND_PX = 6.0


@dataclass(frozen=True)
class Rematted:
    """A layer's mattes, and how many of its frames were changed."""

    matte: ShotMatte
    changed: int
    misfit: tuple[float, float]
    """Root mean square of the plate's misfit round the edges, linear light: before and after."""


def rematte(
    solve_dir: Path,
    exact: Mapping[str, frozenset[int]],
    settings: FollowSettings | None = None,
    *,
    report: Callable[[str, float], None] = lambda stage, fraction: None,
) -> list[Rematted]:
    """Find every layer's mattes again.

    Args:
        solve_dir: a solve, finished or stopped.
        exact: layer to frame indices whose mattes were given as exact, and stay.
        settings: weights of the matting, and the size that is worked at.
        report: called with a stage and the fraction done.

    Raises:
        PullfocusError: no solve, or footage that moved.
    """
    settings = settings or FollowSettings()
    shot, model = load_solve(solve_dir, report)
    level = _level(model, settings.working_px)
    out = []
    for index, (name, source) in enumerate(shot.mattes):
        outlines, kept, sums = [], {}, np.zeros(3)
        for t in range(len(shot.frames)):
            given = source.read(t).astype(np.float32)
            old = _outline(given, model.frame_box(level).width, model.frame_box(level).height)
            if t in exact.get(name, frozenset()) or not (old > 0).any():
                found = None
            else:
                found = _frame(model, index, t, level, old, settings)
                sums += found.sums
            if found is None or found.share == 0:
                kept[t] = given
            outlines.append(
                Followed(old, 0.0, 1.0)
                if found is None
                else Followed(found.outline, found.radius_px, overlap(found.outline > 0, old > 0))
            )
            report(f"matte {name} again", (t + 1) / len(shot.frames))
        before, after = np.sqrt(sums[:2] / max(1.0, sums[2]))
        matte = ShotMatte(
            layer=name,
            frames=shot.frames,
            width=shot.width,
            height=shot.height,
            outlines=tuple(outlines),
            exact=kept,
        )
        out.append(Rematted(matte, len(shot.frames) - len(kept), (float(before), float(after))))
    return out


@dataclass(frozen=True, eq=False)
class _FoundAgain:
    outline: np.ndarray
    radius_px: float
    share: float  # of the edge that was changed
    sums: np.ndarray  # squared misfit before and after, and over how many px


@torch.no_grad()
def _frame(
    model: ShotModel, index: int, t: int, level: int, old: np.ndarray, settings: FollowSettings
) -> _FoundAgain:
    layers = model.frame(t, level=level, overscan=model.settings.reblur != "none")
    light = display_to_linear(model.observed.plate_display(t, level).astype(np.float32))
    behind = _shown(model, layers[index + 1 :])
    hidden = np.zeros(old.shape, bool)
    for other in range(index):
        hidden |= model.observed.matte(other, t, level) > _IN_FRONT
    radius = _edge_radius(layers[index], old, model)
    front = _own_colours(model, layers[index], layers[-1])
    return again(light, front, behind, old, radius, hidden, settings)


def again(
    light: np.ndarray,
    front: np.ndarray,
    behind: np.ndarray,
    old: np.ndarray,
    radius_px: float,
    hidden: np.ndarray,
    settings: FollowSettings,
) -> _FoundAgain:
    """Find one outline again.

    Args:
        light: plate (h, w, 3), linear.
        front: the layer's own colours, out of focus, wherever its edge may be, (h, w, 3) linear.
        behind: what it would show without the layer, out of focus as it is, (h, w, 3) linear.
        old: signed distance of the outline so far, px.
        radius_px: of the layer's blur at its edge.
        hidden: (h, w) bool, where other layers lie in front.
        settings: weights of the matting.
    """
    there = Behind(light=behind, known=~hidden)
    alpha = alpha_in_band(light, old, there, settings, front)
    new = bent(old, signed_distance(alpha), _BEND_PX)
    before, afterwards = (_misfit(light, front, behind, one, radius_px) for one in (old, new))
    band = (np.abs(old) < settings.band_px + radius_px) & ~hidden
    share = better_where(before, afterwards, band)
    mixed = np.asarray(share * new + (1 - share) * old, np.float32)
    after = _misfit(light, front, behind, mixed, radius_px)
    before_sum, after_sum = float(before[band].sum()), float(after[band].sum())
    if after_sum >= before_sum:  # what is better here and there may be worse together
        mixed, share, after_sum = old, np.zeros_like(share), before_sum
    changed = float((np.abs(mixed - old) > 0.05)[np.abs(old) < 1].mean())
    sums = np.array([before_sum, after_sum, float(band.sum())])
    return _FoundAgain(mixed, radius_px, changed, sums)


def better_where(old: np.ndarray, new: np.ndarray, band: np.ndarray) -> np.ndarray:
    """Return how far (0..1, smooth) a new matte is taken: where its misfit is plainly less.

    Args:
        old: squared misfit of the plate with the old matte, (h, w).
        new: the same with the new one.
        band: where either may differ.
    """
    before, after = (cv2.GaussianBlur(np.where(band, m, 0), (0, 0), _LOCAL_PX) for m in (old, new))
    better = ((after < _GAIN * before) & (before > _FAINT)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(better, (0, 0), 0.5 * _LOCAL_PX), np.float32)


def _misfit(
    light: np.ndarray, front: np.ndarray, behind: np.ndarray, outline: np.ndarray, radius_px: float
) -> np.ndarray:
    alpha = disc_edge(outline, max(radius_px, 0.7))[..., None]
    misfit = ((light - alpha * front - (1 - alpha) * behind) ** 2).sum(-1)
    return np.asarray(misfit, np.float32)


def _own_colours(model: ShotModel, layer: LayerFrame, last: LayerFrame) -> np.ndarray:
    """A layer's colours, not premultiplied, out of focus; carried on where it covers too little."""
    black, white = (replace(last, colour=torch.full_like(last.colour, v)) for v in (0.0, 1.0))
    premultiplied = _shown(model, [layer, black])
    cover = 1 - (_shown(model, [layer, white]) - premultiplied).mean(-1)
    colour = premultiplied / np.maximum(cover, 1e-3)[..., None]
    return np.where((cover > _TELLS)[..., None], colour, carried_colours(colour, cover > 0.5))


def _shown(model: ShotModel, layers: list[LayerFrame]) -> np.ndarray:
    """What layers alone would show, (h, w, 3) linear."""
    frame = model.frame_box(layers[-1].box.level)
    kind = model.settings.reblur
    image = sharp(layers, frame) if kind == "none" else reblur(layers, frame, model.settings.lens)
    return np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())


def _edge_radius(layer: LayerFrame, old: np.ndarray, model: ShotModel) -> float:
    """Median radius of a layer's circle of confusion along its edge, px of the level."""
    frame = model.frame_box(layer.box.level)
    seen = layer.box.intersection(frame)
    if not (seen.width and seen.height):
        return 0.0
    radius = layer.radius_px[seen.inside(layer.box)].cpu().numpy()
    near = np.abs(old[seen.inside(frame)]) < 2
    return float(np.median(radius[near])) if near.any() else 0.0


def _level(model: ShotModel, working_px: int) -> int:
    level = 0
    while max(model.frame_box(level).width, model.frame_box(level).height) > working_px:
        if min(model.frame_box(level + 1).width, model.frame_box(level + 1).height) < 64:
            break
        level += 1
    return level


def _outline(matte: np.ndarray, width: int, height: int) -> np.ndarray:
    if matte.shape != (height, width):
        matte = np.asarray(cv2.resize(matte, (width, height), interpolation=cv2.INTER_AREA))
    return signed_distance(matte)


def exact_frames(shot: Shot, keys: Mapping[str, frozenset[int]]) -> dict[str, frozenset[int]]:
    """Return frame indices of marked frame numbers."""
    at = {frame: t for t, frame in enumerate(shot.frames)}
    return {name: frozenset(at[f] for f in numbers if f in at) for name, numbers in keys.items()}
