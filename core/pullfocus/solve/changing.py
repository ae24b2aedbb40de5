# SPDX-License-Identifier: Apache-2.0
"""Whether a layer's look changes in time: what one picture a layer cannot explain says so.

Asked once, between the coarse and the fine half of a solve. Where a look is steady, letting it
change would only cost detail.
"""

import cv2
import numpy as np
import torch

from pullfocus.model.formation import frame_mattes
from pullfocus.model.shot_model import ShotModel
from pullfocus.plate.colour import linear_to_display

__all__ = ["wake_changes"]

_SMOOTH_PX = 6.0  # standard deviation at 512 wide: noise and fine detail do not count
_CORE_PX = 8.0  # at 512 wide: so far from a silhouette, whose misfit is the matte's
_CHANGES = 0.008  # display-encoded, root mean square
_FRAMES = 12
_SEEN = 50  # px


@torch.no_grad()
def wake_changes(model: ShotModel) -> list[str]:
    """Let those layers change whose smoothed misfit asks for it; returns their names."""
    asked = []
    for layer, misfit in zip(model.layers, _smooth_misfit(model), strict=True):
        if layer.change is not None and misfit > _CHANGES:
            layer.change.awake.fill_(True)
            asked.append(layer.name)
    return asked


def _smooth_misfit(model: ShotModel) -> list[float]:
    """Return each layer's misfit with its plate where it is seen alone, display-encoded."""
    observed, level = model.observed, 1
    wide = max(1.0, observed.width / 512) / 2**level  # a small frame is as noisy, in px
    frame = model.frame_box(level)
    core = np.ones((2 * round(_CORE_PX * wide) + 1,) * 2, np.uint8)
    found: list[list[float]] = [[] for _ in model.layers]
    atlases = model.linear_atlases()
    count = len(observed.frames)
    for t in np.unique(np.linspace(0, count - 1, min(count, _FRAMES)).round().astype(int)).tolist():
        layers = model.frame(t, level=level, atlases=atlases)
        shown = linear_to_display(model.blurred(layers).permute(1, 2, 0).cpu().numpy())
        misfit = cv2.GaussianBlur(
            observed.plate_display(t, level) - shown, (0, 0), _SMOOTH_PX * wide
        )
        energy = np.square(misfit).mean(-1)
        free = np.ones(energy.shape, np.float32)
        for mine, matte in zip(found, frame_mattes(layers, frame), strict=True):
            covers = matte.cpu().numpy()
            alone = cv2.erode((free * covers > 0.98).astype(np.uint8), core) > 0
            if np.count_nonzero(alone) > _SEEN:
                mine.append(float(energy[alone].mean()))
            free = free * (1 - covers)
    return [float(np.sqrt(np.mean(one))) if one else 0.0 for one in found]
