# SPDX-License-Identifier: Apache-2.0
"""What keeps a solve plain where little tells."""

import pytest
from pullfocus.model.shot_model import build_model
from pullfocus.solve.losses import plainer, regularisers
from pullfocus.solve.settings import SolveSettings

from tests.solve import drawn


def test_few_frames_hold_texels_plainer():
    weights = [plainer(count) for count in range(1, 40)]
    assert weights == sorted(weights, reverse=True)
    assert plainer(1) == plainer(4) == 8
    assert plainer(5) == pytest.approx(5.72, abs=0.01)
    assert plainer(16) == plainer(64) == 1


def test_the_prior_of_a_shot_is_as_strong_as_its_frames_are_few():
    observed = drawn.shot([(slice(16, 48), slice(30, 66))], [[3.0] * 6, [0.0] * 6])
    model = build_model(observed, SolveSettings().model)
    with_it = regularisers(model, SolveSettings(texel_weight=0.01))
    variation = model.layers[0].texture.energy()[0]
    name = f"texels {model.layers[0].name}"
    assert with_it[name].item() == pytest.approx(0.01 * plainer(6) * variation.item())
