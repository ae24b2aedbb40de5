# SPDX-License-Identifier: Apache-2.0
"""A card before a wall, the camera still: a model whose truth is known."""

import numpy as np
from pullfocus.model.shot_model import ModelSettings, ShotModel, build_model
from pullfocus.observe.observed import Observed

__all__ = ["card_model"]


def card_model(
    card: tuple[slice, slice],
    size: tuple[int, int, int],
    *,
    names: tuple[str, str] = ("card", "bg"),
    first: int = 1001,
    focus: np.ndarray | None = None,
    depth: dict[str, float] | None = None,
    plate: np.ndarray | None = None,
    settings: ModelSettings = ModelSettings(),  # noqa: B008 - frozen
) -> ShotModel:
    """Return it with black textures.

    Args:
        card: rows and columns that the card covers in every frame.
        size: frames, height, width.
        names: of the card and the wall.
        first: frame number.
        focus: (frames,) px of radius; with `depth` by name it gives radii that are known.
        depth: of both, px of radius.
        plate: (frames, height, width, 3) display-encoded; None: black.
        settings: of the model.
    """
    count, height, width = size
    mattes = np.zeros((1, *size), np.uint8)
    mattes[0][(slice(None), *card)] = 255
    radius = None
    if focus is not None and depth is not None:
        radius = np.zeros(size, np.float16)
        for t, at in enumerate(focus):
            radius[t] = abs(depth[names[1]] - at)
            radius[t][card] = abs(depth[names[0]] - at)
    observed = Observed(
        frames=tuple(range(first, first + count)),
        layer_names=names,
        width=width,
        height=height,
        colorspace="lin_rec709_srgb",
        plate=np.zeros((*size, 3), np.float16) if plate is None else plate,
        mattes=mattes,
        coc=radius,
        motion=np.tile(np.eye(3), (2, count, 1, 1)),
        residual=np.zeros((2, count, 6, 8, 2), np.float32),
    )
    return build_model(observed, settings)
