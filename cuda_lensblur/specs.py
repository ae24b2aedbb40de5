# SPDX-License-Identifier: Apache-2.0
"""Kernels by name: an operator's arguments are plain values, so a kernel travels as a string."""

import dataclasses
import functools
import hashlib
import json

import torch

from cuda_lensblur.aperture import Aperture, aperture_kernel, image_kernel
from cuda_lensblur.errors import LensBlurError
from cuda_lensblur.kernel import Kernel, disc_kernel

__all__ = ["KernelLike", "kernel_of", "spec_of"]

KernelLike = str | Aperture | torch.Tensor

_KEPT = 32
_images: dict[str, Kernel] = {}


def spec_of(kernel: KernelLike, *, beta: float, calibrated: bool) -> str:
    """Return the string that `kernel_of` turns back into a kernel.

    Args:
        kernel: a name of Fig. 4, an aperture's shape, or a picture (H, W) of a highlight.
        beta: of the soap bubble.
        calibrated: how radii are read.

    Raises:
        LensBlurError: no such kernel.
    """
    if isinstance(kernel, torch.Tensor):
        return _keep(kernel)
    if isinstance(kernel, Aperture):
        return json.dumps(["aperture", dataclasses.asdict(kernel), calibrated])
    if not isinstance(kernel, str):
        raise LensBlurError(
            f"kernel: expected a name, an Aperture or a picture tensor, got {type(kernel).__name__}"
        )
    spec = json.dumps(["disc", kernel, float(beta), calibrated])
    kernel_of(spec)
    return spec


def _keep(picture: torch.Tensor) -> str:
    values = picture.detach().double().cpu().contiguous()
    key = hashlib.sha256(values.numpy().tobytes() + str(tuple(values.shape)).encode()).hexdigest()
    spec = json.dumps(["image", key])
    held = _images.pop(spec) if spec in _images else image_kernel(values)
    _images[spec] = held  # the last used comes last
    while len(_images) > _KEPT:
        del _images[next(iter(_images))]
    return spec


@functools.lru_cache(maxsize=64)
def _described(spec: str) -> Kernel:
    kind, what, *options = json.loads(spec)
    if kind == "aperture":
        return aperture_kernel(Aperture(**what), *options)
    return disc_kernel(what, *options)


def kernel_of(spec: str) -> Kernel:
    """Return the kernel that a string stands for.

    Raises:
        LensBlurError: it stands for none, or for a picture that has been forgotten.
    """
    if spec in _images:
        return _images[spec]
    if spec.startswith('["image"'):
        raise LensBlurError("kernel: the picture of this kernel is no longer held")
    return _described(spec)
