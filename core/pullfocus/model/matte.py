# SPDX-License-Identifier: Apache-2.0
"""A layer's matte: the given one, corrected by what all frames say.

The correction rides in the atlas (a fourth channel of the texture), so evidence from every frame
gathers in one place; a small lattice per frame takes what is left.
"""

from functools import cache

import cv2
import numpy as np
import torch
from torch import nn

from pullfocus.model.fields import Bounds, bounded_matte
from pullfocus.model.grid import Box
from pullfocus.model.spline import box_bases
from pullfocus.model.trimap import trimap
from pullfocus.native import has_native
from pullfocus.observe.observed import Observed
from pullfocus.observe.recent import Recent
from pullfocus.observe.scale import SAME, Scale

__all__ = ["LayerMatte", "matte_from_logit"]

_SLACK = 0.02  # the sigmoid is stretched by this much, so that 0 and 1 are reached exactly
_HELD_BYTES = 128_000_000  # of bounds that are kept, two bytes a pixel


class _SoftClamp(torch.autograd.Function):
    """Clamp between two bounds; outside, let through only the gradients that lead back in."""

    @staticmethod
    def forward(ctx, x, least, most):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x, least, most)
        return torch.minimum(torch.maximum(x, least), most)

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        x, least, most = ctx.saved_tensors
        stuck = ((x < least) & (grad > 0)) | ((x > most) & (grad < 0))
        return torch.where(stuck, torch.zeros_like(grad), grad), None, None


