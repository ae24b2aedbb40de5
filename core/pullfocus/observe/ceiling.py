# SPDX-License-Identifier: Apache-2.0
"""Where a plate is clipped: its value only says that the light was at least so bright.

A sensor, a file or a grade that clips leaves a heap of equal values at the top, far higher than
what lies below. Where there is none, the brightest pixel is just that.
"""

from collections.abc import Sequence

import numpy as np

__all__ = ["CEILING_WIDTH", "find_ceiling"]

CEILING_WIDTH = 0.003
"""Display-encoded; values so near to the ceiling are at it: an 8-bit step is .0039."""
_BELOW = 4  # bins of that kind below the heap, with which it is compared
_BIN = 0.004
_LEAST = 2e-5  # share of all values, and
_FEWEST = 12  # values: fewer are sparks
_HEAP = 2.0  # times as many as in a bin below


def find_ceiling(plate: Sequence[np.ndarray] | np.ndarray) -> float | None:
    """Return the value that clipped channels have, display-encoded; None: nothing is clipped.

    Args:
        plate: frames (h, w, 3), display-encoded, gone through twice.
    """
    top = max(float(np.asarray(frame, np.float32).max()) for frame in plate)
    heap = below = total = 0
    for frame in plate:
        values = np.asarray(frame, np.float32)
        heap += int((values >= top - CEILING_WIDTH).sum())
        below += int((values >= top - CEILING_WIDTH - _BELOW * _BIN).sum())
        total += values.size
    in_a_bin = (below - heap) / _BELOW
    return top if heap > max(_FEWEST, _LEAST * total) and heap > _HEAP * in_a_bin else None
