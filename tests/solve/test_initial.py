# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
import torch
from pullfocus.model.settings import ModelSettings
from pullfocus.model.shot_model import build_model
from pullfocus.plate.colour import display_to_linear, linear_to_display
from pullfocus.solve.initial import fuse, measure_exposure, sharp_by_detail, splat

from tests.solve import drawn


def test_splats_share_their_value_among_four_texels_and_drop_what_falls_outside() -> None:
    atlas = torch.zeros(5, 6, 1)
    texel = torch.tensor([[2.25, -0.5, 40.0], [3.5, 0.0, 1.0]])
    splat(atlas, texel, torch.tensor([[4.0], [2.0], [9.0]]))
    expected = torch.zeros(5, 6, 1)
    expected[3, 2], expected[4, 2] = 1.5, 1.5
    expected[3, 3], expected[4, 3] = 0.5, 0.5
    expected[0, 0] = 1.0  # half of it lies left of the atlas
    torch.testing.assert_close(atlas, expected)
    assert atlas.sum() == pytest.approx(5.0)


def test_four_channels_are_splatted_alike_by_the_kernel() -> None:
    random = torch.Generator().manual_seed(0)
    texel = torch.rand(2, 5000, generator=random) * torch.tensor([[44.0], [35.0]]) - 3
    values = torch.randn(5000, 4, generator=random)
    whole, apart = torch.zeros(29, 38, 4), [torch.zeros(29, 38, 1) for _ in range(4)]
    splat(whole, texel, values)
    for channel, atlas in enumerate(apart):  # by torch
        splat(atlas, texel, values[:, channel : channel + 1])
    torch.testing.assert_close(whole, torch.cat(apart, -1), rtol=1e-5, atol=1e-5)


def test_flicker_is_measured_and_steady_light_is_left_alone():
    observed = drawn.shot([(slice(16, 48), slice(30, 66))], [[0.0] * 6, [0.0] * 6])
    gains = np.array([1.0, 1.06, 0.93, 1.05, 0.96, 1.0])
    linear = display_to_linear(observed.plate.astype(np.float32))
    flickering = linear_to_display(linear * gains[:, None, None, None]).astype(np.float16)
    for plate, changes in ((observed.plate, False), (flickering, True)):
        model = build_model(replace(observed, plate=plate), ModelSettings())
        for index in range(2):
            atlas = fuse(model, index, sharp_by_detail(model.observed))
            assert measure_exposure(model, index, atlas) is changes
            found = model.layers[index].exposure.log_gain.detach().numpy()
            truth = np.log(gains / np.median(gains)) if changes else np.zeros(6)
            assert np.abs(found - truth[:, None]).max() < 0.01
