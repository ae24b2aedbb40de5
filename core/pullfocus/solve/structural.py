# SPDX-License-Identifier: Apache-2.0
"""MS-SSIM of two frames, differentiable in the first: the structural half of the loss.

The value of ``pytorch_msssim.ms_ssim``, which runs on GPUs and where there is no native kernel. The
kernel is several times faster on a CPU: one pass over the rows gives all moments and derivatives.
Short frames use fewer scales (five need a side > 160 px), which the library does not know.
"""

import ctypes
import functools

import torch
from torch.nn.functional import avg_pool2d, conv2d

from pullfocus.native import floats, native_function

__all__ = ["SMALLEST", "ms_ssim"]

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003
_TAPS, _SIGMA = 11, 1.5
SMALLEST = _TAPS
"""Shortest side of a frame that the window fits into, px."""
_C1, _C2 = 0.01**2, 0.03**2


@functools.cache
def _window() -> torch.Tensor:
    x = torch.arange(_TAPS, dtype=torch.float32) - _TAPS // 2
    g = torch.exp(-(x**2) / (2 * _SIGMA**2))
    return g / g.sum()


class _NativeSsim(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):  # type: ignore[no-untyped-def]
        run = native_function("ssim_forward")
        assert run is not None
        x, y = x.contiguous(), y.contiguous()
        channels, height, width = x.shape
        partials = torch.empty(channels, 6, height - _TAPS + 1, width - _TAPS + 1)
        ssim = torch.empty(channels, dtype=torch.float64)
        cs = torch.empty(channels, dtype=torch.float64)
        sizes = (ctypes.c_int64(n) for n in x.shape)
        window, taps = floats(_window()), ctypes.c_int64(_TAPS)
        constants = ctypes.c_float(_C1), ctypes.c_float(_C2)
        results = floats(ssim), floats(cs), floats(partials)
        run(floats(x), floats(y), *sizes, window, taps, *constants, *results)
        ctx.save_for_backward(x, y, partials)
        return ssim.float(), cs.float()

    @staticmethod
    def backward(ctx, grad_ssim, grad_cs):  # type: ignore[no-untyped-def]
        run = native_function("ssim_backward")
        assert run is not None
        x, y, partials = ctx.saved_tensors
        grad = torch.zeros_like(x)
        # named: their memory must outlive the call
        grad_ssim, grad_cs = grad_ssim.contiguous(), grad_cs.contiguous()
        sizes = (ctypes.c_int64(n) for n in x.shape)
        window, taps = floats(_window()), ctypes.c_int64(_TAPS)
        weights = floats(grad_ssim), floats(grad_cs)
        run(floats(x), floats(y), *sizes, window, taps, floats(partials), *weights, floats(grad))
        return grad, None


def _smooth(x: torch.Tensor) -> torch.Tensor:
    window = _window().to(x)
    planes = x[:, None]
    planes = conv2d(planes, window.view(1, 1, -1, 1))
    return conv2d(planes, window.view(1, 1, 1, -1))[:, 0]


def _ssim_torch(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    mu_x, mu_y = _smooth(x), _smooth(y)
    var_x, var_y = _smooth(x * x) - mu_x**2, _smooth(y * y) - mu_y**2
    cs = (2 * (_smooth(x * y) - mu_x * mu_y) + _C2) / (var_x + var_y + _C2)
    ssim = cs * (2 * mu_x * mu_y + _C1) / (mu_x**2 + mu_y**2 + _C1)
    return ssim.mean((1, 2)), cs.mean((1, 2))


def _has_kernel(x: torch.Tensor) -> bool:
    on_cpu = x.device.type == "cpu" and x.dtype == torch.float32
    return on_cpu and native_function("ssim_forward") is not None


def _ssim(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return _NativeSsim.apply(x, y) if _has_kernel(x) else _ssim_torch(x, y)


def _by_library(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor | None:
    """Return the library's value, channel by channel, or None where its gradient is none.

    It cuts a channel whose structure disagrees to 0, where a power has no slope.
    """
    import pytorch_msssim

    weights = [w / sum(_WEIGHTS) for w in _WEIGHTS]  # theirs sum to 1.0001
    values = pytorch_msssim.ms_ssim(
        x[:, None], y[:, None], data_range=1.0, size_average=False, weights=weights
    )
    return values.mean() if bool((values > 0).all()) else None


def ms_ssim(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the multi-scale structural similarity (Wang et al. 2003), a scalar.

    Args:
        x: (C, H, W), display-encoded; the gradient flows here.
        y: (C, H, W), display-encoded, constant.
    """
    side = min(x.shape[-2:])
    scales = max(1, sum(side > (_TAPS - 1) * 2**i for i in range(len(_WEIGHTS))))
    if scales == len(_WEIGHTS) and not _has_kernel(x):
        value = _by_library(x, y)
        if value is not None:
            return value
    total = sum(_WEIGHTS[:scales])
    value = x.new_ones(x.shape[0])
    for i in range(scales):
        ssim, cs = _ssim(x, y)
        last = i == scales - 1
        value = value * (ssim if last else cs).clamp(min=1e-6) ** (_WEIGHTS[i] / total)
        if not last:
            odd = [n % 2 for n in x.shape[-2:]]
            x = avg_pool2d(x[None], 2, padding=odd)[0]
            y = avg_pool2d(y[None], 2, padding=odd)[0]
    return value.mean()
