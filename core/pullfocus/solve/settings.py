# SPDX-License-Identifier: Apache-2.0
"""What a solve is asked to do; saved with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pullfocus.model.formation import LensSettings
from pullfocus.model.shot_model import ModelSettings
from pullfocus.observe.observe import ObserveSettings

__all__ = ["QUALITIES", "SolveSettings", "settings_from_record"]


@dataclass(frozen=True)
class SolveSettings:
    """Settings of the fast solver. Rates are per Adam step."""

    steps: int = 1900
    """Steps in all; rates decay over them."""
    seed: int = 0
    """Orders the frames. Same seed, same machine: same result."""
    coarse_share: float = 0.5
    """Share of the steps taken at half resolution."""
    texture_rate: float = 0.004
    """Root-encoded colour, per step."""
    mapping_rate_px: float = 0.15
    """Mapping lattice, px at 512 wide."""
    coc_rate: float = 0.4
    """COC lattice, before the softplus."""
    frame_matte_rate: float = 0.15
    """Each frame's own matte correction, logits."""
    warmup_steps: int = 20
    structure_weight: float = 0.16
    """Weight of 1 - MS-SSIM beside the L1 difference (Zhao et al. 2016)."""
    rigidity_weight: float = 1e-3
    """Bend of the mapping lattice, px^2."""
    coc_smooth_weight: float = 1e-4
    """Change of the COC lattice across the frame."""
    coc_time_weight: float = 1e-4
    """Change of the COC lattice between frames."""
    coc_small_weight: float = 5e-5
    """Mean radius, px at 512 wide: breaks the tie between blur and a sharper atlas."""
    matte_weight: float = 1e-4
    """Pull of the matte corrections to zero."""
    model: ModelSettings = ModelSettings()  # noqa: RUF009 - frozen
    observe: ObserveSettings = ObserveSettings()  # noqa: RUF009 - frozen


QUALITIES = {
    # nearly all at half resolution, where a step costs a quarter
    "draft": SolveSettings(steps=420, coarse_share=0.85, texture_rate=0.008, coc_rate=0.8),
    "standard": SolveSettings(),
    "high": SolveSettings(steps=6000),
}
"""What --quality selects."""


def settings_from_record(record: Mapping[str, Any]) -> SolveSettings:
    """Rebuild settings from what ``dataclasses.asdict`` made of them."""
    model = dict(record["model"])
    model["lens"] = LensSettings(**model["lens"])
    nested = {"model": ModelSettings(**model), "observe": ObserveSettings(**record["observe"])}
    return SolveSettings(**{**record, **nested})
