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

from pullfocus.checkpoint import load_meta, write_json
from pullfocus.errors import PullfocusError
from pullfocus.lens.virtual import VirtualLens
from pullfocus.model.colour import to_display
from pullfocus.model.formation import LayerFrame, seen_through
from pullfocus.model.plate_lens import (
    AUTO,
    ROUND,
    PlateLens,
    plate_lens_from_record,
    read_plate_lens,
)
from pullfocus.model.shot_model import ShotModel
from pullfocus.model.solved_lens import SolvedLens

__all__ = ["find_plate_lens", "plate_lens_of", "solved_lens", "tuned_plate_lens"]

_FRAMES = 8  # half to fit, half to prove
_LEAST_PX = 3.0  # of radius, in the most blurred frames: below, every iris is a dot
_BLADES = range(5, 10)
_TURNS = 4  # by which an iris is turned over its period at first
_ROUNDNESS = (0.0, 0.3, 0.6)
_SQUEEZE = (0.6, 0.8, 1.0, 1.25, 1.6)
_CATS_EYE = (0.0, 0.4, 0.8, 1.2)
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


class _Misfit:
    """How far the model, seen through a lens, is from the plate."""

    def __init__(self, model: ShotModel, views: Sequence[_View], level: int) -> None:
        self.views = views
        self.frame = model.frame_box(level)
        self.scale = 2.0**-level
        self.piece = max(4, _PIECE_PX >> level)
        self.beta = model.settings.lens.beta

    @torch.no_grad()
    def pieces(self, lens: PlateLens) -> np.ndarray:
        """Return the mean squared error of every piece of every frame, (N, 3) by channel."""
        glass = replace(lens.glass, beta=self.beta).at_scale(self.scale)
        out = []
        for view in self.views:
            seen = seen_through(view.layers, view.coc, self.frame, glass, self.frame)
            shown = to_display(seen.clamp(min=0))
            error = (shown.clamp(max=_CLIPPED) - view.plate.clamp(max=_CLIPPED)).square()
            pooled = torch.nn.functional.avg_pool2d(error[None], self.piece)[0]
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


def _tuned(misfit: _Misfit, lens: PlateLens, name: str, values: Sequence[float]) -> PlateLens:
    """Return the lens with one of its numbers where the misfit is lowest."""

    def at(value: float) -> PlateLens:
        return replace(lens, **{name: value})  # type: ignore[arg-type]

    errors = [misfit(at(value)) for value in values]
    tried = at(_lowest(values, errors))
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
        errors = [misfit.pieces(one).mean(1) for one in turned]
        cosine, sine = (errors[0] - errors[2]) / 2, (errors[1] - errors[3]) / 2
        turn = math.atan2(-sine.mean(), -cosine.mean())
        told = _sure(-cosine * math.cos(turn) - sine * math.sin(turn))
        at = turn / (2 * math.pi) % 1 * period
        found.append((told, replace(lens, blades=blades, rotation_deg=at)))
    told, best = max(found, key=lambda pair: pair[0])
    if told < _SURE:  # nor will frames that it was not fitted to
        return lens
    best = _tuned(misfit, best, "roundness", _ROUNDNESS)
    near = 360 / best.blades / 8
    turns = [best.rotation_deg + near * step for step in (-1, 0, 1)]
    best = _tuned(misfit, best, "rotation_deg", turns)
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


def _with_colour(fit: _Misfit, proof: _Misfit, lens: PlateLens) -> PlateLens:
    """Return the lens with the focus of red and blue beside green's, if that is proved.

    Radii that are off are off in all colours: what green asks for as well is no matter of colour.
    """
    shifts = []
    for channel in range(3):
        errors = []
        for shift in _AXIAL_PX:
            axial = [0.0, 0.0, 0.0]
            axial[channel] = shift
            trial = replace(lens, axial_px=(axial[0], axial[1], axial[2]))
            errors.append(float(fit.pieces(trial)[:, channel].mean()))
        shifts.append(_lowest(_AXIAL_PX, errors))
    red, green, blue = shifts
    tried = _worth_saying(replace(lens, axial_px=(red - green, 0.0, blue - green)))
    if tried == lens:
        return lens
    off = replace(lens, axial_px=(green, green, green))
    gain, sure = _gain(proof, replace(lens, axial_px=(red, green, blue)), off)
    return tried if gain >= _LEAST_GAIN and sure >= _SURE else lens


