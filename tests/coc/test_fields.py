# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from pullfocus.coc.fields import coc_field, gradient, matte, procedural


@pytest.mark.parametrize("seed", range(12))
def test_radii_stay_within_their_range(seed):
    field = coc_field(np.random.default_rng(seed), 80, -7.0, 9.0)
    assert field.shape == (80, 80)
    assert field.dtype == np.float32
    assert field.min() >= 0
    assert field.max() <= 9


def test_all_kinds_of_fields_appear():
    fields = [coc_field(np.random.default_rng(seed), 64, 4.0, 16.0) for seed in range(60)]
    even = sum(float(np.ptp(f)) == 0 for f in fields)
    stepped = sum(len(np.unique(f)) == 2 for f in fields)
    through_focus = sum(f.min() < 0.2 and f.max() > 3 for f in fields)
    assert min(even, stepped, through_focus) >= 3


@pytest.mark.parametrize("seed", range(12))
def test_mattes_cover_something(seed):
    cover = matte(np.random.default_rng(seed), 96)
    assert cover.shape == (96, 96)
    assert 0 <= cover.min()
    assert 0.5 < cover.max() <= 1


@pytest.mark.parametrize("make", [procedural, gradient])
def test_textures_are_pictures_and_repeat_by_seed(make):
    for seed in range(8):
        picture = make(np.random.default_rng(seed), 72)
        assert picture.shape == (72, 72, 3)
        assert picture.dtype == np.float32
        assert 0 <= picture.min()
        assert picture.max() <= 1
        assert (picture == make(np.random.default_rng(seed), 72)).all()
