# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
from pullfocus.observe.sharpness import detail_energy


def test_energy_falls_with_blur_where_the_blur_is(rng):
    sharp = rng.random((120, 200, 3)).astype(np.float32)
    soft = sharp.copy()
    soft[:, 100:] = cv2.GaussianBlur(sharp, (0, 0), 2)[:, 100:]
    energy = detail_energy(soft)
    assert energy.shape == (120, 200)
    assert energy[:, :80].min() > 20 * energy[:, 120:].max()
    np.testing.assert_allclose(energy[:, :80], detail_energy(sharp)[:, :80], rtol=1e-3)


def test_a_flat_frame_has_none():
    np.testing.assert_allclose(detail_energy(np.full((40, 60, 3), 0.7, np.float32)), 0, atol=1e-9)
