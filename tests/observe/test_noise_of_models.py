# SPDX-License-Identifier: Apache-2.0
"""What a model does not explain is not taken for grain."""

import cv2
import numpy as np
import pytest
from pullfocus.observe.noise import Look, measure_noise

HEIGHT, WIDTH = 160, 240


def look(*, detail: float, model: bool, grain: float, smooth: float, seed: int) -> Look:
    """A frame without a plain place, a model of it that lacks its coarse half, and grain."""
    rng = np.random.default_rng(seed)

    def field(px: float) -> np.ndarray:
        out = cv2.GaussianBlur(rng.standard_normal((HEIGHT, WIDTH, 3)), (0, 0), px)
        return out / out.std()

    coarse, fine = field(5.0), field(2.5)
    clean = 0.5 + detail * (coarse + fine)
    noise = grain * (field(smooth) if smooth else rng.standard_normal(clean.shape))
    explained = 0.5 + detail * fine if model else np.zeros_like(clean)
    where = np.ones((HEIGHT, WIDTH), bool)
    frame, explained = ((np.asarray(one)).astype(np.float32) for one in (clean + noise, explained))
    return Look(frame, explained, where)


@pytest.mark.parametrize("model", [True, False])
def test_a_clean_frame_that_is_detail_all_over_has_no_grain(model: bool) -> None:
    looks = [look(detail=0.04, model=model, grain=0.0, smooth=0, seed=s) for s in range(3)]
    noise = measure_noise(looks)
    assert noise is None or noise.typical < 0.005


@pytest.mark.parametrize("smooth", [0.0, 0.6])
def test_grain_of_a_plain_frame_keeps_its_strength(smooth: float) -> None:
    looks = [look(detail=0.0, model=True, grain=0.02, smooth=smooth, seed=s) for s in range(3)]
    noise = measure_noise(looks)
    assert noise is not None
    assert noise.typical == pytest.approx(0.02, rel=0.1)
