# SPDX-License-Identifier: Apache-2.0
"""The operator: schema, autograd, and which kernel runs.

float32 runs a compiled kernel: on the CPU one that looks weights up, on CUDA one that works them
out, and for apertures, pictures and discs that are cut one that looks them up as well. float64, and
machines without a compiler, run the reference.
"""

import logging

import torch

from cuda_lensblur import cuda, cuda_table, native, reference
from cuda_lensblur.errors import BuildError
from cuda_lensblur.kernel import Kernel
from cuda_lensblur.reference import Conics
from cuda_lensblur.specs import kernel_of
from cuda_lensblur.totals import disc_planes

__all__ = ["scatter"]

_library = torch.library.Library("lensblur", "DEF")
_library.define(
    "scatter(Tensor image, Tensor radius, str kernel, Tensor? conics=None,"
    " float[] softness=[]) -> Tensor"
)
_library.define(
    "scatter_backward(Tensor grad, Tensor image, Tensor radius, str kernel, Tensor? conics=None,"
    " float[] softness=[]) -> (Tensor, Tensor)"
)


_log = logging.getLogger("cuda_lensblur")
_cuda_refused: set[torch.device] = set()


def _refuse(device: torch.device, error: BuildError) -> None:
    """Say once why a device runs the reference, and do not try to build again."""
    _cuda_refused.add(device)
    _log.warning("lens blur on %s runs the plain-torch reference (slow): %s", device, error)


def _has_cuda_kernel(image: torch.Tensor) -> bool:
    return image.device.type == "cuda" and image.device not in _cuda_refused


def _paired(conics: torch.Tensor | None, softness: list[float]) -> Conics | None:
    return None if conics is None else (conics, list(softness))


def _compiled_forward(
    image: torch.Tensor, radius: torch.Tensor, kernel: Kernel, conics: Conics | None
) -> torch.Tensor | None:
    """Run a compiled kernel, or None where there is none for this."""
    if image.dtype != torch.float32 or image.numel() == 0:
        return None
    if image.device.type == "cpu":
        library = native.native_library()
        if library is None:
            return None
        return native.native_forward(library, image, radius, kernel, conics=conics)
    if not _has_cuda_kernel(image):
        return None
    try:
        if kernel.code < 0 or conics is not None:
            return cuda_table.table_forward(image, radius, kernel, conics)
        planes = disc_planes(kernel, radius)
        shape = {name: planes[name] for name in ("rho", "scale", "centre")}
        return cuda.cuda_forward(image.contiguous(), **shape, kind=kernel.code, beta=kernel.beta)
    except BuildError as error:
        _refuse(image.device, error)
        return None


def _compiled_backward(
    grad: torch.Tensor,
    image: torch.Tensor,
    radius: torch.Tensor,
    kernel: Kernel,
    conics: Conics | None,
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Run a compiled kernel backward, or None where there is none for this."""
    if image.dtype != torch.float32 or image.numel() == 0:
        return None
    if image.device.type == "cpu":
        library = native.native_library()
        if library is None:
            return None
        return native.native_backward(library, grad, image, radius, kernel, conics=conics)
    if not _has_cuda_kernel(image):
        return None
    try:
        if kernel.code < 0 or conics is not None:
            return cuda_table.table_backward(grad, image, radius, kernel, conics)
        planes = disc_planes(kernel, radius)
        return cuda.cuda_backward(
            grad.contiguous(), image.contiguous(), **planes, kind=kernel.code, beta=kernel.beta
        )
    except BuildError as error:
        _refuse(image.device, error)
        return None


@torch.library.impl(_library, "scatter", "CompositeExplicitAutograd")
def _scatter(
    image: torch.Tensor,
    radius: torch.Tensor,
    kernel: str,
    conics: torch.Tensor | None = None,
    softness: list[float] = [],  # noqa: B006 - as in the schema
) -> torch.Tensor:
    held, cut = kernel_of(kernel), _paired(conics, softness)
    out = _compiled_forward(image, radius, held, cut)
    return reference.forward(image, radius, held, cut) if out is None else out


@torch.library.impl(_library, "scatter_backward", "CompositeExplicitAutograd")
def _scatter_backward(
    grad: torch.Tensor,
    image: torch.Tensor,
    radius: torch.Tensor,
    kernel: str,
    conics: torch.Tensor | None = None,
    softness: list[float] = [],  # noqa: B006 - as in the schema
) -> tuple[torch.Tensor, torch.Tensor]:
    held, cut = kernel_of(kernel), _paired(conics, softness)
    grads = _compiled_backward(grad, image, radius, held, cut)
    return reference.backward(grad, image, radius, held, cut) if grads is None else grads


@torch.library.register_fake("lensblur::scatter")
def _(image, radius, kernel, conics=None, softness=()):  # type: ignore[no-untyped-def]
    return torch.empty_like(image, memory_format=torch.contiguous_format)


@torch.library.register_fake("lensblur::scatter_backward")
def _(grad, image, radius, kernel, conics=None, softness=()):  # type: ignore[no-untyped-def]
    contiguous = torch.contiguous_format
    return (
        torch.empty_like(image, memory_format=contiguous),
        torch.empty_like(radius, memory_format=contiguous),
    )


def _setup_context(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    image, radius, ctx.kernel, conics, ctx.softness = inputs
    ctx.save_for_backward(image, radius, conics)


def _backward(ctx, grad):  # type: ignore[no-untyped-def]
    image, radius, conics = ctx.saved_tensors
    grads = torch.ops.lensblur.scatter_backward(
        grad, image, radius, ctx.kernel, conics, ctx.softness
    )
    return *grads, None, None, None


torch.library.register_autograd(
    "lensblur::scatter", _backward, setup_context=_setup_context, lib=_library
)


def scatter(
    image: torch.Tensor, radius: torch.Tensor, kernel: str, conics: Conics | None = None
) -> torch.Tensor:
    """Scatter ``image`` (B, C, H, W) by ``radius`` (B, H, W) with the kernel of a spec string.

    ``conics`` (B, K, 6, H, W) with their softness cut the discs; they have no gradient.
    """
    planes, softness = (None, []) if conics is None else conics
    return torch.ops.lensblur.scatter(image, radius, kernel, planes, softness)
