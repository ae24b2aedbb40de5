# SPDX-License-Identifier: Apache-2.0
"""What a solve is asked to do; saved with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pullfocus.errors import SolveError
from pullfocus.model.formation import LensSettings
from pullfocus.model.settings import ModelSettings, NetworkSettings
from pullfocus.observe.observe import ObserveSettings

__all__ = [
    "MODEL_BEFORE",
    "QUALITIES",
    "SOLVE_BEFORE",
    "PointSettings",
    "SolveSettings",
    "settings_from_record",
]


@dataclass(frozen=True)
class PointSettings:
    """Weights of the terms that are taken on random pixels of all frames (``solve.terms``).

    0 leaves a term out. Lengths are plate px.
    """

    count: int = 10_000
    """Pixels a step, at most a quarter of a frame's."""
    flow: float = 0.0
    """What flow joins lies at one place of the atlas."""
    sparsity: float = 0.0
    """Subjects are black where they are not seen."""
    rigidity: float = 0.0
    """Neighbours in the frame are neighbours in the atlas, over 1 px."""
    wide_rigidity_subject: float = 0.0
    """The same over 100 px at 512 wide, for every layer but the last."""
    wide_rigidity_background: float = 0.0
    wide_rigidity_share: float = 0.1
    """Share of the steps that have it: 5,000 of 50,000."""
    matte_flow: float = 0.0
    """A matte moves with its flow."""
    matte_start: float = 0.0
    """Cross entropy with the given matte."""
    matte_start_share: float = 0.2
    """Share of the steps that have it: 10,000 of 50,000."""

    @property
    def used(self) -> bool:
        """Whether any term is asked for."""
        terms = (
            self.flow,
            self.sparsity,
            self.rigidity,
            self.wide_rigidity_subject,
            self.wide_rigidity_background,
            self.matte_flow,
            self.matte_start,
        )
        return any(terms)


