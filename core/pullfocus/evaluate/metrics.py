# SPDX-License-Identifier: Apache-2.0
"""How far a result is from the truth, in figures.

Pictures are float (H, W, C), display-encoded (sRGB curve), 0..1; sums are taken in float64. A
figure over no pixel at all is NaN.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = [
    "CocError",
    "MatteError",
    "coc_rmse",
    "encode_srgb",
    "matte_error",
    "mean_squared_error",
    "ms_ssim",
    "psnr",
    "psnr_of_error",
    "ssim",
    "tpsnr",
]

_WINDOW = 11
_SIGMA = 1.5
_MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@dataclass(frozen=True)
class CocError:
    """Root mean square error of the circle of confusion, in px of its radius and diameter."""

    radius_px: float
    diameter_px: float


@dataclass(frozen=True)
class MatteError:
    """Mean absolute error of coverage; intersection over union of what covers more than half."""

    mae: float
    iou: float


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """Scene-linear light of any shape to display-encoded float64, clipped to 0..1."""
    light = np.clip(np.asarray(linear, np.float64), 0.0, 1.0)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def mean_squared_error(
    result: np.ndarray, truth: np.ndarray, *, where: np.ndarray | None = None
) -> float:
    """Mean squared difference over all channels of the pixels `where` (H, W) is true."""
    _same_shape(result, truth)
    difference = np.asarray(result, np.float64) - np.asarray(truth, np.float64)
    if where is not None:
        difference = difference[where]
    return float(np.mean(difference**2)) if difference.size else float("nan")


def psnr_of_error(mse: float) -> float:
    """Decibels below a peak of 1; infinite for no error."""
    if mse == 0:
        return float("inf")
    return float(-10 * np.log10(mse))


def psnr(result: np.ndarray, truth: np.ndarray, *, where: np.ndarray | None = None) -> float:
    """Peak signal to noise ratio in dB, peak 1, over the pixels `where` (H, W) is true."""
    return psnr_of_error(mean_squared_error(result, truth, where=where))


def tpsnr(
    result_before: np.ndarray,
    result: np.ndarray,
    truth_before: np.ndarray,
    truth: np.ndarray,
) -> float:
    """PSNR of the change from the frame before: flicker costs, a constant error does not."""
    change = np.asarray(result, np.float64) - np.asarray(result_before, np.float64)
    true_change = np.asarray(truth, np.float64) - np.asarray(truth_before, np.float64)
    return psnr(change, true_change)


def ssim(result: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity, Gaussian window of 11 px and sigma 1.5, mean over the channels.

    Only where the window fits whole. It shrinks for pictures with a side below 11 px.
    """
    if min(truth.shape[:2]) >= _WINDOW:
        from pytorch_msssim import ssim as by_library

        return _by_library(by_library, result, truth)
    similarity, _ = _ssim_terms(result, truth)
    return float(similarity.mean())


def ms_ssim(result: np.ndarray, truth: np.ndarray) -> float:
    """Multi-scale structural similarity with as many of the 5 scales as the shorter side allows.

    The weights of the scales that are left are divided by their sum.
    """
    scales = 1
    while scales < len(_MS_SSIM_WEIGHTS) and min(truth.shape[:2]) > (_WINDOW - 1) * 2**scales:
        scales += 1
    if scales == len(_MS_SSIM_WEIGHTS):
        from pytorch_msssim import ms_ssim as by_library

        total = sum(_MS_SSIM_WEIGHTS)  # 1.0001, and left so by the library
        shares = [w / total for w in _MS_SSIM_WEIGHTS]
        return _by_library(functools.partial(by_library, weights=shares), result, truth)
    weights = np.array(_MS_SSIM_WEIGHTS[:scales]) / sum(_MS_SSIM_WEIGHTS[:scales])
    product = np.ones(truth.shape[2])
    for scale, weight in enumerate(weights):
        similarity, structure = _ssim_terms(result, truth)
        last = scale == scales - 1
        product *= np.maximum(similarity if last else structure, 0) ** weight
        result, truth = _halve(result), _halve(truth)
    return float(product.mean())


def _by_library(
    measure: Callable[..., torch.Tensor], result: np.ndarray, truth: np.ndarray
) -> float:
    """Ask pytorch-msssim for two pictures (H, W, C).

    As they lie, channels last, torch's windows run 20 times faster, in float32 only.
    """
    import torch

    _same_shape(result, truth)
    a, b = (
        torch.from_numpy(np.ascontiguousarray(picture, np.float32)).permute(2, 0, 1)[None]
        for picture in (result, truth)
    )
    return float(measure(a, b, data_range=1.0))


def _ssim_terms(result: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SSIM and its contrast-structure part, each (C,)."""
    from scipy.ndimage import correlate1d

    _same_shape(result, truth)
    reach = (min(_WINDOW, *truth.shape[:2]) - 1) // 2
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * _SIGMA**2))
    kernel /= kernel.sum()

    def local_mean(values: np.ndarray) -> np.ndarray:
        for axis in (0, 1):
            values = correlate1d(values, kernel, axis=axis)
        height, width = values.shape[:2]
        return values[reach : height - reach, reach : width - reach]

    a, b = np.asarray(result, np.float64), np.asarray(truth, np.float64)
    mean_a, mean_b = local_mean(a), local_mean(b)
    variance_a = local_mean(a * a) - mean_a**2
    variance_b = local_mean(b * b) - mean_b**2
    covariance = local_mean(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    structure = (2 * covariance + c2) / (variance_a + variance_b + c2)
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return (luminance * structure).mean((0, 1)), structure.mean((0, 1))


def _halve(image: np.ndarray) -> np.ndarray:
    """Means of 2x2 px. An odd side gets a zero in front, as in the implementation most quote."""
    height, width, channels = image.shape
    image = np.pad(image, ((height % 2, 0), (width % 2, 0), (0, 0)))
    height, width = image.shape[:2]
    return image.reshape(height // 2, 2, width // 2, 2, channels).mean((1, 3))


def coc_rmse(
    radius_px: np.ndarray,
    truth_radius_px: np.ndarray,
    *,
    signed: bool,
    where: np.ndarray | None = None,
) -> CocError:
    """Error of a COC radius (H, W) in px; unsigned results are compared with the truth's size."""
    if not signed:
        radius_px, truth_radius_px = np.abs(radius_px), np.abs(truth_radius_px)
    rmse = float(np.sqrt(mean_squared_error(radius_px, truth_radius_px, where=where)))
    return CocError(rmse, 2 * rmse)


def matte_error(matte: np.ndarray, truth: np.ndarray) -> MatteError:
    """Error of a matte (H, W), 0..1. Two empty mattes agree: IoU 1."""
    _same_shape(matte, truth)
    mae = float(np.mean(np.abs(np.asarray(matte, np.float64) - np.asarray(truth, np.float64))))
    inside, true_inside = matte > 0.5, truth > 0.5
    union = np.count_nonzero(inside | true_inside)
    iou = np.count_nonzero(inside & true_inside) / union if union else 1.0
    return MatteError(mae, iou)


def _same_shape(result: np.ndarray, truth: np.ndarray) -> None:
    if result.shape != truth.shape:
        raise ValueError(f"expected two arrays of one shape, got {result.shape} and {truth.shape}")
