# SPDX-License-Identifier: Apache-2.0
"""Layers that change are found by what one picture of them leaves over."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pullfocus.model.shot_model import ShotModel, build_model
from pullfocus.plate.colour import linear_to_display
from pullfocus.solve.changing import wake_changes
from pullfocus.solve.settings import SolveSettings

from tests.solve import drawn

BOX = slice(12, 52), slice(24, 72)


def explained(brighter: dict[int, float], grain: float = 0.0) -> ShotModel:
    """A model whose plate is what it shows, but for the subject in some frames, and grain."""
    observed = drawn.shot([BOX], [[0.0] * 6, [0.0] * 6])
    model = build_model(observed, SolveSettings().model)
    random = np.random.default_rng(3)
    plate = np.zeros_like(observed.plate)
    with torch.no_grad():
        for layer in model.layers:
            layer.texture.texels[..., :3] = 0.5
            layer.coc.lattice.fill_(-9.0)
        for t in range(len(plate)):
            shown = linear_to_display(model.reblur(t).permute(1, 2, 0).numpy())
            shown[BOX] += brighter.get(t, 0.0)
            plate[t] = shown + grain * random.standard_normal(shown.shape)
    model.observed = replace(observed, plate=plate)
    return model


@pytest.mark.parametrize("grain", [0.0, 0.03])
def test_a_steady_look_stays_asleep_also_under_grain(grain: float) -> None:
    model = explained({}, grain)
    assert wake_changes(model) == []
    assert not any(layer.change.awake for layer in model.layers)


def test_only_the_layer_that_changes_wakes() -> None:
    model = explained({2: 0.05, 3: 0.05, 4: 0.05})
    assert wake_changes(model) == ["layer0"]
    awake, asleep = model.layers
    assert awake.change.awake
    assert not asleep.change.awake
