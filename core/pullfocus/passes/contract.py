# SPDX-License-Identifier: Apache-2.0
"""The passes contract: names, types and units of every pass, and the record of a folder of them.

Standard library only, so that hosts and farms can read it with whatever Python they carry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Mapping, NamedTuple, Sequence  # noqa: UP035  (hosts run older Pythons)

from pullfocus.passes.layer_names import check_layer_name, check_layer_names

__all__ = [
    "COC_UNIT",
    "JSON_NAME",
    "JSON_VERSION",
    "MOTION_UNIT",
    "UV_ORIGIN",
    "LayerEntry",
    "PassDefinition",
    "Passes",
    "atlas_channels",
    "atlas_file_name",
    "coc_sign",
    "colour_metadata",
    "exr_metadata",
    "layer_passes",
    "pass_table",
]

JSON_NAME = "passes.json"
JSON_VERSION = "1.0"
COC_UNIT = "px_radius"
UV_ORIGIN = "bottom_left"
MOTION_UNIT = "px_v_up"


class PassDefinition(NamedTuple):
    """One pass of the contract."""

    name: str
    """Layer part of the channel names; "beauty" for the root channels."""
    channels: tuple[str, ...]
    """Full EXR channel names, in the order in which the data is stacked."""
    storage: str
    """"half" or "float"."""
    meaning: str
    unit: str

    @property
    def half(self) -> bool:
        """Whether the channels are stored as 16-bit float."""
        return self.storage == "half"


def coc_sign(coc_signed: bool) -> str:
    """What `pullfocus/coc_sign` says: "near_negative", or "unsigned" for a plain radius."""
    return "near_negative" if coc_signed else "unsigned"


def _coc_meaning(coc_signed: bool) -> str:
    if coc_signed:
        return "signed radius of the circle of confusion: near negative, far positive"
    return "radius of the circle of confusion, never negative"


def _channels(layer: str, components: str) -> tuple[str, ...]:
    return tuple(f"{layer}.{component}" for component in components)


def layer_passes(
    name: str, *, coc_signed: bool, complete: bool = False
) -> tuple[PassDefinition, PassDefinition, PassDefinition]:
    """The three passes of one layer: premultiplied colour, atlas uv with the matte, COC."""
    check_layer_name(name)
    whole = ", complete (A = 1)" if complete else ""
    return (
        PassDefinition(
            name,
            _channels(name, "RGBA"),
            "half",
            f"layer, premultiplied{whole}",
            "scene-linear",
        ),
        # Float: half precision would misplace a texel by half a pixel in a 4096 atlas.
        # Z: hosts read the third component of a uv pass as its alpha.
        PassDefinition(
            f"{name}_uv",
            _channels(f"{name}_uv", "XYZ"),
            "float",
            "atlas u and v, Z = matte, 0 outside",
            "0..1, origin bottom left, texel centres at (x + .5) / width",
        ),
        PassDefinition(
            f"{name}_coc",
            _channels(f"{name}_coc", "X"),
            "float",
            f"{_coc_meaning(coc_signed)}; goes on smoothly where the layer is not",
            "px",
        ),
    )


def pass_table(
    layer_names: Sequence[str], *, coc_signed: bool, depth: bool = False, motion: bool = True
) -> tuple[PassDefinition, ...]:
    """Every pass of a frame, in the order of the contract.

    Args:
        layer_names: front to back; the last one is complete.
        coc_signed: whether COC carries a sign (near negative) or is a plain radius.
        depth: include `depth.Z`, which only a solve with a fitted lens can give.
        motion: include `forward` and `backward`.

    Raises:
        PassesError: the layer names are not allowed.
    """
    names = check_layer_names(layer_names)
    table = [
        PassDefinition(
            "beauty", tuple("RGBA"), "half", "sharp composite, premultiplied", "scene-linear"
        )
    ]
    for name in names:
        table.extend(layer_passes(name, coc_signed=coc_signed, complete=name == names[-1]))
    table.append(
        PassDefinition(
            "coc", ("coc.X",), "float", f"{_coc_meaning(coc_signed)}; front-most surface", "px"
        )
    )
    table.append(
        PassDefinition("alpha", ("alpha.A",), "half", "first layer's matte, to look at", "0..1")
    )
    table.append(
        PassDefinition(
            "confidence",
            ("confidence.X",),
            "half",
            "how far the beauty can be relied on: 1 in focus as shot or seen sharp elsewhere,"
            " a half inferred, 0 left as shot out of focus",
            "0..1",
        )
    )
    if motion:
        for name, target in (("forward", "next"), ("backward", "previous")):
            table.append(
                PassDefinition(
                    name,
                    _channels(name, "uv"),
                    "float",
                    f"motion to the {target} frame of the clip",
                    "px, +v up",
                )
            )
    if depth:
        table.append(
            PassDefinition(
                "depth",
                ("depth.Z",),
                "float",
                "defocus depth, linear in inverse distance, far is larger; not anti-aliased",
                "px of radius",
            )
        )
    return tuple(table)


def atlas_channels(*, has_matte: bool = False) -> tuple[str, ...]:
    """Channels of an atlas file, all half: R G B, and A where the matte lives in the atlas."""
    return ("R", "G", "B", "A") if has_matte else ("R", "G", "B")


def atlas_file_name(layer_name: str) -> str:
    """File name of a layer's atlas, beside the frames."""
    return f"atlas_{check_layer_name(layer_name)}.exr"


