# SPDX-License-Identifier: Apache-2.0
"""Look an atlas up at real-valued texel coordinates: bicubic, border clamped, differentiable."""

import ctypes

import torch
from torch.nn.functional import grid_sample

from pullfocus.native import floats, native_function

__all__ = ["sample_atlas"]

_SHARES = 2  # gradient atlases summed at the end: as many threads can work


def _sample_torch(atlas: torch.Tensor, xy: torch.Tensor) -> torch.Tensor:
    height, width = atlas.shape[:2]
    size = xy.new_tensor([width, height])[:, None, None]
    grid = ((2 * xy + 1) / size - 1).permute(1, 2, 0)[None]
    out = grid_sample(
        atlas.permute(2, 0, 1)[None], grid, "bicubic", padding_mode="border", align_corners=False
    )
    return out[0]


class _NativeSample(torch.autograd.Function):
    @staticmethod
    def forward(ctx, atlas, xy):  # type: ignore[no-untyped-def]
        forward = native_function("sample_forward")
        assert forward is not None
        atlas, xy = atlas.contiguous(), xy.contiguous()
        ctx.save_for_backward(atlas, xy)
        height, width = (ctypes.c_int64(n) for n in atlas.shape[:2])
        out = torch.empty(*xy.shape[1:], 4)
        count = ctypes.c_int64(xy[0].numel())
        forward(floats(atlas), height, width, floats(xy), count, floats(out))
        return out

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        backward = native_function("sample_backward")
        assert backward is not None
        atlas, xy = ctx.saved_tensors
        grad = grad.contiguous()  # named: its memory must outlive the call
        scratch = torch.zeros(_SHARES, *atlas.shape)
        grad_xy = torch.empty_like(xy)
        backward(
            floats(atlas),
            *(ctypes.c_int64(n) for n in atlas.shape[:2]),
            floats(xy),
            ctypes.c_int64(xy[0].numel()),
            floats(grad),
            ctypes.c_int64(_SHARES),
            floats(scratch),
            floats(grad_xy),
        )
        return scratch[0], grad_xy


def sample_atlas(atlas: torch.Tensor, xy: torch.Tensor) -> torch.Tensor:
    """Sample an atlas.

    Args:
        atlas: (height, width, 4), any units.
        xy: (2, H, W), texel coordinates: x right, y down, texel centres at whole numbers; what lies
            outside reads the nearest border texel.

    Returns:
        (4, H, W), same type.
    """
    on_cpu = atlas.device.type == "cpu" and atlas.dtype == torch.float32
    if on_cpu and native_function("sample_forward") is not None:
        return _NativeSample.apply(atlas, xy).permute(2, 0, 1)
    return _sample_torch(atlas, xy)