def matte_from_logit(
    z: torch.Tensor, least: torch.Tensor | None = None, most: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the matte for logits of any shape, between two bounds: 0 and 1, both exact."""
    least = z.new_zeros(()) if least is None else least
    most = z.new_ones(()) if most is None else most
    return _SoftClamp.apply(torch.sigmoid(z) * (1 + 2 * _SLACK) - _SLACK, least, most)


def _on_box(image: np.ndarray, box: Box) -> np.ndarray:
    """Return ``image`` (h, w) on ``box``; it goes on past the frame's edge."""
    height, width = image.shape
    rows = np.arange(box.top, box.top + box.height).clip(0, height - 1)
    columns = np.arange(box.left, box.left + box.width).clip(0, width - 1)
    return image[np.ix_(rows, columns)]


def _logit(matte: np.ndarray) -> torch.Tensor:
    p = torch.from_numpy((matte + _SLACK) / (1 + 2 * _SLACK)).clamp(1e-4, 1 - 1e-4)
    return torch.logit(p)


@cache
def _logits_of_bytes() -> np.ndarray:
    return _logit(np.arange(256, dtype=np.float32) / 255).numpy()


class LayerMatte(nn.Module):
    """Matte of one layer but the last; starts as exactly the given one."""

    def __init__(
        self,
        observed: Observed,
        layer: int,
        *,
        cells: tuple[int, int],
        slack_px: float,
        scale: Scale = SAME,  # the lattice is of a proxy, the given matte the plate's
    ) -> None:
        super().__init__()
        self.scale = scale
        self.observed = observed
        self.layer = layer
        self.slack_px = slack_px
        self._trimaps = Recent(_HELD_BYTES)
        self._reduced = Recent(_HELD_BYTES)
        self._boxes: dict[tuple[int, int], Box] = {}
        self.cells = cells
        frames = len(observed.frames)
        self.residual = nn.Parameter(torch.zeros(frames, cells[0] + 3, cells[1] + 3))

    def _bounds_of_frame(self, t: int, level: int) -> np.ndarray:
        matte, slack = self.observed.matte(self.layer, t, level), self.slack_px / 2**level
        least, most = trimap(matte, slack)
        given = self.observed.doubted_matte(self.layer, t, level)
        if given is not None:  # neither is beyond doubt where they differ
            other_least, other_most = trimap(given, slack)
            least, most = np.minimum(least, other_least), np.maximum(most, other_most)
        return np.stack([least, most])

    def bounds(self, t: int, level: int) -> Box:
        """Return the box that the matte, grown by what the solve may add, stays within."""
        if (t, level) not in self._boxes:
            self._boxes[t, level] = self._box_of_frame(t, level)
        return self._boxes[t, level]

    def _box_of_frame(self, t: int, level: int) -> Box:
        matte = self.observed.matte(self.layer, t, level)
        given = self.observed.doubted_matte(self.layer, t, level)
        matte = matte if given is None else np.maximum(matte, given)
        height, width = matte.shape
        columns = np.flatnonzero(matte.max(0) > 0)
        rows = np.flatnonzero(matte.max(1) > 0)
        if len(columns) == 0:
            return Box(0, 0, 0, 0, level)
        left, right = int(columns[0]), int(columns[-1]) + 1
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        grown = Box(left, top, right - left, bottom - top, level).grown(
            max(1, round(self.slack_px / 2**level))
        )
        # a subject cut by the frame's edge goes on outside; one that is clear of it does not
        frame = Box(0, 0, width, height, level)
        return grown.intersection(frame.grown(grown.width + grown.height))

    def _trimap(self, t: int, level: int) -> np.ndarray:
        return self._trimaps.get((t, level), lambda: self._bounds_of_frame(t, level))

    def _bounds(self, t: int, box: Box) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the least and the most that the matte may be on ``box``, (h, w)."""
        least, most = (
            torch.from_numpy(_on_box(bound, box)).to(self.residual.device, torch.float32) / 255
            for bound in self._trimap(t, box.level)
        )
        return least, most

    def given(self, t: int, box: Box) -> torch.Tensor:
        """Return the given matte as logits on ``box``, (h, w); it goes on past the frame's edge."""
        logits, inside = self._logits(t, box)
        return torch.from_numpy(_on_box(logits, inside)).to(self.residual.device)

    def _logits(self, t: int, box: Box) -> tuple[np.ndarray, Box]:
        """Return the rows of the given matte that a box sees, as logits, and the box in them.

        float32 (h, w). A strip of a large frame has few of them; those past an edge see its row.
        """
        top, bottom = self._rows(t, box)
        within = Box(box.left, box.top - top, box.width, box.height, box.level)
        if box.level == 0:  # a table of 256, not a picture for every frame
            return _logits_of_bytes()[self.observed.mattes[self.layer, t, top:bottom]], within
        whole = self._reduced.get(
            (t, box.level), lambda: _logit(self.observed.matte(self.layer, t, box.level)).numpy()
        )
        return whole[top:bottom], within

    def _rows(self, t: int, box: Box) -> tuple[int, int]:
        height = self._trimap(t, box.level).shape[1]
        top = min(max(box.top, 0), height - 1)
        return top, max(top + 1, min(box.top + box.height, height))

    def forward(self, t: int, box: Box, offset: torch.Tensor) -> torch.Tensor:
        """Return the matte on ``box``, (h, w), 0..1.

        Args:
            t: frame index.
            box: where.
            offset: (h, w), the atlas's matte channel looked up there.
        """
        device = self.residual.device
        last_row = float(round(self.observed.height / self.scale.y) - 1)
        last_column = float(round(self.observed.width / self.scale.x) - 1)
        spans = (0.0, last_row), (0.0, last_column)
        down, across = box_bases(box, *spans, self.cells, device, self.scale)
        along_rows = down @ self.residual[t]
        if box.width and box.height and has_native(offset, along_rows):
            top, bottom = self._rows(t, box)
            logits, within = self._logits(t, box)
            trimap = self._trimap(t, box.level)[:, top:bottom]
            bounds = Bounds(torch.from_numpy(logits), *map(torch.from_numpy, trimap))
            return bounded_matte(offset, (along_rows, across), bounds, within, _SLACK)
        free = self.given(t, box) + offset + along_rows @ across
        return matte_from_logit(free, *self._bounds(t, box))


def grow_matte(matte: np.ndarray, px: float) -> np.ndarray:
    """Dilate a matte (h, w) by ``px`` pixels."""
    reach = max(1, round(px))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(matte, kernel)
