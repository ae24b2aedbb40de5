# SPDX-License-Identifier: Apache-2.0
"""Several walks through a shot at once, a core each: a frame is too small for two to share well."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["side_by_side"]

T = TypeVar("T")


def side_by_side(walks: Sequence[Iterator[T]], most: int) -> Iterator[tuple[int, T]]:
    """Give what walks find, as it is found, with the number of the walk.

    Args:
        walks: each is gone through in one thread, in its order.
        most: threads; with one, walk after walk in the caller's own.

    Raises:
        Exception: what a walk raises; the others end with their next step, as they do where the
            caller goes away.
    """
    if min(most, len(walks)) < 2:
        for number, walk in enumerate(walks):
            for one in walk:
                yield number, one
        return
    found: queue.SimpleQueue[tuple[int, T] | None] = queue.SimpleQueue()
    ended = threading.Event()

    def go(number: int) -> None:
        try:
            for one in walks[number]:
                if ended.is_set():
                    return
                found.put((number, one))
        except BaseException:
            ended.set()
            raise
        finally:
            found.put(None)

    with ThreadPoolExecutor(most, thread_name_prefix="walk") as pool:
        going = [pool.submit(go, number) for number in range(len(walks))]
        left = len(walks)
        try:
            while left:
                step = found.get()
                if step is None:
                    left -= 1
                else:
                    yield step
        finally:
            ended.set()
        for walked in going:
            walked.result()
