# SPDX-License-Identifier: Apache-2.0
"""Finds the plate's own lens: which iris, cat's eye and colour explain what a solve shows blurred.

The sharp model, blurred by a lens, has to show the plate. Frames that are far out of focus are
taken by turns for fitting and for proof: what a shape explains in the ones has to show in the
others, piece by piece of the frame, or the lens stays round.
"""

import contextlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from cuda_lensblur import FrameView
from pullfocus.checkpoint import load_meta, write_json
from pullfocus.errors import PullfocusError
from pullfocus.lens.virtual import VirtualLens
from pullfocus.model.colour import to_display
from pullfocus.model.formation import LayerFrame, composite
from pullfocus.model.glass import Glass, spread
from pullfocus.model.grid import Box
from pullfocus.model.plate_lens import PlateLens, plate_lens_from_record, read_plate_lens
from pullfocus.model.shot_model import ShotModel

__all__ = ["AUTO", "ROUND", "find_plate_lens", "plate_lens_of"]

AUTO, ROUND = "auto", "round"
"""What a lens may be called, beside the name of a file."""

_FRAMES = 8  # half to fit, half to prove
_LEAST_PX = 3.0  # of radius, in the most blurred frames: below, every iris is a dot
_BLADES = range(5, 10)
_TURNS = 4  # by which an iris is turned over its period at first
_ROUNDNESS = (0.0, 0.3, 0.6)
_SQUEEZE = (0.6, 0.8, 1.0, 1.25, 1.6)
_CATS_EYE = (0.0, 0.35, 0.7, 1.05, 1.4)
_AXIAL_PX = (-1.0, -0.5, 0.0, 0.5, 1.0)
_PIECE_PX = 24
_SURE = 5.0  # standard errors by which a shape has to explain more
_LEAST_GAIN = 0.004  # and share of the misfit
_LEAST_SQUEEZE, _LEAST_CATS_EYE, _LEAST_AXIAL_PX = 1.08, 0.2, 0.2  # below, a solve's own errors
_CLIPPED = 0.98  # display-encoded: above, a plate tells no colour

Report = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class _View:
    """One frame of the shot."""

    layers: list[LayerFrame]
    coc: list[torch.Tensor]  # (h, w) of each layer, px; signed where sides are known
    plate: torch.Tensor  # (3, h, w) display-encoded


def _seen(view: _View, frame: Box, glass: Glass) -> torch.Tensor:
    """Return a frame as a lens shows it, (3, h, w) scene-linear."""
    stacks = []
    for layer, coc in zip(view.layers, view.coc, strict=True):
        stack = torch.cat([layer.colour * layer.alpha, layer.alpha])
        box = layer.box
        place = FrameView(frame.width, frame.height, box.left - frame.left, box.top - frame.top)
        stacks.append(torch.cat(spread(stack, coc, glass, place)) if stack.numel() else stack)
    last = stacks[-1]
    stacks[-1] = last[:3] / last[3:].clamp(min=1e-4)
    return composite(view.layers, stacks, frame)


class _Misfit:
    """How far the model, seen through a lens, is from the plate."""

    def __init__(self, model: ShotModel, views: Sequence[_View]) -> None:
        self.views = views
        self.frame = model.frame_box()
        self.beta = model.settings.lens.beta
        self.calls = 0

    @torch.no_grad()
    def pieces(self, lens: PlateLens) -> np.ndarray:
        """Return the mean squared error of every piece of every frame, (N, 3) by channel."""
        self.calls += 1
        glass = replace(lens.glass, beta=self.beta)
        out = []
        for view in self.views:
            shown = to_display(_seen(view, self.frame, glass).clamp(min=0))
            error = (shown.clamp(max=_CLIPPED) - view.plate.clamp(max=_CLIPPED)).square()
            pooled = torch.nn.functional.avg_pool2d(error[None], _PIECE_PX)[0]
            out.append(pooled.flatten(1).T.cpu().numpy())
        return np.concatenate(out)

    def __call__(self, lens: PlateLens) -> float:
        return float(self.pieces(lens).mean())


def _lowest(values: Sequence[float], errors: Sequence[float]) -> float:
    """Return where a parabola through the lowest of several errors has its bottom."""
    best = int(np.argmin(errors))
    middle = min(max(best, 1), len(values) - 2)
    x, y = np.array(values[middle - 1 : middle + 2]), np.array(errors[middle - 1 : middle + 2])
    bend, slope, _ = np.polyfit(x, y, 2)
    if bend <= 0:
        return float(values[best])
    return float(np.clip(-slope / (2 * bend), values[0], values[-1]))


