# SPDX-License-Identifier: Apache-2.0
"""The compiled CPU kernel, called through a plain C interface."""

import ctypes
import functools
import logging

import torch

from cuda_lensblur.build import load_library, native_isa
from cuda_lensblur.errors import BuildError
from cuda_lensblur.kernel import Kernel
from cuda_lensblur.table import WeightTable
from cuda_lensblur.tables import CTable, described, table_for

__all__ = [
    "kernel_info",
    "missing_kernel",
    "native_backward",
    "native_forward",
    "native_library",
    "thread_count",
]

_log = logging.getLogger("cuda_lensblur")
_BEST_ISA = -1


@functools.cache
def _opened() -> tuple[ctypes.CDLL | None, str]:
    try:
        return load_library(), ""
    except BuildError as error:
        return None, str(error)


def missing_kernel() -> str | None:
    """Return why there is no native kernel, or None where there is one."""
    library, why = _opened()
    return why if library is None else None


@functools.cache
def native_library() -> ctypes.CDLL | None:
    """Return the native kernel, or None after saying once why the reference runs instead."""
    library, why = _opened()
    if library is None:
        _log.warning("lens blur runs on the plain-torch reference (slow): %s", why)
    return library


def kernel_info() -> str:
    """Return one line that says which CPU kernel is bound."""
    if native_library() is None:
        return "plain-torch reference (no native kernel)"
    return f"native CPU kernel, {native_isa()}"


class _Clip(ctypes.Structure):
    """``Clip`` of kernels/scatter_cpu.h."""

    _fields_ = (
        ("conics", ctypes.c_void_p),
        ("softness", ctypes.c_void_p),
        ("count", ctypes.c_int32),
    )


_UNCUT = _Clip(None, None, 0)


def _table(kernel: Kernel, max_radius_px: float, *, flats: bool) -> tuple[CTable, WeightTable]:
    """Return a table as C sees it, and what must be named until the call returns."""
    table = table_for(kernel, max_radius_px, flats=flats)
    return described(table, lambda name: getattr(table, name).ctypes.data), table


def thread_count() -> ctypes.c_int:
    """Return how many threads a kernel may take: as many as torch itself."""
    return ctypes.c_int(torch.get_num_threads())


def _pointer(t: torch.Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(t.data_ptr())


def _sizes(image: torch.Tensor) -> list[ctypes.c_int64]:
    return [ctypes.c_int64(n) for n in image.shape]


def _clips(
    conics: tuple[torch.Tensor, list[float]] | None, count: int
) -> tuple[list[_Clip], tuple[torch.Tensor, ...]]:
    """Describe what cuts each image's discs, and the tensors to name until the call returns."""
    if conics is None:
        return [_UNCUT] * count, ()
    planes = conics[0].contiguous()
    softness = torch.tensor(conics[1], dtype=torch.float32)
    clips = [_Clip(one.data_ptr(), softness.data_ptr(), len(conics[1])) for one in planes]
    return clips, (planes, softness)


def native_forward(
    library: ctypes.CDLL,
    image: torch.Tensor,
    radius: torch.Tensor,
    kernel: Kernel,
    isa: int = _BEST_ISA,
    conics: tuple[torch.Tensor, list[float]] | None = None,
) -> torch.Tensor:
    """Run the native forward kernel on float32 ``image`` (B,C,H,W), ``radius`` (B,H,W).

    ``conics`` (B,K,6,H,W) with their softness cut the discs, see `clip`.
    """
    image, radius = image.contiguous(), radius.contiguous()
    table, _named = _table(kernel, float(radius.max()), flats=conics is None)
    out = torch.empty_like(image)
    clips, _held = _clips(conics, len(image))
    for i, r, o, clip in zip(image, radius, out, clips, strict=True):
        library.lensblur_forward(
            ctypes.c_int(isa),
            thread_count(),
            ctypes.byref(table),
            ctypes.byref(clip),
            *_sizes(i),
            *(_pointer(t) for t in (i, r, o)),
        )
    return out


def native_backward(
    library: ctypes.CDLL,
    grad: torch.Tensor,
    image: torch.Tensor,
    radius: torch.Tensor,
    kernel: Kernel,
    isa: int = _BEST_ISA,
    conics: tuple[torch.Tensor, list[float]] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the native backward kernel; shapes as in `native_forward`."""
    grad, image, radius = grad.contiguous(), image.contiguous(), radius.contiguous()
    table, _named = _table(kernel, float(radius.max()), flats=conics is None)
    clips, _held = _clips(conics, len(image))
    grad_image, grad_radius = torch.empty_like(image), torch.empty_like(radius)
    each = zip(grad, image, radius, grad_image, grad_radius, strict=True)
    for planes, clip in zip(each, clips, strict=True):
        library.lensblur_backward(
            ctypes.c_int(isa),
            thread_count(),
            ctypes.byref(table),
            ctypes.byref(clip),
            *_sizes(planes[1]),
            *(_pointer(t) for t in planes),
        )
    return grad_image, grad_radius
