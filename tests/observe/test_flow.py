# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from pullfocus.observe.flow import consistent, dense_flow, grey


def test_luma_of_a_frame_is_rounded_to_8_bit():
    frame = np.zeros((4, 4, 3), np.float32)
    frame[0, 0] = 1
    frame[1, 1] = (0, 1, 0)
    frame[2, 2] = (-3, 9, 0.5)  # out of range values do not wrap round
    luma = grey(frame)
    assert luma[0, 0] == 255
    assert luma[1, 1] == round(0.7152 * 255)
    assert luma[2, 2] == 255
    assert luma[3, 3] == 0


@pytest.mark.parametrize("size", [(1080, 1920), (400, 2000), (96, 128)])
def test_large_frames_are_reduced_and_small_ones_kept(size):
    luma = grey(np.full((*size, 3), 0.499, np.float32))
    assert max(luma.shape) == min(960, max(size))
    assert luma.shape[1] / luma.shape[0] == pytest.approx(size[1] / size[0], rel=0.01)
    assert (luma == 127).all()


def test_flow_finds_a_shift(wall):
    here, there = wall[20:180, 100:400].copy(), wall[17:177, 105:405].copy()
    inner = dense_flow(here, there)[20:-20, 20:-20]
    assert np.abs(inner - np.array([-5, 3])).max() < 0.3


def test_a_frame_too_small_for_flow_has_none():
    assert (dense_flow(np.zeros((8, 300), np.uint8), np.ones((8, 300), np.uint8)) == 0).all()


def test_flow_that_does_not_come_back_is_not_believed():
    forward = np.zeros((20, 30, 2), np.float32)
    forward[..., 0] = 4
    backward = -forward
    backward[5:10, 10:20, 1] += 3  # occluded: something else is seen there
    good = consistent(forward, backward)
    assert good[:, :25].sum() == good[:, :25].size - 5 * 10
    assert not good[5:10, 6:16].any()
    assert not good[:, 27:].any()  # leaves the frame
