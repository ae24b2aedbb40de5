# SPDX-License-Identifier: Apache-2.0
"""What a shot is seen through when focus is pulled again."""

from dataclasses import dataclass, replace

import torch

from cuda_lensblur import Aperture, Field
from pullfocus.errors import PullfocusError
from pullfocus.model.glass import NO_SHIFT, Glass
from pullfocus.model.plate_lens import PlateLens

__all__ = ["COLOUR_PAIRS", "Bloom", "NewLens", "axial_shift"]

COLOUR_PAIRS = {"red-cyan": (1, 0, 0), "green-magenta": (0, 1, 0), "blue-yellow": (0, 0, 1)}
"""Axial colour: which channels come to focus farther away than the others."""


def axial_shift(pair: str, amount_px: float) -> tuple[float, float, float]:
    """Return what each channel's circle of confusion differs by, px: `amount_px` between the pair.

    Raises:
        PullfocusError: no such pair.
    """
    if pair not in COLOUR_PAIRS:
        known = ", ".join(COLOUR_PAIRS)
        raise PullfocusError(f"--axial-colours: expected one of {known}, got {pair!r}")
    red, green, blue = (amount_px * (share - 0.5) for share in COLOUR_PAIRS[pair])
    return red, green, blue


@dataclass(frozen=True)
class Bloom:
    """Light that scatters in the lens, after the composite."""

    amount: float = 0.0
    """Share of the light above the threshold that is scattered, 0..1."""
    size_px: float = 24.0
    """How far: half of what is scattered lies within."""
    threshold: float = 0.8
    """Scene-linear."""


@dataclass(frozen=True)
class NewLens:
    """What the shot is seen through."""

    aperture: float = 1.0
    """Scale of all circles of confusion; 1 is the plate's own lens, 0 is deep focus."""
    near: float = 1.0
    """Scale of those in front of the plane of focus."""
    far: float = 1.0
    """Scale of those behind it."""
    switched: bool = False
    """Take what lies before the focus for what lies behind it, and the other way round."""
    max_radius_px: float = 64.0
    """Larger circles are held at this radius."""
    bokeh: Aperture | torch.Tensor | None = None
    """Shape of highlights; None is the soap bubble that the solve assumes."""
    field: Field = Field()  # noqa: RUF009 - frozen
    """How it changes over the frame."""
    axial_px: tuple[float, float, float] = NO_SHIFT
    """Axial colour: added to the signed circle of confusion of red, green and blue, px."""
    bloom: Bloom = Bloom()
    highlight_gain: float = 1.0
    """Light that the sensor clipped and that is out of focus is multiplied by up to this."""
    lift_bright: bool = False
    """Multiply all light above 0.8, whether or not clipping is proved."""
    preview: bool = False
    """Blur large circles at half the size: several times quicker, for looking."""

    def starting_from(self, plate: PlateLens) -> "NewLens":
        """Return the lens with the plate's own iris, cat's eye and colour where it asks for none.

        So new blur sits beside old. Colour grows with the aperture, as all blur does.
        """
        glass = plate.glass
        red, green, blue = (shift * self.aperture for shift in glass.axial_px)
        off_axis = self.field if self.field.cats_eye else glass.field
        return replace(
            self,
            bokeh=glass.bokeh if self.bokeh is None else self.bokeh,
            field=replace(self.field, cats_eye=off_axis.cats_eye, balanced=off_axis.balanced),
            axial_px=self.axial_px if any(self.axial_px) else (red, green, blue),
        )

    @property
    def glass(self) -> Glass:
        """What points turn into."""
        return Glass(self.bokeh, self.field, self.axial_px)
