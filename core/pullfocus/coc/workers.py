# SPDX-License-Identifier: Apache-2.0
"""Pictures made and drawn by many processes, the same ones in the same order as by one."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from multiprocessing.context import BaseContext
from typing import TypeVar

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from pullfocus.coc.pool import Batch
from pullfocus.errors import PullfocusError

__all__ = ["drawn", "spread"]

_AHEAD = 4
"""Batches that a worker draws ahead."""
_CHUNK = 4

T = TypeVar("T")


def _alone(worker: int = 0) -> None:
    """One thread a worker; ctrl-c is for the process that started it, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
    cv2.setNumThreads(0)


def _context() -> BaseContext:
    """How workers start: never as a fork of this process, whose threads and GPU they would lack."""
    ways = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in ways else "spawn")


def _lost(workers: int, error: Exception) -> PullfocusError:
    return PullfocusError(
        f"expected {workers} worker processes to stay, one ended ({str(error).splitlines()[0]}): "
        "out of memory? The same command goes on, with fewer --workers"
    )


def spread(make: Callable[[int], T], indices: Iterable[int], *, workers: int) -> Iterator[T]:
    """Apply ``make`` to every index, in order, by so many processes; 0: by this one.

    Args:
        make: can be pickled; what it returns depends on the index alone.
        indices: what it is given.
        workers: processes.

    Raises:
        PullfocusError: a process was killed.
    """
    if not workers:
        yield from map(make, indices)
        return
    executor = ProcessPoolExecutor(workers, mp_context=_context(), initializer=_alone)
    try:
        yield from executor.map(make, indices, chunksize=_CHUNK)
    except BrokenExecutor as error:
        raise _lost(workers, error) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


class _Steps(Dataset):
    """Step -> batch, as the loader wants it."""

    def __init__(self, draw: Callable[[int], Batch]) -> None:
        self._draw = draw

    def __getitem__(self, step: int) -> Batch:
        return self._draw(step)


def drawn(
    draw: Callable[[int], Batch], first: int, last: int, *, workers: int, pinned: bool = False
) -> Generator[Batch, None, None]:
    """Batches of the steps first..last - 1, in order; drawn ahead by so many processes.

    Args:
        draw: step -> batch; can be pickled, depends on the step alone.
        first: first step.
        last: the step after the last.
        workers: processes; 0: drawn here, each when it is asked for.
        pinned: in page-locked memory, from where a GPU copies beside its work.

    Raises:
        PullfocusError: a process was killed.
    """
    if not workers:
        yield from map(draw, range(first, last))
        return
    loader = DataLoader(
        _Steps(draw),
        batch_size=None,
        sampler=range(first, last),
        num_workers=workers,
        prefetch_factor=_AHEAD,
        worker_init_fn=_alone,
        pin_memory=pinned,
        multiprocessing_context=_context(),
    )
    try:
        yield from loader
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise _lost(workers, error) from error
