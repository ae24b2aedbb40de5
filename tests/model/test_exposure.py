# SPDX-License-Identifier: Apache-2.0
"""A layer's light from frame to frame."""

import numpy as np
import torch
from pullfocus.model.exposure import Exposure


def test_nothing_changes_before_anything_is_measured():
    colour = torch.rand(3, 4, 5)
    assert torch.equal(Exposure(2)(1, colour), colour)


def test_gain_and_offset_go_and_come_back():
    exposure = Exposure(3)
    with torch.no_grad():
        exposure.log_gain[1] = torch.tensor([0.1, -0.2, 0.3])
        exposure.offset[1] = torch.tensor([2.0, 0.0, -1.0])
    colour = torch.rand(3, 4, 5)
    shown = exposure(1, colour)
    gain = torch.tensor([0.1, -0.2, 0.3]).exp()
    assert torch.allclose(shown[:, 0, 0], colour[:, 0, 0] * gain + torch.tensor([0.02, 0, -0.01]))
    assert torch.allclose(exposure.undone(1, shown), colour, atol=1e-6)
    assert torch.equal(exposure(0, colour), colour)


def test_a_gain_that_all_frames_share_costs_more_than_one_that_varies():
    shared, varying = Exposure(4), Exposure(4)
    with torch.no_grad():
        shared.log_gain.fill_(0.1)
        varying.log_gain[::2] = 0.1
        varying.log_gain[1::2] = -0.1
    assert shared.drift() > 5 * varying.drift()


def test_a_fade_lies_over_what_is_solved_and_is_not_solved():
    light = np.zeros((3, 2, 3))
    light[:, 0] = 1
    light[0] = [[0.25] * 3, [0.1, 0.2, 0.3]]
    exposure = Exposure(3, light)
    with torch.no_grad():
        exposure.log_gain[0] = 0.5
        exposure.offset[0] = 3.0
    colour = torch.rand(3, 4, 5)
    offset = torch.tensor([0.1, 0.2, 0.3])[:, None, None]
    expected = 0.25 * (colour * np.exp(0.5) + 0.03) + offset
    assert torch.allclose(exposure(0, colour), expected, atol=1e-6)
    assert torch.allclose(exposure.undone(0, expected), colour, atol=1e-5)
    assert torch.equal(exposure(1, colour), colour)
    assert (exposure.told(0), exposure.told(1)) == (0.25, 1.0)
    assert exposure.state_dict().keys() == Exposure(3).state_dict().keys()
    assert len(list(exposure.parameters())) == 2
