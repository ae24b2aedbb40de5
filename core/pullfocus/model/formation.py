# SPDX-License-Identifier: Apache-2.0
"""How layers form a frame: sharp, and blurred by the lens.

Sharp is Eq. 1 of the paper, an over-composite. The paper then blurs the flat composite with one
COC map (Eq. 3), which bleeds across silhouettes; here every layer is blurred with its own COC, with
its matte, before the composite. The last layer is complete and divided by its own weight.
"""

from dataclasses import dataclass, replace

import torch

from cuda_lensblur import FrameView
from cuda_lensblur.blur import MAX_RADIUS_PX, scatter_blur
from pullfocus.model.glass import Glass, spread
from pullfocus.model.grid import Box
from pullfocus.model.planes import divided, laid_over, placed, premultiplied

__all__ = [
    "LayerFrame",
    "LensSettings",
    "composite",
    "flat_reblur",
    "frame_mattes",
    "reblur",
    "seen_through",
    "sharp",
]


@dataclass(frozen=True)
class LensSettings:
    """The lens's disc; see ``cuda_lensblur.scatter_blur``."""

    beta: float = 2.0
    """Thickness of the soap-bubble rim, Eq. 2."""


@dataclass(frozen=True)
class LayerFrame:
    """One layer in one frame."""

    name: str
    box: Box
    """Where the tensors lie; the last layer covers the frame and its overscan."""
    colour: torch.Tensor
    """(3, h, w), scene-linear, not premultiplied."""
    alpha: torch.Tensor
    """(1, h, w), 0..1; 1 for the last layer."""
    texel: torch.Tensor
    """(2, h, w), x and y in the atlas, texel centres at whole numbers."""
    radius_px: torch.Tensor
    """(h, w), circle-of-confusion radius in px of the box's level."""
    side: torch.Tensor | None = None
    """(h, w), 1 behind the focus and -1 before it, where a lens other than a round one asks."""

    def with_radius(self, radius_px: torch.Tensor) -> "LayerFrame":
        """Return the layer with another circle of confusion."""
        return replace(self, radius_px=radius_px)


def frame_mattes(layers: list[LayerFrame], frame: Box) -> list[torch.Tensor]:
    """Return each layer's matte over the whole frame, (h, w) 0..1, 0 where it has nothing."""
    mattes = []
    for layer in layers:
        over = layer.box.intersection(frame)
        if over.width and over.height:
            mattes.append(placed(layer.alpha, layer.box, frame)[0])
        else:
            mattes.append(layer.alpha.new_zeros(frame.height, frame.width))
    return mattes


def composite(
    layers: list[LayerFrame], stacks: list[torch.Tensor], frame: Box, *, channels: int = 3
) -> torch.Tensor:
    """Composite premultiplied (channels, alpha) stacks over the last layer's channels."""
    rows, columns = frame.inside(layers[-1].box)
    out = stacks[-1][:channels, rows, columns]
    return _all_over(layers, stacks, out, frame)


def _all_over(
    layers: list[LayerFrame], stacks: list[torch.Tensor], back: torch.Tensor, frame: Box
) -> torch.Tensor:
    """Lay all stacks but the last over ``back``."""
    for layer, stack in zip(reversed(layers[:-1]), reversed(stacks[:-1]), strict=True):
        back = laid_over(stack, layer.box, back, frame)
    return back


def sharp(layers: list[LayerFrame], frame: Box) -> torch.Tensor:
    """Return the sharp composite on ``frame``, (3, h, w) scene-linear (Eq. 1)."""
    stacks = [premultiplied(layer.colour, layer.alpha) for layer in layers]
    return composite(layers, stacks, frame)


def reblur(layers: list[LayerFrame], frame: Box, lens: LensSettings) -> torch.Tensor:
    """Return the frame as the lens shows it, (3, h, w) scene-linear.

    Layers should reach past ``frame`` by their largest radius, so that light from outside is there.
    """
    stacks = []
    for layer in layers:
        stack = premultiplied(layer.colour, layer.alpha)
        stacks.append(
            scatter_blur(stack, layer.radius_px, beta=lens.beta, max_radius_px=float(MAX_RADIUS_PX))
            if stack.numel()
            else stack
        )
    back = divided(stacks[-1], layers[-1].box, frame)
    return _all_over(layers, stacks, back, frame)


def seen_through(
    layers: list[LayerFrame], coc: list[torch.Tensor], frame: Box, glass: Glass, whole: Box
) -> torch.Tensor:
    """Return the frame as any lens shows it, (3, h, w) scene-linear.

    Args:
        layers: reaching past ``frame`` by their largest disc.
        coc: (h, w) of each layer, signed radius in px, near negative.
        frame: what is wanted, a part of the whole.
        glass: the lens.
        whole: the frame that the lens sees; its middle is the axis.
    """
    stacks = []
    for layer, signed in zip(layers, coc, strict=True):
        stack, box = premultiplied(layer.colour, layer.alpha), layer.box
        view = FrameView(whole.width, whole.height, box.left - whole.left, box.top - whole.top)
        stacks.append(torch.cat(spread(stack, signed, glass, view)) if stack.numel() else stack)
    last = stacks[-1]
    rows, columns = frame.inside(layers[-1].box)
    last = last[:, rows, columns]
    return _all_over(layers, stacks, last[:3] / last[3:].clamp(min=1e-4), frame)


def flat_reblur(layers: list[LayerFrame], frame: Box, lens: LensSettings) -> torch.Tensor:
    """Return the frame as one blur of the flat sharp composite shows it, (3, h, w) (Eq. 3).

    A pixel's circle of confusion is composited like its colour. What a pixel gathers is divided by
    its weight, as Gur and Wolf 2019 do: without it seams between radii turn dark.
    """
    box = layers[-1].box
    stacks = [
        torch.cat([torch.cat([layer.colour, layer.radius_px[None]]) * layer.alpha, layer.alpha])
        for layer in layers
    ]
    flat = composite(layers, stacks, box, channels=4)
    weighed = torch.cat([flat[:3], torch.ones_like(flat[:1])])
    limit = float(MAX_RADIUS_PX)
    blurred = scatter_blur(weighed, flat[3], beta=lens.beta, max_radius_px=limit)
    rows, columns = frame.inside(box)
    blurred = blurred[:, rows, columns]
    return blurred[:3] / blurred[3:].clamp(min=1e-4)
