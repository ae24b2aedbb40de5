# SPDX-License-Identifier: Apache-2.0
"""From a pixel of a frame to a place in the layer's atlas: a homography bent by a lattice.

The paper maps with MLPs (section 3.1). A homography per frame is measured, and a cubic B-spline
lattice in (t, y, x) carries what it misses: a few thousand numbers, each with local reach.
"""

import math

import torch
from torch import nn

from pullfocus.model.fields import mapped
from pullfocus.model.grid import Box
from pullfocus.model.roughness import roughness
from pullfocus.model.spline import box_bases, spline_basis, spline_slopes
from pullfocus.native import has_native
from pullfocus.observe.scale import SAME, Scale

__all__ = ["LatticeMapping"]

_SHAKE_CELLS = 2


def _ridge_inverse(basis: torch.Tensor) -> torch.Tensor:
    """Return the least-squares solver of a spline basis, (controls, positions), lightly bent."""
    b = basis.double()
    bend = torch.eye(b.shape[1], dtype=torch.float64).diff(n=2, dim=0)
    if len(bend) == 0:
        return torch.linalg.pinv(b)
    return torch.linalg.solve(b.T @ b + 0.02 * bend.T @ bend + 1e-6 * torch.eye(b.shape[1]), b.T)


def _along_axes(matrices: list[torch.Tensor], field: torch.Tensor) -> torch.Tensor:
    """Apply one matrix along time, one down and one across to (T, 2, h, w)."""
    time, down, across = matrices
    return torch.einsum("kt,tcji->kcji", time, down @ field @ across.T)


