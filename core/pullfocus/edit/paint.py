# SPDX-License-Identifier: Apache-2.0
"""Paint: what an artist put over an atlas or over a frame, from any still."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pullfocus.errors import PullfocusError
from pullfocus.model.formation import frame_mattes
from pullfocus.model.grid import Box
from pullfocus.model.shot_model import ShotModel
from pullfocus.plate.colour import SCENE_LINEAR, plan_colour, to_working_space
from pullfocus.plate.image import read_picture
from pullfocus.plate.sequence import Role
from pullfocus.solve.initial import splat

__all__ = ["Paint", "painted", "pushed_to_atlas", "read_paint"]

_UNCHANGED = 2.5 / 255  # display-encoded: what a trip through 8 bit and half floats may change
_PAINT = Role(what="paint", error=PullfocusError)
_OVERSAMPLE = 3  # points per pixel side when a frame's paint goes to the atlas
_VISIBLE = 0.5


@dataclass(frozen=True)
class Paint:
    """Scene-linear, premultiplied, rows top to bottom."""

    colour: np.ndarray
    """(h, w, 3) in the shot's working space."""
    alpha: np.ndarray
    """(h, w) 0..1: how much of what lies below is covered."""


def read_paint(path: Path, *, width: int, height: int, working_space: str) -> Paint:
    """Read a still: PNG, TIFF, EXR, or whatever else OpenImageIO flattens (PSD).

    Args:
        path: with alpha: paint to lay over; without: a painted copy, opaque.
        width: expected, px.
        height: expected, px.
        working_space: of the shot. 8 and 16 bit stills are taken as sRGB, float as in this space.

    Raises:
        PullfocusError: unreadable, or of another size.
    """
    if not path.is_file():
        raise PullfocusError(f"expected a picture with paint, got no file at {path}")
    header, picture = read_picture(path, frame=0, role=_PAINT)
    colour = picture.colour
    if colour.shape[:2] != (height, width):
        raise PullfocusError(
            f"expected paint of {width}x{height} px, got {colour.shape[1]}x{colour.shape[0]} in"
            f" {path}"
        )
    alpha = np.ones((height, width), np.float32)
    if picture.alpha is not None:
        alpha = picture.alpha.clip(0, 1)
    straight = np.repeat(colour, 3, 2) if colour.shape[2] == 1 else colour
    if not picture.straight:
        straight = straight / np.maximum(alpha, 1e-6)[..., None] * (alpha > 0)[..., None]
    light = np.ascontiguousarray(straight, np.float32)
    if header.encoding != "linear" or (header.tagged and working_space != SCENE_LINEAR):
        plan = plan_colour(
            header.encoding, label=path.name, tagged=header.tagged, working_space=working_space
        )
        light = to_working_space(plan)(light)
    return Paint(light * alpha[..., None], alpha.astype(np.float32))


def painted(atlas: torch.Tensor, paint: Paint) -> tuple[torch.Tensor, torch.Tensor]:
    """Lay paint over an atlas (h, w, 4); returns it, and how far each texel is covered (h, w).

    Texels that paint does not change stay to the bit.

    A painted copy that went through 8 bit differs everywhere by a rounding: what differs by no more
    is taken for unchanged.
    """
    old = atlas[..., :3].cpu().numpy()
    new = paint.colour + (1 - paint.alpha[..., None]) * old
    apart = np.abs(_shown(new) - _shown(old)).max(-1)
    touched = (apart > _UNCHANGED) & (paint.alpha > 0)
    out = atlas.clone()
    where = torch.from_numpy(touched).to(atlas.device)
    out[..., :3][where] = torch.from_numpy(new.astype(np.float32))[torch.from_numpy(touched)].to(
        atlas.device
    )
    cover = np.where(touched, paint.alpha, 0).astype(np.float32)
    return out, torch.from_numpy(cover).to(atlas.device)


def _shown(light: np.ndarray) -> np.ndarray:
    # 8-bit copies clip below 0 and above 1: differences there are not paint
    return light.clip(0, 1) ** (1 / 2.2)


@torch.no_grad()
def pushed_to_atlas(model: ShotModel, index: int, t: int, paint: Paint) -> Paint:
    """Take paint over frame ``t`` to a layer's atlas, where the layer is what is seen.

    Args:
        model: the solved shot.
        index: of the layer.
        t: frame index.
        paint: (h, w) of the frame.
    """
    height, width = model.layers[index].texture.size
    fine = Box(
        0,
        0,
        model.observed.width * _OVERSAMPLE,
        model.observed.height * _OVERSAMPLE,
    )
    columns, rows = ((axis + 0.5) / _OVERSAMPLE - 0.5 for axis in (fine.columns(), fine.rows()))
    texel = _mapped(model, index, t, rows, columns)
    seen = _visibility(model, index, t) * (paint.alpha > 0)
    stack = np.dstack([paint.colour, paint.alpha, np.ones_like(paint.alpha)]) * seen[..., None]
    values = np.repeat(np.repeat(stack, _OVERSAMPLE, 0), _OVERSAMPLE, 1).reshape(-1, 5)
    keep = values[:, 4] > 0
    total = torch.zeros(height, width, 5)
    splat(
        total,
        texel.reshape(2, -1)[:, torch.from_numpy(keep)],
        torch.from_numpy(values[keep].astype(np.float32)),
    )
    weight = total[..., 4:].clamp(min=1e-6)
    mean = (total[..., :4] / weight * (total[..., 4:] > 0.05)).numpy()
    return Paint(mean[..., :3], mean[..., 3])


def _mapped(
    model: ShotModel, index: int, t: int, rows: torch.Tensor, columns: torch.Tensor
) -> torch.Tensor:
    """Return texel places (2, rows, columns) of plate positions between pixel centres."""
    frame = model.frame_box()
    coarse = model.layers[index].mapping(t, frame)[None]
    x = (columns + 0.5) / frame.width * 2 - 1
    y = (rows + 0.5) / frame.height * 2 - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]
    return torch.nn.functional.grid_sample(
        coarse.cpu(), grid, mode="bilinear", padding_mode="border", align_corners=False
    )[0]


def _visibility(model: ShotModel, index: int, t: int) -> np.ndarray:
    """Return where a layer is what the frame shows, (h, w) bool."""
    mattes = frame_mattes(model.frame(t, overscan=False), model.frame_box())
    seen = mattes[index] > _VISIBLE
    for front in mattes[:index]:
        seen &= front <= _VISIBLE
    return seen.cpu().numpy()
