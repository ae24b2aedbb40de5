# SPDX-License-Identifier: Apache-2.0
"""Look an atlas up at real-valued texel coordinates: bicubic, border clamped, differentiable."""

import torch
from torch.nn.functional import grid_sample

from pullfocus.native import has_native, run

__all__ = ["sample_atlas", "sample_parts"]

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
        atlas, xy = atlas.contiguous(), xy.contiguous()
        ctx.save_for_backward(atlas, xy)
        colour, last = torch.empty(3, *xy.shape[1:]), torch.empty(*xy.shape[1:])
        run("sample_forward", atlas, *atlas.shape[:2], xy, last.numel(), colour, last)
        ctx.set_materialize_grads(False)
        return colour, last

    @staticmethod
    def backward(ctx, to_colour, to_last):  # type: ignore[no-untyped-def]
        atlas, xy = ctx.saved_tensors
        grads = [None if g is None else g.contiguous() for g in (to_colour, to_last)]
        scratch = torch.empty(_SHARES - 1, *atlas.shape)
        to_atlas, to_xy = torch.empty_like(atlas), torch.empty_like(xy)
        run(
            "sample_backward",
            *(atlas, *atlas.shape[:2], xy, xy[0].numel(), *grads),
            *(_SHARES, scratch, to_atlas, to_xy),
        )
        return to_atlas, to_xy


def sample_parts(atlas: torch.Tensor, xy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `sample_atlas` as three channels (3, H, W), and the last (H, W)."""
    if has_native(atlas, xy):
        colour, last = _NativeSample.apply(atlas, xy)
        return colour, last
    out = _sample_torch(atlas, xy)
    return out[:3], out[3]


def sample_atlas(atlas: torch.Tensor, xy: torch.Tensor) -> torch.Tensor:
    """Sample an atlas.

    Args:
        atlas: (height, width, 4), any units.
        xy: (2, H, W), texel coordinates: x right, y down, texel centres at whole numbers; what lies
            outside reads the nearest border texel.

    Returns:
        (4, H, W), same type.
    """
    if has_native(atlas, xy):
        colour, last = _NativeSample.apply(atlas, xy)
        return torch.cat([colour, last[None]])
    return _sample_torch(atlas, xy)
