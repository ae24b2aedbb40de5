# SPDX-License-Identifier: Apache-2.0
"""The figures of one frame of passes against its truth."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pullfocus.errors import PassesError
from pullfocus.evaluate.metrics import coc_rmse, matte_error, ms_ssim, psnr, ssim, tpsnr
from pullfocus.evaluate.regions import detail, flow_error, holes_percent, region_psnr, regions
from pullfocus.evaluate.truth import TruthFrame

__all__ = ["FIGURES", "Figure", "PassFrame", "pass_frame", "score_frame"]


class Figure(NamedTuple):
    """What a column holds."""

    name: str
    title: str
    unit: str
    better: int
    """1: more is better; -1: less is; 0: the nearer to 1 the better."""
    plate: str = ""
    """Name of the plate's own figure to compare with."""


FIGURES = (
    Figure("plate_psnr", "plate PSNR", "dB", 1),
    Figure("psnr", "sharp PSNR", "dB", 1, "plate_psnr"),
    Figure("plate_subject_psnr", "plate PSNR, subject", "dB", 1),
    Figure("subject_psnr", "sharp PSNR, subject", "dB", 1, "plate_subject_psnr"),
    Figure("plate_edge_psnr", "plate PSNR, subject's edge", "dB", 1),
    Figure("edge_psnr", "sharp PSNR, subject's edge", "dB", 1, "plate_edge_psnr"),
    Figure("plate_background_psnr", "plate PSNR, background", "dB", 1),
    Figure("background_psnr", "sharp PSNR, background", "dB", 1, "plate_background_psnr"),
    Figure("plate_region_psnr", "plate PSNR, marked region", "dB", 1),
    Figure("region_psnr", "sharp PSNR, marked region", "dB", 1, "plate_region_psnr"),
    Figure("plate_detail", "plate detail (truth 1)", "", 0),
    Figure("detail", "sharp detail (truth 1)", "", 0, "plate_detail"),
    Figure("plate_subject_detail", "plate detail, subject", "", 0),
    Figure("subject_detail", "sharp detail, subject", "", 0, "plate_subject_detail"),
    Figure("plate_ssim", "plate SSIM", "", 1),
    Figure("ssim", "sharp SSIM", "", 1, "plate_ssim"),
    Figure("plate_ms_ssim", "plate MS-SSIM", "", 1),
    Figure("ms_ssim", "sharp MS-SSIM", "", 1, "plate_ms_ssim"),
    Figure("plate_tpsnr", "plate tPSNR", "dB", 1),
    Figure("tpsnr", "sharp tPSNR", "dB", 1, "plate_tpsnr"),
    Figure("plate_tof", "plate tOF", "px", -1),
    Figure("tof", "sharp tOF", "px", -1, "plate_tof"),
    Figure("plate_flip", "plate FLIP", "", -1),
    Figure("flip", "sharp FLIP", "", -1, "plate_flip"),
    Figure("plate_lpips", "plate LPIPS", "", -1),
    Figure("lpips", "sharp LPIPS", "", -1, "plate_lpips"),
    Figure("plate_fvvdp", "plate FovVideoVDP, whole clip", "JOD", 1),
    Figure("fvvdp", "sharp FovVideoVDP, whole clip", "JOD", 1, "plate_fvvdp"),
    Figure("coc_radius", "COC RMSE, seen (radius)", "px", -1),
    Figure("coc_diameter", "COC RMSE, seen (diameter)", "px", -1),
    Figure("coc_subject_radius", "COC RMSE, subject (radius)", "px", -1),
    Figure("coc_subject_diameter", "COC RMSE, subject (diameter)", "px", -1),
    Figure("coc_background_radius", "COC RMSE, background (radius)", "px", -1),
    Figure("coc_background_diameter", "COC RMSE, background (diameter)", "px", -1),
    Figure("matte_mae", "matte error (mean abs.)", "", -1),
    Figure("matte_iou", "matte IoU at .5", "", 1),
    Figure("holes", "matte wrong beyond doubt", "%", -1),
    Figure("ghost", "matte where nobody is (largest)", "", -1),
    Figure("clean_behind_psnr", "clean plate PSNR, behind subject", "dB", 1),
    Figure("clean_psnr", "clean plate PSNR, whole frame", "dB", 1),
)


@dataclass(frozen=True, kw_only=True)
class PassFrame:
    """What is measured of one frame of passes. Pictures are display-encoded float (H, W, 3)."""

    beauty: np.ndarray
    background: np.ndarray
    """The last, complete layer."""
    matte: np.ndarray | None
    """The first layer's; None where there is one layer only."""
    coc: np.ndarray
    """Radius in px of what is seen."""
    coc_subject: np.ndarray | None
    coc_background: np.ndarray
    coc_signed: bool


