# SPDX-License-Identifier: Apache-2.0
"""Whether the plate clips, and where: only there did highlights lose light."""

import math

import numpy as np

from pullfocus.observe.observed import Observed
from pullfocus.plate.colour import display_to_linear

__all__ = ["clip_level"]

_BINS = 256
_PILED = 6.0  # times as many px at the top as the level below leads to expect
_LEAST_PX = 24  # over the shot


def clip_level(observed: Observed) -> float:
    """Return where the plate clips, scene-linear, or infinity where nothing proves that it does.

    A sensor that clips piles its brightest px up at one level; light that merely ends there thins
    out towards it.

    Args:
        observed: the shot; its plate is read once.
    """
    top = max(float(np.asarray(frame).max(initial=0)) for frame in observed.plate)
    if top <= 0:
        return math.inf
    counts = np.zeros(_BINS)
    for frame in observed.plate:
        brightest = np.asarray(frame, np.float32).max(-1)
        counts += np.histogram(brightest, _BINS, (0, top * (1 + 0.5 / _BINS)))[0]
    at_top, below = counts[-2:].sum(), counts[-18:-2].mean() * 2
    if at_top < _LEAST_PX or at_top < _PILED * max(below, 1):
        return math.inf
    return float(display_to_linear(np.array(top)))
