# SPDX-License-Identifier: Apache-2.0
"""Differentiable lens blur: image + circle of confusion -> blurred image."""

from cuda_lensblur.aperture import Aperture
from cuda_lensblur.blur import LensBlur, scatter_blur
from cuda_lensblur.clip import Clip
from cuda_lensblur.errors import BuildError, LensBlurError
from cuda_lensblur.field import Field, FrameView, field_clip
from cuda_lensblur.native import kernel_info

__all__ = [
    "Aperture",
    "BuildError",
    "Clip",
    "Field",
    "FrameView",
    "LensBlur",
    "LensBlurError",
    "field_clip",
    "kernel_info",
    "scatter_blur",
]
