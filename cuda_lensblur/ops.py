# SPDX-License-Identifier: Apache-2.0
"""The operator: schema, autograd, and which kernel runs.

float32 on the CPU runs the native kernel; float64, and machines without a compiler, the reference.
"""

import torch

from cuda_lensblur import reference
from cuda_lensblur.kernel import Kernel
from cuda_lensblur.native import native_backward, native_forward, native_library
from cuda_lensblur.specs import kernel_of

__all__ = ["scatter"]

_library = torch.library.Library("lensblur", "DEF")
_library.define("scatter(Tensor image, Tensor radius, str kernel) -> Tensor")
_library.define(
    "scatter_backward(Tensor grad, Tensor image, Tensor radius, str kernel) -> (Tensor, Tensor)"
)


def _on_native(image: torch.Tensor) -> bool:
    return image.dtype == torch.float32 and image.device.type == "cpu" and image.numel() > 0


@torch.library.impl(_library, "scatter", "CompositeExplicitAutograd")
def _scatter(image: torch.Tensor, radius: torch.Tensor, kernel: str) -> torch.Tensor:
    held: Kernel = kernel_of(kernel)
    library = native_library() if _on_native(image) else None
    if library is None:
        return reference.forward(image, radius, held)
    return native_forward(library, image, radius, held)


@torch.library.impl(_library, "scatter_backward", "CompositeExplicitAutograd")
def _scatter_backward(
    grad: torch.Tensor, image: torch.Tensor, radius: torch.Tensor, kernel: str
) -> tuple[torch.Tensor, torch.Tensor]:
    held = kernel_of(kernel)
    library = native_library() if _on_native(image) else None
    if library is None:
        return reference.backward(grad, image, radius, held)
    return native_backward(library, grad, image, radius, held)


@torch.library.register_fake("lensblur::scatter")
def _(image: torch.Tensor, radius: torch.Tensor, kernel: str) -> torch.Tensor:
    return torch.empty_like(image, memory_format=torch.contiguous_format)


@torch.library.register_fake("lensblur::scatter_backward")
def _(
    grad: torch.Tensor, image: torch.Tensor, radius: torch.Tensor, kernel: str
) -> tuple[torch.Tensor, torch.Tensor]:
    contiguous = torch.contiguous_format
    return (
        torch.empty_like(image, memory_format=contiguous),
        torch.empty_like(radius, memory_format=contiguous),
    )


def _setup_context(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    image, radius, ctx.kernel = inputs
    ctx.save_for_backward(image, radius)


def _backward(ctx, grad):  # type: ignore[no-untyped-def]
    image, radius = ctx.saved_tensors
    grads = torch.ops.lensblur.scatter_backward(grad, image, radius, ctx.kernel)
    return *grads, None


torch.library.register_autograd(
    "lensblur::scatter", _backward, setup_context=_setup_context, lib=_library
)


def scatter(image: torch.Tensor, radius: torch.Tensor, kernel: str) -> torch.Tensor:
    """Scatter ``image`` (B, C, H, W) by ``radius`` (B, H, W) with the kernel of a spec string."""
    return torch.ops.lensblur.scatter(image, radius, kernel)
