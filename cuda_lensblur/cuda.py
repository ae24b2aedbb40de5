# SPDX-License-Identifier: Apache-2.0
"""The lens blur on a CUDA device: builds its kernels on first use and calls that of plain discs.

cuda_table.py calls the other. One library per compute capability, in the same cache and with the
same guarantees as the CPU kernel (see build.py). The library has a plain C interface and works on
torch's current stream. Importing this module neither builds nor probes anything.
"""

import ctypes
import functools
import hashlib
import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch

from cuda_lensblur import build
from cuda_lensblur.errors import BuildError, LensBlurError

__all__ = [
    "SOURCES",
    "build_cuda_library",
    "cuda_backward",
    "cuda_forward",
    "find_nvcc",
    "library_for",
    "pointers",
    "raise_for",
    "run_backward",
    "run_forward",
    "sizes",
    "workspace",
]

_KERNELS = Path(__file__).parent / "kernels"
SOURCES = (_KERNELS / "scatter_cuda.cu", _KERNELS / "scatter_table.cu")
NVCC_FLAGS = (
    "-std=c++17",
    "-O3",
    # Fast division and root err by about 1e-7, and no cut-off depends on them (disc.h).
    "-prec-div=false",
    "-prec-sqrt=false",
    "-ftz=true",
    "-Xcompiler",
    "-fPIC,-Wall",
)
"""What nvcc is given besides the architecture; the tests compile with the same."""


def find_nvcc() -> str | None:
    """Return the CUDA compiler: ``$CUDACXX``, ``$CUDA_HOME``, the path, the usual folder."""
    home = os.environ.get("CUDA_HOME")
    candidates = (
        os.environ.get("CUDACXX"),
        str(Path(home) / "bin" / "nvcc") if home else None,
        "nvcc",
        "/usr/local/cuda/bin/nvcc",
    )
    return next((name for name in candidates if name and shutil.which(name)), None)


def _ninja_file(nvcc: str, capability: int) -> str:
    architecture = f"-gencode arch=compute_{capability},code=sm_{capability}"
    command = shlex.quote(nvcc).replace("$", "$$")
    compile_one = f"{command} {' '.join(NVCC_FLAGS)} {architecture} -c $in -o $out"
    objects = [f"{source.stem}.o" for source in SOURCES]
    return "\n".join(
        (
            "rule compile",
            f"  command = {compile_one}",
            "rule library",
            f"  command = {command} {architecture} -shared $in -o $out",
            *(
                f"build {name}: compile {build.escape(source)}"
                for name, source in zip(objects, SOURCES, strict=True)
            ),
            f"build library.so: library {' '.join(objects)}",
            "",
        )
    )


@functools.cache
def build_cuda_library(capability: int) -> ctypes.CDLL:
    """Build the CUDA kernels for one compute capability (90 for 9.0), if need be, and load it.

    Raises:
        BuildError: no nvcc, no ninja, a cache that cannot be written, or a failed build.
    """
    nvcc = find_nvcc()
    if nvcc is None:
        raise BuildError(
            "the CUDA compiler nvcc was not found ($CUDACXX, $CUDA_HOME/bin, the path): install "
            "the CUDA toolkit, or use tensors on the CPU"
        )
    parts = (build.cache_key(nvcc, SOURCES), *NVCC_FLAGS, str(capability))
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
    target = build.cache_folder() / f"lensblur-cuda-sm{capability}-{key}.so"
    try:
        if not target.exists():
            build.run_ninja(target, _ninja_file(nvcc, capability))
        library = ctypes.CDLL(str(target))
    except OSError as error:
        raise BuildError(f"native kernels cannot be kept at {target}: {error}") from error
    library.lensblur_cuda_error.restype = ctypes.c_char_p
    return library


def pointers(tensors: Sequence[torch.Tensor | None]) -> list[ctypes.c_void_p]:
    """Return where tensors lie; None lies at 0."""
    return [ctypes.c_void_p(None if t is None else t.data_ptr()) for t in tensors]


def sizes(image: torch.Tensor) -> list[ctypes.c_int64]:
    """Return the four sizes of an image for C."""
    return [ctypes.c_int64(n) for n in image.shape]


def _settings(image: torch.Tensor, kind: int, beta: float) -> tuple[ctypes._SimpleCData, ...]:
    return (
        ctypes.c_int(image.device.index or 0),
        ctypes.c_int(kind),
        ctypes.c_float(beta),
        *sizes(image),
    )


def workspace(library: ctypes.CDLL, image: torch.Tensor) -> torch.Tensor:
    """Return the scratch memory of a call."""
    batch, _, height, width = image.shape
    library.lensblur_cuda_workspace.restype = ctypes.c_int64
    count = library.lensblur_cuda_workspace(*(ctypes.c_int64(n) for n in (batch, height, width)))
    return image.new_empty(count)


def raise_for(library: ctypes.CDLL, error: int) -> None:
    """Say what CUDA says of a launch, if that is an error."""
    if error:
        library.lensblur_cuda_error.restype = ctypes.c_char_p
        text = library.lensblur_cuda_error(error).decode()
        raise RuntimeError(f"the CUDA lens blur could not be launched: {text} (error {error})")


