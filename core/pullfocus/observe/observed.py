# SPDX-License-Identifier: Apache-2.0
"""What was measured off a shot, held on disk and read frame by frame."""

import mmap
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import cv2
import numpy as np

from pullfocus.observe.ceiling import CEILING_WIDTH
from pullfocus.observe.recent import Recent
from pullfocus.plate.colour import display_to_linear, linear_to_display

__all__ = ["Observed", "let_go", "level_size"]

_REDUCED_BYTES = 128_000_000  # of reduced frames that are kept: 96 of a 640 px proxy at level 1


def level_size(width: int, height: int, level: int) -> tuple[int, int]:
    """Return (width, height) of a pyramid level: 0 is the plate, each further one half as large."""
    return max(1, width >> level), max(1, height >> level)


def _reduced_matte(matte: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    values = np.asarray(matte, np.float32) / 255
    if values.shape == size[::-1]:
        return values
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA))


def let_go(stack: np.ndarray) -> None:
    """Give back the memory that a mapped file's frames were read into; they stay on disk."""
    mapped = getattr(stack, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


@dataclass(frozen=True, kw_only=True)
class Observed:
    """A shot as the solver sees it. Arrays are memory maps: frames cost memory while they are read.

    `plate_rows` and `matte_rows` read a piece of a frame, and let go of it.
    """

    frames: tuple[int, ...]
    layer_names: tuple[str, ...]
    width: int
    height: int
    colorspace: str
    plate: np.ndarray
    """(T, H, W, 3) float16, display-encoded."""
    mattes: np.ndarray
    """(L-1, T, H, W) uint8, 0..255, front to back."""
    coc: np.ndarray | None
    """(T, H, W) float16, given radius in px, or None."""
    motion: np.ndarray
    """(L, T, 3, 3) float64: px of a frame to px of the layer's reference frame."""
    residual: np.ndarray
    """(L, T, h, w, 2) float32: displacement in plate px before the homography, on a coarse grid
    that spans the frame evenly."""
    mattes_given: np.ndarray | None = None
    """(L-1, T, H, W) uint8 as handed in, where `mattes` holds something else in doubted frames."""
    doubted: np.ndarray | None = None
    """(L-1, T) bool: mattes that contradict their neighbours, who speak in their place."""
    covered: np.ndarray | None = None
    """(H, W) bool: bars and burnt-in words, no part of the scene; None: there are none."""
    source: np.ndarray | None = None
    """(T,) index of the frame that each one repeats, else its own; None: none is repeated."""
    light: np.ndarray | None = None
    """(T, 2, 3) gain and offset that a fade gives scene-linear colours; None: nothing fades."""
    untold: np.ndarray | None = None
    """(T,) bool: frames that tell nothing of the scene, black or half another shot; None: none."""
    ceiling: float | None = None
    """Display-encoded value of clipped channels; None: nothing is clipped."""
    notes: tuple[str, ...] = ()
    """What was found that the user should know, a line each."""
    folder: Path | None = None
    """Where all this lies, of a shot at its own size."""

    def plate_display(self, t: int, level: int = 0) -> np.ndarray:
        """Return frame ``t`` display-encoded, float32 (h, w, 3); reduced in linear light."""
        if level == 0:
            return self.plate_rows(t, slice(None))
        reduced = self._reduced.get((t, level), lambda: self._reduce_plate(t, level))
        return reduced.astype(np.float32)

    def plate_rows(self, t: int, rows: slice) -> np.ndarray:
        """Return rows of frame ``t`` display-encoded, float32 (rows, w, 3)."""
        frame = np.array(self.plate[t, rows], np.float32)
        let_go(self.plate)
        return frame

    def matte_rows(self, layer: int, t: int, rows: slice) -> np.ndarray:
        """Return rows of the given matte of a layer but the last, float32 (rows, w), 0..1."""
        matte = np.array(self.mattes[layer, t, rows], np.float32) / 255
        let_go(self.mattes)
        return matte

    def matte(self, layer: int, t: int, level: int = 0) -> np.ndarray:
        """Return the given matte of a layer, float32 (h, w), 0..1; 1 for the last layer."""
        size = level_size(self.width, self.height, level)
        if layer == len(self.layer_names) - 1:
            return np.ones(size[::-1], np.float32)
        matte = _reduced_matte(self.mattes[layer, t], size)
        let_go(self.mattes)
        return matte

    def doubted_matte(self, layer: int, t: int, level: int = 0) -> np.ndarray | None:
        """Return what was handed in, as `matte`, for a frame where it is doubted; else None."""
        if self.doubted is None or self.mattes_given is None or not self.doubted[layer, t]:
            return None
        return _reduced_matte(
            self.mattes_given[layer, t], level_size(self.width, self.height, level)
        )

    @lru_cache(maxsize=8)  # noqa: B019 - lives as long as the shot
    def covered_at(self, level: int = 0) -> np.ndarray | None:
        """Return `covered` at a pyramid level, (h, w) bool, pixels covered in part included."""
        if self.covered is None:
            return None
        size = level_size(self.width, self.height, level)
        if self.covered.shape == size[::-1]:
            return self.covered
        share = cv2.resize(self.covered.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        return np.asarray(share > 0)

    def at_least(self, t: int, shown: np.ndarray, level: int = 0) -> np.ndarray:
        """Return the plate (h, w, 3), display-encoded, as far as it contradicts what is shown.

        Where the plate is clipped and less bright than ``shown``, it says nothing against it.
        """
        plate, clipped = self.plate_display(t, level), self.clipped(t, level)
        return plate if clipped is None else np.where(clipped, np.maximum(plate, shown), plate)

    def clipped(self, t: int, level: int = 0) -> np.ndarray | None:
        """Return where frame ``t`` is clipped, (h, w, 3) bool, if it may be; parts count."""
        if self.ceiling is None:
            return None
        if level == 0:
            return self.plate_display(t) >= self.ceiling - CEILING_WIDTH
        return self._reduced_clipped(t, level)

    @cached_property
    def moments(self) -> list[int]:
        """Indices of the frames that are not repeats of another."""
        if self.source is None:
            return list(range(len(self.frames)))
        return sorted(set(self.source.tolist()))

    @cached_property
    def told(self) -> list[int]:
        """Indices of the frames that are solved from: moments that tell of the scene."""
        return [t for t in self.moments if self.tells(t)]

    def tells(self, t: int) -> bool:
        """Whether frame ``t`` tells of the scene."""
        return self.untold is None or not self.untold[t]

    @cached_property
    def coc_is_signed(self) -> bool:
        """Whether the given circles of confusion say what is near and what is far."""
        return self.coc is not None and any(float(frame.min()) < 0 for frame in self.coc)

    def coc_radius_px(self, t: int, level: int = 0) -> np.ndarray | None:
        """Return the given radius, float32 (h, w), in px of the level; None when not given."""
        if self.coc is None:
            return None
        radius = np.abs(np.asarray(self.coc[t], np.float32))
        if level == 0:
            return radius
        size = level_size(self.width, self.height, level)
        return cv2.resize(radius, size, interpolation=cv2.INTER_AREA) / 2**level

    @cached_property
    def _reduced(self) -> Recent:
        return Recent(_REDUCED_BYTES)

    def _reduce_plate(self, t: int, level: int) -> np.ndarray:
        size = level_size(self.width, self.height, level)
        linear = display_to_linear(self.plate_rows(t, slice(None)))
        reduced = cv2.resize(linear, size, interpolation=cv2.INTER_AREA)
        return linear_to_display(reduced).astype(np.float16)

    @lru_cache(maxsize=128)  # noqa: B019
    def _reduced_clipped(self, t: int, level: int) -> np.ndarray:
        whole = self.clipped(t)
        assert whole is not None
        size = level_size(self.width, self.height, level)
        return np.asarray(
            cv2.resize(whole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
        )

    def __hash__(self) -> int:
        return id(self)
