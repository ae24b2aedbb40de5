# SPDX-License-Identifier: Apache-2.0
"""The solver's hot loops in C++, each beside a torch form that defines it and runs elsewhere."""

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from cuda_lensblur.build import PARALLEL, build_library, native_isa
from cuda_lensblur.errors import BuildError
from cuda_lensblur.native import thread_count

__all__ = ["SOURCES", "has_native", "native_function", "run"]

_NAMES = ("adam", "fields", "lattice", "planes", "sample", "splat", "ssim", "texels")
SOURCES = tuple(Path(__file__).parent / f"{name}.cpp" for name in _NAMES)


@functools.cache
def native_function(name: str) -> Callable[..., None] | None:
    """Return an exported function for this CPU, or None where nothing can be built.

    It runs on as many threads as torch does; what remains is to be given the other arguments.
    """
    try:
        function = getattr(build_library("solver", SOURCES, PARALLEL), f"{name}_{native_isa()}")
    except BuildError:
        return None  # the lens blur has said so already
    function.restype = None
    return lambda *arguments: function(thread_count(), *arguments)


def has_native(*tensors: torch.Tensor) -> bool:
    """Whether native functions take these tensors: float32, on a CPU that they were built for."""
    plain = all(t.device.type == "cpu" and t.dtype == torch.float32 for t in tensors)
    return plain and native_function("sample_forward") is not None


def run(name: str, *arguments: torch.Tensor | float | None) -> None:
    """Call an exported function.

    Args:
        name: of the function.
        arguments: contiguous tensors go by address, None as no address, whole numbers as int64,
            others as float.
    """
    function = native_function(name)
    assert function is not None, "has_native was not asked"
    function(*(_for_c(one) for one in arguments))


def _for_c(value: torch.Tensor | float | None) -> Any:
    if isinstance(value, torch.Tensor):
        assert value.is_contiguous()
        return ctypes.c_void_p(value.data_ptr())
    if value is None:
        return ctypes.c_void_p(None)
    return ctypes.c_int64(value) if isinstance(value, int) else ctypes.c_float(value)
