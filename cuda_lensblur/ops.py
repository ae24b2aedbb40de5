# SPDX-License-Identifier: Apache-2.0
"""The public lens blur: checks, schema, autograd; the dispatcher picks the kernel.

float32 on the CPU runs the native kernel; float64, other devices, and machines without a compiler
run the reference.
"""

import ctypes
import functools
import logging
import math

import torch

from cuda_lensblur import reference
from cuda_lensblur.build import load_library, native_isa
from cuda_lensblur.errors import BuildError, LensBlurError
from cuda_lensblur.table import NODE_STEP_PX, WeightTable, weight_table

__all__ = ["LensBlur", "kernel_info", "scatter_blur"]

_log = logging.getLogger("cuda_lensblur")
_BEST_ISA = -1


@functools.cache
def _native() -> ctypes.CDLL | None:
    """Return the native kernel, or None after saying once why the reference runs instead."""
    try:
        return load_library()
    except BuildError as error:
        _log.warning("lens blur runs on the plain-torch reference (slow): %s", error)
        return None


def kernel_info() -> str:
    """Return one line that says which CPU kernel is bound."""
    if _native() is None:
        return "plain-torch reference (no native kernel)"
    return f"native CPU kernel, {native_isa()}"


def _table_for(max_radius_px: float, beta: float, calibrated: bool) -> WeightTable:
    # Few table sizes, so that a solve whose radii drift does not rebuild one each step.
    size = 4
    while size < max_radius_px:
        size = size * 3 // 2 if size < 64 else size + 32
    return weight_table(size, beta, calibrated)


