# SPDX-License-Identifier: Apache-2.0
"""The sRGB curve both ways, differentiable: networks draw display-encoded, light is linear."""

import torch

from pullfocus.native import has_native, run

__all__ = ["to_display", "to_linear"]


class _Display(torch.autograd.Function):
    @staticmethod
    def forward(ctx, linear):  # type: ignore[no-untyped-def]
        linear = linear.contiguous()
        out = torch.empty_like(linear)
        run("display_forward", linear, linear.numel(), out)
        ctx.save_for_backward(linear, out)
        return out

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        linear, display = ctx.saved_tensors
        out, grad = torch.empty_like(linear), grad.contiguous()
        run("display_backward", linear, display, grad, linear.numel(), out)
        return out


def to_display(linear: torch.Tensor) -> torch.Tensor:
    """Encode scene-linear light with the sRGB curve, any shape; odd and unclipped."""
    if has_native(linear):
        out: torch.Tensor = _Display.apply(linear)
        return out
    return _to_display_torch(linear)


def _to_display_torch(linear: torch.Tensor) -> torch.Tensor:
    size = linear.abs()
    high = 1.055 * size.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(size <= 0.0031308, linear * 12.92, high * linear.sign())


def to_linear(display: torch.Tensor) -> torch.Tensor:
    """Decode the sRGB curve, any shape, values >= 0."""
    high = ((display.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(display <= 0.04045, display / 12.92, high)
