# SPDX-License-Identifier: Apache-2.0
"""What happens to planes of pixels between lookup, blur and loss, each in one pass.

Native where it runs; the torch form beside it defines it.
"""

from __future__ import annotations

import torch
from torch.nn.functional import pad

from pullfocus.model.grid import Box
from pullfocus.native import has_native, run

__all__ = ["divided", "exposed", "laid_over", "placed", "premultiplied"]

_LEAST_WEIGHT = 1e-4


class _Expose(torch.autograd.Function):
    @staticmethod
    def forward(ctx, colour, gain, offset):  # type: ignore[no-untyped-def]
        colour, gain, offset = colour.contiguous(), gain.contiguous(), offset.contiguous()
        out = torch.empty_like(colour)
        run("expose_forward", colour, gain, offset, colour[0].numel(), out)
        ctx.save_for_backward(colour, gain)
        return out

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        colour, gain = ctx.saved_tensors
        to_colour, grad = torch.empty_like(colour), grad.contiguous()
        sums = torch.empty(2, 3, dtype=torch.float64)
        run("expose_backward", colour, gain, grad, colour[0].numel(), to_colour, sums)
        to_gain, to_offset = sums.float()
        return to_colour, to_gain, to_offset


def exposed(colour: torch.Tensor, gain: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
    """Return colour (3, h, w) times gain (3,) plus offset (3,)."""
    if colour.dim() == 3 and colour.numel() and has_native(colour, gain, offset):
        out: torch.Tensor = _Expose.apply(colour, gain, offset)
        return out
    return colour * gain[:, None, None] + offset[:, None, None]


class _Premultiply(torch.autograd.Function):
    @staticmethod
    def forward(ctx, colour, alpha):  # type: ignore[no-untyped-def]
        colour, alpha = colour.contiguous(), alpha.contiguous()
        out = colour.new_empty(4, *colour.shape[1:])
        run("premultiply_forward", colour, alpha, alpha.numel(), out)
        ctx.save_for_backward(colour, alpha)
        return out

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        colour, alpha = ctx.saved_tensors
        to_colour, to_alpha = torch.empty_like(colour), torch.empty_like(alpha)
        grad = grad.contiguous()
        run("premultiply_backward", colour, alpha, grad, alpha.numel(), to_colour, to_alpha)
        return to_colour, to_alpha


def premultiplied(colour: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Return (4, h, w): colour (3, h, w) times alpha (1, h, w), and alpha."""
    if colour.numel() and has_native(colour, alpha):
        out: torch.Tensor = _Premultiply.apply(colour, alpha)
        return out
    return torch.cat([colour * alpha, alpha])


class _Divide(torch.autograd.Function):
    @staticmethod
    def forward(ctx, stack, top, left, height, width):  # type: ignore[no-untyped-def]
        stack = stack.contiguous()
        out = torch.empty(3, height, width)
        ctx.sizes = (*stack.shape[1:], top, left, height, width)
        run("divide_forward", stack, *ctx.sizes, out)
        ctx.save_for_backward(stack)
        return out

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        (stack,) = ctx.saved_tensors
        to_stack, grad = torch.empty_like(stack), grad.contiguous()
        run("divide_backward", stack, *ctx.sizes, grad, to_stack)
        return to_stack, None, None, None, None


def divided(stack: torch.Tensor, box: Box, frame: Box) -> torch.Tensor:
    """Return a premultiplied stack (4, h, w) on ``box``, divided by its weight, on ``frame`` in it.

    Returns:
        (3, height, width) of the frame.
    """
    if has_native(stack):
        place = (frame.top - box.top, frame.left - box.left, frame.height, frame.width)
        out: torch.Tensor = _Divide.apply(stack, *place)
        return out
    rows, columns = frame.inside(box)
    stack = stack[:, rows, columns]
    return stack[:3] / stack[3:].clamp(min=_LEAST_WEIGHT)


class _Over(torch.autograd.Function):
    @staticmethod
    def forward(ctx, stack, back, top, left):  # type: ignore[no-untyped-def]
        stack, back = stack.contiguous(), back.contiguous()
        out = torch.empty_like(back)
        ctx.sizes = (*stack.shape[1:], top, left, *back.shape[1:])
        run("over_forward", stack, *ctx.sizes, back, out)
        ctx.save_for_backward(stack, back)
        return out

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        stack, back = ctx.saved_tensors
        to_stack, to_back = torch.empty_like(stack), torch.empty_like(back)
        run("over_backward", stack, *ctx.sizes, back, grad.contiguous(), to_stack, to_back)
        return to_stack, to_back, None, None


def laid_over(stack: torch.Tensor, box: Box, back: torch.Tensor, frame: Box) -> torch.Tensor:
    """Return a premultiplied stack on ``box`` over ``back`` (C, ...) on ``frame``.

    The stack has C colours and one coverage, or one for each colour: (C + 1, h, w) or (2 C, h, w).
    """
    over = box.intersection(frame)
    if not (stack.numel() and over.width and over.height):
        return back
    if len(stack) == 4 and has_native(stack, back):
        out: torch.Tensor = _Over.apply(stack, back, frame.top - box.top, frame.left - box.left)
        return out
    whole = placed(stack, box, frame)
    colours = len(back)
    return whole[:colours] + (1 - whole[colours:]) * back


def placed(image: torch.Tensor, box: Box, frame: Box) -> torch.Tensor:
    """Cut ``image`` (C, h, w) at ``box`` to ``frame``, zero where it has nothing."""
    seen = box.intersection(frame)
    rows, columns = seen.inside(box)
    y, x = seen.inside(frame)
    border = (x.start, frame.width - x.stop, y.start, frame.height - y.stop)
    return pad(image[:, rows, columns], border)
