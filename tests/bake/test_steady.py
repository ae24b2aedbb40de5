# SPDX-License-Identifier: Apache-2.0
"""Passes without breathing fit together: colours, places, radii and motion."""

import numpy as np
import pytest
from pullfocus.bake.steady import steadied
from pullfocus.lens.breathing import Breathing
from pullfocus.plate.exr import Plane

HEIGHT, WIDTH = 41, 61
SCALES = np.array([1.0, 1.02, 1.05])


def shown(t: int) -> list[Plane]:
    """A slope that grows with the frame; nothing moves but the breathing."""
    x = (np.arange(WIDTH, dtype=np.float32) - 30) / SCALES[t]
    y = (np.arange(HEIGHT, dtype=np.float32) - 20) / SCALES[t]
    place = np.stack(np.broadcast_arrays(x[None], y[:, None]), -1).astype(np.float32)
    to = min(t + 1, 2)
    moved = place * np.float32(SCALES[to] - SCALES[t]) * np.float32([1, -1])
    beauty = np.dstack([place / 100 + 0.5, place[..., 0] * 0, np.ones((HEIGHT, WIDTH))])
    planes = {
        "beauty": (beauty, tuple("RGBA")),
        "bg_uv": (np.dstack([place, place[..., 0] * 0 + 1]), tuple("XYZ")),
        "bg_coc": (np.full((HEIGHT, WIDTH), 3 * SCALES[t]), ("bg_coc.X",)),
        "forward": (moved, ("forward.u", "forward.v")),
    }
    return [
        Plane(name=name, data=data.astype(np.float32), channels=channels, half=False)
        for name, (data, channels) in planes.items()
    ]


@pytest.mark.parametrize("t", [0, 1, 2])
def test_every_pass_is_that_of_a_frame_of_size_one(t: int) -> None:
    found = {plane.name: plane.data for plane in steadied(shown(t), t, Breathing(SCALES, 0.01))}
    still = {plane.name: plane.data for plane in shown(0)}
    inside = slice(3, -3), slice(3, -3)
    # OpenCV looks places up to 1/32 px
    np.testing.assert_allclose(found["beauty"][inside], still["beauty"][inside], atol=1e-3)
    np.testing.assert_allclose(found["bg_uv"][inside], still["bg_uv"][inside], atol=0.51)
    np.testing.assert_allclose(found["bg_coc"], 3, atol=1e-5)
    np.testing.assert_allclose(found["forward"][inside], 0, atol=0.03)


def test_bars_do_not_breathe() -> None:
    covered = np.zeros((HEIGHT, WIDTH), bool)
    covered[:6] = True
    bars = np.full((HEIGHT, WIDTH, 3), 0.004, np.float32)
    found = steadied(shown(2), 2, Breathing(SCALES, 0.01), bars, covered)
    assert (found[0].data[..., :3][covered] == np.float32(0.004)).all()
    np.testing.assert_allclose(found[0].data[..., 3], 1, atol=1e-5)