def _tuned(
    misfit: _Misfit, lens: PlateLens, name: str, values: Sequence[float], *, finer: bool = True
) -> PlateLens:
    """Return the lens with one of its numbers where the misfit is lowest."""

    def at(value: float) -> PlateLens:
        return replace(lens, **{name: value})  # type: ignore[arg-type]

    errors = [misfit(at(value)) for value in values]
    best = _lowest(values, errors)
    if finer:
        step = (values[1] - values[0]) / 3
        close = [float(np.clip(best + d * step, values[0], values[-1])) for d in (-1, 0, 1)]
        if len(set(close)) == 3:
            best = _lowest(close, [misfit(at(value)) for value in close])
    tried = at(best)
    return tried if misfit(tried) < min(errors) else at(values[int(np.argmin(errors))])


def _bladed(misfit: _Misfit, lens: PlateLens) -> PlateLens:
    """Return the lens with the blades whose turn matters most.

    The misfit is nearly a sine of the turn, over the angle between two corners: four turns tell
    where its bottom lies. With a round iris, or the wrong number of blades, turning changes
    nothing; what it changes is no matter of radii or texels, which are fitted to round discs.
    """
    found = []
    for blades in _BLADES:
        period = 360 / blades
        turned = [replace(lens, blades=blades, rotation_deg=period * k / 4) for k in range(_TURNS)]
        errors = np.array([misfit(one) for one in turned])
        cosine, sine = (errors[0] - errors[2]) / 2, (errors[1] - errors[3]) / 2
        turn = math.atan2(-sine, -cosine) / (2 * math.pi) % 1 * period
        best = replace(lens, blades=blades, rotation_deg=turn)
        found.append((_gain(misfit, best, _half_turned(best))[1], best))
    best = max(found, key=lambda pair: pair[0])[1]
    best = _tuned(misfit, best, "roundness", _ROUNDNESS, finer=False)
    near = 360 / best.blades / 8
    turns = [best.rotation_deg + near * step for step in (-1, 0, 1)]
    best = _tuned(misfit, best, "rotation_deg", turns, finer=False)
    return replace(best, rotation_deg=best.rotation_deg % (360 / best.blades))


def _worth_saying(lens: PlateLens) -> PlateLens:
    """Return the lens without what is no larger than the errors of a solve."""
    red, green, blue = (s if abs(s) >= _LEAST_AXIAL_PX else 0.0 for s in lens.axial_px)
    squeezed = max(lens.squeeze, 1 / lens.squeeze) >= _LEAST_SQUEEZE
    return replace(
        lens,
        squeeze=lens.squeeze if squeezed else 1.0,
        cats_eye=lens.cats_eye if lens.cats_eye >= _LEAST_CATS_EYE else 0.0,
        axial_px=(red, green, blue),
    )


def _half_turned(lens: PlateLens) -> PlateLens:
    """Return the lens with its corners where its sides are."""
    return replace(lens, rotation_deg=lens.rotation_deg + 180 / lens.blades)


def _coloured(misfit: _Misfit, lens: PlateLens) -> PlateLens:
    """Return the lens with the focus of red and blue where each fits best; green stays."""
    shifts = [0.0, 0.0, 0.0]
    for channel in (0, 2):
        errors = []
        for shift in _AXIAL_PX:
            axial = [0.0, 0.0, 0.0]
            axial[channel] = shift
            trial = replace(lens, axial_px=(axial[0], axial[1], axial[2]))
            errors.append(float(misfit.pieces(trial)[:, channel].mean()))
        shifts[channel] = _lowest(_AXIAL_PX, errors)
    return replace(lens, axial_px=(shifts[0], shifts[1], shifts[2]))


def _gain(proof: _Misfit, lens: PlateLens, than: PlateLens) -> tuple[float, float]:
    """Return which share of the misfit a lens explains beyond another, and by how many errors."""
    before = proof.pieces(than).mean(1)
    gained = before - proof.pieces(lens).mean(1)
    told = gained[np.abs(gained) > 1e-7]
    if len(told) < 8:
        return 0.0, 0.0
    error = told.std(ddof=1) / math.sqrt(len(told))
    return float(gained.sum() / before.sum()), float(told.mean() / max(error, 1e-12))


def _chosen(model: ShotModel) -> list[int]:
    """Return the frames that are farthest out of focus, in the order of their blur."""
    blur = []
    for t in range(len(model.observed.frames)):
        layers = model.frame(t, level=2, overscan=False)
        weight = sum(float(layer.alpha.detach().sum()) for layer in layers)
        spread = [(4 * layer.radius_px * layer.alpha[0]).detach().sum() for layer in layers]
        total = sum(float(one) for one in spread)
        blur.append(total / max(weight, 1e-9))
    order = [int(t) for t in np.argsort(blur)[::-1]]
    return [t for t in order if blur[t] >= _LEAST_PX * model.observed.width / 512][:_FRAMES]


