# SPDX-License-Identifier: Apache-2.0
"""The text of the CUDA kernels as a library for the CPU."""

import ctypes
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cuda_lensblur import build, cuda

SHIM = Path(__file__).with_name("launch_shim.h")


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The CUDA sources compiled for the CPU."""
    compiler = build.find_compiler()
    if compiler is None:
        pytest.skip("no C++ compiler for the launch shim")
    target = tmp_path_factory.mktemp("shim") / "shim.so"
    strict = ("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas")
    flags = ("-std=c++20", "-O2", "-fPIC", "-shared", *strict, "-x", "c++", "-include", SHIM)
    subprocess.run([compiler, *flags, *cuda.SOURCES, "-o", target], check=True)
    return ctypes.CDLL(str(target))


@pytest.fixture
def nan_where_unwritten() -> Iterator[None]:
    """Fill new tensors with NaN, scratch memory too: what is read or returned must be written."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
