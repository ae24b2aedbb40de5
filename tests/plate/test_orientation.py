# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from pullfocus.plate.orientation import describe, from_matrix, swaps_sides, upright

MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}


@pytest.mark.parametrize(("value", "matrix"), MATRICES.items())
def test_pixels_go_where_the_matrix_sends_them(value, matrix):
    """Each pixel's centre, sent through the matrix and moved into view."""
    stored = np.arange(12).reshape(3, 4)
    a, b, c, d = matrix
    places = {}
    for y in range(3):
        for x in range(4):
            places[(a * (x + 0.5) + c * (y + 0.5), b * (x + 0.5) + d * (y + 0.5))] = stored[y, x]
    left, top = (min(place[axis] for place in places) for axis in (0, 1))
    shown = upright(stored, value)
    for (x, y), number in places.items():
        assert shown[round(y - top), round(x - left)] == number
    assert swaps_sides(value) == (shown.shape != stored.shape)
    assert from_matrix(*(65536 * entry for entry in matrix)) == value
    assert bool(describe(value)) == (value != 1)


@pytest.mark.parametrize("matrix", [(1, 1, -1, 1), (0, 0, 0, 0), (1, 0.5, 0, 1), (1, 0, 1, 0)])
def test_what_is_no_turn_by_90s(matrix):
    assert from_matrix(*matrix) is None


def test_scale_does_not_count():
    assert from_matrix(0.5, 0, 0, -2 / 4) == 4
