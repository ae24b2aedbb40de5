# SPDX-License-Identifier: Apache-2.0
"""How a shot is described: which parts a layer is made of, and how finely."""

from dataclasses import dataclass
from typing import Literal

from pullfocus.model.formation import LensSettings

__all__ = ["ModelSettings", "NetworkSettings"]


@dataclass(frozen=True)
class NetworkSettings:
    """Sizes of the paper's networks (sections 3.1, 3.2; sizes of the MLPs after Kasten 2021)."""

    width: int = 256
    """Of every hidden layer of the MLPs."""
    subject_layers: int = 6
    """Of M_f, the mapping of every layer but the last."""
    background_layers: int = 4
    """Of M_b."""
    matte_layers: int = 8
    """Of M_alpha."""
    matte_octaves: int = 5
    """Of its positional encoding."""
    atlas_layers: int = 8
    """Of the atlas MLP of Kasten et al."""
    atlas_octaves: int = 10
    noise_channels: int = 32
    """Of the decoder's input; the paper does not say."""
    decoder_channels: int = 128
    """At an eighth of the atlas; a third less after every doubling."""
    recompute: bool = False
    """MLPs evaluated piece by piece, and again in the backward pass: for frames whose hidden layers
    do not fit into memory, at a third more time."""
    mixed_precision: bool = False
    """Decoder in bfloat16 on a GPU. Mappings never: 8 bits cannot address an atlas."""


@dataclass(frozen=True)
class ModelSettings:
    """How finely a shot is described. Lengths are px at 512 wide; wider plates scale them."""

    texels_per_px: float = 1.25
    """Atlas resolution."""
    mapping_cell_px: float = 16.0
    """Spacing of the mapping lattice."""
    mapping_frames_per_knot: float = 1.0
    """Its spacing in time, frames, of subjects: they bend."""
    background_frames_per_knot: float = 4.0
    """The same of the last layer, where frames before and after must tell what one hides."""
    background_flutter: bool = True
    """Whether a frame may move what it shows of the last layer off that lattice: a hand shakes."""
    background_still: bool = True
    """Whether what a frame hides of the last layer lies where a scene that stands still has it, as
    far as it does (``model.hidden``)."""
    coc_cell_px: float = 32.0
    """Spacing of the COC lattice."""
    matte_cell_px: float = 12.0
    """Spacing of each frame's own matte correction."""
    matte_slack_px: float = 8.0
    """How far a given edge may be wrong, inside and outside: nothing else of a matte changes."""
    coc_start_px: float = 8.0
    """Radius before anything is known. Too large shows at once; a small one makes do with a blurred
    atlas, and a layer that is never in focus stays so."""
    exposure: bool = True
    """Whether a layer's light may change from frame to frame by a gain and an offset."""
    shutter_degrees: float = 0.0
    """How long the shutter is open, 360 for all the time from frame to frame; 0: motion blur is not
    told from defocus."""
    shutter_found: bool = False
    """Whether that is only where the search begins."""
    change: bool = True
    """Whether a layer's look may change in time, over what its atlas shows, where a solve finds
    that it does (``solve.changing``)."""
    looks: bool = True
    """Whether a layer may have several pictures over time, where a solve finds that its detail
    changes."""
    change_cell_px: float = 20.0
    """Spacing of its lattice."""
    overscan_px: float = 24.0
    """How far past the frame's edge lattices reach."""
    largest_atlas: int = 8192
    """Sides of an atlas are kept below this, texels; long pans get coarser texels."""
    lens: LensSettings = LensSettings()  # noqa: RUF009 - frozen
    mapping: Literal["lattice", "network"] = "lattice"
    """Pixel to atlas: a homography bent by a lattice, or the paper's MLP (section 3.1)."""
    texture: Literal["texels", "decoder", "network"] = "texels"
    """Atlas: free texels, the paper's CNN on noise (3.2), or the MLP of Kasten et al."""
    matte: Literal["lattice", "network"] = "lattice"
    """Matte: the given one, corrected, or the paper's MLP, which the given one only starts."""
    reblur: Literal["layered", "flat", "none"] = "layered"
    """Lens: on every layer, on the flat composite (Eq. 3), or none (Kasten et al.)."""
    atlas: Literal["fitted", "window"] = "fitted"
    """Size: what all frames show of a layer; or of the whole frame, at least 1.25 frames (the
    paper's 640x360 for 512x288, where the camera stands still)."""
    networks: NetworkSettings = NetworkSettings()
