# SPDX-License-Identifier: Apache-2.0
"""The lens blur on a CUDA device by a table of weights: irises, pictures and discs that are cut.

Calls kernels/scatter_table.cu with the tables of the CPU kernel, kept on the device, so that both
read the same weights. What it computes is what native.py does.
"""

import ctypes
from collections import OrderedDict
from dataclasses import dataclass

import torch

from cuda_lensblur import cuda
from cuda_lensblur.errors import LensBlurError
from cuda_lensblur.kernel import Kernel
from cuda_lensblur.reference import Conics
from cuda_lensblur.table import WeightTable
from cuda_lensblur.tables import ARRAYS, TABLES_KEPT, CTable, described, table_for

__all__ = [
    "DeviceTable",
    "run_table_backward",
    "run_table_forward",
    "table_backward",
    "table_forward",
    "table_on",
]


@dataclass(frozen=True, eq=False)
class DeviceTable:
    """A weight table whose arrays lie on a device."""

    source: WeightTable
    arrays: dict[str, torch.Tensor]

    def for_c(self) -> CTable:
        """Describe it for C; the arrays must be named until the call returns."""
        return described(self.source, lambda name: self.arrays[name].data_ptr())


_kept: OrderedDict[tuple[Kernel, torch.device], DeviceTable] = OrderedDict()


def table_on(device: torch.device, kernel: Kernel, max_radius_px: float) -> DeviceTable:
    """Return a kernel's table on a device, for radii up to the largest; kept there."""
    source = table_for(kernel, max_radius_px, flats=False)
    held = _kept.pop((kernel, device), None)
    if held is None or held.source is not source:
        arrays = {name: torch.from_numpy(getattr(source, name)).to(device) for name in ARRAYS}
        held = DeviceTable(source, arrays)
    _kept[kernel, device] = held
    while len(_kept) > TABLES_KEPT:
        _kept.popitem(last=False)
    return held


def _called(
    image: torch.Tensor, table: CTable, conics: Conics | None
) -> tuple[list[object], torch.Tensor | None]:
    """Return the first arguments of a call, and the conics."""
    planes, softness = (None, []) if conics is None else conics
    numbers = (ctypes.c_float * max(1, len(softness)))(*softness)
    device, count = ctypes.c_int(image.device.index or 0), ctypes.c_int(len(softness))
    return [device, ctypes.byref(table), count, numbers, *cuda.sizes(image)], planes


def run_table_forward(
    library: ctypes.CDLL,
    image: torch.Tensor,  # [B, C, H, W]
    radius: torch.Tensor,  # [B, H, W] px
    table: DeviceTable,
    conics: Conics | None,
    stream: int,
) -> torch.Tensor:
    """Queue the forward kernel of ``library`` on ``stream``; arguments are trusted."""
    out = torch.empty_like(image)
    if out.numel():
        first, planes = _called(image, table.for_c(), conics)
        gain = None if planes is None else torch.empty_like(radius)
        tensors = (planes, image, radius, gain, cuda.workspace(library, image), out)
        error = library.lensblur_cuda_table_forward(
            *first, *cuda.pointers(tensors), ctypes.c_void_p(stream)
        )
        cuda.raise_for(library, error)
    return out


def run_table_backward(
    library: ctypes.CDLL,
    grad: torch.Tensor,  # [B, C, H, W]
    image: torch.Tensor,  # [B, C, H, W]
    radius: torch.Tensor,  # [B, H, W] px
    table: DeviceTable,
    conics: Conics | None,
    stream: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Queue the backward kernel of ``library`` on ``stream``; arguments are trusted."""
    grad_image, grad_radius = torch.empty_like(image), torch.empty_like(radius)
    if image.numel() == 0:
        grad_radius.zero_()
        return grad_image, grad_radius
    first, planes = _called(image, table.for_c(), conics)
    gain, fading = (None if planes is None else torch.empty_like(radius) for _ in range(2))
    tensors = (planes, grad, image, radius, gain, fading, cuda.workspace(library, image))
    error = library.lensblur_cuda_table_backward(
        *first,
        *cuda.pointers((*tensors, grad_image, grad_radius)),
        ctypes.c_void_p(stream),
    )
    cuda.raise_for(library, error)
    return grad_image, grad_radius


def _check(image: torch.Tensor, tensors: dict[str, torch.Tensor]) -> None:
    for name, t in {"image": image, **tensors}.items():
        if t.device != image.device or t.device.type != "cuda":
            raise LensBlurError(f"{name}: expected on one CUDA device, got {t.device}")
        if t.dtype != torch.float32:
            raise LensBlurError(f"{name}: expected float32, got {t.dtype}")


def _taken(
    image: torch.Tensor, radius: torch.Tensor, kernel: Kernel, conics: Conics | None
) -> tuple[ctypes.CDLL, DeviceTable, Conics | None, int]:
    """Return library, table, conics and stream of a call."""
    planes = {} if conics is None else {"conics": conics[0]}
    _check(image, {"radius": radius, **planes})
    table = table_on(image.device, kernel, float(radius.max()) if radius.numel() else 0.0)
    cut = None if conics is None else (conics[0].contiguous(), conics[1])
    stream = torch.cuda.current_stream(image.device).cuda_stream
    return cuda.library_for(image.device), table, cut, stream


def table_forward(
    image: torch.Tensor, radius: torch.Tensor, kernel: Kernel, conics: Conics | None
) -> torch.Tensor:
    """Scatter every pixel of ``image`` over its disc, on the image's CUDA device.

    Args:
        image: (B, C, H, W) float32.
        radius: (B, H, W) float32, px.
        kernel: any.
        conics: (B, K, 6, H, W) float32 with their softness, see `clip`; None: nothing is cut.

    Returns:
        The blurred image, (B, C, H, W), queued on torch's current stream.

    Raises:
        LensBlurError: tensors of another type, or not on one CUDA device.
        BuildError: the kernel could not be built.
    """
    library, table, cut, stream = _taken(image, radius, kernel, conics)
    with torch.cuda.device(image.device):
        return run_table_forward(
            library, image.contiguous(), radius.contiguous(), table, cut, stream
        )


def table_backward(
    grad: torch.Tensor,
    image: torch.Tensor,
    radius: torch.Tensor,
    kernel: Kernel,
    conics: Conics | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients in image (B, C, H, W) and radius (B, H, W) for the output's ``grad``.

    Arguments and errors as of `table_forward`. That in the radius is the slope between the table's
    nodes, as on the CPU.
    """
    _check(image, {"grad": grad})
    library, table, cut, stream = _taken(image, radius, kernel, conics)
    with torch.cuda.device(image.device):
        grad, image, radius = grad.contiguous(), image.contiguous(), radius.contiguous()
        return run_table_backward(library, grad, image, radius, table, cut, stream)