@dataclass(frozen=True)
class LayerEntry:
    """One layer in `passes.json`."""

    name: str
    atlas: str
    """File name of the atlas, relative to `passes.json`."""
    atlas_width: int
    atlas_height: int
    complete: bool = False
    """True for the last layer: it has content everywhere."""


@dataclass(frozen=True)
class Passes:
    """What `passes.json` says about a folder of passes."""

    layers: tuple[LayerEntry, ...]
    """Front to back."""
    frames: tuple[int, ...]
    """Frame numbers that exist, ascending."""
    file_pattern: str
    """File name of a frame, with a run of # for the zero-padded number: `shot.####.exr`."""
    width: int
    height: int
    rate: str
    """Frames per second as "num/den"."""
    colorspace: str
    """Colour space of every colour channel, scene-linear."""
    pixel_aspect: float = 1.0
    coc_signed: bool = False
    plate: str = ""
    """Where the plate came from, as the user named it."""
    lens_curve: Mapping[str, Any] | None = None
    """The fitted lens, where there is one: focus and aperture by frame."""
    breathing: Mapping[str, Any] | None = None
    """Focus breathing, where there is some: size of the picture by frame, and whether the frames
    here have it still."""
    plate_lens: Mapping[str, Any] | None = None
    """What the plate was shot with, as `PlateLens.record` tells it; None: nobody looked."""
    pullfocus_version: str = ""
    solve_digest: str = ""
    """Digest of the settings that the solve ran with."""
    solve: str | None = None
    """The solve folder, seen from that of the passes, forward slashes; None: another drive."""
    version: str = JSON_VERSION

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Front to back."""
        return tuple(layer.name for layer in self.layers)

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second."""
        return Fraction(self.rate)

    def file_name(self, frame: int) -> str:
        """File name of a frame number."""
        return re.sub(
            r"#+", lambda run: str(frame).zfill(len(run.group())), self.file_pattern, count=1
        )

    def pass_table(self, *, depth: bool = False) -> tuple[PassDefinition, ...]:
        """The passes that each frame of this folder holds."""
        return pass_table(self.layer_names, coc_signed=self.coc_signed, depth=depth)


def colour_metadata(colorspace: str) -> dict[str, str]:
    """Header attributes that name a colour space, as hosts read them.

    OpenImageIO adds the id of the Color Interop Forum to names that it knows, and takes
    "scene_linear" for ACEScg: light whose primaries nobody told must not be called so.
    """
    if colorspace == "scene_linear":
        return {"colorInteropID": "unknown"}
    return {"oiio:ColorSpace": colorspace}


def exr_metadata(passes: Passes, *, depth_unit: str | None = None) -> dict[str, str | Fraction]:
    """Header attributes of a frame: `pullfocus/…`, `oiio:ColorSpace`, `framesPerSecond`."""
    metadata: dict[str, str | Fraction] = {
        "pullfocus/version": passes.pullfocus_version,
        "pullfocus/coc_sign": coc_sign(passes.coc_signed),
        "pullfocus/coc_unit": COC_UNIT,
        "pullfocus/uv_origin": UV_ORIGIN,
        **colour_metadata(passes.colorspace),
        "framesPerSecond": passes.frame_rate,
    }
    for layer in passes.layers:
        metadata[f"pullfocus/atlas.{layer.name}"] = layer.atlas
    if depth_unit is not None:
        metadata["pullfocus/depth_unit"] = depth_unit
    return metadata
