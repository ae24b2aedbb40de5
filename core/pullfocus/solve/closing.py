# SPDX-License-Identifier: Apache-2.0
"""Plain words at the end of a solve: what it trusts, what it left as shot, what would help."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from pullfocus.model.floor import Floor
from pullfocus.model.shot_model import ShotModel
from pullfocus.observe.observed import Observed
from pullfocus.plate.sequence import range_text

__all__ = ["closing_words", "doubted_mattes"]

_LOOKS, _FEWEST_LOOKS = 8, 3  # frames looked at; not smaller ones: a sharp atlas shimmers there
_SOFT_PX = 1.0  # out of focus, at 512 wide
_NEVER_PX = 1.5  # never in focus: the median place of a layer is seen no sharper, at 512 wide
_MUCH = 0.05  # of a frame left as shot, or of a layer: worth a word
_EDGE = 0.5  # of what was left, near a matte's edge: the matte is to blame
_EDGE_PX = 12  # at 512 wide


def doubted_mattes(observed: Observed) -> list[str]:
    """Return a line for every layer with mattes that contradict their neighbours."""
    if observed.doubted is None:
        return []
    lines = []
    for name, doubted in zip(observed.layer_names, observed.doubted, strict=False):
        if doubted.any():
            frames = range_text([f for f, d in zip(observed.frames, doubted, strict=True) if d])
            lines.append(
                f"matte {name}: frames {frames} contradict their neighbours; there it counts less"
            )
    return lines


@dataclass(frozen=True)
class _Look:
    """What one frame shows, as shares of it."""

    frame: int
    relied: float
    left: float
    left_by_layer: tuple[float, ...]
    left_near_edge: float


def closing_words(model: ShotModel, *, parts_sought: bool = False) -> tuple[str, str, str]:
    """Return three sentences on a solved shot, atlases at full resolution.

    Looks at eight frames, fewer of large ones: a second at 512 wide. ``parts_sought``: parts that
    move apart were looked for already (``--layers auto``).
    """
    observed = model.observed
    count = len(observed.frames)
    wanted = max(_FEWEST_LOOKS, round(_LOOKS * min(1.0, 512 / observed.width)))
    chosen = sorted({round(i) for i in np.linspace(0, count - 1, min(count, wanted))})
    floor = Floor(model, model.linear_atlases())
    looks = [_look(model, floor, t) for t in chosen]
    return _trusted(looks), _left(looks), _help(model, floor, looks, parts_sought)


@torch.no_grad()
def _look(model: ShotModel, floor: Floor, t: int) -> _Look:
    observed, wide = model.observed, model.observed.width / 512
    found = floor.frame(t)
    soft = found.radius_px > _SOFT_PX * wide
    left = soft & found.left
    owner = found.layer
    near = np.zeros_like(left)
    reach = 2 * max(1, round(_EDGE_PX * wide)) + 1
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    for layer in range(len(model.layers) - 1):
        inside = (observed.matte(layer, t) > 0.5).astype(np.uint8)
        near |= cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, brush) > 0
    return _Look(
        observed.frames[t],
        float((~left).mean()),
        float(left.mean()),
        tuple(float((left & (owner == i)).mean()) for i in range(len(model.layers))),
        float((left & near).mean()),
    )


def _trusted(looks: list[_Look]) -> str:
    share = np.mean([look.relied for look in looks])
    return f"Trusts {share:.0%} of the picture: in focus as shot, or explained by other frames."


def _left(looks: list[_Look]) -> str:
    share = float(np.mean([look.left for look in looks]))
    if share < 0.005:
        return "Left next to nothing as shot."
    worst = sorted(looks, key=lambda look: -look.left)[:3]
    frames = ", ".join(str(look.frame) for look in sorted(worst, key=lambda look: look.frame))
    return (
        f"Left {share:.0%} as shot, out of focus but not explained, most in frames near {frames}"
        f" (pass confidence)."
    )


def _help(model: ShotModel, floor: Floor, looks: list[_Look], parts_sought: bool) -> str:
    observed, advice, besides = model.observed, [], ""
    wide = observed.width / 512
    if observed.doubted is not None and observed.doubted.any():
        some = [bool(column.any()) for column in observed.doubted.T]
        frames = [f for f, doubted in zip(observed.frames, some, strict=True) if doubted]
        advice.append(f"better mattes on frames {range_text(frames)}")
    left = float(np.mean([look.left for look in looks]))
    if left > _MUCH and not advice:
        if np.mean([look.left_near_edge for look in looks]) > _EDGE * left:
            worst = sorted(looks, key=lambda look: -look.left_near_edge)[:3]
            frames_text = ", ".join(str(f) for f in sorted(look.frame for look in worst))
            advice.append(f"a closer matte around frames {frames_text}")
        else:
            by_layer = np.mean([look.left_by_layer for look in looks], 0)
            name = model.layer_names[int(by_layer.argmax())]
            if parts_sought:
                besides = f" What was left within {name} bends or changes; no part moves apart."
            else:
                advice.append(f"a layer more within {name}, whose parts move or change")
    for index, name in enumerate(model.layer_names):
        sharpest = floor.seen.grids[index]
        seen = sharpest[sharpest < floor.seen.UNSEEN]
        if seen.size and float(np.median(seen)) > _NEVER_PX * wide:
            advice.append(f"a longer range: most of {name} is never in focus in this one")
    if not advice:
        return f"Nothing that a matte or a longer range could add stands out.{besides}"
    return f"What would help: {'; '.join(advice)}.{besides}"
