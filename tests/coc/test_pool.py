# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from pullfocus.coc.dataset import Sample
from pullfocus.coc.pool import Pool, claim, draw_batch, write_pool
from pullfocus.errors import PullfocusError


def test_pictures_come_back_in_order(pool: Pool, samples: list[Sample]):
    assert len(pool) == 10
    for index in (0, 5, 6, 9):
        found = pool[index]
        np.testing.assert_allclose(found.coc, samples[index].coc, atol=4e-3)
        np.testing.assert_allclose(found.blurred, samples[index].blurred, atol=1e-3)
        np.testing.assert_allclose(found.sharp, samples[index].sharp, atol=1 / 500)
    with pytest.raises(IndexError):
        pool[10]


def test_a_batch_depends_on_seed_and_step_alone(pool: Pool):
    def batch(seed: int, step: int) -> torch.Tensor:
        return draw_batch([(pool, 1.0)], 3, crop=48, seed=seed, step=step, h264=False).seen

    assert batch(0, 7).shape == (3, 3, 48, 48)
    assert torch.equal(batch(0, 7), batch(0, 7))
    assert not torch.equal(batch(0, 7), batch(0, 8))
    assert not torch.equal(batch(0, 7), batch(1, 7))


def test_planes_of_a_batch_are_turned_together(tmp_path):
    """A picture whose brightness is its radius must stay so, whatever flips and turns are drawn."""
    line = np.linspace(0, 1, 40, dtype=np.float32)
    radius = line[:, None] * 7 + line * 3
    picture = np.repeat(radius[..., None] / 10, 3, axis=2)
    sample = Sample(blurred=picture, sharp=picture, coc=radius)
    write_pool(tmp_path, lambda index: sample, 1)
    for step in range(12):
        _, sharp, coc = draw_batch([(Pool(tmp_path), 1.0)], 1, crop=24, seed=0, step=step)
        grey, radii = sharp[0].mean(0).flatten(), coc[0].float().flatten()
        assert float(torch.corrcoef(torch.stack([grey, radii]))[0, 1]) > 0.9


def test_what_is_shrunk_has_smaller_radii(tmp_path):
    coc = np.full((96, 96), 8.0, np.float32)
    picture = np.full((96, 96, 3), 0.5, np.float32)
    write_pool(tmp_path, lambda index: Sample(blurred=picture, sharp=picture, coc=coc), 1)
    pools = [(Pool(tmp_path), 1.0)]
    found = draw_batch(pools, 64, crop=48, seed=0, step=0, sharp=False, h264=False)
    assert found.sharp is None
    radii = found.radius_px.float().mean(dim=(1, 2))
    assert float(radii.min()) >= 4.0
    assert 4.0 < float(radii.median()) <= 8.0
    assert 0.3 < float((radii < 8.0).float().mean()) < 0.7


def test_a_batch_travels_without_loss(pool: Pool):
    batch = draw_batch([(pool, 1.0)], 2, crop=48, seed=0, step=3, h264=False)
    assert batch.seen.dtype == torch.uint8
    assert torch.equal((batch.frames * 255).round().byte(), batch.seen)
    sample = pool[0].coc
    np.testing.assert_array_equal(sample, sample.astype(np.float16).astype(np.float32))


def test_shards_that_are_there_are_kept(tmp_path, samples: list[Sample]):
    made: list[int] = []

    def make(index: int) -> Sample:
        made.append(index)
        return samples[0]

    write_pool(tmp_path, make, 250, share=(1, 2))
    assert made == list(range(200, 400))
    write_pool(tmp_path, make, 250)
    assert made[200:] == list(range(200))
    assert len(Pool(tmp_path)) == 400


def test_a_pool_of_other_pictures_is_refused(tmp_path, samples: list[Sample]):
    write_pool(tmp_path, lambda index: samples[0], 400)
    claim(tmp_path, {"tiles": "a", "settings": "b"})
    claim(tmp_path, {"tiles": "a"})
    with pytest.raises(PullfocusError, match="of the tiles that was given"):
        claim(tmp_path, {"tiles": "other"})
    assert len(Pool(tmp_path, range(1))) == 200


def test_no_pool_is_one_clear_line(tmp_path):
    with pytest.raises(PullfocusError, match="expected training pictures"):
        Pool(tmp_path)
