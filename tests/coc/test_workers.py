# SPDX-License-Identifier: Apache-2.0
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from pullfocus.coc.dataset import Composer, ComposeSettings
from pullfocus.coc.pool import Batch, Pool, draw_batch
from pullfocus.coc.workers import drawn, spread
from pullfocus.errors import PullfocusError


def draw(pool: Pool, step: int) -> Batch:
    return draw_batch([(pool, 1.0)], 3, crop=48, seed=5, step=step)


def die(index: int) -> int:
    os._exit(3)


def test_workers_draw_the_same_batches_in_the_same_order(pool: Pool):
    one = list(drawn(partial(draw, pool), 3, 11, workers=0))
    many = list(drawn(partial(draw, pool), 3, 11, workers=2))
    assert len(one) == len(many) == 8
    for first, second in zip(one, many, strict=True):
        for ours, theirs in zip(first, second, strict=True):
            assert torch.equal(ours, theirs)


def test_workers_compose_the_same_pictures(tiles_folder: Path, small: ComposeSettings):
    make = Composer(tiles=tiles_folder / "train", first_seed=7, settings=small)
    one, many = (list(spread(make, range(10), workers=count)) for count in (0, 2))
    assert len(one) == len(many) == 10
    for ours, theirs in zip(one, many, strict=True):
        for name in ("blurred", "sharp", "coc"):
            # workers have a thread each: sums may differ in the last bit before they are stored
            found, expected = (getattr(of, name) for of in (theirs, ours))
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_a_worker_that_is_killed_is_one_clear_line():
    with pytest.raises(PullfocusError, match="expected 1 worker processes to stay"):
        list(spread(die, range(3), workers=1))
    with pytest.raises(PullfocusError, match="expected 1 worker processes to stay"):
        list(drawn(die, 0, 3, workers=1))
