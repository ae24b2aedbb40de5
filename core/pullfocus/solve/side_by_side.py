# SPDX-License-Identifier: Apache-2.0
"""Gradients of a few frames from one point of the solve, worked out side by side.

A frame is too small for two cores to share well: two frames at once, a core each, take two thirds
of the time. Their steps are then taken one after the other, so that the second gradient is one step
old; how many cores there are changes when it is worked out, and nothing else.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import torch

__all__ = ["Hands", "Worked", "load_worked", "worked_state"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Worked:
    """What one frame asks of the parameters."""

    gradients: list[torch.Tensor | None]
    """One for every parameter that is solved for."""
    terms: dict[str, float]
    """Every term of the loss, weighted."""
    loss: float
    psnr: float
    """The frame as the model shows it, against the plate, dB, display-encoded."""


class Hands:
    """The threads that work on frames, a frame each; with one of them, the caller's own."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.count = 1
        """How many frames are worked on at once."""
        self._others: ThreadPoolExecutor | None = None

    def work(self, work: Callable[[int], T], frames: Sequence[int]) -> list[T]:
        """Return what ``work`` makes of every frame, in their order."""
        if min(self.count, len(frames)) < 2:
            return [work(t) for t in frames]
        if self._others is None:
            self._others = ThreadPoolExecutor(thread_name_prefix="frame")
        threads = torch.get_num_threads()

        def elsewhere(t: int) -> T:
            torch.set_num_threads(threads)  # counted by thread
            return work(t)

        others = [self._others.submit(elsewhere, t) for t in frames[1:]]
        return [work(frames[0]), *(one.result() for one in others)]


def worked_state(worked: Sequence[Worked]) -> dict[str, torch.Tensor]:
    """Return as tensors of a checkpoint what is worked out and not yet taken a step with."""
    tensors = {}
    for n, one in enumerate(worked):
        said = json.dumps({"terms": one.terms, "loss": one.loss, "psnr": one.psnr}).encode()
        tensors[f"worked.{n}.said"] = torch.frombuffer(bytearray(said), dtype=torch.uint8)
        for i, gradient in enumerate(one.gradients):
            if gradient is not None:
                tensors[f"worked.{n}.{i}"] = gradient
    return tensors


def load_worked(tensors: Mapping[str, torch.Tensor], parameters: int) -> list[Worked]:
    """Read back what `worked_state` returned, among other tensors, for so many parameters."""
    worked: list[Worked] = []
    while (said := tensors.get(f"worked.{len(worked)}.said")) is not None:
        gradients = [tensors.get(f"worked.{len(worked)}.{i}") for i in range(parameters)]
        worked.append(Worked(gradients, **json.loads(bytes(said.tolist()))))
    return worked
