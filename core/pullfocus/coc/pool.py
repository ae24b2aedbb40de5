# SPDX-License-Identifier: Apache-2.0
"""Training pictures kept on disk: composing costs as much as a training step, reading nothing.

A pool is a cache of `dataset.compose` by seed, or of rendered scenes. What happens behind the lens
(grading, noise, compression), flips, turns and sizes are drawn anew each time a picture is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
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

_SHRUNK = 0.5
"""Share of pictures that are cut larger and shrunk, as large frames are for the network."""


class Batch(NamedTuple):
    """Training pictures as they travel from process to process: no wider than what they hold."""

    seen: torch.Tensor
    """(B, 3, S, S) uint8, recorded, display-encoded."""
    sharp: torch.Tensor | None
    """(B, 3, S, S) float32 0..1, their sharp twins; None where nobody asked."""
    radius_px: torch.Tensor
    """(B, S, S) float16."""

    @property
    def frames(self) -> torch.Tensor:
        """What was recorded, (B, 3, S, S) float32 0..1."""
        return self.seen.float() * (1 / 255)

    def moved(self, device: torch.device) -> Batch:
        """The batch on a device; the copy may go on beside other work."""
        sharp = None if self.sharp is None else self.sharp.to(device, non_blocking=True)
        return Batch(
            seen=self.seen.to(device, non_blocking=True),
            sharp=sharp,
            radius_px=self.radius_px.to(device, non_blocking=True),
        )


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
    spread: Callable[[Callable[[int], Sample], Iterable[int]], Iterable[Sample]] = map,
    report: Callable[[float], None] = lambda fraction: None,
) -> None:
    """Make ``count`` pictures (rounded up to whole shards); shards that are there are kept.

    Args:
        folder: made if need be.
        make: index -> picture; the same index gives the same picture.
        count: pictures in the pool.
        share: (i, n): write every n-th shard from the i-th on, so that n processes share the work.
        spread: what applies ``make`` to many indices, in their order; `workers.Workers.spread`
            does it in many processes.
        report: told the fraction that is done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = range(share[0], -(-count // SHARD), share[1])
    lacking = [i for i in shards if not (folder / f"coc.{i:04d}.npy").exists()]
    made = iter(spread(make, [i * SHARD + k for i in lacking for k in range(SHARD)]))
    for done, index in enumerate(lacking, len(shards) - len(lacking)):
        report(done / len(shards))
        write_shard(folder, index, list(islice(made, SHARD)))
    report(1.0)


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
        self.folder, self._chosen = folder, shards
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

    def __reduce__(self) -> tuple:
        """Another process opens the folder anew: memory maps would travel as copies."""
        return Pool, (self.folder, self._chosen)

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


class _Place(NamedTuple):
    """What is cut from every plane of a picture, and how it is shrunk and turned."""

    top: int
    left: int
    side: int
    crop: int
    turns: int
    flip: bool

    def cut(self, plane: np.ndarray) -> np.ndarray:
        """(H, W) or (H, W, 3) to (crop, crop, ...)."""
        part = plane[self.top : self.top + self.side, self.left : self.left + self.side]
        if self.side > self.crop:
            # Radii of a surface are not mixed with those of the one behind it.
            way = cv2.INTER_AREA if plane.ndim == 3 else cv2.INTER_NEAREST_EXACT
            size = (self.crop, self.crop)
            part = cv2.resize(np.ascontiguousarray(part), size, interpolation=way)
        part = np.rot90(part, self.turns)
        return np.ascontiguousarray(part[:, ::-1] if self.flip else part)


def draw_batch(
    pools: Sequence[tuple[Pool, float]],
    size: int,
    *,
    crop: int,
    seed: int,
    step: int,
    sharp: bool = True,
    h264: bool = True,
) -> Batch:
    """The batch of one step: depends on seed and step alone, so that training resumes exactly.

    Args:
        pools: pools and the share of pictures that comes from each.
        size: pictures in the batch.
        crop: side of what is cut from each picture, px. Where a picture is larger, half of the time
            more is cut and shrunk to this, radii with it.
        seed: of the training.
        step: number of the step.
        sharp: whether the sharp twins are wanted.
        h264: see `camera.record`.
    """
    rng = np.random.default_rng((seed, step))
    shares = np.array([share for _, share in pools], np.float64)
    seen, clear, radii = [], [], []
    for _ in range(size):
        pool = pools[int(rng.choice(len(pools), p=shares / shares.sum()))][0]
        sample = pool[int(rng.integers(len(pool)))]
        side = crop
        if rng.random() < _SHRUNK:
            side = int(rng.integers(crop, min(sample.coc.shape) + 1))
        top, left = (int(rng.integers(0, n - side + 1)) for n in sample.coc.shape)
        place = _Place(top, left, side, crop, int(rng.integers(4)), bool(rng.integers(2)))
        grade = random_grade(rng)
        seen.append(record(rng, grade.apply(place.cut(sample.blurred)), h264=h264))
        if sharp:
            clear.append(grade.apply(place.cut(sample.sharp)))
        radii.append((place.cut(sample.coc) * np.float32(crop / side)).astype(np.float16))

    def stacked(pictures: list[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)

    return Batch(
        seen=stacked(seen),
        sharp=stacked(clear) if sharp else None,
        radius_px=torch.from_numpy(np.stack(radii)),
    )
