# SPDX-License-Identifier: Apache-2.0
"""Training pictures kept on disk: composing costs as much as a training step, reading nothing.

A pool is a cache of `dataset.compose` by seed, or of rendered scenes. What happens behind the lens
(grading, noise, compression), flips and turns are drawn anew each time a picture is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from pullfocus.checkpoint import write_json
from pullfocus.coc.camera import random_grade, record
from pullfocus.coc.dataset import Sample
from pullfocus.errors import PullfocusError

__all__ = ["SHARD", "Batch", "Pool", "claim", "draw_batch", "write_pool", "write_shard"]

SHARD = 200
"""Pictures in a shard."""
_FIELDS = {"blurred": np.float16, "sharp": np.uint8, "coc": np.float16}

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Recorded pictures (B, 3, S, S), their sharp twins (B, 3, S, S), radii in px (B, S, S)."""


def claim(folder: Path, facts: Mapping[str, str]) -> None:
    """Note what a pool is made of, beside what is known of it; a pool of something else is refused.

    Raises:
        PullfocusError: the pool was made of something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pool.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name, value in facts.items():
        if known.get(name, value) != value:
            raise PullfocusError(
                f"{folder}: expected training pictures of the {name} that was given, these were "
                "made of another; use another --pool"
            )
    write_json(path, known | dict(facts))


def write_shard(folder: Path, index: int, samples: Sequence[Sample]) -> None:
    """Write some pictures of one size as a shard; the radii come last, they mark it whole."""
    for name, dtype in _FIELDS.items():
        stack = np.stack([getattr(sample, name) for sample in samples])
        if dtype is np.uint8:
            stack = np.round(stack * 255)
        beside = folder / f".{name}.{index:04d}.tmp.npy"
        np.save(beside, stack.astype(dtype))
        beside.replace(folder / f"{name}.{index:04d}.npy")


def write_pool(
    folder: Path,
    make: Callable[[int], Sample],
    count: int,
    *,
    share: tuple[int, int] = (0, 1),
    report: Callable[[float], None] = lambda fraction: None,
) -> None:
    """Make ``count`` pictures (rounded up to whole shards); shards that are there are kept.

    Args:
        folder: made if need be.
        make: index -> picture; the same index gives the same picture.
        count: pictures in the pool.
        share: (i, n): write every n-th shard from the i-th on, so that n processes share the work.
        report: told the fraction that is done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = range(share[0], -(-count // SHARD), share[1])
    for done, index in enumerate(shards, 1):
        if not (folder / f"coc.{index:04d}.npy").exists():
            write_shard(folder, index, [make(index * SHARD + k) for k in range(SHARD)])
        report(done / len(shards))


class Pool:
    """Pictures in a folder, memory-mapped, in the order of their shards."""

    def __init__(self, folder: Path, shards: Sequence[int] | None = None) -> None:
        """Open a pool.

        Args:
            folder: holds the shards.
            shards: numbers of those to use; None: all there are.

        Raises:
            PullfocusError: no shards in the folder.
        """
        self.folder = folder
        names = sorted(p.name.split(".")[1] for p in folder.glob("coc.*.npy"))
        if shards is not None:
            names = [name for name in names if int(name) in set(shards)]
        if not names:
            raise PullfocusError(f"expected training pictures (coc.####.npy) in {folder}, no such")
        self._shards = [
            {field: np.load(folder / f"{field}.{name}.npy", mmap_mode="r") for field in _FIELDS}
            for name in names
        ]
        self._ends = np.cumsum([len(shard["coc"]) for shard in self._shards])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(index)
        shard = int(np.searchsorted(self._ends, index, side="right"))
        held = self._shards[shard]
        at = index - (int(self._ends[shard - 1]) if shard else 0)
        return Sample(
            blurred=held["blurred"][at].astype(np.float32),
            sharp=held["sharp"][at].astype(np.float32) / 255,
            coc=held["coc"][at].astype(np.float32),
        )


def draw_batch(
    pools: Sequence[tuple[Pool, float]], size: int, *, crop: int, seed: int, step: int
) -> Batch:
    """The batch of one step: depends on seed and step alone, so that training resumes exactly.

    Args:
        pools: pools and the share of pictures that comes from each.
        size: pictures in the batch.
        crop: side of what is cut from each picture, px.
        seed: of the training.
        step: number of the step.
    """
    rng = np.random.default_rng((seed, step))
    shares = np.array([share for _, share in pools], np.float64)
    blurred, sharp, radii = [], [], []
    for _ in range(size):
        pool = pools[int(rng.choice(len(pools), p=shares / shares.sum()))][0]
        sample = pool[int(rng.integers(len(pool)))]
        top, left = (int(rng.integers(0, n - crop + 1)) for n in sample.coc.shape)
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))
        cut = []
        for plane in (sample.blurred, sample.sharp, sample.coc):
            part = np.rot90(plane[top : top + crop, left : left + crop], turns)
            cut.append(np.ascontiguousarray(part[:, ::-1] if flip else part))
        grade = random_grade(rng)
        blurred.append(record(rng, grade.apply(cut[0])))
        sharp.append(grade.apply(cut[1]))
        radii.append(cut[2])
    seen, clear = (torch.from_numpy(np.stack(p)).permute(0, 3, 1, 2) for p in (blurred, sharp))
    return seen, clear, torch.from_numpy(np.stack(radii))
