# SPDX-License-Identifier: Apache-2.0
"""A box of a frame worked out in strips, several at a time.

What is worked out between the first pass over a strip and the last stays in the cache, and each
strip is one thread's: torch's own threads would meet at the end of every operation.
"""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

from pullfocus.model.grid import Box

__all__ = ["in_strips"]

_ROWS = 64


def in_strips(box: Box, work: Callable[[Box], None]) -> None:
    """Do ``work`` on strips of a box, without gradients; together they cover it.

    Args:
        box: where.
        work: called with each strip, by as many threads as torch has; it must write to places of
            its own.

    Raises:
        Exception: what ``work`` raised first.
    """
    strips = [
        Box(box.left, top, box.width, min(_ROWS, box.top + box.height - top), box.level)
        for top in range(box.top, box.top + box.height, _ROWS)
    ]
    threads = torch.get_num_threads()
    if threads == 1 or len(strips) < 2:
        with torch.no_grad():
            for strip in strips:
                work(strip)
        return

    def alone(strip: Box) -> None:
        with torch.no_grad():
            work(strip)

    for _ in _pool(threads).map(alone, strips):
        pass


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "strip", initializer=_be_alone)


def _be_alone() -> None:
    """Keep torch to this thread: of the thread that calls, once it was asked for its own count."""
    torch.get_num_threads()
    torch.set_num_threads(1)
