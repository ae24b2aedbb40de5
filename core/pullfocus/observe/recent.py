# SPDX-License-Identifier: Apache-2.0
"""Arrays that were made last, kept up to so many bytes: a bound for frames of any size."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np

__all__ = ["Recent"]


class Recent:
    """What was made last, up to so many bytes, and always the very last."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._held: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: object) -> Recent:
        """Return an empty one: what it held is made again."""
        return Recent(self._most)

    def get(self, key: Hashable, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return what is held under a key, made where it is not."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make()
        with self._lock:
            if key not in self._held:
                self._held[key] = made
                self._bytes += made.nbytes
            while self._bytes > self._most and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1].nbytes
        return made
