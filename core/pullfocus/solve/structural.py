# SPDX-License-Identifier: Apache-2.0
"""MS-SSIM of two frames, differentiable in the first: the structural half of the loss.

The value of ``pytorch_msssim.ms_ssim``, which runs on GPUs and where there is no native kernel. The
kernel is several times faster on a CPU: one call gives the value over all scales and its gradient.
Short frames use fewer scales (five need a side > 160 px), which the library does not know.
"""

import functools

import torch
from torch.nn.functional import avg_pool2d, conv2d

from pullfocus.native import has_native, run

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


class _NativeMsSsim(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y, exponents):  # type: ignore[no-untyped-def]
        x, y = x.contiguous(), y.contiguous()
        value, grad = torch.empty(()), torch.empty_like(x)
        filters = (_window(), _TAPS, exponents, len(exponents), _C1, _C2)
        run("ms_ssim", x, y, *x.shape, *filters, value, grad)
        ctx.save_for_backward(grad)  # worked out at once: what it takes is at hand
        return value

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        return ctx.saved_tensors[0] * grad, None, None


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
    return has_native(x)


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


def _weights(x: torch.Tensor) -> list[float]:
    """Return the exponents of the scales that a frame has room for; they sum to 1."""
    side = min(x.shape[-2:])
    scales = max(1, sum(side > (_TAPS - 1) * 2**i for i in range(len(_WEIGHTS))))
    return [weight / sum(_WEIGHTS[:scales]) for weight in _WEIGHTS[:scales]]


def ms_ssim(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the multi-scale structural similarity (Wang et al. 2003), a scalar.

    Args:
        x: (C, H, W), display-encoded; the gradient flows here.
        y: (C, H, W), display-encoded, constant.
    """
    weights = _weights(x)
    if _has_kernel(x):
        out: torch.Tensor = _NativeMsSsim.apply(x, y, torch.tensor(weights))
        return out
    if len(weights) == len(_WEIGHTS):
        value = _by_library(x, y)
        if value is not None:
            return value
    return _ms_ssim_torch(x, y)


def _ms_ssim_torch(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    weights = _weights(x)
    value = x.new_ones(x.shape[0])
    for i, weight in enumerate(weights):
        ssim, cs = _ssim_torch(x, y)
        last = i == len(weights) - 1
        value = value * (ssim if last else cs).clamp(min=1e-6) ** weight
        if not last:
            odd = [n % 2 for n in x.shape[-2:]]
            x = avg_pool2d(x[None], 2, padding=odd)[0]
            y = avg_pool2d(y[None], 2, padding=odd)[0]
    return value.mean()