def score_frame(
    result: PassFrame,
    truth: TruthFrame,
    *,
    before: tuple[PassFrame, TruthFrame] | None = None,
    more: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] | None = None,
) -> dict[str, float]:
    """Every figure that the truth and the passes allow, by the names in `FIGURES`.

    `before` is the frame just before, for tPSNR and tOF; `more` are metrics of two pictures, by
    name.

    Raises:
        PassesError: the passes have another size than the truth.
    """
    if result.beauty.shape != truth.sharp.shape:
        height, width = truth.sharp.shape[:2]
        raise PassesError(
            f"expected passes of {width}x{height} px like the truth, got"
            f" {result.beauty.shape[1]}x{result.beauty.shape[0]} in frame {truth.number}"
        )
    scores = {
        "plate_psnr": psnr(truth.plate, truth.sharp),
        "psnr": psnr(result.beauty, truth.sharp),
        "plate_ssim": ssim(truth.plate, truth.sharp),
        "ssim": ssim(result.beauty, truth.sharp),
        "plate_ms_ssim": ms_ssim(truth.plate, truth.sharp),
        "ms_ssim": ms_ssim(result.beauty, truth.sharp),
    }
    for name, measure in (more or {}).items():
        scores[f"plate_{name}"] = measure(truth.plate, truth.sharp)
        scores[name] = measure(result.beauty, truth.sharp)
    if before is not None:
        old_result, old_truth = before
        scores["plate_tpsnr"] = tpsnr(old_truth.plate, truth.plate, old_truth.sharp, truth.sharp)
        scores["tpsnr"] = tpsnr(old_result.beauty, result.beauty, old_truth.sharp, truth.sharp)
        scores["plate_tof"] = flow_error(old_truth.plate, truth.plate, old_truth.sharp, truth.sharp)
        scores["tof"] = flow_error(old_result.beauty, result.beauty, old_truth.sharp, truth.sharp)
    scores |= _by_region(result, truth)
    inside = None if truth.alpha is None else truth.alpha > 0.5
    pairs = (
        ("coc", result.coc, truth.coc, None),
        ("coc_subject", result.coc_subject, truth.coc_subject, inside),
        ("coc_background", result.coc_background, truth.coc_background, None),
    )
    for name, radius, true_radius, where in pairs:
        if radius is None or true_radius is None or (name == "coc_subject" and where is None):
            continue
        error = coc_rmse(radius, true_radius, signed=result.coc_signed, where=where)
        scores[f"{name}_radius"] = error.radius_px
        scores[f"{name}_diameter"] = error.diameter_px
    if result.matte is not None and truth.alpha is not None:
        matte = matte_error(result.matte, truth.alpha)
        scores["matte_mae"], scores["matte_iou"] = matte.mae, matte.iou
        scores["holes"] = holes_percent(result.matte, truth.alpha)
        if not truth.alpha.any():
            scores["ghost"] = float(result.matte.max())
    # With one layer there is nothing behind it to compare.
    if result.matte is not None and truth.clean is not None:
        if inside is not None:
            scores["clean_behind_psnr"] = psnr(result.background, truth.clean, where=inside)
        scores["clean_psnr"] = psnr(result.background, truth.clean)
    return {name: value for name, value in scores.items() if not math.isnan(value)}


def _by_region(result: PassFrame, truth: TruthFrame) -> dict[str, float]:
    """Detail everywhere; with a true matte also detail and PSNR of each part of the frame."""
    scores: dict[str, float] = {}
    parts = {} if truth.alpha is None else regions(truth.alpha)
    if truth.region is not None:
        parts["region"] = truth.region > 0.5
    for prefix, picture in (("plate_", truth.plate), ("", result.beauty)):
        scores[f"{prefix}detail"] = detail(picture, truth.sharp)
        for name, where in parts.items():
            scores[f"{prefix}{name}_psnr"] = region_psnr(picture, truth.sharp, where)
        if "subject" in parts:
            own = detail(picture, truth.sharp, parts["subject"])
            scores[f"{prefix}subject_detail"] = own
    return scores


def pass_frame(
    channels: Mapping[str, np.ndarray],
    layer_names: tuple[str, ...],
    *,
    coc_signed: bool,
    where: str,
) -> PassFrame:
    """Take what is measured out of a frame's channels, by name; colour as it is stored.

    Raises:
        PassesError: a channel is missing.
    """

    def take(*names: str) -> np.ndarray:
        for name in names:
            if name not in channels:
                raise PassesError(f"expected the channel {name}, got none in {where}")
        stack = [channels[name] for name in names]
        return np.stack(stack, -1) if len(stack) > 1 else stack[0]

    first, last = layer_names[0], layer_names[-1]
    alone = len(layer_names) == 1
    return PassFrame(
        beauty=take("R", "G", "B"),
        background=take(f"{last}.R", f"{last}.G", f"{last}.B"),
        matte=None if alone else take("alpha.A"),
        coc=take("coc.X"),
        coc_subject=None if alone else take(f"{first}_coc.X"),
        coc_background=take(f"{last}_coc.X"),
        coc_signed=coc_signed,
    )
