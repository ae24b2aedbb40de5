# SPDX-License-Identifier: Apache-2.0
"""An atlas that a convolutional network makes from fixed noise (section 3.2).

The structure of the network is the prior: it draws edges and textures sooner than noise (deep image
prior). Decoder only, pixel shuffle to upsample, one network for the atlases of all layers.
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, leaky_relu, pixel_shuffle

from pullfocus.model.colour import to_linear
from pullfocus.model.sampling import sample_atlas

__all__ = ["AtlasDecoder", "DecoderTexture"]

_STAGES = 3
_LOGITS_PER_UNIT = 75.0  # as in Texture: one step size suits both


class AtlasDecoder(nn.Module):
    """Noise (C, H/8, W/8) to a display-encoded atlas (3, H, W), 0..1."""

    def __init__(self, noise_channels: int, channels: int, *, mixed_precision: bool) -> None:
        super().__init__()
        self.mixed_precision = mixed_precision
        widths = [max(8, round(channels * (2 / 3) ** i / 8) * 8) for i in range(_STAGES + 1)]
        self.first = _convolution(noise_channels, widths[0])
        self.refine = nn.ModuleList(_convolution(n, n) for n in widths[:-1])
        self.enlarge = nn.ModuleList(_convolution(a, 4 * b) for a, b in pairwise(widths))
        self.last = _convolution(widths[-1], 3)

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        """Draw the atlas of one layer."""
        low = self.mixed_precision and noise.device.type == "cuda"
        with torch.autocast(noise.device.type, torch.bfloat16, enabled=low):
            x = leaky_relu(self.first(noise[None]), 0.1)
            for here, up in zip(self.refine, self.enlarge, strict=True):
                x = x + leaky_relu(here(x), 0.1)
                x = leaky_relu(pixel_shuffle(up(x), 2), 0.1)
            x = self.last(x)
        return torch.sigmoid(x[0].float())


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate")


class DecoderTexture(nn.Module):
    """One layer's atlas (height, width, 4) out of the shared decoder."""

    noise: torch.Tensor
    pointwise = False

    offset: torch.Tensor

    def __init__(
        self,
        decoder: AtlasDecoder,
        height: int,
        width: int,
        noise: torch.Tensor,
        *,
        matte_offset: bool = True,
    ) -> None:
        super().__init__()
        # in a tuple: the model holds the shared network once, not every layer again
        self._decoder = (decoder,)
        self.register_buffer("noise", noise)
        zeros = torch.zeros(height, width, 1)
        if matte_offset:
            self.offset = nn.Parameter(zeros)
        else:  # a matte that is a network does not ask the atlas
            self.register_buffer("offset", zeros, persistent=False)
        self.full = height, width
        self.level = 0

    @property
    def size(self) -> tuple[int, int]:
        """Height and width at the current level."""
        return tuple(-(-side // 2**self.level) for side in self.full)  # type: ignore[return-value]

    def display(self) -> torch.Tensor:
        """Return the colours at full resolution, display-encoded (3, height, width)."""
        height, width = self.full
        return self._decoder[0](self.noise)[:, :height, :width]

    def linear(self) -> torch.Tensor:
        """Return (height, width, 4): scene-linear colour, matte offset in logits."""
        colour = to_linear(self.display()).permute(1, 2, 0)
        atlas = torch.cat([colour, self.offset * _LOGITS_PER_UNIT], -1)
        if self.level:
            step = 2**self.level
            atlas = avg_pool2d(atlas.permute(2, 0, 1)[None], step, ceil_mode=True)[0]
            atlas = atlas.permute(1, 2, 0)
        return atlas

    def matte_offset(self) -> torch.Tensor:
        """Return the matte channel in units of a step, for the pull to zero."""
        return self.offset

    def at(self, texel: torch.Tensor) -> torch.Tensor:
        """Look the atlas up at texels (2, h, w) of the current level, (4, h, w)."""
        return sample_atlas(self.linear(), texel)

    def held_at(self, level: int) -> "DecoderTexture":
        """Return the texture at a pyramid level: the same one, averaged when it is asked for."""
        self.level = level
        return self