def _gain(proof: _Misfit, lens: PlateLens, than: PlateLens) -> tuple[float, float]:
    """Return which share of the misfit a lens explains beyond another, and by how many errors."""
    before = proof.pieces(than).mean(1)
    gained = before - proof.pieces(lens).mean(1)
    sure = _sure(gained)
    return (float(gained.sum() / before.sum()) if sure else 0.0), sure


def _sure(gained: np.ndarray) -> float:
    """Return by how many standard errors pieces gain, of those in which anything changes."""
    told = gained[np.abs(gained) > 1e-7]
    if len(told) < 8:
        return 0.0
    return float(told.mean() / max(told.std(ddof=1) / math.sqrt(len(told)), 1e-12))


def _chosen(model: ShotModel) -> list[int]:
    """Return the frames that are farthest out of focus, in the order of their blur.

    In a slow shot neighbours are one picture, and would prove of each other what is wrong in both.
    """
    blur = []
    for t in range(len(model.observed.frames)):
        layers = model.frame(t, level=2, overscan=False)
        weight = sum(float(layer.alpha.detach().sum()) for layer in layers)
        spread = [(4 * layer.radius_px * layer.alpha[0]).detach().sum() for layer in layers]
        total = sum(float(one) for one in spread)
        blur.append(total / max(weight, 1e-9))
    order = [int(t) for t in np.argsort(blur)[::-1]]
    least = _LEAST_PX * model.observed.width / 512
    apart, chosen = len(blur) // (6 * _FRAMES), list[int]()
    for t in order:
        if blur[t] >= least and all(abs(t - other) > apart for other in chosen):
            chosen.append(t)
    return chosen[:_FRAMES]


@torch.no_grad()
def _views(
    model: ShotModel, virtual: VirtualLens | None, frames: Sequence[int], level: int
) -> list[_View]:
    atlases = model.linear_atlases()
    views = []
    for t in frames:
        layers = model.frame(t, level=level, atlases=atlases)
        coc = []
        for index, layer in enumerate(layers):
            radius = layer.radius_px
            if virtual is not None and radius.numel():
                signed = virtual.coc(index, t, layer.texel.cpu().numpy())
                radius = torch.where(torch.from_numpy(signed).to(radius) < 0, -radius, radius)
            coc.append(radius)
        plate = torch.from_numpy(model.observed.plate_display(t, level)).permute(2, 0, 1)
        views.append(_View(layers, coc, plate.to(model.device)))
    return views


@torch.no_grad()
def find_plate_lens(
    model: ShotModel, virtual: VirtualLens | None = None, report: Report = lambda what, done: None
) -> PlateLens:
    """Return the lens that explains the plate best, round where nothing else is proved.

    Args:
        model: a solved shot, or one that is half solved: then on frames as coarse as its atlases.
        virtual: its lens; where that is not trusted, what differs before and behind the focus (odd
            blades, colour) is not looked for.
        report: called with what is looked for and the fraction done.
    """
    plain = PlateLens()
    if virtual is not None and not virtual.trusted:
        virtual = None
    frames = _chosen(model)
    if len(frames) < 2:
        return plain
    fit, proof = _halves(model, virtual, frames, model.atlas_level)
    found = _found(fit, proof, sides=virtual is not None, report=report)
    if found == plain:
        report("lens", 1.0)
        return plain
    best = _closer(fit, found)
    gain, sure = _gain(proof, best, plain)
    report("lens", 1.0)
    return replace(best, gain=gain) if gain >= _LEAST_GAIN and sure >= _SURE else plain


@torch.no_grad()
def tuned_plate_lens(
    model: ShotModel, plate: PlateLens, virtual: VirtualLens | None = None
) -> PlateLens:
    """Return the lens that a solve looks through with its numbers fitted once more.

    Args:
        model: a shot that was solved through this lens for a while.
        plate: the lens.
        virtual: as `find_plate_lens` takes it.
    """
    if virtual is not None and not virtual.trusted:
        virtual = None
    frames = _chosen(model)
    if len(frames) < 2:
        return plate
    fit, proof = _halves(model, virtual, frames, model.atlas_level)
    tried = _closer(fit, plate)
    return tried if proof(tried) < proof(plate) else plate