@dataclass(frozen=True)
class SolveSettings:
    """Settings of a solver; by default of the fast one. Rates are per Adam step."""

    steps: int = 1900
    """Steps in all; rates decay over them."""
    proxy: int = 0
    """Width of the proxy that geometry, mattes and radii are solved on, px; 0: on the plate."""
    fine_looks: int = 3
    """After a proxy: how often every frame is looked at, at the plate's size."""
    fine_rate: float = 0.5
    """Of those steps, against the rates of the solve."""
    frames_at_once: int = 2
    """Frames whose gradients are of one point of the solve; on as many cores, side by side."""
    seed: int = 0
    """Orders the frames. Same seed, same machine: same result."""
    preset: str = "fast"
    """Name of what these settings started from (``solve.presets``)."""
    start: Literal["fusion", "identity", "motion"] = "fusion"
    """Frames fused into the atlas; or mappings fitted, before the first step, to uv = 0.8 (x, y)
    as in Kasten et al., or to the measured motion."""
    start_passes: int = 100
    """Passes over all frames that the fit takes at most."""
    coc: Literal["any", "given", "none"] = "any"
    """A given circle of confusion is used where there is one, must be there, must not."""
    flow: Literal["dis", "raft", "auto"] = "dis"
    """Optical flow of the flow terms; auto: RAFT where torchvision and its weights are there."""
    ends_early: bool = True
    """Whether a solve without a number of steps ends when nothing more is gained."""
    decay: Literal["cosine", "constant"] = "cosine"
    """Of all rates over the steps."""
    coarse_share: float = 0.5
    """Share of the steps taken at half resolution."""
    texture_rate: float = 0.004
    """Root-encoded colour, per step."""
    unsharp_rate: float = 0.02
    """The same of what no frame shows sharp, in the last steps."""
    unsharp_share: float = 0.3
    """Share of the steps that these are; rates start anew, for such texels alone."""
    texture_steps: int = 1900
    """How many steps ``texture_rate`` is meant for; 0: any number. In a solve of more it falls with
    their square root: at the full rate texels end sharper than the plate tells."""
    mapping_rate_px: float = 0.15
    """Mapping lattice, px at 512 wide."""
    flutter_rate: float = 0.3
    """Of that, for what a single frame adds to the lattice."""
    coc_rate: float = 0.4
    """COC lattice, before the softplus."""
    frame_matte_rate: float = 0.15
    """Each frame's own matte correction, logits."""
    exposure_rate: float = 3e-4
    """Gain of a layer in a frame, natural logarithm; offset, hundredths of white."""
    lens: str = "round"
    """What the solve looks through once radii are roughly known: auto, the lens that is then found
    in the plate, if one is proved; round; or a lens as `PlateLens.text` says it."""
    shutter_rate: float = 0.02
    """Share of the time that the shutter is open, before the sigmoid."""
    change_rate: float = 2e-3
    """A layer's change in time, root-encoded."""
    network_rate: float = 1e-4
    """Weights of networks (section 4.1)."""
    warmup_steps: int = 20
    l1_weight: float = 1.0
    """Mean absolute difference of the reblurred frame and the plate."""
    structure_weight: float = 0.16
    """Weight of 1 - MS-SSIM beside it (Zhao et al. 2016)."""
    l2_weight: float = 0.0
    """Squared difference, summed over RGB (Kasten et al.)."""
    gradient_weight: float = 0.0
    """Squared difference of the differences of neighbours (Kasten et al.)."""
    rigidity_weight: float = 1e-4
    """Bend of the mapping lattice, px^2."""
    flutter_weight: float = 3.0
    """Of the bend's weight: pull to nothing of what a frame adds to the lattice, px^2."""
    coc_smooth_weight: float = 1e-4
    """Change of the COC lattice across the frame."""
    coc_time_weight: float = 1e-4
    """Change of the COC lattice between frames."""
    coc_network: bool = False
    """Start from what the COC network reads off the plate, and be drawn to it (section 3.4)."""
    coc_prior_weight: float = 2e-4
    """Distance from what the network read, px^2 at 512 wide, weighted by its confidence."""
    coc_small_weight: float = 1e-5
    """Mean radius, px at 512 wide: breaks the tie where nothing tells the radius. Five times as
    much draws a layer that is never in focus to a blurred atlas."""
    texel_weight: float = 5e-3
    """Total variation of an atlas's colours, root-encoded: what no frame tells stays plain."""
    exposure_weight: float = 1e-3
    """Pull of gains to one and offsets to zero."""
    change_weight: float = 1e-5
    """Pull of a layer's change to none."""
    change_time_weight: float = 1e-5
    """Pull to its neighbours in time and space."""
    looks_weight: float = 5e-3
    """Total variation of what a layer's pictures over time differ by."""
    looks_pull_weight: float = 1e-3
    """Pull of that to nothing."""
    matte_weight: float = 1e-4
    """Pull of the matte corrections to zero."""
    matte_smooth_weight: float = 3e-2
    """Total variation of the correction that rides in the atlas: edges, no pepper."""
    points: PointSettings = PointSettings()
    model: ModelSettings = ModelSettings()  # noqa: RUF009 - frozen
    observe: ObserveSettings = ObserveSettings()  # noqa: RUF009 - frozen


QUALITIES = {
    # nearly all at half resolution, where a step costs a quarter
    "draft": SolveSettings(
        steps=420,
        coarse_share=0.85,
        texture_rate=0.008,
        texture_steps=420,
        coc_rate=0.8,
        fine_looks=1,
    ),
    "standard": SolveSettings(lens="auto"),
    "high": SolveSettings(steps=6000, fine_looks=5, lens="auto"),
}
"""What --quality selects."""


MODEL_BEFORE = {
    "change": False,
    "background_frames_per_knot": 1.0,
    "background_flutter": False,
    "background_still": False,
}
"""Parts that a checkpoint of an earlier version does not hold, and its record does not name."""


SOLVE_BEFORE = {"texture_steps": 0}
"""What an earlier version did, and its record does not name: steps were as long, however many."""


def settings_from_record(record: Mapping[str, Any]) -> SolveSettings:
    """Rebuild settings from what ``dataclasses.asdict`` made of them.

    What a record of an earlier version does not know has its default, or is as that version was.

    Raises:
        SolveError: it is no such record, or knows what this version does not.
    """
    try:
        return _rebuilt(record)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        told = " ".join(str(error).split())
        raise SolveError(f"expected settings of a solve, got others: {told}") from error


def _rebuilt(record: Mapping[str, Any]) -> SolveSettings:
    model = {**MODEL_BEFORE, **record["model"]}
    model["lens"] = LensSettings(**model["lens"])
    model["networks"] = NetworkSettings(**model.get("networks", {}))
    nested = {
        "model": ModelSettings(**model),
        "observe": ObserveSettings(**record["observe"]),
        "points": PointSettings(**record.get("points", {})),
    }
    return SolveSettings(**{**SOLVE_BEFORE, **record, **nested})
