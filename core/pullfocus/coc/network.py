# SPDX-License-Identifier: Apache-2.0
"""The network of paper section 3.4: from one defocused frame to its circle of confusion.

A U-Net of blocks with large depthwise kernels, written from the description of LaKDNet (Ruan et
al. 2023), which the paper follows; small enough for a CPU. One encoder serves two decoders: one
deblurs, and teaches the encoder what blur looks like; the other reads the radius.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["CocEstimate", "CocNetwork", "DeblurNetwork", "Encoder", "NetworkSettings", "sizes_of"]

_SCALE_FLOOR_PX = 0.05
"""An expected error is never said to be smaller."""


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """Sizes of the network: 2.9 M parameters as they are."""

    fold: int = 4
    """Pixels folded into channels before anything else, a side. Deviation from LaKDNet, which
    works at full size: sixteen times less to compute, and nothing is lost."""
    dims: tuple[int, ...] = (48, 96, 192, 320)
    """Channels of each level; every level halves the sides. The coarsest sees a surface whole: it
    costs little, and what is plain is told by what lies around it."""
    encoder_blocks: tuple[int, ...] = (2, 2, 3, 2)
    decoder_blocks: tuple[int, ...] = (2, 1, 1)
    """From the finest level on; the coarsest has none."""
    kernel: int = 7
    """Side of the depthwise kernels, as LaKDNet's."""

    @property
    def multiple(self) -> int:
        """Frames are padded to sides that this divides."""
        return self.fold * 2 ** (len(self.dims) - 1)


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of every pixel."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, h, w)
        """Normalise; channels-last memory makes both permutations free."""
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Two rounds of depthwise k x k and 1 x 1, then a gated feed-forward; LayerNorm before each."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.norm_mix, self.norm_gate = ChannelNorm(dim), ChannelNorm(dim)
        self.depthwise = nn.ModuleList(
            nn.Conv2d(dim, dim, kernel, padding=kernel // 2, groups=dim) for _ in range(2)
        )
        self.pointwise = nn.ModuleList(nn.Conv2d(dim, dim, 1) for _ in range(2))
        self.widen = nn.Conv2d(dim, 2 * dim, 1)
        self.local = nn.Conv2d(2 * dim, 2 * dim, 3, padding=1, groups=2 * dim)
        self.narrow = nn.Conv2d(dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, h, w)
        """Mix in space, then per pixel; both add to what came in."""
        mixed = self.norm_mix(x)
        for depthwise, pointwise in zip(self.depthwise, self.pointwise, strict=True):
            mixed = mixed + functional.gelu(depthwise(mixed))
            mixed = mixed + functional.gelu(pointwise(mixed))
        x = x + mixed
        gate, value = self.local(self.widen(self.norm_gate(x))).chunk(2, dim=1)
        return x + self.narrow(functional.gelu(gate) * value)


class Encoder(nn.Module):
    """Frame to features of every level."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        s = settings
        self.fold = s.fold
        self.embed = nn.Conv2d(3 * s.fold**2, s.dims[0], 3, padding=1)
        self.levels = nn.ModuleList(
            nn.Sequential(*(Block(dim, s.kernel) for _ in range(count)))
            for dim, count in zip(s.dims, s.encoder_blocks, strict=True)
        )
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(fine, coarse // 4, 3, padding=1), nn.PixelUnshuffle(2))
            for fine, coarse in zip(s.dims, s.dims[1:], strict=False)
        )

    def forward(self, frame: Tensor) -> list[Tensor]:  # (B, 3, H, W), display-encoded 0..1
        """Features, finest first: (B, dims[i], H / fold / 2^i, W / fold / 2^i)."""
        folded = functional.pixel_unshuffle(frame - 0.5, self.fold)
        x = self.embed(folded.contiguous(memory_format=torch.channels_last))
        features = []
        for index, level in enumerate(self.levels):
            x = level(x if index == 0 else self.down[index - 1](x))
            features.append(x)
        return features


class Decoder(nn.Module):
    """Features of every level to planes of the frame's size."""

    def __init__(self, settings: NetworkSettings, planes: int) -> None:
        super().__init__()
        s = settings
        self.fold = s.fold
        pairs = list(zip(s.dims, s.dims[1:], strict=False))
        # 1 x 1 before the shuffle where LaKDNet has 3 x 3: those would hold half of all weights.
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(coarse, 4 * fine, 1), nn.PixelShuffle(2))
            for fine, coarse in pairs
        )
        self.reduce = nn.ModuleList(nn.Conv2d(2 * fine, fine, 1) for fine, _ in pairs)
        self.levels = nn.ModuleList(
            nn.Sequential(*(Block(dim, s.kernel) for _ in range(count)))
            for dim, count in zip(s.dims[:-1], s.decoder_blocks, strict=True)
        )
        self.head = nn.Conv2d(s.dims[0], planes * s.fold**2, 3, padding=1)

    def forward(self, features: list[Tensor]) -> Tensor:
        """(B, planes, H, W)."""
        x = features[-1]
        for index in reversed(range(len(self.levels))):
            x = torch.cat([self.up[index](x), features[index]], dim=1)
            x = self.levels[index](self.reduce[index](x))
        return functional.pixel_shuffle(self.head(x), self.fold)