def run_forward(
    library: ctypes.CDLL,
    image: torch.Tensor,  # [B, C, H, W]
    planes: Sequence[torch.Tensor],  # rho, scale, centre, each [B, H, W]
    kind: int,
    beta: float,
    stream: int,
) -> torch.Tensor:
    """Queue the forward kernel of ``library`` on ``stream``; arguments are trusted."""
    out = torch.empty_like(image)
    if out.numel():
        tensors = (image, *planes, workspace(library, image), out)
        error = library.lensblur_cuda_forward(
            *_settings(image, kind, beta), *pointers(tensors), ctypes.c_void_p(stream)
        )
        raise_for(library, error)
    return out


def run_backward(
    library: ctypes.CDLL,
    grad: torch.Tensor,  # [B, C, H, W]
    image: torch.Tensor,  # [B, C, H, W]
    planes: Sequence[torch.Tensor],  # rho, scale, centre, d_rho, d_scale, d_centre
    kind: int,
    beta: float,
    stream: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Queue the backward kernel of ``library`` on ``stream``; arguments are trusted."""
    grad_image, grad_radius = torch.empty_like(image), torch.empty_like(planes[0])
    if image.numel() == 0:
        grad_radius.zero_()
    else:
        tensors = (grad, image, *planes, workspace(library, image), grad_image, grad_radius)
        error = library.lensblur_cuda_backward(
            *_settings(image, kind, beta), *pointers(tensors), ctypes.c_void_p(stream)
        )
        raise_for(library, error)
    return grad_image, grad_radius


_KINDS = 5  # of disc.h


def _check(image: torch.Tensor, tensors: dict[str, torch.Tensor], kind: int) -> None:
    if image.dim() != 4:
        raise LensBlurError(f"image: expected (B, C, H, W), got {tuple(image.shape)}")
    if kind not in range(_KINDS):
        raise LensBlurError(f"kind: expected 0 to {_KINDS - 1}, got {kind}")
    batch, _, height, width = image.shape
    for name, t in {"image": image, **tensors}.items():
        expected = tuple(image.shape) if name in {"image", "grad"} else (batch, height, width)
        if tuple(t.shape) != expected:
            raise LensBlurError(f"{name}: expected shape {expected}, got {tuple(t.shape)}")
        if t.device != image.device:
            raise LensBlurError(f"{name}: expected on {image.device} as the image, got {t.device}")
        if t.dtype != torch.float32:
            raise LensBlurError(f"{name}: expected float32, got {t.dtype}")
        if not t.is_contiguous():
            raise LensBlurError(f"{name}: expected contiguous memory, got strides {t.stride()}")
    if image.device.type != "cuda":
        raise LensBlurError(f"image: expected on a CUDA device, got {image.device}")


def library_for(device: torch.device) -> ctypes.CDLL:
    """Return the kernels for a device, built if need be; raises `BuildError`."""
    major, minor = torch.cuda.get_device_capability(device)
    return build_cuda_library(10 * major + minor)


def cuda_forward(
    image: torch.Tensor,
    *,
    rho: torch.Tensor,
    scale: torch.Tensor,
    centre: torch.Tensor,
    kind: int,
    beta: float,
) -> torch.Tensor:
    """Scatter every pixel of ``image`` over its disc, on the image's CUDA device.

    Args:
        image: (B, C, H, W) float32, contiguous.
        rho: (B, H, W) radius of the disc's shape, px.
        scale: (B, H, W) what the shape's weight is multiplied with; 0 spreads nothing.
        centre: (B, H, W) share of the light that stays on its pixel.
        kind: shape of the disc, ``DiscKind`` of kernels/disc.h.
        beta: thickness of the soap bubble's rim.

    Returns:
        The blurred image, (B, C, H, W), queued on torch's current stream.

    Raises:
        LensBlurError: a tensor of another shape, type, device or layout; an unknown kind.
        BuildError: the kernel could not be built.
    """
    _check(image, {"rho": rho, "scale": scale, "centre": centre}, kind)
    library = library_for(image.device)
    stream = torch.cuda.current_stream(image.device).cuda_stream
    with torch.cuda.device(image.device):
        return run_forward(library, image, (rho, scale, centre), kind, beta, stream)


def cuda_backward(
    grad: torch.Tensor,
    image: torch.Tensor,
    *,
    rho: torch.Tensor,
    scale: torch.Tensor,
    centre: torch.Tensor,
    d_rho: torch.Tensor,
    d_scale: torch.Tensor,
    d_centre: torch.Tensor,
    kind: int,
    beta: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients in image (B, C, H, W) and radius (B, H, W) for the output's ``grad``.

    Args:
        grad: (B, C, H, W) float32, contiguous, as ``image``.
        image: as in `cuda_forward`.
        rho: as in `cuda_forward`.
        scale: as in `cuda_forward`.
        centre: as in `cuda_forward`.
        d_rho: (B, H, W) derivative of ``rho`` by the radius.
        d_scale: (B, H, W) derivative of ``scale`` by the radius.
        d_centre: (B, H, W) derivative of ``centre`` by the radius, 1/px.
        kind: as in `cuda_forward`.
        beta: as in `cuda_forward`.

    Raises:
        LensBlurError: as `cuda_forward`.
        BuildError: the kernel could not be built.
    """
    planes = {
        **{"rho": rho, "scale": scale, "centre": centre},
        **{"d_rho": d_rho, "d_scale": d_scale, "d_centre": d_centre},
    }
    _check(image, {"grad": grad, **planes}, kind)
    library = library_for(image.device)
    stream = torch.cuda.current_stream(image.device).cuda_stream
    with torch.cuda.device(image.device):
        return run_backward(library, grad, image, tuple(planes.values()), kind, beta, stream)
