# SPDX-License-Identifier: Apache-2.0
"""Passes of a frame whose focus breathing is undone."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pullfocus.lens.breathing import Breathing, undone_colour, undone_motion
from pullfocus.plate.exr import Plane

__all__ = ["steadied"]

_MOTION = {"forward": 1, "backward": -1}
_BY_PLACE = ("_uv", "depth")  # between two surfaces lies nothing
_RADII = ("coc", "_coc")


def steadied(
    planes: Sequence[Plane],
    t: int,
    breathing: Breathing,
    above: np.ndarray | None = None,
    covered: np.ndarray | None = None,
) -> list[Plane]:
    """Return the planes of frame ``t`` scaled to the size that all frames share.

    Args:
        planes: as ``bake.frame.frame_planes`` returns them.
        t: frame index.
        breathing: of the shot.
        above: (h, w, 3) scene-linear, what lies over the scene and does not breathe.
        covered: (h, w) bool, where.
    """
    scale, last = float(breathing.scale[t]), len(breathing.scale) - 1
    found = []
    for plane in planes:
        if plane.name in _MOTION:
            to = min(max(t + _MOTION[plane.name], 0), last)
            data = undone_motion(plane.data, scale, float(breathing.scale[to]))
            if to == t:  # there is no such frame
                data = np.zeros_like(data)
        elif plane.name.endswith(_RADII):
            data = undone_colour(plane.data, scale, smooth=False) / np.float32(scale)
        else:
            smooth = not plane.name.endswith(_BY_PLACE)
            data = undone_colour(plane.data, scale, smooth=smooth)
            if plane.name == "beauty" and above is not None and covered is not None:
                data[..., :3][covered] = above[covered]
        found.append(replace(plane, data=data))
    return found
