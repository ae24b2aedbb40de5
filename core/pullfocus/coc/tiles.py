# SPDX-License-Identifier: Apache-2.0
"""Sharp tiles to compose training pictures from: cut, kept on disk, drawn by seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pullfocus.errors import PullfocusError

__all__ = ["TILE_PX", "TileBank", "cut_tiles", "is_sharp", "load_bank", "save_bank"]

TILE_PX = 288
"""Side of a tile: a training picture, the reach of the largest blur around it, room to shrink."""
KINDS = ("photo", "texture")
_CELL_PX = 96
_SHARP = 150.0
"""Variance of the Laplacian (8 bit) of a tile that counts as sharp; a pre-filter only."""
_CELL_SHARP = 45.0


@dataclass(frozen=True, kw_only=True, eq=False)
class TileBank:
    """Sharp tiles of each kind, memory-mapped."""

    photo: np.ndarray
    """(N, 288, 288, 3) uint8, sRGB, R G B."""
    texture: np.ndarray
    """(N, 288, 288, 3) uint8, sRGB, R G B."""

    def draw(self, rng: np.random.Generator, photo_share: float = 0.5) -> np.ndarray | None:
        """One tile, (288, 288, 3) uint8; None where the bank is empty."""
        order = ("photo", "texture") if rng.random() < photo_share else ("texture", "photo")
        for kind in order:
            tiles = getattr(self, kind)
            if len(tiles):
                return np.asarray(tiles[rng.integers(len(tiles))])
        return None


def is_sharp(tile: np.ndarray) -> bool:
    """Whether a tile is sharp all over: no part of it is smooth where a lens may have blurred it.

    Most photographs have a shallow focus: their background would be labelled sharp. So every
    third of the tile must hold fine detail of its own.

    Args:
        tile: (288, 288, 3) uint8.
    """
    grey = cv2.cvtColor(tile, cv2.COLOR_RGB2GRAY)
    edges = cv2.Laplacian(grey, cv2.CV_32F)
    if edges.var() < _SHARP:
        return False
    cells = edges.reshape(3, _CELL_PX, 3, _CELL_PX).transpose(0, 2, 1, 3).reshape(9, -1)
    return bool((cells.var(axis=1) > _CELL_SHARP).all())


def cut_tiles(
    picture: np.ndarray, *, most: int, stride: int = TILE_PX // 2
) -> Iterator[np.ndarray]:
    """Sharp tiles of a picture, the most detailed first.

    Args:
        picture: (H, W, 3) uint8, already shrunk so that what it holds is sharp at its pixels.
        most: no more than this many.
        stride: distance between tiles, px.
    """
    height, width = picture.shape[:2]
    found = []
    for top in range(0, height - TILE_PX + 1, stride):
        for left in range(0, width - TILE_PX + 1, stride):
            tile = picture[top : top + TILE_PX, left : left + TILE_PX]
            if is_sharp(tile):
                grey = cv2.cvtColor(tile, cv2.COLOR_RGB2GRAY)
                found.append((float(cv2.Laplacian(grey, cv2.CV_32F).var()), top, left))
    for _, top, left in sorted(found, reverse=True)[:most]:
        yield picture[top : top + TILE_PX, left : left + TILE_PX].copy()


def save_bank(folder: Path, photo: list[np.ndarray], texture: list[np.ndarray]) -> None:
    """Write a bank of tiles: photo.npy, texture.npy and what they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, tiles in zip(KINDS, (photo, texture), strict=True):
        stack = np.stack(tiles) if tiles else np.zeros((0, TILE_PX, TILE_PX, 3), np.uint8)
        beside = folder / f".{kind}.tmp.npy"
        np.save(beside, stack)
        beside.replace(folder / f"{kind}.npy")
    facts = {"tile_px": TILE_PX, "photo": len(photo), "texture": len(texture)}
    (folder / "bank.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def load_bank(folder: Path) -> TileBank:
    """Open a bank that `save_bank` wrote.

    Raises:
        PullfocusError: there is none in the folder, or it holds something else.
    """
    stacks = {}
    for kind in KINDS:
        path = folder / f"{kind}.npy"
        if not path.is_file():
            raise PullfocusError(
                f"expected sharp tiles in {folder} (examples/prepare_coc_photos.py), no {path.name}"
            )
        try:
            stack = np.load(path, mmap_mode="r")
        except (ValueError, EOFError) as error:
            raise PullfocusError(f"{path}: expected tiles as .npy, damaged: {error}") from error
        if stack.dtype != np.uint8 or stack.shape[1:] != (TILE_PX, TILE_PX, 3):
            raise PullfocusError(
                f"{path}: expected uint8 tiles of {TILE_PX}x{TILE_PX}x3, got {stack.dtype} "
                f"{stack.shape}"
            )
        stacks[kind] = stack
    return TileBank(photo=stacks["photo"], texture=stacks["texture"])
