# SPDX-License-Identifier: Apache-2.0
"""A lens away from its axis: cat's eye, barn doors, astigmatism, field curvature.

Directions are those of a real lens. What lies behind the focus (a positive circle of confusion)
shows the iris upright, so light is missing on the side away from the axis; what lies before it
shows the iris turned round.
"""

import dataclasses
import math

import torch

from cuda_lensblur.aperture import Aperture, corner_radius, share_left
from cuda_lensblur.clip import Clip
from cuda_lensblur.errors import LensBlurError

__all__ = ["Field", "FrameView", "curved", "field_clip"]

_OPEN = 1.5  # radii: where an open barn door stands
_THINNEST_PX = 0.75  # half the width of the line that an astigmatic disc may become


@dataclasses.dataclass(frozen=True)
class Field:
    """How discs change over the frame. Distance from the axis is 1 in the corners."""

    cats_eye: float = 0.0
    """How far the second disc that cuts the iris has moved in the corner, 0..1.5 radii of the
    circle round the iris."""
    cats_eye_softness: float = 0.0
    """Width of its edge, radii; 0 is one px."""
    screen_relative: bool = False
    """Measure from the axis in shares of the frame's width and height, so that the middle of each
    side is cut alike."""
    balanced: bool = False
    """Discs keep their area and their centre where the cat's eye cuts them: they grow, and both of
    its discs move half of the way. So a solve reads them that knew of round discs alone: its radii
    and its motion have taken up what a cut disc is smaller and to one side."""
    doors: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Barn doors left, right, top, bottom, 0..0.9: which part of a disc each hides at its own side
    of the frame, falling to nothing at the middle."""
    door_softness: float = 0.0
    """Width of their edges, radii; 0 is one px."""
    astigmatism_px: float = 0.0
    """In the corners, by how much the radius along the line from the axis exceeds the mean, and
    that across it falls short, px. Either sign."""
    curvature_px: float = 0.0
    """Field curvature: added to the signed circle of confusion in the corners, px."""

    def growth(self, iris: Aperture) -> float:
        """Return how many times larger a disc may get off the axis."""
        if not (self.cats_eye and self.balanced):
            return 1.0
        farthest = torch.tensor(math.sqrt(2) if self.screen_relative else 1.0)
        return 1 / math.sqrt(float(share_left(iris, self.cats_eye * farthest)))

    def __post_init__(self) -> None:
        """Refuse what no lens does."""
        if not 0 <= self.cats_eye <= 1.5:
            raise LensBlurError(f"cats_eye: expected 0..1.5, got {self.cats_eye:g}")
        if len(self.doors) != 4 or not all(0 <= door <= 0.9 for door in self.doors):
            raise LensBlurError(f"doors: expected four numbers 0..0.9, got {self.doors}")
        for name in ("cats_eye_softness", "door_softness"):
            if not 0 <= getattr(self, name) <= 2:
                raise LensBlurError(f"{name}: expected 0..2, got {getattr(self, name):g}")
        for name in ("astigmatism_px", "curvature_px"):
            if not abs(getattr(self, name)) <= 160:
                raise LensBlurError(f"{name}: expected -160..160, got {getattr(self, name):g}")


@dataclasses.dataclass(frozen=True)
class FrameView:
    """Where a picture lies in the frame that the lens sees."""

    width: int
    """Of the frame, px."""
    height: int
    left: int = 0
    """Column of the frame at which the picture begins; may be negative."""
    top: int = 0


def _from_axis(
    coc: torch.Tensor, view: FrameView, *, screen_relative: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return x and y of every px from the axis, rows down: 1 in the corner, or at each side."""
    rows, columns = coc.shape
    x = torch.arange(columns, device=coc.device, dtype=coc.dtype) + view.left + 0.5
    y = torch.arange(rows, device=coc.device, dtype=coc.dtype) + view.top + 0.5
    x, y = x - view.width / 2, y - view.height / 2
    corner = math.hypot(view.width, view.height) / 2
    x = x / (view.width / 2 if screen_relative else corner)
    y = y / (view.height / 2 if screen_relative else corner)
    return x[None].expand(rows, columns), y[:, None].expand(rows, columns)


def curved(field: Field, coc: torch.Tensor, view: FrameView) -> torch.Tensor:
    """Return signed circles of confusion (H, W) with field curvature; arguments as `field_clip`."""
    if not field.curvature_px:
        return coc
    x, y = _from_axis(coc, view, screen_relative=False)
    return coc + field.curvature_px * (x * x + y * y)


