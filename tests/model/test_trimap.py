# SPDX-License-Identifier: Apache-2.0
"""What of a matte is beyond doubt, and that a solve keeps within it."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from pullfocus.model.matte import matte_from_logit
from pullfocus.model.trimap import trimap
from scipy.ndimage import distance_transform_edt

HALF = np.zeros((40, 60), np.float32)
HALF[:, 30:] = 1


def test_bounds_close_at_the_slack_on_both_sides():
    least, most = trimap(HALF, 8)
    row = 20
    # pixel x of the inside lies x - 29 px from the last pixel outside
    assert least[row, 30 + 6] == 0
    assert least[row, 30 + 11] == 255
    assert most[row, 29 - 6] == 255
    assert most[row, 29 - 11] == 0


@given(x=st.integers(5, 50), y=st.integers(5, 30), r=st.integers(2, 20), slack=st.floats(0.5, 12))
def test_what_is_farther_than_the_slack_is_beyond_doubt(x, y, r, slack):
    rows, columns = np.mgrid[:40, :60]
    matte = (np.hypot(columns - x, rows - y) <= r).astype(np.float32)
    least, most = trimap(matte, slack)
    inside = distance_transform_edt(matte)
    outside = distance_transform_edt(1 - matte)
    sure = 1.5 * slack + 1  # the ramp, and the chamfer's error
    assert (least[inside > sure] == 255).all()
    assert (most[outside > sure] == 0).all()
    assert (least[inside < 0.9 * slack - 0.5] == 0).all()
    assert (least <= most).all()
    assert (least / 255 <= matte + 0.002).all()
    assert (most / 255 >= matte - 0.002).all()


def test_smoke_may_thin_and_thicken_but_not_vanish_below_what_was_given():
    smoke = np.full((20, 20), 0.6, np.float32)
    least, most = trimap(smoke, 4)
    assert (least == round(0.6 * 255)).all()
    assert (most == 255).all()


def test_an_empty_and_a_full_matte_have_no_edge():
    for value in (0, 1):
        least, most = trimap(np.full((8, 8), value, np.float32), 3)
        assert (least == 255 * value).all()
        assert (most == 255 * value).all()


def test_gradients_lead_back_into_the_bounds_and_never_out():
    z = torch.zeros(4, requires_grad=True)
    least = torch.tensor([0.8, 0.8, 0.0, 0.0])
    most = torch.tensor([1.0, 1.0, 0.2, 0.2])
    matte = matte_from_logit(z, least, most)
    assert torch.allclose(matte, torch.tensor([0.8, 0.8, 0.2, 0.2]))
    matte.backward(torch.tensor([1.0, -1.0, 1.0, -1.0]))  # a step goes against the gradient
    assert z.grad is not None
    assert z.grad[0] == 0  # further down
    assert z.grad[1] < 0  # back up
    assert z.grad[2] > 0  # back down
    assert z.grad[3] == 0
