# SPDX-License-Identifier: Apache-2.0
"""What a lens turns points into: the iris, how it changes over the frame, its colour.

Every px spreads over a disc of its own side of the focus, place and colour. The solve looks through
the glass that it found in the plate, refocus through any.
"""

from dataclasses import dataclass, replace

import torch

from cuda_lensblur import Aperture, Field, FrameView, field_clip, scatter_blur
from cuda_lensblur.blur import MAX_RADIUS_PX

__all__ = ["NO_SHIFT", "ROUND", "Glass", "spread", "spread_channels"]

NO_SHIFT = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Glass:
    """A lens, whatever its aperture and focus."""

    bokeh: Aperture | torch.Tensor | None = None
    """Shape of highlights; None is the soap bubble of `beta`."""
    field: Field = Field()  # noqa: RUF009 - frozen
    """How it changes over the frame."""
    axial_px: tuple[float, float, float] = NO_SHIFT
    """Axial colour: added to the signed circle of confusion of red, green and blue, px."""
    beta: float = 2.0
    """Thickness of the soap bubble's rim, Eq. 2."""

    def at_scale(self, scale: float) -> "Glass":
        """Return the same lens on a frame of another size."""
        if scale == 1:
            return self
        red, green, blue = (scale * shift for shift in self.axial_px)
        field = replace(
            self.field,
            astigmatism_px=self.field.astigmatism_px * scale,
            curvature_px=self.field.curvature_px * scale,
        )
        return replace(self, field=field, axial_px=(red, green, blue))

    @property
    def iris(self) -> Aperture:
        """What cuts are made in; round for a picture."""
        return self.bokeh if isinstance(self.bokeh, Aperture) else Aperture()

    @property
    def growth(self) -> float:
        """How many times larger a disc may get off the axis."""
        return self.field.growth(self.iris)

    @property
    def before_focus(self) -> "str | Aperture | torch.Tensor":
        """What points before the focus turn into; the same object as behind it if no different."""
        bokeh = self.behind_focus
        if isinstance(bokeh, torch.Tensor):
            turned = bokeh.flip(0, 1)
            return bokeh if torch.equal(turned, bokeh) else turned
        if isinstance(bokeh, Aperture) and not bokeh.same_turned:
            return replace(bokeh, before_focus=not bokeh.before_focus)
        return bokeh

    @property
    def behind_focus(self) -> "str | Aperture | torch.Tensor":
        """What points behind the focus turn into."""
        return "soap_bubble" if self.bokeh is None else self.bokeh


ROUND = Glass()
"""What a solve assumes before it knows better."""


def spread(
    stack: torch.Tensor,  # [4, h, w] premultiplied, with its matte
    coc: torch.Tensor,  # [h, w] signed radius, px, near negative
    glass: Glass,
    view: FrameView,
    max_radius_px: float = float(MAX_RADIUS_PX),
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a layer's light (3, h, w) and its coverage, (1, h, w) or by channel (3, h, w).

    Differentiable in both, but for pictures as bokeh, in the radius.
    """
    if not any(glass.axial_px):
        out = spread_channels(stack, coc, glass, view, max_radius_px)
        return out[:3], out[3:]
    planes = []
    for channel, shift in enumerate(glass.axial_px):
        pair = torch.stack([stack[channel], stack[3]])
        planes.append(spread_channels(pair, coc + shift, glass, view, max_radius_px))
    light, coverage = torch.stack(planes).unbind(1)
    return light, coverage


def spread_channels(
    stack: torch.Tensor,  # [n, h, w]
    coc: torch.Tensor,
    glass: Glass,
    view: FrameView,
    max_radius_px: float,
) -> torch.Tensor:
    """Spread any channels; colour is left alone. What differs before the focus is blurred apart."""
    signed, clip = field_clip(
        glass.field,
        coc,
        view,
        iris=glass.iris,
        max_radius_px=max_radius_px,
    )
    behind, before, radius = glass.behind_focus, glass.before_focus, signed.abs()
    near = (signed < 0).to(stack)
    if before is behind or not bool(near.any()):
        return scatter_blur(stack, radius, kernel=behind, beta=glass.beta, clip=clip)
    if bool(near.all()):
        return scatter_blur(stack, radius, kernel=before, beta=glass.beta, clip=clip)
    far = 1 - near
    out = scatter_blur(stack * far, radius * far, kernel=behind, beta=glass.beta, clip=clip)
    return out + scatter_blur(
        stack * near, radius * near, kernel=before, beta=glass.beta, clip=clip
    )
