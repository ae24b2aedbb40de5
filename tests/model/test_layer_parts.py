# SPDX-License-Identifier: Apache-2.0
"""What layers are made of: subjects bend from frame to frame, the background less."""

import pytest
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
