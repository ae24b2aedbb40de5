# SPDX-License-Identifier: Apache-2.0
"""The sRGB curve both ways, differentiable: networks draw display-encoded, light is linear."""

import torch

__all__ = ["to_display", "to_linear"]


def to_display(linear: torch.Tensor) -> torch.Tensor:
    """Encode scene-linear light with the sRGB curve, any shape; odd and unclipped."""
    size = linear.abs()
    high = 1.055 * size.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(size <= 0.0031308, linear * 12.92, high * linear.sign())


def to_linear(display: torch.Tensor) -> torch.Tensor:
    """Decode the sRGB curve, any shape, values >= 0."""
    high = ((display.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(display <= 0.04045, display / 12.92, high)