def _padded(frame: Tensor, multiple: int) -> Tensor:
    """Frame with its border repeated so that ``multiple`` divides its sides."""
    height, width = frame.shape[-2:]
    extra = (0, -width % multiple, 0, -height % multiple)
    return functional.pad(frame, extra, mode="replicate") if any(extra) else frame


class DeblurNetwork(nn.Module):
    """Encoder and a decoder that makes the frame sharp: the first stage of training."""

    def __init__(self, settings: NetworkSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or NetworkSettings()
        self.encoder = Encoder(self.settings)
        self.decoder = Decoder(self.settings, 3)

    def forward(self, frame: Tensor) -> Tensor:
        """(B, 3, H, W) display-encoded, any size -> the same, sharp."""
        height, width = frame.shape[-2:]
        change = self.decoder(self.encoder(_padded(frame, self.settings.multiple)))
        return frame + change[..., :height, :width]


@dataclass(frozen=True, kw_only=True, eq=False)
class CocEstimate:
    """What the network says of a batch of frames."""

    radius_px: Tensor
    """(B, H, W), circle of confusion, radius in px of the given frames, >= 0."""
    error_px: Tensor
    """(B, H, W), the absolute error that it expects, px, > 0."""


class CocNetwork(nn.Module):
    """Encoder and a decoder that reads the circle of confusion: paper Eq. r = C(c_blur)."""

    def __init__(self, settings: NetworkSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or NetworkSettings()
        self.encoder = Encoder(self.settings)
        self.decoder = Decoder(self.settings, 2)

    def forward(self, frame: Tensor) -> CocEstimate:
        """(B, 3, H, W) display-encoded, 0..1, any size."""
        height, width = frame.shape[-2:]
        planes = self.decoder(self.encoder(_padded(frame, self.settings.multiple)))
        planes = planes[..., :height, :width].float()
        return CocEstimate(
            radius_px=functional.softplus(planes[:, 0]),
            error_px=functional.softplus(planes[:, 1]) + _SCALE_FLOOR_PX,
        )


def sizes_of(weights: Mapping[str, Tensor]) -> NetworkSettings:
    """Sizes of the network that weights belong to, read off their names and shapes.

    Args:
        weights: of a `CocNetwork` or `DeblurNetwork`.

    Raises:
        KeyError: they belong to neither.
    """

    def blocks(part: str) -> tuple[int, ...]:
        """How many blocks each level has."""
        places = [name.split(".")[2:4] for name in weights if name.startswith(f"{part}.levels.")]
        found = {(int(level), int(block)) for level, block in places}
        return tuple(Counter(level for level, _ in sorted(found)).values())

    encoder, decoder = blocks("encoder"), blocks("decoder")
    embed = weights["encoder.embed.weight"]
    return NetworkSettings(
        fold=math.isqrt(embed.shape[1] // 3),
        dims=tuple(
            weights[f"encoder.levels.{level}.0.widen.weight"].shape[1]
            for level in range(len(encoder))
        ),
        encoder_blocks=encoder,
        decoder_blocks=decoder,
        kernel=weights["encoder.levels.0.0.depthwise.0.weight"].shape[-1],
    )
