# SPDX-License-Identifier: Apache-2.0
"""A contact sheet of mattes over their plate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pullfocus.checkpoint import replacing
from pullfocus.plate.colour import linear_to_display
from pullfocus.roto.shot_matte import ShotMatte
from pullfocus.shot import Shot

__all__ = ["write_preview"]

_SHOWN = 6
_WIDTH = 480
_TINTS = ((0.1, 0.9, 0.3), (0.2, 0.5, 1.0), (1.0, 0.7, 0.1), (0.9, 0.2, 0.9))


def write_preview(path: Path, shot: Shot, mattes: Sequence[ShotMatte]) -> None:
    """Write six frames with every layer's edge drawn and the rest dimmed, sRGB PNG."""
    chosen = np.unique(np.linspace(0, len(shot.frames) - 1, _SHOWN).round().astype(int))
    size = (_WIDTH, max(1, round(_WIDTH * shot.height / shot.width)))
    tiles = []
    for t in chosen:
        picture = linear_to_display(shot.plate.read(int(t))).clip(0, 1).astype(np.float32)
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
        alphas = [cv2.resize(m.alpha(int(t)), size, interpolation=cv2.INTER_AREA) for m in mattes]
        covered = np.maximum.reduce(alphas)[..., None]
        picture = picture * (0.35 + 0.65 * covered)
        for alpha, tint in zip(alphas, _TINTS * len(alphas), strict=False):
            inside = (alpha > 0.5).astype(np.uint8)
            edge = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
            picture[edge] = tint
        tile = np.ascontiguousarray((picture[..., ::-1] * 255 + 0.5).astype(np.uint8))
        sure = ", ".join(f"{m.layer} {100 * m.confidence[t]:.0f} %" for m in mattes)
        for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(
                tile,
                f"{shot.frames[t]}  {sure}",
                (8, 18),
                cv2.FONT_HERSHEY_SIMPLEX,
                0.45,
                colour,
                thickness,
                cv2.LINE_AA,
            )
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 3)
    rows = [np.hstack(tiles[n : n + 3]) for n in range(0, len(tiles), 3)]
    with replacing(path) as beside:
        cv2.imwrite(str(beside), np.vstack(rows))
