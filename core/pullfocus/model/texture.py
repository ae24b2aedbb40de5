# SPDX-License-Identifier: Apache-2.0
"""A layer's atlas: one picture that serves every frame, and a matte correction that rides on it.

Colour is held as a signed square root of linear light, close to how it is seen: a step of the
optimiser then means about the same in shadows and highlights, and values above 1 stay possible.
"""

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, huber_loss, interpolate

from pullfocus.model.sampling import sample_atlas
from pullfocus.native import has_native, run

__all__ = ["Texture"]

_LOGITS_PER_UNIT = 75.0  # so that one step size suits colours (0..1) and matte offsets (logits)
_STEP = 0.02  # root-encoded: smaller differences between texels are grain
_MATTE_STEPS = 5.0  # of the matte offset: .3 logits are as small a difference


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, texels):  # type: ignore[no-untyped-def]
        out = torch.empty_like(texels)
        run("texels_linear", texels, *texels.shape[:2], _LOGITS_PER_UNIT, out)
        ctx.save_for_backward(texels)
        return out

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        (texels,) = ctx.saved_tensors
        out, grad = torch.empty_like(texels), grad.contiguous()
        run("texels_linear_backward", texels, grad, *texels.shape[:2], _LOGITS_PER_UNIT, out)
        return out


def _linear_torch(texels: torch.Tensor) -> torch.Tensor:
    colour = texels[..., :3]
    return torch.cat([colour * colour.abs(), texels[..., 3:] * _LOGITS_PER_UNIT], -1)


class _Energy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, texels):  # type: ignore[no-untyped-def]
        height, width = texels.shape[:2]
        sums = torch.empty(5, dtype=torch.float64)
        run("texels_energy", texels, height, width, _STEP, _MATTE_STEPS, sums)
        rows, columns = (height - 1) * width, height * (width - 1)
        down, across = (1 / (max(count, 1) * _STEP) for count in (rows, columns))
        ctx.scales = (down / 3, across / 3, down, across, 1 / (height * width))
        ctx.save_for_backward(texels)
        means = [a * b for a, b in zip(sums.tolist(), ctx.scales, strict=True)]
        return tuple(map(torch.tensor, (means[0] + means[1], means[4], means[2] + means[3])))

    @staticmethod
    def backward(ctx, *grads):  # type: ignore[no-untyped-def]
        (texels,) = ctx.saved_tensors
        steps, pull, matte = (grad.item() for grad in grads)
        wanted = (steps, steps, matte, matte, pull)
        weights = [a * b for a, b in zip(wanted, ctx.scales, strict=True)]
        out = torch.empty_like(texels)
        size = texels.shape[:2]
        run("texels_energy_backward", texels, *size, _STEP, _MATTE_STEPS, *weights, out)
        return out


def _energy_torch(texels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    colour, offset = texels[..., :3], _MATTE_STEPS * texels[..., 3]
    steps = _huber(colour.diff(dim=0)) + _huber(colour.diff(dim=1))
    matte = _huber(offset.diff(dim=0)) + _huber(offset.diff(dim=1))
    return steps, texels[..., 3].square().mean(), matte


def _huber(step: torch.Tensor) -> torch.Tensor:
    """Return the mean of a difference's absolute value, squared where it is small."""
    return huber_loss(step, torch.zeros_like(step), delta=_STEP) / _STEP


class Texture(nn.Module):
    """An atlas (height, width, 4): three root-encoded colours and a matte offset."""

    pointwise = False

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.texels = nn.Parameter(torch.zeros(height, width, 4))
        self.level = 0

    @property
    def size(self) -> tuple[int, int]:
        """Height and width at the current level."""
        return self.texels.shape[0], self.texels.shape[1]

    def linear(self) -> torch.Tensor:
        """Return (height, width, 4): scene-linear colour, matte offset in logits."""
        native = has_native(self.texels) and self.texels.is_contiguous()
        out: torch.Tensor = _Linear.apply(self.texels) if native else _linear_torch(self.texels)
        return out

    def set_linear(self, colour: torch.Tensor) -> None:
        """Set the colours from scene-linear (height, width, 3), keeping the matte offset."""
        with torch.no_grad():
            self.texels[..., :3] = colour.sign() * colour.abs().sqrt()

    def add_detail(self, colour: torch.Tensor) -> None:
        """Add what scene-linear ``colour`` (height, width, 3) shows beyond half resolution."""
        root = (colour.sign() * colour.abs().sqrt()).permute(2, 0, 1)[None]
        coarse = avg_pool2d(root, 2)
        size = (colour.shape[0], colour.shape[1])
        low = interpolate(coarse, size, mode="bicubic", align_corners=False)
        with torch.no_grad():
            self.texels[..., :3] += (root - low)[0].permute(1, 2, 0)

    def energy(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return what the solve keeps small, three means.

        Of the total variation of the root-encoded colours, small steps squared; of the matte
        channel's squares, in units of a step; and of its total variation. Without the last the
        matte offset, free in every texel, turns to pepper where both layers explain a pixel alike.
        """
        if has_native(self.texels) and self.texels.is_contiguous():
            variation, square, matte_variation = _Energy.apply(self.texels)
            return variation, square, matte_variation
        return _energy_torch(self.texels)

    def matte_offset(self) -> torch.Tensor:
        """Return the matte channel in units of a step, for the pull to zero."""
        return self.texels[..., 3]

    def at(self, texel: torch.Tensor) -> torch.Tensor:
        """Look the atlas up at texels (2, h, w) of the current level, (4, h, w)."""
        return sample_atlas(self.linear(), texel)

    def held_at(self, level: int) -> "Texture":
        """Return the texture at a pyramid level, resampled."""
        if level == self.level:
            return self
        height, width = self.size
        if level > self.level:
            step = 2 ** (level - self.level)
            out = self.resized(-(-height // step), -(-width // step))
        else:
            step = 2 ** (self.level - level)
            out = self.resized(height * step, width * step)
        out.level = level
        return out

    def resized(self, height: int, width: int) -> "Texture":
        """Return a copy at another resolution (bicubic)."""
        out = Texture(height, width).to(self.texels.device)
        planes = self.texels.detach().permute(2, 0, 1)[None]
        with torch.no_grad():
            out.texels.copy_(
                interpolate(planes, (height, width), mode="bicubic", align_corners=False)[
                    0
                ].permute(1, 2, 0)
            )
        return out
