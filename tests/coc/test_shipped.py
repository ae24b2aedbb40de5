# SPDX-License-Identifier: Apache-2.0
"""The weights that come with the package: they load, are small, and read blur."""

import csv

import numpy as np
import pytest
import torch
from pullfocus.coc.dataset import compose
from pullfocus.coc.estimate import estimate_coc, load_network, shipped_weights
from pullfocus.coc.fields import procedural
from pullfocus.coc.tiles import TILE_PX, TileBank

from cuda_lensblur import scatter_blur

SEEDS = range(5_000_000, 5_000_006)


def test_they_are_small_and_have_a_card():
    assert shipped_weights().stat().st_size <= 6e6
    card = (shipped_weights().parent / "README.md").read_text(encoding="utf-8")
    for wanted in ("sources.csv", "Licence", "RMSE"):
        assert wanted in card
    with (shipped_weights().parent / "sources.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["role"] for row in rows} == {"train", "held"}
    assert all(len(row["sha256"]) == 64 and row["licence"] for row in rows)


def test_they_beat_a_constant_on_pictures_never_seen():
    """Surfaces made from nothing, since no photograph comes with the source."""
    network = load_network()
    nothing = np.zeros((0, TILE_PX, TILE_PX, 3), np.uint8)
    samples = [compose(TileBank(photo=nothing, texture=nothing), seed) for seed in SEEDS]
    truth = np.stack([sample.coc for sample in samples])
    found = np.stack([estimate_coc(network, sample.blurred).radius_px for sample in samples])
    assert np.sqrt(np.square(found - truth).mean()) < 0.9 * truth.std()


@pytest.mark.parametrize("seed", [0, 1, 5])  # seeds that draw noise over all octaves
def test_more_blur_reads_as_more(seed):
    network = load_network()
    picture = procedural(np.random.default_rng(seed), 128)
    linear = torch.from_numpy((picture**2.2).transpose(2, 0, 1).copy())
    read = []
    for radius in (0.0, 3.0, 10.0):
        field = torch.full(linear.shape[-2:], radius)
        blurred = scatter_blur(linear, field, kernel="disc", normalize="target")
        display = blurred.clamp(0, 1).numpy().transpose(1, 2, 0) ** (1 / 2.2)
        read.append(float(np.median(estimate_coc(network, display).radius_px[32:-32, 32:-32])))
    assert read == sorted(read)
    assert read[2] > read[0] + 4
