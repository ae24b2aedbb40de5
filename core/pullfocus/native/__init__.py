# SPDX-License-Identifier: Apache-2.0
"""The solver's two hot loops in C++, each beside a torch form that runs where it cannot."""

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path

import torch

from cuda_lensblur.build import PARALLEL, build_library, native_isa
from cuda_lensblur.errors import BuildError
from cuda_lensblur.native import thread_count

__all__ = ["SOURCES", "floats", "native_function"]

SOURCES = tuple(Path(__file__).parent / name for name in ("sample.cpp", "ssim.cpp"))


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


def floats(tensor: torch.Tensor) -> ctypes.c_void_p:
    """Return the address of a contiguous tensor's data."""
    return ctypes.c_void_p(tensor.data_ptr())
