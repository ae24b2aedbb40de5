# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from pullfocus.evaluate.metrics import (
    coc_rmse,
    encode_srgb,
    matte_error,
    mean_squared_error,
    ms_ssim,
    psnr,
    ssim,
    tpsnr,
)


@pytest.fixture
def pair(rng):
    truth = rng.random((200, 220, 3))
    return np.clip(truth + 0.1 * rng.standard_normal(truth.shape), 0, 1), truth


@pytest.mark.parametrize(
    ("linear", "display"),
    [(0.0, 0.0), (1.0, 1.0), (0.0031308, 0.04045), (0.5, 0.7353569), (0.18, 0.4613561), (7, 1)],
)
def test_srgb_curve_at_known_points(linear, display):
    assert encode_srgb(np.array(linear)) == pytest.approx(display, abs=1e-6)


def test_psnr_of_a_constant_error():
    truth = np.full((4, 5, 3), 0.5, np.float32)
    assert psnr(truth + 0.125, truth) == pytest.approx(20 * math.log10(8))
    assert psnr(truth, truth) == math.inf


def test_psnr_counts_only_where_asked():
    truth = np.zeros((4, 4, 3))
    result = truth.copy()
    result[0, 0] = 0.1
    result[3, 3] = 0.9
    where = np.zeros((4, 4), bool)
    where[0] = True
    assert mean_squared_error(result, truth, where=where) == pytest.approx(0.01 / 4)
    assert psnr(result, truth, where=where) == pytest.approx(20 + 10 * math.log10(4))
    assert math.isnan(psnr(result, truth, where=np.zeros((4, 4), bool)))


def test_sums_are_double():
    # One part in 1e8 over a million equal errors: float32 sums would be off in the third digit.
    truth = np.zeros((1000, 1000, 1), np.float32)
    assert mean_squared_error(truth + np.float32(1e-4), truth) == pytest.approx(1e-8, rel=1e-6)


def test_tpsnr_forgives_a_constant_error_and_counts_flicker(rng):
    before, now = rng.random((2, 8, 8, 3))
    assert tpsnr(before + 0.3, now + 0.3, before, now) > 200
    assert tpsnr(before, now + 0.1, before, now) == pytest.approx(20)


def test_ssim_of_constants_is_the_luminance_term():
    a, b = np.full((20, 20, 3), 0.2), np.full((20, 20, 3), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert ssim(a, b) == pytest.approx(expected, abs=1e-5)  # the library's window is float32
    assert ssim(a, a) == pytest.approx(1)


def test_ssim_and_ms_ssim_agree_with_pytorch_msssim(pair):
    import torch
    from pytorch_msssim import ms_ssim as torch_ms_ssim
    from pytorch_msssim import ssim as torch_ssim

    for height, width in ((200, 220), (181, 199)):
        a, b = (image[:height, :width] for image in pair)
        tensors = [torch.tensor(image).permute(2, 0, 1)[None] for image in (a, b)]
        # Ours takes them in float32, hence not closer.
        expected = float(torch_ssim(*tensors, data_range=1.0))
        assert ssim(a, b) == pytest.approx(expected, abs=5e-6)
        # The published weights sum to 1.0001; ours are divided by that.
        expected = float(torch_ms_ssim(*tensors, data_range=1.0)) ** (1 / 1.0001)
        assert ms_ssim(a, b) == pytest.approx(expected, abs=5e-6)


def test_ms_ssim_with_two_scales_by_hand(pair):
    a, b = (image[:32, :40] for image in pair)
    from pullfocus.evaluate.metrics import _ssim_terms

    structure = _ssim_terms(a, b)[1]
    halves = [image.reshape(16, 2, 20, 2, 3).mean((1, 3)) for image in (a, b)]
    similarity = _ssim_terms(*halves)[0]
    first, second = 0.0448 / 0.3304, 0.2856 / 0.3304
    assert ms_ssim(a, b) == pytest.approx(np.mean(structure**first * similarity**second))


@pytest.mark.parametrize("size", [(8, 30), (11, 11), (144, 256), (2, 2)])
def test_small_pictures(size, rng):
    truth = rng.random((*size, 3))
    assert ms_ssim(truth, truth) == pytest.approx(1)
    assert ssim(truth, truth) == pytest.approx(1)


def test_coc_rmse_in_radius_and_diameter():
    truth = np.array([[-2.0, 3.0, 0.0]])
    error = coc_rmse(np.array([[-1.0, 5.0, 0.0]]), truth, signed=True)
    assert error.radius_px == pytest.approx(math.sqrt(5 / 3))
    assert error.diameter_px == pytest.approx(2 * math.sqrt(5 / 3))
    assert coc_rmse(np.abs(truth), truth, signed=False).radius_px == 0
    assert coc_rmse(np.abs(truth), truth, signed=True).radius_px == pytest.approx(math.sqrt(16 / 3))
    where = np.array([[False, False, True]])
    assert coc_rmse(truth + 1, truth, signed=True, where=where).radius_px == pytest.approx(1)


def test_matte_error():
    truth = np.array([[1.0, 1.0, 0.0, 0.0]])
    error = matte_error(np.array([[1.0, 0.2, 0.6, 0.0]]), truth)
    assert error.mae == pytest.approx(1.4 / 4)
    assert error.iou == pytest.approx(1 / 3)
    assert matte_error(truth * 0, truth * 0).iou == 1


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="one shape"):
        psnr(np.zeros((2, 2, 3)), np.zeros((2, 3, 3)))
