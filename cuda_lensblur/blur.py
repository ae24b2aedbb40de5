# SPDX-License-Identifier: Apache-2.0
"""The public lens blur: what it takes, what it refuses, how weights are normalised."""

import math

import torch

from cuda_lensblur.clip import Clip
from cuda_lensblur.errors import LensBlurError
from cuda_lensblur.ops import scatter
from cuda_lensblur.specs import KernelLike, kernel_of, spec_of
from cuda_lensblur.totals import blended_totals

__all__ = ["MAX_RADIUS_PX", "LensBlur", "scatter_blur"]

MAX_RADIUS_PX = 160
"""Largest radius: weight tables and margins grow with it."""
NORMALIZE = ("source", "target", "literal")


def _check(image: torch.Tensor, radius: torch.Tensor, limit: float | None) -> bool:
    """Refuse what cannot be; returns whether a radius exceeds the limit."""
    for name, given in (("image", image), ("coc_radius_px", radius)):
        if not isinstance(given, torch.Tensor):
            raise LensBlurError(f"{name}: expected a torch tensor, got {type(given).__name__}")
    if image.dim() not in (3, 4):
        raise LensBlurError(f"image: expected (C, H, W) or (B, C, H, W), got {tuple(image.shape)}")
    expected = (*image.shape[:-3], *image.shape[-2:])
    if tuple(radius.shape) != expected:
        raise LensBlurError(
            f"coc_radius_px: expected shape {expected} to fit the image, got {tuple(radius.shape)}"
        )
    if not image.is_floating_point() or not radius.is_floating_point():
        raise LensBlurError(
            f"image and coc_radius_px: expected float tensors, got {image.dtype}, {radius.dtype}"
        )
    if image.device != radius.device:
        raise LensBlurError(
            f"coc_radius_px: expected on {image.device} as the image, got {radius.device}"
        )
    low, high = (float(v) for v in radius.detach().aminmax()) if radius.numel() else (0.0, 0.0)
    if not math.isfinite(low) or not math.isfinite(high):
        raise LensBlurError("coc_radius_px: expected finite radii, got NaN or infinity")
    if low < 0:
        raise LensBlurError(f"coc_radius_px: expected radii >= 0, got {low:g}; take the magnitude")
    top = high if limit is None else min(high, limit)
    if top > MAX_RADIUS_PX:
        raise LensBlurError(
            f"coc_radius_px: expected radii of at most {MAX_RADIUS_PX} px, got {top:g}; hold them"
            " with max_radius_px"
        )
    return limit is not None and high > limit


def scatter_blur(
    image: torch.Tensor,
    coc_radius_px: torch.Tensor,
    *,
    kernel: KernelLike = "soap_bubble",
    beta: float = 2.0,
    normalize: str = "source",
    calibrated: bool = True,
    max_radius_px: float | None = None,
    clip: Clip | None = None,
) -> torch.Tensor:
    """Blur an image as a lens does: every pixel spreads over its circle of confusion.

    Differentiable in both arguments (see `kernel`). Light is only moved: what leaves the frame is
    lost, so give the frame a margin of the largest radius where that matters.

    Args:
        image: (C, H, W) or (B, C, H, W), scene-linear, premultiplied; any number of channels, any
            strides.
        coc_radius_px: (H, W) or (B, H, W), circle-of-confusion radius in px, >= 0.
        kernel: soap_bubble (paper Eq. 2), gaussian, disc, tanh or extended_box (Fig. 4); an
            `Aperture`; or a picture (H, W) of a highlight. The hard disc and pictures have no
            derivative in the radius.
        beta: thickness of the soap bubble's rim, > 1/e.
        normalize: source: every pixel's weights sum to 1, energy is kept. target: then divided by
            the weight that arrived, so that an even picture stays even up to the border. literal:
            weights as written, divided by their sum where they arrive; light next to a large disc
            drowns in it. For comparison with papers.
        calibrated: the radius is that of the hard disc with the same area, as hosts and renderers
            mean it (Gaussian: with the same variance); False takes kernels as written.
        max_radius_px: larger radii are read as this one.
        clip: what cuts every source's disc (`field.field_clip` makes it); without a gradient.

    Returns:
        The blurred image: shape, type and device of ``image``.

    Raises:
        LensBlurError: shapes that do not fit, radii that are NaN, negative or above 160 px, beta
            out of range, an unknown kernel or normalisation, or a gradient in the radius that the
            kernel does not have.
    """
    clamped = _check(image, coc_radius_px, max_radius_px)
    if normalize not in NORMALIZE:
        raise LensBlurError(f"normalize: expected one of {', '.join(NORMALIZE)}, got {normalize!r}")
    if max_radius_px is not None and not max_radius_px >= 0:
        raise LensBlurError(f"max_radius_px: expected >= 0, got {max_radius_px:g}")
    spec = spec_of(kernel, beta=beta, calibrated=calibrated)
    if coc_radius_px.requires_grad and torch.is_grad_enabled() and kernel_of(spec).slope is None:
        raise LensBlurError(
            f"coc_radius_px: expected no gradient, the kernel {kernel_of(spec).name!r} has no"
            " derivative in the radius; detach it or choose another kernel"
        )
    radius = coc_radius_px.clamp(max=max_radius_px) if clamped else coc_radius_px
    # Half types gather thousands of small terms: compute in float32, return what was given.
    work = torch.float64 if image.dtype == torch.float64 else torch.float32
    batched = (image if image.dim() == 4 else image[None]).to(work)
    radius = (radius if radius.dim() == 3 else radius[None]).to(work)
    conics = None if clip is None else (clip.fitting(batched), list(clip.softness))
    with torch.autocast(image.device.type, enabled=False):
        if normalize == "source":
            out = scatter(batched, radius, spec, conics)
        else:
            out = _by_target(batched, radius, spec, conics, literal=normalize == "literal")
    return out.reshape(image.shape).to(image.dtype)


def _by_target(
    image: torch.Tensor,
    radius: torch.Tensor,
    spec: str,
    conics: tuple[torch.Tensor, list[float]] | None,
    *,
    literal: bool,
) -> torch.Tensor:
    """Scatter and divide by the weight that arrives."""
    arriving = torch.ones_like(image[:, :1])
    if literal:
        arriving = arriving * blended_totals(kernel_of(spec), radius)[:, None]
    both = scatter(torch.cat([image * arriving, arriving], 1), radius, spec, conics)
    return both[:, :-1] / both[:, -1:].clamp(min=torch.finfo(both.dtype).tiny)


class LensBlur(torch.nn.Module):
    """`scatter_blur` as a module with fixed lens settings."""

    def __init__(
        self,
        *,
        kernel: KernelLike = "soap_bubble",
        beta: float = 2.0,
        normalize: str = "source",
        calibrated: bool = True,
        max_radius_px: float | None = None,
    ) -> None:
        super().__init__()
        spec_of(kernel, beta=beta, calibrated=calibrated)  # refuses what cannot be, at once
        self.kernel = kernel
        self.beta = beta
        self.normalize = normalize
        self.calibrated = calibrated
        self.max_radius_px = max_radius_px

    def forward(self, image: torch.Tensor, coc_radius_px: torch.Tensor) -> torch.Tensor:
        """Blur ``image``; see `scatter_blur`."""
        return scatter_blur(
            image,
            coc_radius_px,
            kernel=self.kernel,
            beta=self.beta,
            normalize=self.normalize,
            calibrated=self.calibrated,
            max_radius_px=self.max_radius_px,
        )