def _halves(
    model: ShotModel, virtual: VirtualLens | None, frames: Sequence[int], level: int
) -> tuple[_Misfit, _Misfit]:
    """Return what fits and what proves."""
    fit, proof = (
        _Misfit(model, _views(model, virtual, some, level), level)
        for some in (frames[0::2], frames[1::2])
    )
    return fit, proof


def _found(fit: _Misfit, proof: _Misfit, *, sides: bool, report: Report) -> PlateLens:
    """Return the lens, shape by shape, each only if it is proved."""
    steps: list[tuple[str, Callable[[PlateLens], PlateLens]]] = [
        ("cat's eye", lambda lens: _tuned(fit, lens, "cats_eye", _CATS_EYE)),
        ("blades", lambda lens: _bladed(fit, lens)),
        ("squeeze", lambda lens: _tuned(fit, lens, "squeeze", _SQUEEZE)),
    ]
    best = PlateLens()
    for done, (what, step) in enumerate(steps):
        report(what, done / (len(steps) + 2))
        tried = _worth_saying(step(best))
        if tried == best:
            continue
        if what == "blades" and not sides and tried.blades % 2 and tried.roundness < 1:
            continue
        gain, sure = _gain(proof, tried, best)
        if what == "blades":
            sure = min(sure, _gain(proof, tried, _half_turned(tried))[1])
        if gain >= _LEAST_GAIN and sure >= _SURE:
            best = tried
    if not sides:
        return best
    report("colour", len(steps) / (len(steps) + 2))
    return _with_colour(fit, proof, best)


def _closer(fit: _Misfit, lens: PlateLens) -> PlateLens:
    """Return the lens with its numbers once more, near where they are: all bend the same edge."""

    def near(name: str, step: float, least: float = -math.inf) -> None:
        nonlocal lens
        here = getattr(lens, name)
        first = max(least, here - step)
        lens = _tuned(fit, lens, name, [first, first + step, first + 2 * step])

    if lens.blades:
        near("rotation_deg", 360 / lens.blades / 12)
        near("roundness", 0.2, 0.0)
    if lens.cats_eye:
        near("cats_eye", 0.2, 0.0)
    if lens.squeeze != 1:
        near("squeeze", 0.1)
    if lens.blades:
        near("rotation_deg", 360 / lens.blades / 24)
        lens = replace(lens, rotation_deg=lens.rotation_deg % (360 / lens.blades))
    return lens


def solved_lens(plate: PlateLens, virtual: VirtualLens | None) -> SolvedLens:
    """Return what a solve looks through from now on: a lens, with the sides that are trusted."""
    plate = replace(plate, solved=True)
    if virtual is None or not virtual.trusted:
        return SolvedLens(plate)
    depth = tuple(torch.from_numpy(one).float() for one in virtual.depth)
    place = torch.tensor([1 / virtual.cell] * 2 + [0.5 / virtual.cell - 0.5] * 2)
    focus = torch.from_numpy(virtual.focus).float()
    return SolvedLens(plate, depth, place.expand(len(depth), 4).clone(), focus)


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
        asked: auto takes the one that the solve looked through, or looks for one; round does not;
            anything else is a lens file or a passes.json.
        report: as `find_plate_lens` takes it.

    Raises:
        PullfocusError: no lens file.
    """
    if asked == ROUND:
        return PlateLens()
    if asked != AUTO:
        return read_plate_lens(Path(asked).expanduser())
    if model.lens is not None:
        return model.lens.plate
    kept, step = solve_dir / "lens.json", load_meta(solve_dir / "checkpoint.safetensors")["step"]
    with contextlib.suppress(OSError, ValueError, TypeError, PullfocusError):
        held = json.loads(kept.read_text(encoding="utf-8"))
        if held["step"] == step:
            return plate_lens_from_record(held["plate_lens"])
    found = find_plate_lens(model, virtual, report)
    with contextlib.suppress(OSError):  # a read-only solve: found again each time
        write_json(kept, {"step": step, "plate_lens": found.record()})
    return found
