# SPDX-License-Identifier: Apache-2.0
"""Shapes of the aperture: blades, squeeze, rim, ring, how light lies in it; pictures.

A picture has no gradient in the radius: it is for looking at, not for solving.
"""

import dataclasses
import functools
import math

import torch

from cuda_lensblur.errors import LensBlurError
from cuda_lensblur.kernel import Kernel, disc_kernel

__all__ = ["Aperture", "aperture_kernel", "corner_radius", "image_kernel", "share_left"]

_LARGEST = 64  # px of a kernel picture: larger ones are shrunk first
_SAMPLES = 4  # a px side, of a kernel picture


@dataclasses.dataclass(frozen=True)
class Aperture:
    """What an iris looks like from the sensor."""

    blades: int = 0
    """Straight blades, 3 or more; 0 is a circle."""
    rotation_deg: float = 0.0
    """Anticlockwise turn of the first corner, from the right."""
    roundness: float = 0.0
    """0: straight blades; 1: blades so curved that the circle closes."""
    squeeze: float = 1.0
    """Height over width: 2 for the ovals of a 2x anamorphic lens. The area stays."""
    rim_beta: float | None = None
    """Eq. 2's rim for the edge, > 1/e; None is a plain edge."""
    inner_radius: float = 0.0
    """Share of the radius that a central mirror hides, 0..1 (ring bokeh)."""
    spherical: float = 0.0
    """Spherical aberration, -1..1: light over the disc goes as 1 + spherical (2 t^2 - 1), t from
    0 in the middle to 1 at the edge. Above 0 over-corrected, a bright edge; below 0 a soft one."""
    noise: float = 0.0
    """Unevenness of the glass, 0..1: how far light over the disc strays from even."""
    noise_size: float = 0.25
    """Size of its grains, in radii."""
    noise_seed: int = 0
    """Which noise."""
    before_focus: bool = False
    """Seen from before the focus: turned round, bright where the disc was dark."""

    def __post_init__(self) -> None:
        """Refuse what no iris can be."""
        if self.blades != 0 and self.blades < 3:
            raise LensBlurError(f"blades: expected 0 or at least 3, got {self.blades}")
        for name, low, high in (
            ("roundness", 0.0, 1.0),
            ("squeeze", 0.1, 10.0),
            ("inner_radius", 0.0, 0.95),
            ("spherical", -1.0, 1.0),
            ("noise", 0.0, 1.0),
            ("noise_size", 0.02, 2.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise LensBlurError(f"{name}: expected {low:g}..{high:g}, got {value:g}")
        if not math.isfinite(self.rotation_deg):
            raise LensBlurError(f"rotation_deg: expected an angle, got {self.rotation_deg}")
        if self.rim_beta is not None:
            disc_kernel("soap_bubble", self.rim_beta)  # says what is wrong with it

    @property
    def same_turned(self) -> bool:
        """Whether discs before the focus look like those behind it."""
        straight = self.blades % 2 and self.roundness < 1
        return not (straight or self.spherical or self.noise)


def _outline(aperture: Aperture, angle: torch.Tensor) -> torch.Tensor:
    """Return the distance of the edge from the centre by direction, the corners at 1."""
    if aperture.blades == 0:
        return torch.ones_like(angle)
    sector = 2 * math.pi / aperture.blades
    turned = torch.remainder(angle - math.radians(aperture.rotation_deg), sector) - sector / 2
    straight = math.cos(sector / 2) / torch.cos(turned)
    return straight + aperture.roundness * (1 - straight)


@functools.lru_cache(maxsize=64)
def _area(aperture: Aperture) -> float:
    """Return the area of the whole outline with corners at 1 (the inner ring counted in)."""
    angle = torch.linspace(0, 2 * math.pi, 7201, dtype=torch.float64)[:-1]
    return float(_outline(aperture, angle).square().mean()) * math.pi


_WIDEST = 2.0  # radii: noise goes on beyond as at its border


def _grains(aperture: Aperture) -> torch.Tensor:
    """Return random values -1..1 on a square grid `Aperture.noise_size` apart."""
    random = torch.Generator().manual_seed(aperture.noise_seed)
    side = math.ceil(2 * _WIDEST / aperture.noise_size) + 2
    return 2 * torch.rand(side, side, generator=random, dtype=torch.float64) - 1


def _between(
    grains: torch.Tensor, aperture: Aperture, u: torch.Tensor, v: torch.Tensor
) -> torch.Tensor:
    """Return the noise at a place of the disc, in radii: smooth between grid points."""
    last = grains.shape[0] - 2
    shares, cells = [], []
    for axis in (u, v):
        at = ((axis + _WIDEST) / aperture.noise_size).clamp(0, last + 0.999)
        cell = at.floor()
        share = at - cell
        shares.append(share * share * (3 - 2 * share))
        cells.append(cell.long())
    held = grains.to(u)
    (x, y), (i, j) = shares, cells
    i, j = torch.broadcast_tensors(i, j)
    top = held[j, i] + x * (held[j, i + 1] - held[j, i])
    low = held[j + 1, i] + x * (held[j + 1, i + 1] - held[j + 1, i])
    return top + y * (low - top)


def corner_radius(aperture: Aperture) -> float:
    """Return the radius of the circle round an iris, in radii of the circle of its area."""
    return math.sqrt(math.pi / _area(aperture))


_APARTS = 33
_WIDEST_APART = 1.6  # radii of the circle round the iris


@functools.lru_cache(maxsize=64)
def _shares(aperture: Aperture) -> torch.Tensor:
    """Return which share of an iris lies in both discs of a balanced cat's eye, by their distance.

    The mean over directions: (_APARTS,), float64.
    """
    side = (torch.arange(96, dtype=torch.float64) + 0.5) / 48 - 1
    x, y = side[None].expand(96, 96), side[:, None].expand(96, 96)
    within = torch.hypot(x, y) <= _outline(aperture, torch.atan2(y, x))
    shares = []
    for half in torch.linspace(0, _WIDEST_APART / 2, _APARTS, dtype=torch.float64):
        total = 0.0
        for angle in torch.arange(12) * (math.pi / 12):
            u, v = half * torch.cos(angle), half * torch.sin(angle)
            both = (torch.hypot(x - u, y - v) <= 1) & (torch.hypot(x + u, y + v) <= 1)
            total += float((both & within).sum())
        shares.append(total / 12 / float(within.sum()))
    return torch.tensor(shares, dtype=torch.float64)


def share_left(aperture: Aperture, apart: torch.Tensor) -> torch.Tensor:
    """Return which share of an iris a balanced cat's eye leaves.

    Args:
        aperture: the iris; its squeeze makes no difference.
        apart: distance of the two discs, radii of the circle round the iris.
    """
    table = _shares(dataclasses.replace(aperture, squeeze=1.0)).to(apart)
    at = (apart / (_WIDEST_APART / (_APARTS - 1))).clamp(0, _APARTS - 1.001)
    i = at.floor().long()
    return table[i] + (at - i) * (table[i + 1] - table[i])


def aperture_kernel(aperture: Aperture, calibrated: bool) -> Kernel:
    """Return the kernel of an iris.

    Args:
        aperture: its shape.
        calibrated: a radius is that of the circle with the outline's area; False: of the circle
            through its corners.
    """
    scale = corner_radius(aperture) if calibrated else 1.0
    stretch = math.sqrt(aperture.squeeze)
    rim = None if aperture.rim_beta is None else disc_kernel("soap_bubble", aperture.rim_beta)
    grains = _grains(aperture) if aperture.noise else None
    spherical = -aperture.spherical if aperture.before_focus else aperture.spherical

    def weight(rho: torch.Tensor, dx: torch.Tensor, dy: torch.Tensor) -> torch.Tensor:
        x, y = dx * stretch, -dy / stretch  # rows go down, angles go up
        if aperture.before_focus:
            x, y = -x, -y
        t = torch.hypot(x, y)
        outline = _outline(aperture, torch.atan2(y, x))
        # px of the squeezed plane to a px of the picture, across the edge
        width = torch.hypot(x * stretch, y / stretch) / t.clamp(min=1e-9)
        width = torch.where(t > 0, width, torch.ones_like(width))
        edge = (rho * outline - t) / width
        if rim is None:
            covered = (edge + 0.5).clamp(0, 1)
        else:
            covered = rim.weight(edge, torch.zeros_like(edge), torch.zeros_like(edge))
        if aperture.inner_radius:
            hole = (aperture.inner_radius * rho * outline - t) / width
            covered = covered * (1 - (hole + 0.5).clamp(0, 1))
        if aperture.spherical:
            across = (t / (rho * outline)).clamp(max=1)
            covered = covered * (1 + spherical * (2 * across * across - 1))
        if grains is not None:
            covered = covered * (1 + aperture.noise * _between(grains, aperture, x / rho, y / rho))
        return covered

    def slope(rho: torch.Tensor, dx: torch.Tensor, dy: torch.Tensor) -> torch.Tensor:
        rho = torch.as_tensor(rho)
        derived = torch.func.jvp(lambda r: weight(r, dx, dy), (rho,), (torch.ones_like(rho),))[1]
        return torch.as_tensor(derived)

    def reach(rho: float) -> float:
        return rho * max(stretch, 1 / stretch) + (rim.reach(0.0) if rim is not None else 1.0)

    return Kernel(
        "aperture",
        weight,
        slope,
        reach=reach,
        size=lambda r: (r * scale, torch.full_like(r, scale)),
        mirrored=aperture.blades == 0 and aperture.squeeze == 1 and grains is None,
    )


def image_kernel(picture: torch.Tensor) -> Kernel:
    """Return the kernel that spreads light like a picture of a highlight.

    Args:
        picture: (H, W), weights >= 0 with something above 0; its shorter side is the diameter.

    Raises:
        LensBlurError: another shape, negative weights, NaN or nothing in it.
    """
    if picture.dim() != 2 or min(picture.shape) < 2:
        raise LensBlurError(
            f"kernel: expected a picture (H, W) of at least 2x2, got {tuple(picture.shape)}"
        )
    held = picture.detach().double().cpu()
    if not bool(held.isfinite().all()) or float(held.min()) < 0 or float(held.max()) <= 0:
        raise LensBlurError("kernel: expected finite weights >= 0, some above 0, in the picture")
    height, width = held.shape
    source = (held / held.max())[None, None]
    shrink = min(1.0, _LARGEST / max(height, width))
    if shrink < 1:
        size = max(2, round(height * shrink)), max(2, round(width * shrink))
        source = torch.nn.functional.interpolate(source, size, mode="area")
    short = min(height, width)
    steps = ((torch.arange(_SAMPLES) + 0.5) / _SAMPLES - 0.5).tolist()

    def weight(rho: torch.Tensor, dx: torch.Tensor, dy: torch.Tensor) -> torch.Tensor:
        rho, dx, dy = torch.broadcast_tensors(rho, dx, dy)
        total = torch.zeros(rho.shape, dtype=torch.float64, device=rho.device)
        for sy in steps:
            for sx in steps:
                x = (dx + sx) / rho * short / width
                y = (dy + sy) / rho * short / height
                grid = torch.stack([x, y], -1).double().reshape(1, 1, -1, 2)
                seen = torch.nn.functional.grid_sample(source.to(grid), grid, align_corners=False)
                total += seen.reshape(rho.shape)
        return (total / _SAMPLES**2).to(rho.dtype)

    return Kernel(
        "image",
        weight,
        None,
        reach=lambda rho: rho * max(height, width) / min(height, width) + 1,
        size=lambda r: (r, torch.ones_like(r)),
        mirrored=False,
    )
