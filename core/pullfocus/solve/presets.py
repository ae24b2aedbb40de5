# SPDX-License-Identifier: Apache-2.0
"""Solvers by name: the fast one, the paper's, and the paper's ablations. Settings, not copies."""

from dataclasses import dataclass, replace
from typing import Any

from pullfocus.errors import SolveError
from pullfocus.model.settings import ModelSettings, NetworkSettings
from pullfocus.solve.settings import QUALITIES, PointSettings, SolveSettings

__all__ = ["PRESETS", "WEIGHTS", "check_coc", "for_frames", "preset_settings", "takes_proxy"]

_FRAMES = 32  # that the steps of a quality are meant for
_STRUCTURE_SHARE = 0.84  # of MS-SSIM in the reconstruction term (Zhao et al. 2016)
# At 30 dB L1 and MS-SSIM so mixed are ten times the squared difference over RGB. The same weight
# would drown the matte, a tenth of it lets sparsity drive the shared decoder to black at once.
_ROBUST = 0.3
_COC_WEIGHTS = ("coc_smooth_weight", "coc_time_weight", "coc_small_weight", "coc_prior_weight")
_DECODER_RATE = 1e-3  # inside the fast solver: it has a thousandth of the paper's steps


@dataclass(frozen=True)
class Weights:
    """A set of loss weights in the units of ``solve.terms``."""

    reconstruction: float
    gradient: float
    flow: float
    sparsity: float
    rigidity: float
    wide_subject: float
    wide_background: float
    matte_flow: float
    matte_start: float

    def points(self) -> PointSettings:
        """Return those of the terms on random pixels."""
        return PointSettings(
            flow=self.flow,
            sparsity=self.sparsity,
            rigidity=self.rigidity,
            wide_rigidity_subject=self.wide_subject,
            wide_rigidity_background=self.wide_background,
            matte_flow=self.matte_flow,
            matte_start=self.matte_start,
        )


WEIGHTS = {
    # Kasten et al. 2021, as published with their code
    "lna": Weights(5000, 1000, 5, 1000, 1, 5, 50, 49, 2000),
    # Chan et al. 2023 (hashing-nvd): nearly the same ratios
    "hashing": Weights(5, 1, 0.01, 1, 0.001, 0.005, 0.05, 0.05, 2),
    # Section 4.1; units are not said. Mattes, which Eq. 4 leaves out, as Kasten et al. weigh them
    # against sparsity
    "paper": Weights(0.3, 0, 1.5, 100, 0.5, 0, 0, 4.9, 200),
}
"""What --weights selects."""

_NETWORKS = ModelSettings(
    texels_per_px=1.0,  # 512x288 at 0.8 of 640x360
    mapping="network",
    matte="network",
    texture="decoder",
    reblur="flat",
    atlas="window",
    exposure=False,
    change=False,
    looks=False,
    networks=NetworkSettings(mixed_precision=True),
)
_PAPER = SolveSettings(
    preset="paper",
    steps=50_000,
    texture_steps=0,
    start="identity",
    flow="auto",
    ends_early=False,
    decay="constant",
    coarse_share=0.0,
    coc_rate=0.02,
    coc_network=True,
    warmup_steps=1,
    model=_NETWORKS,
)
_BLIND = replace(_PAPER, coc_network=False)
_MLPS = replace(_NETWORKS, texture="network")
_KASTEN = replace(_BLIND, preset="lna", coc="none", model=replace(_MLPS, reblur="none"))

PRESETS = {
    "fast": QUALITIES["standard"],
    "paper": _PAPER,
    "lna": _KASTEN,
    "lna-reblur": replace(_BLIND, preset="lna-reblur", model=_MLPS),
    "paper-no-coc": replace(_BLIND, preset="paper-no-coc", coc="none"),
    "paper-coc-given": replace(_BLIND, preset="paper-coc-given", coc="given"),
}
"""What --preset selects."""


def _weighted(settings: SolveSettings, name: str) -> SolveSettings:
    """Return a network preset with a set of weights."""
    weights = WEIGHTS[name]
    # sets made for squared differences would drown the matte in the stronger reconstruction term
    squared = settings.preset == "lna"
    scale = weights.reconstruction * (1.0 if squared or name == "paper" else _ROBUST)
    fast = SolveSettings()
    coc = {
        key: getattr(fast, key) * scale / (fast.l1_weight + fast.structure_weight)
        for key in _COC_WEIGHTS
    }
    if squared:  # as published, of neighbours too
        terms: dict[str, Any] = {
            "l1_weight": 0.0,
            "structure_weight": 0.0,
            "l2_weight": scale,
            "gradient_weight": weights.gradient,
        }
    else:
        terms = {
            "l1_weight": (1 - _STRUCTURE_SHARE) * scale,
            "structure_weight": _STRUCTURE_SHARE * scale,
        }
    return replace(settings, points=weights.points(), **terms, **coc)


def preset_settings(
    name: str, *, weights: str = "hashing", texture: str | None = None, quality: str | None = None
) -> SolveSettings:
    """Return the settings of a preset.

    Args:
        name: one of `PRESETS`.
        weights: one of `WEIGHTS`, for all presets but fast.
        texture: another kind of atlas than the preset's (``ModelSettings.texture``).
        quality: one of ``settings.QUALITIES``, for fast only.

    Raises:
        SolveError: an unknown name, or a quality for a preset that has none.
    """
    if name not in PRESETS:
        raise SolveError(f"expected a preset of {', '.join(PRESETS)}, got {name!r}")
    if weights not in WEIGHTS:
        raise SolveError(f"expected weights of {', '.join(WEIGHTS)}, got {weights!r}")
    if quality is not None and str(quality) not in QUALITIES:
        raise SolveError(f"expected a quality of {', '.join(QUALITIES)}, got {quality!r}")
    if name == "fast":
        settings = QUALITIES[str(quality or "standard")]
    elif quality is not None:
        raise SolveError(f"expected --quality with the preset fast only; {name} takes --steps")
    else:
        settings = _weighted(PRESETS[name], weights)
    if texture is None or texture == settings.model.texture:
        return settings
    model = replace(settings.model, texture=str(texture))  # type: ignore[arg-type]
    if name == "fast" and texture != "texels":
        settings = replace(settings, network_rate=_DECODER_RATE)
    return replace(settings, model=model)


def for_frames(settings: SolveSettings, frames: int) -> SolveSettings:
    """Return settings whose steps follow the length of a shot: each frame is seen as often.

    Shots of up to 32 frames take the steps of their quality: they share one atlas, and need them.
    """
    longer = max(1.0, frames / _FRAMES)
    meant = round(settings.texture_steps * longer)
    return replace(settings, steps=round(settings.steps * longer), texture_steps=meant)


def takes_proxy(settings: SolveSettings) -> bool:
    """Whether a solve of a proxy can be lifted to the plate: networks are of one size."""
    model = settings.model
    return (
        (model.mapping, model.texture, model.matte) == ("lattice", "texels", "lattice")
        and model.atlas == "fitted"
        and settings.start == "fusion"
    )


def check_coc(settings: SolveSettings, *, given: bool) -> None:
    """Check that a circle of confusion is given where the settings want one.

    Raises:
        SolveError: it is missing, or given to a solver that must do without.
    """
    if settings.coc == "given" and not given:
        raise SolveError(f"expected --coc with the preset {settings.preset}, got none")
    if settings.coc == "none" and given:
        raise SolveError(f"expected no --coc with the preset {settings.preset}, got one")