class LatticeMapping(nn.Module):
    """Map plate pixels of frame t to atlas texels."""

    to_atlas: torch.Tensor
    time_basis: torch.Tensor
    in_sight: torch.Tensor
    unseen: torch.Tensor | None

    def __init__(
        self,
        to_atlas: torch.Tensor,  # [T, 3, 3] px of a frame, the lattice's -> atlas texels
        *,
        width: int,
        height: int,
        cells: tuple[int, int],  # lattice intervals down, across
        frames_per_knot: float,
        overscan_px: float,
        scale: Scale = SAME,  # lattice and homographies are of a proxy, what is asked of the plate
        in_sight: torch.Tensor | None = None,  # (T, rows, columns) of the controls, 0..1
        tells_hidden: bool = False,
    ) -> None:
        super().__init__()
        frames = len(to_atlas)
        self.scale = scale
        self.register_buffer("to_atlas", to_atlas.float())
        self.span_x = (-overscan_px, width - 1 + overscan_px)
        self.span_y = (-overscan_px, height - 1 + overscan_px)
        self.cells = cells
        knots = max(1, math.ceil((frames - 1) / frames_per_knot))
        time = torch.arange(frames, dtype=torch.float32)
        self.register_buffer(
            "time_basis", spline_basis(time, 0, max(1, frames - 1), knots), persistent=False
        )
        # displacement in px, before the homography
        self.lattice = nn.Parameter(torch.zeros(knots + 3, 2, cells[0] + 3, cells[1] + 3))
        # what a frame adds to it, where it shows the layer: what it hides is told by others
        self.flutter: nn.Parameter | None = None
        if in_sight is not None:
            self.flutter = nn.Parameter(torch.zeros(frames, 2, cells[0] + 3, cells[1] + 3))
            self.register_buffer("in_sight", in_sight[:, None].float())
        # the same where it hides the layer (``model.hidden``)
        unseen = torch.zeros(frames, 2, cells[0] + 3, cells[1] + 3)
        self.register_buffer("unseen", unseen if tells_hidden else None)
        # the same per frame, coarse: what a shaking camera does between two knots
        self.shake = nn.Parameter(torch.zeros(frames, 2, _SHAKE_CELLS + 3, _SHAKE_CELLS + 3))

    @torch.no_grad()
    def fit(self, displacement: torch.Tensor, width: int, height: int) -> None:
        """Set the lattice to the nearest it can get to a measured displacement.

        Args:
            displacement: (T, h, w, 2) plate px, on a grid that spans the frame evenly.
            width: of the plate, px.
            height: of the plate, px.
        """
        self.lattice.zero_()
        self.shake.zero_()
        if self.flutter is not None:
            self.flutter.zero_()
        self.add(displacement, width, height)

    @torch.no_grad()
    def add(self, displacement: torch.Tensor, width: int, height: int) -> None:
        """Add to the lattice what is nearest to a displacement; arguments as `fit`."""
        frames, rows, columns = displacement.shape[:3]
        x = (torch.arange(columns) + 0.5) * width / columns - 0.5
        y = (torch.arange(rows) + 0.5) * height / rows - 0.5
        field = displacement.permute(0, 3, 1, 2).double()
        time = self.time_basis.cpu()
        parts = [
            (self.cells, self.lattice, time),
            ((_SHAKE_CELLS, _SHAKE_CELLS), self.shake, torch.eye(frames)),
        ]
        if self.flutter is not None:
            parts.append((self.cells, self.flutter, torch.eye(frames)))
        for cells, parameter, basis in parts:
            down = spline_basis(y, *self.span_y, cells[0])
            across = spline_basis(x, *self.span_x, cells[1])
            solvers = [_ridge_inverse(b) for b in (basis, down, across)]
            values = _along_axes(solvers, field)
            parameter.add_(values.to(parameter))
            field = field - _along_axes([b.double() for b in (basis, down, across)], values)

    def grid(self, every_px: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows and columns all over the lattice's span, about so many of its px apart."""
        rows, columns = (
            torch.linspace(
                low, high, math.ceil((high - low) / every_px) + 1, device=self.lattice.device
            )
            for low, high in (self.span_y, self.span_x)
        )
        return rows, columns

    @torch.no_grad()
    def add_unseen(self, t: int, displacement: torch.Tensor) -> None:
        """Add to what frame ``t`` adds to the lattice where it hides the layer.

        Args:
            t: frame.
            displacement: (2, rows, columns) px of the lattice, spread evenly over its span.
        """
        assert self.unseen is not None
        sizes = zip(displacement.shape[1:], (self.span_y, self.span_x), self.cells, strict=True)
        down, across = (
            _ridge_inverse(spline_basis(torch.linspace(*span, size), *span, cells))
            for size, span, cells in sizes
        )
        self.unseen[t] += (down @ displacement.double() @ across.T).to(self.unseen)

    def displacement(self, t: int, box: Box) -> torch.Tensor:
        """Return what the lattice adds in frame ``t``, (2, h, w) px of the lattice."""
        moved = self.lattice.new_zeros(2, box.height, box.width)
        for field, cells in self._fields(t):
            down, across = self._bases(box, cells)
            moved = moved + down @ field @ across
        return moved

    def bend(self, t: int, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        """Return the same on a grid of ``rows`` and ``columns``, px of the lattice."""
        moved = rows.new_zeros(2, len(rows), len(columns))
        for field, cells in self._fields(t):
            down = spline_basis(rows, *self.span_y, cells[0])
            across = spline_basis(columns, *self.span_x, cells[1])
            moved = moved + down @ field @ across.T
        return moved

    def forward(self, t: int, box: Box) -> torch.Tensor:
        """Return atlas texel coordinates (x, y) of the pixel centres of ``box``, (2, h, w)."""
        rows, columns = self._centres(box)
        if has_native(self.lattice):
            fields = []
            for field, cells in self._fields(t):
                down, across = self._bases(box, cells)
                fields.append((down @ field.transpose(0, 1).flatten(1), across))
            return mapped(fields[0], fields[1], rows, columns, self.to_atlas[t])
        here = torch.stack(torch.meshgrid(columns, rows, indexing="xy"))  # (2, h, w) px
        return self._projected(t, here + self.displacement(t, box))

    def texels_at(self, t: int | torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Return atlas texel coordinates of any places (n, 2) in plate px (x, y), (n, 2).

        Differentiable in the places; on a whole box `forward` is faster. ``t`` is a frame, or one
        for every place, (n,).
        """
        if isinstance(t, torch.Tensor):
            out = torch.empty_like(points)
            for frame in t.unique().tolist():
                here = t == frame
                out = out.index_put((here,), self.texels_at(int(frame), points[here]))
            return out
        points = self.scale.points(points)
        moved = points.T
        for field, cells in self._fields(t):
            down = spline_basis(points[:, 1], *self.span_y, cells[0])
            across = spline_basis(points[:, 0], *self.span_x, cells[1])
            moved = moved + torch.einsum("ny,cyx,nx->cn", down, field, across)
        return self._projected(t, moved).T

    def jacobian(self, t: int, box: Box) -> torch.Tensor:
        """Return d texel / d plate px at the pixel centres of ``box``, (2, 2, h, w).

        First axis: texel x, y; second: by plate x, y. In closed form; `jacobian.by_autograd` gives
        the same for any mapping (Eq. 5 of the paper).
        """
        rows, columns = self._centres(box)
        by_x = rows.new_zeros(2, box.height, box.width)
        by_y = torch.zeros_like(by_x)
        by_x[0] += 1
        by_y[1] += 1
        here = torch.stack(torch.meshgrid(columns, rows, indexing="xy"))
        for field, cells in self._fields(t):
            down = spline_basis(rows, *self.span_y, cells[0])
            across = spline_basis(columns, *self.span_x, cells[1])
            here = here + down @ field @ across.T
            by_x = by_x + down @ field @ spline_slopes(columns, *self.span_x, cells[1]).T
            by_y = by_y + spline_slopes(rows, *self.span_y, cells[0]) @ field @ across.T
        m = self.to_atlas[t]
        w = m[2, 0] * here[0] + m[2, 1] * here[1] + m[2, 2]
        texel = self._projected(t, here)
        # quotient rule: d(n / w) = (dn - texel dw) / w
        outer = (m[:2, :2, None, None] - texel[:, None] * m[2, :2, None, None]) / w
        inner = torch.stack([by_x / self.scale.x, by_y / self.scale.y], 1)
        return torch.einsum("ikhw,kjhw->ijhw", outer, inner)

    def _centres(self, box: Box) -> tuple[torch.Tensor, torch.Tensor]:
        """Return y and x of a box's pixel centres, px of the lattice."""
        like = self.lattice
        rows, columns = box.rows(like.device), box.columns(like.device)
        return self.scale.rows(rows.to(like.dtype)), self.scale.columns(columns.to(like.dtype))

    def _bases(self, box: Box, cells: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        device = self.lattice.device
        down, across = box_bases(box, self.span_y, self.span_x, cells, device, self.scale)
        return down.to(self.lattice.dtype), across.to(self.lattice.dtype)

    def _fields(self, t: int) -> tuple[tuple[torch.Tensor, tuple[int, int]], ...]:
        """Return frame t's control values (2, rows, columns), with the lattice's intervals."""
        now = torch.einsum("k,kcyx->cyx", self.time_basis[t], self.lattice)
        if self.flutter is not None:
            now = now + self.in_sight[t] * self.flutter[t]
        if self.unseen is not None:
            now = now + self.unseen[t]
        return (now, self.cells), (self.shake[t], (_SHAKE_CELLS, _SHAKE_CELLS))

    def _projected(self, t: int, place: torch.Tensor) -> torch.Tensor:
        """Apply the frame's homography to (2, ...) px of the lattice."""
        m = self.to_atlas[t]
        x, y = place
        w = m[2, 0] * x + m[2, 1] * y + m[2, 2]
        return torch.stack(
            [
                (m[0, 0] * x + m[0, 1] * y + m[0, 2]) / w,
                (m[1, 0] * x + m[1, 1] * y + m[1, 2]) / w,
            ]
        )

    def roughness(self) -> torch.Tensor:
        """Return the mean squared bend in space and time, px^2 (rigidity term)."""
        bend = roughness(self.lattice, {0: 2, 2: 2, 3: 2})[0]
        if self.flutter is not None:
            bend = bend + roughness(self.flutter, {0: 2, 2: 2, 3: 2})[0]
        return bend

    def fluttering(self) -> torch.Tensor:
        """Return the mean square of what single frames add to the lattice, px^2."""
        if self.flutter is None:
            return self.lattice.new_zeros(())
        return self.flutter.square().mean()
