# SPDX-License-Identifier: Apache-2.0
"""The lens that a solve looks through: what it found in the plate, and which side of the focus."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.functional import grid_sample

from pullfocus.model.glass import Glass
from pullfocus.model.plate_lens import PlateLens, plate_lens_from_record

__all__ = ["SolvedLens", "solved_lens_from"]

_RECORD, _FOCUS, _DEPTH, _PLACE = "lens.record", "lens.focus", "lens.depth.", "lens.place"
_NONE = torch.zeros(0)


@dataclass(frozen=True, eq=False)
class SolvedLens:
    """A lens, and where discs stand on their heads.

    Radii have no sign. Which side of the focus a place lies is told by depth over the atlas and
    focus over time, as they were when the lens was found.
    """

    plate: PlateLens
    depth: tuple[torch.Tensor, ...] = ()
    """(rows, columns) over each layer's atlas, far positive; none: all lies behind the focus."""
    place: torch.Tensor = _NONE
    """(layers, 4): scale x, y and shift x, y from texels to points of that grid."""
    focus: torch.Tensor = _NONE
    """(T,) in the unit of depth."""

    def side(self, index: int, t: int, texel: torch.Tensor) -> torch.Tensor:
        """Return 1 behind the focus and -1 before it, (h, w), at texels (2, h, w)."""
        if not self.depth or not texel.numel():
            return torch.ones_like(texel[0])
        depth = self.depth[index].to(texel)
        scale, shift = self.place[index].to(texel).reshape(2, 2, 1, 1)
        size = texel.new_tensor([depth.shape[1], depth.shape[0]]).reshape(2, 1, 1)
        points = (2 * (texel.detach() * scale + shift) + 1) / size - 1
        found = grid_sample(
            depth[None, None],
            points.permute(1, 2, 0)[None],
            mode="bilinear",
            padding_mode="border",
            align_corners=False,
        )[0, 0]
        before = found < self.focus[t].to(texel)
        return torch.where(before, -torch.ones_like(found), torch.ones_like(found))

    def glass(self, beta: float, scale: float) -> Glass:
        """Return what points turn into on a frame ``scale`` times the size of the solve's."""
        return replace(self.plate.glass, beta=beta).at_scale(scale)

    def lifted(self, scale: float, places: Sequence[tuple[np.ndarray, np.ndarray]]) -> "SolvedLens":
        """Return the lens for another size of the shot.

        Args:
            scale: by which px shrink from the new size to this one.
            places: (scale, shift) by layer, x and y each, from new texels to these.
        """
        place = self.place.clone()
        for held, (stretch, shift) in zip(place, places, strict=False):
            own = held[:2].clone()
            held[:2] = own * torch.from_numpy(stretch).float()
            held[2:] += own * torch.from_numpy(shift).float()
        red, green, blue = (shift_px * scale for shift_px in self.plate.axial_px)
        return replace(self, plate=replace(self.plate, axial_px=(red, green, blue)), place=place)

    def state(self) -> dict[str, torch.Tensor]:
        """Return it as tensors of a checkpoint."""
        text = json.dumps(self.plate.record()).encode()
        held = {_RECORD: torch.frombuffer(bytearray(text), dtype=torch.uint8)}
        if self.depth:
            held |= {_FOCUS: self.focus, _PLACE: self.place}
            held |= {f"{_DEPTH}{index}": depth for index, depth in enumerate(self.depth)}
        return held


def solved_lens_from(tensors: Mapping[str, torch.Tensor]) -> SolvedLens | None:
    """Return what `SolvedLens.state` returned, among other tensors; None for a round solve.

    Raises:
        PullfocusError: it is no lens.
    """
    if _RECORD not in tensors:
        return None
    plate = plate_lens_from_record(json.loads(bytes(tensors[_RECORD].tolist())))
    if _FOCUS not in tensors:
        return SolvedLens(plate)
    layers = range(len(tensors[_PLACE]))
    depth = tuple(tensors[f"{_DEPTH}{index}"] for index in layers)
    return SolvedLens(plate, depth, tensors[_PLACE], tensors[_FOCUS])
