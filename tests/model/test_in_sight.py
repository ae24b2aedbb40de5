# SPDX-License-Identifier: Apache-2.0
"""What a frame shows of the last layer: a subject's box hides the controls within it."""

import numpy as np
from pullfocus.model.in_sight import in_sight
from solve.drawn import COUNT, shot


def test_controls_within_the_subject_are_hidden_and_those_away_from_it_seen():
    observed = shot([(slice(8, 40), slice(8, 40))], [[0.0] * COUNT] * 2)
    rows, columns = observed.height // 4, observed.width // 4
    found = in_sight(observed, (rows, columns), 0.0)
    assert found.shape == (COUNT, rows + 3, columns + 3)
    # control i lies at (i - 1) cells
    y, x = (
        (np.arange(n + 3) - 1) * (side - 1) / n
        for n, side in zip((rows, columns), (observed.height, observed.width), strict=True)
    )
    inside = np.ix_((y > 13) & (y < 35), (x > 13) & (x < 35))
    assert found[0][inside].max() < 0.02
    assert found[0][:, x > 52].min() > 0.98


def test_with_nothing_before_it_all_of_it_is_seen():
    observed = shot([], [[0.0] * COUNT])
    assert (in_sight(observed, (3, 5), 0.1) == 1).all()
