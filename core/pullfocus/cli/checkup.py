# SPDX-License-Identifier: Apache-2.0
"""What this machine offers a solve, in a table for people."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import tempfile
from pathlib import Path

from pullfocus import __version__
from pullfocus.errors import PullfocusError

__all__ = ["slow_line", "table"]

_PACKAGES = ("torch", "numpy", "opencv-python-headless", "OpenImageIO", "opencolorio", "av")


def table() -> str:
    """Lines of "what  finding"; a finding that needs the user begins with "!"."""
    rows = [
        ("pullfocus", __version__),
        ("python", f"{platform.python_version()} on {platform.platform(terse=True)}"),
        *((name, _version(name)) for name in _PACKAGES),
        ("CPU cores", _cores()),
        ("memory", _memory()),
        ("lens blur", _lens_blur()),
        ("CUDA", _cuda()),
        ("colour", _colour()),
        ("writing here", _writing(Path.cwd())),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {finding}" for name, finding in rows)


def slow_line() -> str | None:
    """Return what makes this machine slow and how to mend it, one line; None where nothing does."""
    from cuda_lensblur.native import missing_kernel

    why = missing_kernel()
    if why is None:
        return None
    return (
        f"slow: the lens blur runs in plain torch ({why}), a draft takes minutes instead of"
        f" seconds; mend it: {_mending()}"
    )


def _mending() -> str:
    system = platform.system()
    wheel = "install pullfocus from the wheel for this platform (make wheels builds it)"
    compiler = {
        "Darwin": "xcode-select --install",
        "Linux": "install g++ or clang++",
        "Windows": "install LLVM's clang++",
    }.get(system, "install a C++ compiler")
    return f"{wheel}, or a C++ compiler ({compiler})"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "! not installed"


def _cores() -> str:
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{usable}, torch uses {torch.get_num_threads()} threads"


def _memory() -> str:
    from pullfocus.solve.memory import free_memory_mb

    free = free_memory_mb()
    return "unknown" if free is None else f"{free / 1000:.1f} GB free"


def _lens_blur() -> str:
    from cuda_lensblur import kernel_info

    slow = slow_line()
    return kernel_info() if slow is None else f"! {slow}"


def _cuda() -> str:
    import torch

    if torch.cuda.is_available():
        return f"yes: {torch.cuda.get_device_name()}, torch built for CUDA {torch.version.cuda}"
    if torch.version.cuda is None:
        return "no: this torch is built for the CPU only"
    return "no: no device found"


def _colour() -> str:
    import OpenImageIO

    from pullfocus.plate.colour import load_config

    try:
        config = load_config().getName()
    except PullfocusError as error:
        return f"! {error}"
    return f"{config}, OpenImageIO {OpenImageIO.VERSION_STRING}"


def _writing(folder: Path) -> str:
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            return f"yes: {folder}"
    except OSError as error:
        return f"! no: {folder}: {error.strerror}"