def _pointer(t: torch.Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(t.data_ptr())


def _native_arguments(
    table: WeightTable, image: torch.Tensor, isa: int
) -> tuple[ctypes._SimpleCData, ...]:
    channels, height, width = image.shape
    return (
        ctypes.c_int(isa),
        ctypes.c_void_p(table.weights.ctypes.data),
        ctypes.c_void_p(table.offset.ctypes.data),
        ctypes.c_void_p(table.extent.ctypes.data),
        ctypes.c_int32(len(table.extent)),
        ctypes.c_float(NODE_STEP_PX),
        *(ctypes.c_int64(n) for n in (channels, height, width)),
    )


def native_forward(
    library: ctypes.CDLL,
    image: torch.Tensor,
    radius: torch.Tensor,
    beta: float,
    calibrated: bool,
    isa: int = _BEST_ISA,
) -> torch.Tensor:
    """Run the native forward kernel on float32 ``image`` (B,C,H,W), ``radius`` (B,H,W)."""
    image, radius = image.contiguous(), radius.contiguous()
    table = _table_for(float(radius.max()), beta, calibrated)
    out = torch.empty_like(image)
    for i, r, o in zip(image, radius, out, strict=True):
        library.lensblur_forward(
            *_native_arguments(table, i, isa), _pointer(i), _pointer(r), _pointer(o)
        )
    return out


def native_backward(
    library: ctypes.CDLL,
    grad: torch.Tensor,
    image: torch.Tensor,
    radius: torch.Tensor,
    beta: float,
    calibrated: bool,
    isa: int = _BEST_ISA,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the native backward kernel; shapes as in `native_forward`."""
    grad, image, radius = grad.contiguous(), image.contiguous(), radius.contiguous()
    table = _table_for(float(radius.max()), beta, calibrated)
    grad_image, grad_radius = torch.empty_like(image), torch.empty_like(radius)
    for g, i, r, gi, gr in zip(grad, image, radius, grad_image, grad_radius, strict=True):
        library.lensblur_backward(
            *_native_arguments(table, i, isa), *(_pointer(t) for t in (g, i, r, gi, gr))
        )
    return grad_image, grad_radius


_library = torch.library.Library("lensblur", "DEF")
_library.define("scatter(Tensor image, Tensor radius, float beta, bool calibrated) -> Tensor")
_library.define(
    "scatter_backward(Tensor grad, Tensor image, Tensor radius, float beta, bool calibrated)"
    " -> (Tensor, Tensor)"
)


def _uses_native(image: torch.Tensor) -> bool:
    return image.dtype == torch.float32 and image.device.type == "cpu" and image.numel() > 0


@torch.library.impl(_library, "scatter", "CompositeExplicitAutograd")
def _scatter(
    image: torch.Tensor, radius: torch.Tensor, beta: float, calibrated: bool
) -> torch.Tensor:
    library = _native() if _uses_native(image) else None
    if library is None:
        return reference.forward(image, radius, beta, calibrated)
    return native_forward(library, image, radius, beta, calibrated)


@torch.library.impl(_library, "scatter_backward", "CompositeExplicitAutograd")
def _scatter_backward(
    grad: torch.Tensor, image: torch.Tensor, radius: torch.Tensor, beta: float, calibrated: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    library = _native() if _uses_native(image) else None
    if library is None:
        return reference.backward(grad, image, radius, beta, calibrated)
    return native_backward(library, grad, image, radius, beta, calibrated)


@torch.library.register_fake("lensblur::scatter")
def _(image: torch.Tensor, radius: torch.Tensor, beta: float, calibrated: bool) -> torch.Tensor:
    return torch.empty_like(image, memory_format=torch.contiguous_format)


@torch.library.register_fake("lensblur::scatter_backward")
def _(
    grad: torch.Tensor, image: torch.Tensor, radius: torch.Tensor, beta: float, calibrated: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    contiguous = torch.contiguous_format
    return (
        torch.empty_like(image, memory_format=contiguous),
        torch.empty_like(radius, memory_format=contiguous),
    )


def _setup_context(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    image, radius, ctx.beta, ctx.calibrated = inputs
    ctx.save_for_backward(image, radius)


def _backward(ctx, grad):  # type: ignore[no-untyped-def]
    image, radius = ctx.saved_tensors
    grads = torch.ops.lensblur.scatter_backward(grad, image, radius, ctx.beta, ctx.calibrated)
    return *grads, None, None


torch.library.register_autograd(
    "lensblur::scatter", _backward, setup_context=_setup_context, lib=_library
)


def _check(image: torch.Tensor, radius: torch.Tensor, beta: float) -> None:
    if image.dim() not in (3, 4):
        raise LensBlurError(f"image: expected (C, H, W) or (B, C, H, W), got {tuple(image.shape)}")
    expected = (*image.shape[:-3], *image.shape[-2:])
    if tuple(radius.shape) != expected:
        raise LensBlurError(
            f"coc_radius_px: expected shape {expected} to fit the image, got {tuple(radius.shape)}"
        )
    if not image.is_floating_point() or not radius.is_floating_point():
        raise LensBlurError(
            f"image and coc_radius_px: expected float tensors, got {image.dtype}, {radius.dtype}"
        )
    if image.device != radius.device:
        raise LensBlurError(
            f"coc_radius_px: expected on {image.device} as the image, got {radius.device}"
        )
    if not beta > 1 / math.e:
        raise LensBlurError(f"beta: expected > 1/e, where Eq. 2 stays positive, got {beta}")
    low, high = (float(v) for v in radius.detach().aminmax()) if radius.numel() else (0.0, 0.0)
    if not math.isfinite(low) or not math.isfinite(high):
        raise LensBlurError("coc_radius_px: expected finite radii, got NaN or infinity")
    if low < 0:
        raise LensBlurError(f"coc_radius_px: expected radii >= 0, got {low:g}; take the magnitude")


def scatter_blur(
    image: torch.Tensor,
    coc_radius_px: torch.Tensor,
    *,
    beta: float = 2.0,
    calibrated: bool = True,
    max_radius_px: float | None = None,
) -> torch.Tensor:
    """Blur an image as a lens does: every pixel spreads over its circle of confusion.

    Differentiable in both arguments. Light is only moved: what leaves the frame is lost, so give
    the frame a margin of the largest radius where that matters.

    Args:
        image: (C, H, W) or (B, C, H, W), scene-linear, premultiplied; any number of channels.
        coc_radius_px: (H, W) or (B, H, W), circle-of-confusion radius in px, >= 0.
        beta: thickness of the soap-bubble rim (paper Eq. 2), > 1/e.
        calibrated: the radius is that of the hard disc with the same area, as hosts and renderers
            mean it; False takes Eq. 2 as written.
        max_radius_px: larger radii are read as this one.

    Returns:
        The blurred image: shape, type and device of ``image``.

    Raises:
        LensBlurError: shapes that do not fit, NaN or negative radii, beta out of range.
    """
    _check(image, coc_radius_px, beta)
    radius = coc_radius_px if max_radius_px is None else coc_radius_px.clamp(max=max_radius_px)
    # Half types gather thousands of small terms: compute in float32, return what was given.
    work = torch.float64 if image.dtype == torch.float64 else torch.float32
    batched = image if image.dim() == 4 else image[None]
    radius = radius if radius.dim() == 3 else radius[None]
    with torch.autocast(image.device.type, enabled=False):
        out = torch.ops.lensblur.scatter(batched.to(work), radius.to(work), beta, calibrated)
    return out.reshape(image.shape).to(image.dtype)


class LensBlur(torch.nn.Module):
    """`scatter_blur` as a module with fixed lens settings."""

    def __init__(
        self, *, beta: float = 2.0, calibrated: bool = True, max_radius_px: float | None = None
    ) -> None:
        super().__init__()
        self.beta = beta
        self.calibrated = calibrated
        self.max_radius_px = max_radius_px

    def forward(self, image: torch.Tensor, coc_radius_px: torch.Tensor) -> torch.Tensor:
        """Blur ``image``; see `scatter_blur`."""
        return scatter_blur(
            image,
            coc_radius_px,
            beta=self.beta,
            calibrated=self.calibrated,
            max_radius_px=self.max_radius_px,
        )
