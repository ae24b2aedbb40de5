# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from pullfocus.model.in_focus import share_in_focus

SHAPE = (60, 80)


def flat(value: float) -> np.ndarray:
    return np.full(SHAPE, value, np.float32)


@pytest.mark.parametrize(("radius", "share"), [(0.2, 1), (0.5, 1), (0.75, 0.5), (1, 0), (9, 0)])
def test_one_layer_is_in_focus_by_its_radius(radius, share):
    np.testing.assert_allclose(share_in_focus([(flat(1), flat(radius))]), share, atol=1e-6)


@pytest.mark.parametrize("level", [0, 1])
def test_a_sharp_wall_is_mixed_as_far_as_a_blurred_subject_reaches(level):
    matte = flat(0)
    matte[20:40, 30:50] = 1
    share = share_in_focus([(matte, flat(6)), (flat(1), flat(0))], level)
    reach = 6 >> level
    assert (share[20:40, 30:50] == 0).all()
    assert (share[30, 30 - reach : 30] == 0).all()
    assert share[30, 30 - reach - 3] == 1


def test_within_a_sharp_subject_a_blurred_wall_does_not_show():
    matte = flat(0)
    matte[10:50, 20:60] = 1
    share = share_in_focus([(matte, flat(0)), (flat(1), flat(6))])
    assert share[30, 40] == 1
    assert share[5, 5] == 0