def field_clip(
    field: Field,
    coc: torch.Tensor,
    view: FrameView,
    *,
    iris: Aperture = Aperture(),  # noqa: B008 - frozen
    max_radius_px: float = math.inf,
) -> tuple[torch.Tensor, Clip | None]:
    """Return the circles of confusion off the axis and what cuts their discs.

    Args:
        field: the lens off its axis.
        coc: (H, W) signed circle of confusion on the axis, radius in px, near negative.
        view: where the picture lies in its frame.
        iris: what is cut; by default round.
        max_radius_px: larger circles are held at this.

    Returns:
        The signed circle of confusion (H, W) to blur by, and the clip, None where nothing is cut.
    """
    conics: list[torch.Tensor] = []
    softness: list[float] = []
    coc = curved(field, coc, view)
    if field.astigmatism_px:
        x, y = _from_axis(coc, view, screen_relative=False)
        ellipse, coc = _ellipse(field.astigmatism_px * (x * x + y * y), coc, x, y)
        conics.append(ellipse)
        softness.append(0.0)
    if field.cats_eye and field.balanced:
        x, y = _from_axis(coc, view, screen_relative=field.screen_relative)
        coc = coc / share_left(iris, field.cats_eye * torch.hypot(x, y)).sqrt()
    coc = coc.clamp(-max_radius_px, max_radius_px)
    radius = coc.abs().clamp(min=1)
    upright = torch.where(coc < 0, -1.0, 1.0).to(coc)
    if field.cats_eye:
        x, y = _from_axis(coc, view, screen_relative=field.screen_relative)
        corner = corner_radius(iris)
        apart = -field.cats_eye * corner * upright
        u, v = apart * x, apart * y
        for share in (0.5, -0.5) if field.balanced else (1.0,):
            conics.append(_circle(share * u, share * v, corner, radius))
            softness.append(field.cats_eye_softness)
    if any(field.doors):
        x, y = _from_axis(coc, view, screen_relative=True)
        sides = (x, 1.0, 1), (x, -1.0, 1), (y, 1.0, 2), (y, -1.0, 2)
        for door, (place, side, axis) in zip(field.doors, sides, strict=True):
            if door:
                conics.append(_door(door, place, side, axis, upright))
                softness.append(field.door_softness)
    if not conics:
        return coc, None
    planes = torch.stack(conics)
    squeeze, stretch = iris.squeeze, math.sqrt(iris.squeeze)
    for index, scale in enumerate((1, stretch, 1 / stretch, squeeze, 1.0, 1 / squeeze)):
        planes[:, index] *= scale
    return coc, Clip(planes, tuple(softness))


def _circle(u: torch.Tensor, v: torch.Tensor, size: float, radius: torch.Tensor) -> torch.Tensor:
    """Return the conic of a disc round (u, v), radii; where it has not moved it cuts nothing."""
    moved = torch.hypot(u, v) * radius
    size_here = size + 0.5 / radius * (1 - moved).clamp(min=0)
    zero = torch.zeros_like(u)
    half = zero - 0.5 / size
    constant = (size_here * size_here - u * u - v * v) / (2 * size)
    return torch.stack([constant, u / size, v / size, half, zero, half])


def _door(
    door: float, place: torch.Tensor, side: float, axis: int, upright: torch.Tensor
) -> torch.Tensor:
    """Return the line of a barn door. ``side`` is 1 where it cuts low coordinates of the disc.

    The part of the disc that it hides grows evenly from the middle of the frame to its own side.
    """
    closed = (-side * place).clamp(0, 1)
    edge = -_OPEN + (_OPEN - 1 + 2 * door) * closed
    planes = [torch.zeros_like(place) for _ in range(6)]
    planes[0] = -edge
    planes[axis] = side * upright
    return torch.stack(planes)


def _ellipse(
    extra: torch.Tensor, coc: torch.Tensor, x: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the conic of an astigmatic disc, and the signed radius of the circle round it."""
    outward, across = (coc + extra).abs(), (coc - extra).abs()
    largest = torch.maximum(outward, across)
    radius = largest.clamp(min=1)
    # what is thinner than a line would fall between px
    a, b = (axis.clamp(min=_THINNEST_PX) / radius for axis in (outward, across))
    a, b = a.clamp(max=1), b.clamp(max=1)
    away = torch.hypot(x, y).clamp(min=1e-9)
    nx, ny = x / away, y / away
    p, q = 1 / (a * a), 1 / (b * b)
    scale = torch.minimum(a, b) / 2
    constant = scale * (1 + 1 / radius)  # a round disc keeps its own edge
    zero = torch.zeros_like(a)
    planes = [
        constant,
        zero,
        zero,
        -scale * (p * nx * nx + q * ny * ny),
        -2 * scale * (p - q) * nx * ny,
        -scale * (p * ny * ny + q * nx * nx),
    ]
    return torch.stack(planes), torch.where(coc < 0, -largest, largest)
