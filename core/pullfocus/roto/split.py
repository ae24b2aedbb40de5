# SPDX-License-Identifier: Apache-2.0
"""A layer more, by itself: a part of the background that moves apart, where that is seen to help.

Two short solves tell, one with the part as a layer and one without: of frames that neither was
solved from, the better must explain more round the part.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pullfocus.checkpoint import write_json
from pullfocus.errors import MatteError
from pullfocus.output import prepared
from pullfocus.plate.colour import linear_to_display
from pullfocus.progress import Progress
from pullfocus.roto.in_time import Followed
from pullfocus.roto.parts import WORKING_PX, Part, find_part
from pullfocus.roto.preview import write_preview
from pullfocus.roto.shot_matte import ShotMatte
from pullfocus.roto.writing import Format, matte_file, pattern, write_mattes
from pullfocus.shot import LAST_LAYER, Shot
from pullfocus.solve.folder import locked
from pullfocus.solve.run import check_solve_folder

if TYPE_CHECKING:
    from pullfocus.solve.inputs import ShotInputs

__all__ = ["split_for_solve"]

_FOLDER = "parts"
_FOUND = "found.json"
_NAMES = ("mg", "mg2", "mg3")  # midground
_KIND: Format = "exr"
_VERSION = 1  # raise when parts are found otherwise
_STEPS = 160  # of a trial, all at half resolution
_TRIAL_PX = 320  # width of its frames
_HELD = 4  # every so manieth frame is held out
_AROUND_PX = 32  # at 512 wide, round a part: where it is asked what explains more
_BETTER = 0.95  # of the misfit without it, at most


@dataclass(frozen=True)
class _Found:
    """What was decided, and why."""

    made_from: str
    layer: str | None
    note: str


def split_for_solve(
    shot: Shot, inputs: ShotInputs, out: Path, settings: Any, *, progress: Progress
) -> ShotInputs:
    """Look for a part of the last layer that moves apart, and make it a layer where that helps.

    Args:
        shot: the footage with its mattes.
        inputs: what it was opened from.
        out: solve folder; made if missing. Mattes and a preview of them lie in ``out/parts``.
        settings: of the solve.
        progress: told what was decided.

    Returns:
        The inputs, with the new layer behind all that were given.

    Raises:
        MatteError: under torchrun.
    """
    from pullfocus.solve.parallel import world_size

    if world_size() > 1:
        raise MatteError("--layers auto: expected one process, got torchrun: solve alone first")
    check_solve_folder(out, shot)
    folder = out / _FOLDER
    made_from = hashlib.sha256(f"{_VERSION} {shot.fingerprint()}".encode()).hexdigest()
    layer = next(name for name in _NAMES if name not in shot.layer_names)
    names = [matte_file(layer, f, _KIND) for f in shot.frames]
    known = _known(folder, made_from)
    if known is None or (known.layer and not all((folder / name).is_file() for name in names)):
        prepared(folder, names, footage=shot.footage, raw_bytes=8 * shot.width * shot.height)
        with locked(out):
            known = _decided(shot, inputs, out, layer, made_from, settings, progress)
            write_json(folder / _FOUND, vars(known))
    progress.note(known.note)
    if known.layer is None:
        return inputs
    progress.preview(str(folder / "preview.png"))
    return _with(inputs, known.layer, folder)


def _known(folder: Path, made_from: str) -> _Found | None:
    try:
        found = _Found(**json.loads((folder / _FOUND).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.made_from == made_from else None


def _with(inputs: ShotInputs, layer: str, folder: Path) -> ShotInputs:
    return replace(inputs, mattes=(*inputs.mattes, (layer, pattern(folder, layer, _KIND))))


def _decided(
    shot: Shot,
    inputs: ShotInputs,
    out: Path,
    layer: str,
    made_from: str,
    settings: Any,
    progress: Progress,
) -> _Found:
    folder = out / _FOLDER
    part = find_part(*_small(shot, progress))
    if part is None:
        return _Found(made_from, None, f"{LAST_LAYER}: no part of it moves apart; no layer more")
    scale = shot.width / part.mattes.shape[2]
    mattes = [_at_size(matte, shot) for matte in part.mattes]
    whole = Followed(np.ones((1, 1), np.float32), 1.0, part.agreed)
    followed = ShotMatte(
        layer=layer,
        frames=shot.frames,
        width=shot.width,
        height=shot.height,
        outlines=(whole,) * len(mattes),
        exact=dict(enumerate(mattes)),
    )
    write_mattes(folder, [followed], _KIND, progress)
    write_preview(folder / "preview.png", shot, [followed])
    left, top, right, bottom = (round(edge * scale) for edge in part.box())
    said = (
        f"{LAST_LAYER}: a part of it moves apart by {part.apart_px * scale:.0f} px"
        f" ({left},{top} to {right},{bottom} in frame {shot.frames[part.key]})"
    )
    cache = out / "observe"
    before, after = (
        _misfit(one, cache, settings, part, progress)
        for one in (shot, _with(inputs, layer, folder).open())
    )
    told = f"misfit round it in frames held out {before:.4f} -> {after:.4f}"
    if after > _BETTER * before:
        return _Found(made_from, None, f"{said}, but a layer of its own explains no more: {told}")
    return _Found(made_from, layer, f"{said}: layer {layer}, {told}")


def _small(shot: Shot, progress: Progress) -> tuple[list[np.ndarray], np.ndarray]:
    """Return frames (h, w, 3) uint8, display-encoded, and what lies in front (T, h, w) uint8."""
    width = min(WORKING_PX, shot.width)
    size = (width, max(16, round(shot.height * width / shot.width)))
    frames, fronts = [], []
    for t in range(len(shot.frames)):
        display = linear_to_display(shot.plate.read(t)).clip(0, 1).astype(np.float32)
        display = np.asarray(cv2.resize(display, size, interpolation=cv2.INTER_AREA))
        frames.append((display * 255 + 0.5).astype(np.uint8))
        front = np.zeros(size[::-1], np.float32)
        for _, source in shot.mattes:
            matte = source.read(t).clip(0, 1).astype(np.float32)
            matte = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA))
            front = np.maximum(front, matte)
        fronts.append((front * 255 + 0.5).astype(np.uint8))
        progress("looking for parts", (t + 1) / len(shot.frames))
    return frames, np.stack(fronts)


def _at_size(matte: np.ndarray, shot: Shot) -> np.ndarray:
    size = (shot.width, shot.height)
    return np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_LINEAR)).clip(0, 1)


def _misfit(shot: Shot, cache: Path, settings: Any, part: Part, progress: Progress) -> float:
    """Return what a short solve misses round the part in frames that it does not know.

    Root mean square, display-encoded.
    """
    import torch

    from pullfocus.model.colour import to_display
    from pullfocus.observe.observe import observe
    from pullfocus.observe.proxy import WORTH_IT, proxied
    from pullfocus.solve.settings import QUALITIES
    from pullfocus.solve.solver import Solver

    observed = observe(shot, cache, settings.observe, report=progress)
    if observed.width > WORTH_IT * _TRIAL_PX:
        observed = proxied(observed, _TRIAL_PX, report=progress)
    held = np.zeros(len(observed.frames), bool)
    held[observed.told[_HELD // 2 :: _HELD]] = True
    if observed.source is not None:
        held = held[observed.source]  # a frame that repeats one would tell it
    untold = held if observed.untold is None else held | observed.untold
    trial = replace(
        QUALITIES["draft"], steps=_STEPS, coarse_share=1.0, seed=settings.seed, model=settings.model
    )
    solver = Solver(replace(observed, untold=untold), trial)
    while not solver.finished:
        solver.step()
        progress(f"trying {len(shot.layer_names)} layers", solver.step_index / _STEPS)
    model, level = solver.model, solver.model.atlas_level
    reach = round(_AROUND_PX * observed.width / 512 / 2**level)
    brush = np.ones((2 * reach + 1,) * 2, np.uint8)
    errors = []
    with torch.no_grad():
        atlases = model.step_atlases()
        for t in np.flatnonzero(held).tolist():
            shown = to_display(model.reblur(t, level, atlases)).permute(1, 2, 0).cpu().numpy()
            miss = np.square(shown - observed.at_least(t, shown, level)).mean(-1)
            near = cv2.resize(part.mattes[t], miss.shape[::-1], interpolation=cv2.INTER_AREA)
            near = cv2.dilate((near > 0.05).astype(np.uint8), brush) > 0
            covered = observed.covered_at(level)
            errors.append(miss[near if covered is None else near & ~covered])
    known = np.concatenate(errors)
    return float(np.sqrt(known.mean())) if known.size else 0.0
