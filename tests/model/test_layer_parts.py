# SPDX-License-Identifier: Apache-2.0
"""What layers are made of: subjects bend from frame to frame, the background where it is seen."""

import pytest
import torch
from pullfocus.model.grid import Box
from pullfocus.model.parts import build_layer
from pullfocus.model.settings import ModelSettings
from pullfocus.observe.scale import SAME
from solve.drawn import COUNT, shot


@pytest.mark.parametrize("subjects", [0, 1, 2])
def test_the_last_layer_alone_has_fewer_knots_in_time(subjects: int):
    box = (slice(8, 40), slice(8, 40))
    observed = shot([box] * subjects, [[0.0] * COUNT] * (subjects + 1))
    settings = ModelSettings(mapping_frames_per_knot=1, background_frames_per_knot=2.5)
    layers = [build_layer(observed, i, settings, None, SAME) for i in range(subjects + 1)]
    knots = [len(layer.mapping.lattice) - 3 for layer in layers]  # a cubic spline has three more
    assert knots == [COUNT - 1] * subjects + [2]
    flutters = [layer.mapping.flutter is not None for layer in layers]
    assert flutters == [False] * subjects + [True]


def test_a_frame_moves_what_it_shows_of_the_background_and_not_what_it_hides():
    box = (slice(8, 40), slice(8, 40))
    observed = shot([box], [[0.0] * COUNT] * 2)
    mapping = build_layer(observed, 1, ModelSettings(mapping_cell_px=8), None, SAME).mapping
    frame = Box(0, 0, observed.width, observed.height)
    before = mapping(1, frame).detach()
    with torch.no_grad():
        mapping.flutter[1] = 1.0  # px
    moved = (mapping(1, frame).detach() - before).norm(dim=0)
    assert moved[-1, -1] > 1
    assert moved[22:27, 22:27].max() < 1e-4
    again = build_layer(observed, 1, ModelSettings(mapping_cell_px=8), None, SAME).mapping
    assert torch.equal(again(2, frame), mapping(2, frame))  # other frames stay