@torch.no_grad()
def _views(model: ShotModel, virtual: VirtualLens | None, frames: Sequence[int]) -> list[_View]:
    atlases = model.linear_atlases()
    views = []
    for t in frames:
        layers = model.frame(t, atlases=atlases)
        coc = []
        for index, layer in enumerate(layers):
            radius = layer.radius_px
            if virtual is not None and radius.numel():
                signed = virtual.coc(index, t, layer.texel.cpu().numpy())
                radius = torch.where(torch.from_numpy(signed).to(radius) < 0, -radius, radius)
            coc.append(radius)
        plate = torch.from_numpy(model.observed.plate_display(t, 0)).permute(2, 0, 1)
        views.append(_View(layers, coc, plate.to(model.device)))
    return views


@torch.no_grad()
def find_plate_lens(
    model: ShotModel, virtual: VirtualLens | None = None, report: Report = lambda what, done: None
) -> PlateLens:
    """Return the lens that explains the plate best, round where nothing else is proved.

    Args:
        model: a solved shot, atlases at full resolution.
        virtual: its lens; where that is not trusted, what differs before and behind the focus (odd
            blades, colour) is not looked for.
        report: called with what is looked for and the fraction done.
    """
    plain = PlateLens()
    if virtual is not None and not virtual.trusted:
        virtual = None
    chosen = _chosen(model)
    if len(chosen) < 2:
        return plain
    fit = _Misfit(model, _views(model, virtual, chosen[0::2]))
    proof = _Misfit(model, _views(model, virtual, chosen[1::2]))
    steps: list[tuple[str, Callable[[PlateLens], PlateLens]]] = [
        ("cat's eye", lambda lens: _tuned(fit, lens, "cats_eye", _CATS_EYE)),
        ("blades", lambda lens: _bladed(fit, lens)),
        ("squeeze", lambda lens: _tuned(fit, lens, "squeeze", _SQUEEZE)),
    ]
    if virtual is not None:
        steps.append(("colour", lambda lens: _coloured(fit, lens)))
    best = plain
    for done, (what, step) in enumerate(steps):
        report(what, done / len(steps))
        tried = _worth_saying(step(best))
        if tried == best:
            continue
        if what == "blades" and virtual is None and tried.blades % 2 and tried.roundness < 1:
            continue
        gain, sure = _gain(proof, tried, best)
        if what == "blades":
            sure = min(sure, _gain(proof, tried, _half_turned(tried))[1])
        if gain >= _LEAST_GAIN and sure >= _SURE:
            best = tried
    if best.blades and best.cats_eye:  # both bend the edge: turn and cat's eye once more
        near = 360 / best.blades / 12
        turns = [best.rotation_deg + near * step for step in (-1, 0, 1)]
        best = _tuned(fit, best, "rotation_deg", turns, finer=False)
        around = [max(0.0, best.cats_eye + step) for step in (-0.2, 0.0, 0.2)]
        best = _tuned(fit, best, "cats_eye", around, finer=False)
    report("lens", 1.0)
    return best if best == plain else replace(best, gain=max(_gain(proof, best, plain)[0], 0.0))


def plate_lens_of(
    solve_dir: Path,
    model: ShotModel,
    virtual: VirtualLens,
    asked: str,
    report: Report = lambda what, done: None,
) -> PlateLens:
    """Return the lens that a solve is to be seen through.

    Args:
        solve_dir: its folder. What is found is kept there, in lens.json, until the solve goes on.
        model: the solved shot.
        virtual: its depth and focus.
        asked: auto looks for it, round does not, anything else is a lens file or a passes.json.
        report: as `find_plate_lens` takes it.

    Raises:
        PullfocusError: no lens file.
    """
    if asked == ROUND:
        return PlateLens()
    if asked != AUTO:
        return read_plate_lens(Path(asked).expanduser())
    kept, step = solve_dir / "lens.json", load_meta(solve_dir / "checkpoint.safetensors")["step"]
    with contextlib.suppress(OSError, ValueError, TypeError, PullfocusError):
        held = json.loads(kept.read_text(encoding="utf-8"))
        if held["step"] == step:
            return plate_lens_from_record(held["plate_lens"])
    found = find_plate_lens(model, virtual, report)
    with contextlib.suppress(OSError):  # a read-only solve: found again each time
        write_json(kept, {"step": step, "plate_lens": found.record()})
    return found
