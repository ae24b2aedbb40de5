# SPDX-License-Identifier: Apache-2.0
"""Sharp tiles made from noise, and pictures composed of them."""

from pathlib import Path

import numpy as np
import pytest
from pullfocus.coc.dataset import ComposeSettings, Sample, compose
from pullfocus.coc.pool import Pool, write_shard
from pullfocus.coc.tiles import TILE_PX, TileBank, load_bank, save_bank


def noisy_tiles(count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (count, TILE_PX // 4, TILE_PX // 4, 3)).astype(np.uint8)
    return list(blocks.repeat(4, 1).repeat(4, 2))


@pytest.fixture(scope="session")
def tiles_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiles")
    save_bank(folder / "train", noisy_tiles(3, 1), noisy_tiles(4, 2))
    save_bank(folder / "held", noisy_tiles(2, 3), noisy_tiles(2, 4))
    return folder


@pytest.fixture(scope="session")
def bank(tiles_folder: Path) -> TileBank:
    return load_bank(tiles_folder / "train")


@pytest.fixture(scope="session")
def small() -> ComposeSettings:
    return ComposeSettings(size=64, max_radius_px=6.0)


@pytest.fixture(scope="session")
def samples(bank: TileBank, small: ComposeSettings) -> list[Sample]:
    return [compose(bank, seed, small) for seed in range(10)]


@pytest.fixture
def pool(samples: list[Sample], tmp_path: Path) -> Pool:
    folder = tmp_path / "pool"
    folder.mkdir()
    write_shard(folder, 0, samples[:6])
    write_shard(folder, 1, samples[6:])
    return Pool(folder)
