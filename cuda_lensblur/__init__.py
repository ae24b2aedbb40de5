# SPDX-License-Identifier: Apache-2.0
"""Differentiable lens blur: image + circle of confusion -> blurred image."""

from cuda_lensblur.errors import BuildError, LensBlurError
from cuda_lensblur.ops import LensBlur, kernel_info, scatter_blur

__all__ = ["BuildError", "LensBlur", "LensBlurError", "kernel_info", "scatter_blur"]
